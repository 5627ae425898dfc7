"""Band faders: white noise through 64 bands, shaped by hand while it sounds."""

from ddsp_nb.panels.live import LiveWidget
from ddsp_nb.panels.page import module


class BandFaders(LiveWidget):
    """Paint the gains of the noise filterbank and hear the noise at once.

    Whatever the gains and the level, the noise has an RMS of at most 0.16, so that it does not clip.

    Args:
        recipe: [64] gains, offered as a preset; only their shape counts.
        recipe_name: of that preset.
    """

    N_LEVELS = range(64, 65)
    WANTED = "64 gains, one for each band"
    _esm = module("band_faders", WORKLET="band_faders_worklet")

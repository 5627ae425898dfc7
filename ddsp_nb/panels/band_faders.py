"""Band faders: white noise through 64 bands, shaped by hand while it sounds."""

from typing import Any

from ddsp_nb.panels.live import LiveWidget
from ddsp_nb.panels.page import module_with_worklet

N_BANDS = 64


class BandFaders(LiveWidget):
    """Paint the gains of the noise filterbank and hear the noise at once.

    Whatever the gains and the level, the noise has an RMS of at most 0.16, so that it does not clip.

    Args:
        recipe: [64] gains, offered as a preset; only their shape counts.
        recipe_name: of that preset.

    Raises:
        ConfigError: the recipe is no list of gains; the message says what to give.
    """

    _esm = module_with_worklet("band_faders")

    def __init__(self, recipe: Any = None, *, recipe_name: str = "the bow"):
        super().__init__(recipe, recipe_name=recipe_name)

    def _fits(self, n):
        return n == N_BANDS

    def _wanted(self):
        return f"{N_BANDS} gains, one for each band"

"""Drawbars: a tone of 64 sines, built by hand while it sounds."""

from ddsp_nb.panels.live import LiveWidget
from ddsp_nb.panels.page import module


class Drawbars(LiveWidget):
    """Paint the levels of harmonics, move their pitch, and hear and see the tone at once.

    No setting clips: where all harmonics together could reach more than 0.9 of full scale, all of them become softer.

    Args:
        recipe: [n_harmonics] amplitudes, up to 64, offered as a preset.
        recipe_name: of that preset.
    """

    N_LEVELS = range(1, 65)
    WANTED = "1 to 64 amplitudes, one for each harmonic"
    _esm = module("drawbars", WORKLET="drawbars_worklet")

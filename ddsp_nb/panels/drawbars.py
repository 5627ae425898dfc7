"""Drawbars: a tone of 64 sines, built by hand while it sounds."""

from typing import Any

from ddsp_nb.panels.live import LiveWidget
from ddsp_nb.panels.page import module_with_worklet

N_HARMONICS = 64


class Drawbars(LiveWidget):
    """Paint the levels of harmonics, move their pitch, and hear and see the tone at once.

    No setting clips: where all harmonics together could reach more than 0.9 of full scale, all of them become softer.

    Args:
        recipe: [n_harmonics] amplitudes, up to 64, offered as a preset.
        recipe_name: of that preset.

    Raises:
        ConfigError: the recipe is no list of amplitudes; the message says what to give.
    """

    _esm = module_with_worklet("drawbars")

    def __init__(self, recipe: Any = None, *, recipe_name: str = "violin"):
        super().__init__(recipe, recipe_name=recipe_name)

    def _fits(self, n):
        return 1 <= n <= N_HARMONICS

    def _wanted(self):
        return f"1 to {N_HARMONICS} amplitudes, one for each harmonic"

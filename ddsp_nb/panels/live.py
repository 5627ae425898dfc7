"""Live widgets: they sound in the page, without the kernel, and may be handed a recipe to begin with."""

from typing import Any

import numpy as np
import traitlets

from ddsp_nb.errors import ConfigError
from ddsp_nb.panels.page import PageWidget, module


class LiveWidget(PageWidget):
    """A widget whose sound and settings live in the page; a subclass says which recipes it takes.

    Args:
        recipe: levels that become one more preset, scaled so that the highest is 1; none is no preset.
        recipe_name: what its button says.

    Raises:
        ConfigError: the recipe is no list of such levels; the message says what to give.
    """

    N_LEVELS: range  # how many levels a recipe may have
    WANTED: str  # the same in words
    recipe = traitlets.List(traitlets.Float()).tag(sync=True)
    recipe_name = traitlets.Unicode().tag(sync=True)

    def __init__(self, recipe: Any = None, *, recipe_name: str = "recipe"):
        super().__init__(recipe=[] if recipe is None else self._checked(recipe), recipe_name=recipe_name)

    def _checked(self, recipe):
        """The recipe as a list; an error says in one line what to hand over."""
        try:
            levels = np.asarray(recipe, float)
        except (TypeError, ValueError, RuntimeError):  # the last one is PyTorch's, of what has gradients
            raise ConfigError(f"recipe is not a list of numbers; give {self.WANTED}.") from None
        if levels.ndim != 1 or len(levels) not in self.N_LEVELS:
            raise ConfigError(f"recipe has the shape {list(levels.shape)}; give {self.WANTED}.")
        if not np.isfinite(levels).all() or levels.min() < 0 or not levels.max():
            raise ConfigError("recipe has levels that cannot be; use finite numbers, 0 or more, and not only 0.")
        return (levels / levels.max()).tolist()


class Drawbars(LiveWidget):
    """Paint the levels of harmonics, move their pitch, and hear and see the tone at once.

    No setting clips: where all harmonics together could reach more than 0.9 of full scale, all of them become softer.
    A recipe is [n_harmonics] amplitudes, up to 64.
    """

    N_LEVELS = range(1, 65)
    WANTED = "1 to 64 amplitudes, one for each harmonic"
    _esm = module("drawbars", WORKLET="drawbars_worklet")


class BandFaders(LiveWidget):
    """Paint the gains of the noise filterbank and hear the noise at once.

    Whatever the gains and the level, the noise has an RMS of at most 0.16, so that it does not clip. A recipe is [64]
    gains, of which only the shape counts.
    """

    N_LEVELS = range(64, 65)
    WANTED = "64 gains, one for each band"
    _esm = module("band_faders", WORKLET="band_faders_worklet")

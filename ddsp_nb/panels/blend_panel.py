"""Two recordings and five sliders: whose pitch, loudness, envelope, partials and noise is heard."""

import ipywidgets

from ddsp_nb.growth.track import Source
from ddsp_nb.panels.board import Board, Slider, Words
from ddsp_nb.panels.page import Pictured
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.widgets import errors_in_words, say
from ddsp_nb.playing.blend import blend
from ddsp_nb.training.take import Take

SLIDERS = ("pitch", "loudness", "envelope", "partials", "noise")
# Of pictures.
HIGHEST_HZ = 12_000
STEP = 0.05


class BlendPanel(Pictured, ipywidgets.VBox):
    """Hear something between two recordings; a slider each for pitch, loudness, envelope, partials and noise.

    Args:
        first, second: instruments and the takes of their recordings, as `blend` takes them.
        names: of the two, for people.

    Attributes:
        take: what is heard, for `grow` and `GrowthPanel`.
    """

    take: Take

    def __init__(self, first: Source, second: Source, names: tuple[str, str] = ("the first", "the second")):
        self.sources, self.names, self.status = (first, second), names, Words()
        rate = first.sample_rate
        ends = [blend(first, second, **dict.fromkeys(SLIDERS, share)) for share in (0.0, 1.0)]
        self._ends = dict(zip(names, (end.render(first.model.config).audio for end in ends), strict=True))
        self.player = Player({"between": self._ends[names[0]], **self._ends}, rate, max_hz=min(HIGHEST_HZ, rate / 2))
        self.sliders = {name: Slider(name.title(), 0, 1, STEP, 0.5, live=True) for name in SLIDERS}
        for slider in self.sliders.values():
            slider.observe(lambda _: self.render(), "value")
        super().__init__([Board([*self.sliders.values()], [self.status]), self.player])
        self.render()

    def render(self) -> None:
        """Render what the sliders say; where the player plays, it goes on with the new sound."""
        with errors_in_words(self.status):
            self.take = blend(*self.sources, **{name: slider.value for name, slider in self.sliders.items()})
            sound = self.take.render(self.sources[0].model.config).audio
            self.player.show({"between": sound, **self._ends}, self.sources[0].sample_rate)
            say(self.status, f"At 0 it is of {self.names[0]}, at 1 of {self.names[1]}.")

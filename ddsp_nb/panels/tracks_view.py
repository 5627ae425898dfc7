"""Partials of a sound as lines: each is heard alone, or the sound with fewer and fewer of them (notebook 08)."""

import ipywidgets
import torch
import traitlets
from matplotlib.figure import Figure

from ddsp_nb import plots
from ddsp_nb.config import Config
from ddsp_nb.errors import ConfigError
from ddsp_nb.panels.page import PageWidget, Pictured, module
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.widgets import axes
from ddsp_nb.synthesis.oscillator import render_partials
from ddsp_nb.training.take import Take

# By which what is heard alone is raised at most, to be as loud as the whole.
MOST_LIFT = 100.0
# Of the loudest; the still shows nothing softer.
FAINTEST = 1e-3


class TrackMap(PageWidget):
    """Lines over time and frequency, as wide as they are loud; it tells which of them hands want to hear."""

    _esm = module("tracks_view")
    # [2, n, n_frames] Hz and amplitudes; `look` is {order: numbers, the strongest first, hop_s}.
    lines = traitlets.Bytes().tag(sync=True)
    look = traitlets.Dict().tag(sync=True)
    strongest = traitlets.Int().tag(sync=True)


class TracksView(Pictured, ipywidgets.VBox):
    """See the partials of a take, hear each of them alone, or fewer and fewer: `strongest` of them, by the slider.

    Args:
        take: whose partials have frequencies of their own; else ConfigError is raised.
        config: of its analysis.
    """

    strongest = property(lambda self: self.map.strongest)

    def __init__(self, take: Take, config: Config):
        if take.hz is None:
            raise ConfigError("The partials of this take are multiples of a pitch; use record_take(partials='tracks').")
        self.hz, self.levels, self.coefficients = take.hz, take.controls.amplitudes, take.controls.coefficients()
        self.config, self.n, self.hop_s = config, self.hz.shape[1], config.hop_length / config.sample_rate
        self._rows, self._sum = torch.zeros(self.n), torch.tensor(0.0)
        self._whole = self._render(torch.ones(self.n))
        lines = torch.stack([self.hz.T, self.levels.T]).numpy().astype("<f4").tobytes()
        self.order = self.levels.square().sum(0).argsort(descending=True)
        look = {"order": (self.order + 1).tolist(), "hop_s": self.hop_s}
        self.map = TrackMap(lines=lines, look=look, strongest=self.n)
        self.map.on_msg(lambda _, content, __: self.hear(**content))
        self.player = Player({f"all {self.n}": self._whole}, config.sample_rate, log=True, n_fft=4096)
        super().__init__([self.map, self.player])

    def sound(self, strongest: int) -> torch.Tensor:
        """[n_samples] of so many of the strongest partials."""
        return self._render(torch.zeros(self.n).index_fill(0, self.order[:strongest], 1))

    def hear(self, numbers: list[int], *, alone: bool = False, begin_s: float | None = None) -> None:
        """Play these partials, 1 is the lowest; `alone` they are as loud as all; with a beginning once, from there."""
        sound = self._render(torch.zeros(self.n).index_fill(0, torch.tensor(numbers).long() - 1, 1))
        lift = (self._whole.abs().max() / sound.abs().max().clamp(min=1e-9)).clamp(1, MOST_LIFT if alone else 1)
        once = None if begin_s is None else (begin_s, len(self.hz) * self.hop_s)
        words = f"{len(numbers)} of {self.n} partials" + f", raised by {20 * lift.log10():.0f} dB" * bool(lift > 1)
        self.player.show({words: lift * sound}, self.config.sample_rate, play=True, once=once)
        self.map.send({"numbers": numbers})

    def _render(self, rows):
        """Only what comes or leaves is rendered, where that is less."""
        before = self._rows if (self._rows != rows).sum() < rows.sum() else torch.zeros_like(rows)
        moved = render_partials(self.hz, self.coefficients * (rows - before).repeat(2), self.config)
        self._rows, self._sum = rows, moved + self._sum * before.any()
        return self._sum

    def picture(self) -> Figure:
        """The lines."""
        figure, (ax,) = axes(plots.WIDTH, plots.HEIGHT)
        heard = torch.where(self.levels > FAINTEST * self.levels.max(), self.hz, torch.nan)
        ax.semilogy(torch.arange(len(heard)) * self.hop_s, heard, plots.LINES[0], lw=1)
        ax.set(xlabel="Time (s)", ylabel="Frequency (Hz)")
        return figure

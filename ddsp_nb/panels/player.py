"""The player: versions of one sound, switched at the same position, over a picture with a playhead."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure

from ddsp_nb import plots
from ddsp_nb.analysis.features import Features
from ddsp_nb.panels.page import PageWidget, module

MOST_PICTURES = 3
LAYOUT = dict(left=0.08, right=0.975, bottom=0.24, top=0.87, wspace=0.05)
# Of the spectrograms in a picture, all together: more would make notebooks heavy.
PICTURE_COLUMNS = 450
# Colours of pitches, as the page draws them.
LINES = ("#27d3f5", "#ffb000", "#7ee081")

Sound = torch.Tensor | np.ndarray


class Player(PageWidget):
    """Play versions of a sound, see and measure them, loop a stretch.

    The sound travels as it is, float32, when a page shows the player, and is in no saved notebook.

    Args:
        sounds: {name: [n_samples], or [2, n_samples] left and right}; the first is heard first.
        pitches: {name: features} whose pitch is drawn.
        marks: (time in s, words) of lines to draw, such as the beginnings of stages.
        max_hz: top of the picture; Nyquist if None.
        waveform: whether the picture is the waveform at first.
        log: whether frequency is drawn in octaves at first.
        n_fft: window of the spectrogram at first, samples: 512, 1024, 2048, 4096 or 8192.
        height_px: of the picture.
        key: by which other widgets of the page find what this one plays.
        slide: where a slider through the versions begins, 0 at the first and 1 at the last; it fades from each to
            the next, and between two of them both are heard.
        led: whether another widget has its play button.
    """

    _esm = module("player")
    options = traitlets.Dict().tag(sync=True)
    n_pictures = MOST_PICTURES

    def __init__(
        self,
        sounds: Mapping[str, Sound],
        sample_rate: int,
        *,
        pitches: Mapping[str, Features] | None = None,
        marks: Sequence[tuple[float, str]] = (),
        max_hz: float | None = None,
        waveform: bool = False,
        log: bool = False,
        n_fft: int = 2048,
        height_px: int = 170,
        slide: float | None = None,
        key: str = "",
        led: bool = False,
    ):
        self._hold(sounds, sample_rate, pitches, marks)
        options = {
            "view": "waveform" if waveform else "spectrogram",
            "scale": "log" if log else "linear",
            "n_fft": n_fft,
            "max_hz": max_hz,
            "height": height_px,
            "label": ", ".join(sounds),
            "slide": None if slide is None else {"names": list(sounds), "start": slide},
            "key": key,
            "led": led,
        }
        super().__init__(options=options)
        self.first = dict[str, Any]()  # wishes as of `show`, for the page that asks next
        self.on_msg(self._heard)

    def __repr__(self):
        return f"Player({', '.join(self._message['names'])})"

    def _hold(self, sounds, sample_rate, pitches=None, marks=()):
        """Keep other sounds, for pages that ask from now on."""
        self.sounds, self.sample_rate = {name: samples_of(sound) for name, sound in sounds.items()}, sample_rate
        sounding_hz = lambda f: np.where(f.voiced.cpu(), f.f0_hz.cpu(), np.nan).astype(np.float32)
        self._lines = [(name, f.hop_length / f.sample_rate, sounding_hz(f)) for name, f in (pitches or {}).items()]
        self._message = {
            "type": "sounds",
            "names": list(sounds),
            "channels": [sound.ndim for sound in self.sounds.values()],
            "rate": sample_rate,
            "marks": [list(mark) for mark in marks],
            "pitches": [{"name": name, "hop_s": hop_s} for name, hop_s, _ in self._lines],
        }
        sides = [side for sound in self.sounds.values() for side in np.atleast_2d(sound)]
        self._buffers = [array.astype("<f4").tobytes() for array in (*sides, *(hz for *_, hz in self._lines))]

    def show(
        self,
        sounds: Mapping[str, Sound],
        sample_rate: int,
        *,
        choose: str | None = None,
        play: bool = False,
        once: tuple[float, float] | None = None,
        loop: tuple[float, float] | None = None,
        **more: Any,
    ) -> None:
        """Hold other sounds in every page that shows the player; what is playing goes on at the same position.

        Args:
            choose: name of a version to switch to.
            play: begin to play.
            once: (begin, end) in s, to play once.
            loop: (begin, end) in s; a loop that is playing ends its pass, and goes on with these.
            more: `pitches` and `marks` of the sounds.
        """
        self._hold(sounds, sample_rate, **more)
        wishes = {"choose": choose, "play": play, "once": once, "loop": loop}
        self.send(self._message | {key: wish for key, wish in wishes.items() if wish}, buffers=self._buffers)

    def pause(self) -> None:
        """Stop sounding."""
        self.send({"type": "pause"})

    def look(self) -> None:
        """Scroll the page to the player, once."""
        self.send({"type": "look"})

    def _heard(self, _, content, buffers):
        if content.get("type") == "ready":
            self.send(self._message | self.first, buffers=self._buffers)
            self.first = {}

    def picture(self) -> Figure:
        """The versions side by side."""
        shown = list(self.sounds.items())[: self.n_pictures]
        # A layout that fits itself to its words would take twice the time.
        figure = Figure(figsize=(plots.WIDTH, 2.2))
        row = figure.subplots(1, len(shown), squeeze=False, sharey=True, gridspec_kw=LAYOUT)[0]
        for ax, (name, sound) in zip(row, shown, strict=True):
            if self.options["view"] == "waveform":
                plots.waveform(np.atleast_2d(sound).mean(0), self.sample_rate, ax=ax).set_title(name)
            else:
                look = {key: self.options[key] for key in ("n_fft", "max_hz")}
                look |= {"log": self.options["scale"] == "log", "n_frames": PICTURE_COLUMNS // len(shown)}
                plots.spectrogram(np.atleast_2d(sound).mean(0), self.sample_rate, ax=ax, title=name, **look)
                for (name, hop_s, hz), colour in zip(self._lines, itertools.cycle(LINES)):
                    style = dict(color=colour, lw=1.5, label=name, scalex=False, scaley=False)
                    ax.plot(np.arange(len(hz)) * hop_s, hz, **style)
            ax.label_outer()
        if self._lines and self.options["view"] != "waveform":
            row[-1].legend(loc="upper right", fontsize="small")
        return figure


def samples_of(sound: Sound) -> np.ndarray:
    """[n_samples] float32 of a tensor or an array, or [2, n_samples]; a batch of one is taken for its only member."""
    array = sound.detach().cpu().numpy() if torch.is_tensor(sound) else np.asarray(sound)
    stereo = array.ndim == 2 and len(array) == 2
    return np.ascontiguousarray(array if stereo else array.reshape(-1), np.float32)

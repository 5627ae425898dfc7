"""Pictures of sounds and controls: each function draws on `ax`, or on a figure of its own, and returns the axes.

Tensors and arrays are both welcome; features, plans and histories are only read, so that no other folder is needed.
Levels are in dB relative to a full-scale sine on one fixed colour scale, so that two pictures can be compared by eye.
Pictures with a figure of their own have a colour bar.
"""

from __future__ import annotations

import colorsys
import itertools
import warnings
from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from cycler import cycler

from ddsp_nb.config import N_PLAYED, Config
from ddsp_nb.errors import one_line
from ddsp_nb.synthesis.noise import band_centres_hz, band_to_bins
from ddsp_nb.synthesis.room import Room, centres_hz, decay_db, decay_s, in_bands

if TYPE_CHECKING:  # matplotlib takes a second to load, and no picture may be wanted
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Values = torch.Tensor | np.ndarray

COLOURS, DIVERGING = "magma", "coolwarm"
# At least 3 : 1 on white and on the black of JupyterLab, and told apart by every eye.
LINES = ("#2f7ec0", "#d55e00", "#808080", "#009e73", "#9467bd", "#b07d00", "#c2679b")
# Figures have no paper of their own: it is that of the page, light or dark. Ink has 4.6 : 1 on white, and 4.9 : 1 on
# the black of JupyterLab, where IMAGE makes it brighter.
INK = "#757575"
INKED = "text.color axes.labelcolor axes.edgecolor xtick.color ytick.color"
LOOK: dict[Any, Any] = dict.fromkeys(INKED.split(), INK) | {"axes.prop_cycle": cycler(color=LINES)}
LOOK |= dict.fromkeys(("figure.facecolor", "axes.facecolor"), "none")
IMAGE = """<img class="ddsp-figure" alt="{}" {}src="data:image/png;base64,{}"><style>
[data-jp-theme-light="false"] .ddsp-figure {{ filter: brightness(1.12); }}</style>"""
# A notebook's figures fill a column of 756 pixels; at 700 their words are still easy to read.
DPI = 84
WIDTH, HEIGHT = 9.0, 3.0
# Longer waveforms are drawn as the outline that the eye would see anyway.
MOST_POINTS = 4000
# Of a spectrogram in octaves.
LOWEST_HZ, MOST_ROWS = 25.0, 300
# Of colours: levels of partials, and the lowest of noise bands.
LEVELS_DB, FAINTEST_BAND_DB = (-80, 0), -100
# -200 dB: keeps logarithms finite.
MIN_MAGNITUDE = 1e-10
# A stage map is drawn from times in samples at this rate, in so many columns.
MAP_RATE, MAP_COLUMNS = 48_000, 1000
# Marks of points as matplotlib names them, and as a page draws them; the last is for one's own.
MARKS = {"o": "●", "s": "■", "^": "▲", "*": "★"}
# The kind of one's own recordings on a map.
OWN = "your own"
# Of red, green and blue; and of what has 4 : 1 on white and on the black of JupyterLab.
LUMINANCE, SEEN = (0.2126, 0.7152, 0.0722), 0.2
# Width and height of letters on a map, points; and what a map has of the width of a figure.
NAME_PT, MAP_SHARE = (4.3, 7.5), 0.78
# How many stages that sound together have the darkest colour: one is light, two are dark.
DARKEST = 1.6


def look() -> None:
    """Set up a notebook: figures for light and dark pages, named by what they show, and notes of a line each."""
    import matplotlib.pyplot as plt
    from IPython import get_ipython
    from matplotlib_inline import backend_inline

    # No picture without words.
    backend_inline.InlineBackend.instance().figure_formats = set()
    if shell := get_ipython():
        shell.display_formatter.formatters["text/html"].for_type(plt.Figure, shown)
    # Of the whole process, which a notebook has for itself.
    warnings.formatwarning = one_line
    plt.rcParams.update({"figure.dpi": DPI} | LOOK)


def shown(figure: Figure) -> str:
    """A figure as HTML, with twice the pixels in the same place, and named by what its axes say."""
    from IPython.core.pylabtools import retina_figure

    axes = [[ax.get_title(), ax.get_ylabel(), ax.get_xlabel()] for ax in figure.axes]
    words = "; ".join(", ".join(filter(None, each)) for each in axes)
    png, size = retina_figure(figure, base64=True)
    return IMAGE.format(escape(words or "A figure"), f'width="{size["width"]}" ', png)


def waveform(audio: Values, sample_rate: int, ax: Axes | None = None, label: str | None = None) -> Axes:
    """Pressure over time: audio [n_samples], full scale ±1; below 0.1 s the time axis counts milliseconds."""
    ax, audio = _axes(ax), _numpy(audio)
    short = len(audio) < 0.1 * sample_rate
    rate = sample_rate / (1000 if short else 1)
    block = -(-len(audio) // MOST_POINTS)
    if block > 2:
        blocks = np.pad(audio, (0, -len(audio) % block), mode="edge").reshape(-1, block)
        times = (np.arange(len(blocks)) + 0.5) * block / rate
        ax.fill_between(times, blocks.min(1), blocks.max(1), label=label, lw=0.5, alpha=0.8)
    else:
        ax.plot(np.arange(len(audio)) / rate, audio, label=label, lw=1)
    ax.set_xlim(0, len(audio) / rate)
    return _finish(ax, "Time (ms)" if short else "Time (s)", "Amplitude", label=label)


def spectrogram(
    audio: Values,
    sample_rate: int,
    ax: Axes | None = None,
    title: str | None = None,
    n_fft: int = 2048,
    max_hz: float | None = None,
    floor_db: float = -80,
    n_frames: int = 2000,
    log: bool = False,
) -> Axes:
    """Level of every frequency over time: audio [n_samples]; n_fft samples a window; 0 dB is a full-scale sine.

    Of long sounds about n_frames windows are drawn: fewer are faster. With `log`, frequency is drawn in octaves.
    """
    max_hz = min(max_hz or sample_rate / 2, sample_rate / 2)
    n_bins = min(round(max_hz / sample_rate * n_fft) + 2, n_fft // 2 + 1)
    image = _decibels(_magnitudes(audio, n_fft, n_frames=n_frames)[:n_bins])  # [n_bins, n_frames]
    bin_hz, end_s = sample_rate / n_fft, _numpy(audio).shape[-1] / sample_rate
    if log:
        rows = np.unique(np.geomspace(max(1, LOWEST_HZ / bin_hz), n_bins - 1, MOST_ROWS).round().astype(int))
        ax = _log_image(ax, np.linspace(0, end_s, image.shape[1]), rows * bin_hz, image[rows], floor_db)
        ax.set_ylim(LOWEST_HZ, max_hz)
    else:
        ax = _image(ax, image, (0, end_s, -bin_hz / 2, (n_bins - 0.5) * bin_hz), floor_db, 0)
        ax.set_ylim(0, max_hz)
    return _finish(ax, "Time (s)", "Frequency (Hz)", title=title)


def pitch(features: Any, ax: Axes | None = None, label: str | None = None, color: str = "#27d3f5", **style) -> Axes:
    """Fundamental in Hz over time, drawn only where the sound is voiced, over whatever `ax` shows already."""
    ax = _axes(ax)
    limits = ax.get_xlim() if ax.has_data() else (0, _numpy(features.times_s)[-1])
    f0_hz = np.where(_numpy(features.voiced), _numpy(features.f0_hz), np.nan)
    ax.plot(_numpy(features.times_s), f0_hz, label=label, color=color, **{"lw": 2, **style})
    ax.set_xlim(limits)
    return _finish(ax, "Time (s)", "Frequency (Hz)", label=label)


def loudness(features: Any, ax: Axes | None = None, label: str | None = None) -> Axes:
    """RMS level in dB relative to full scale over time."""
    ax, times_s = _axes(ax), _numpy(features.times_s)
    ax.plot(times_s, _numpy(features.loudness_db), label=label)
    ax.set_xlim(0, times_s[-1])
    return _finish(ax, "Time (s)", "Level (dB)", label=label)


def mfcc(features: Any, ax: Axes | None = None) -> Axes:
    """Mel-frequency cepstral coefficients over time, each row as far from its mean as its spread allows."""
    values = _numpy(features.mfcc)
    rows = (values - values.mean(0)) / (values.std(0) + MIN_MAGNITUDE)
    ax = _image_of_frames(ax, rows, features, 0, -3, 3, DIVERGING, "Standard deviations")
    return _finish(ax, "Time (s)", "MFCC number")


def inputs(values: Values, config: Config, ax: Axes | None = None, title: str | None = None, limit: float = 3) -> Axes:
    """What the network reads over time: values [n_frames, n_inputs], coloured from -limit to limit."""
    values = _matrix(values)
    ax = _image_of_frames(ax, values, config, 0, -limit, limit, DIVERGING, "Value")
    numbers = range(5, config.n_mfcc, 10)
    ax.set_yticks([1, *(N_PLAYED + n for n in numbers)], ["pitch, level, age", *(f"MFCC {n}" for n in numbers)])
    return _finish(ax, "Time (s)", None, title=title)


def spectrum(
    audio: Values,
    sample_rate: int,
    ax: Axes | None = None,
    label: str | None = None,
    max_hz: float | None = None,
    n_fft: int = 8192,
) -> Axes:
    """Level of every frequency, averaged over the whole sound: audio [n_samples]; 0 dB is a full-scale sine."""
    ax, power = _axes(ax), np.square(_magnitudes(audio, n_fft, beyond_ends=False)).mean(1)  # [n_bins]
    ax.plot(np.fft.rfftfreq(n_fft, 1 / sample_rate), _decibels(np.sqrt(power)), label=label, lw=1)
    ax.set(xlim=(0, max_hz or sample_rate / 2), ylim=(-120, 0))
    return _finish(ax, "Frequency (Hz)", "Level (dB)", label=label)


def amplitudes(amplitudes: Values, config: Config, ax: Axes | None = None) -> Axes:
    """Level of every harmonic over time: amplitudes [n_frames, n_harmonics], linear, drawn in dB."""
    ax = _image_of_frames(ax, _decibels(_matrix(amplitudes)), config, 1, *LEVELS_DB)
    return _finish(ax, "Time (s)", "Harmonic")


def partials(
    levels: Mapping[str, Values], f0_hz: float | torch.Tensor, ax: Axes | None = None, max_hz: float | None = None
) -> Axes:
    """Levels of the partials of one moment, {name: amplitudes [n_harmonics], linear}, over their frequencies."""
    ax = _axes(ax)
    for name, values in levels.items():
        hz = float(f0_hz) * np.arange(1, len(values) + 1)
        ax.plot(hz, _decibels(_numpy(values)), "o-", ms=3, lw=1, label=name)
    ax.set(xlim=(0, max_hz or hz[-1]), ylim=(-120, 0))
    return _finish(ax, "Frequency (Hz)", "Level (dB)", label=True)


def noise_bands(noise_magnitudes: Values, config: Config, ax: Axes | None = None) -> Axes:
    """Gain of every noise band over time: noise_magnitudes [n_frames, n_bands], linear, drawn in dB."""
    levels_db = _decibels(_matrix(noise_magnitudes))
    times_s = np.arange(len(levels_db)) * config.hop_length / config.sample_rate
    ax = _log_image(ax, times_s, _numpy(band_centres_hz(config)), levels_db.T, FAINTEST_BAND_DB)
    return _finish(ax, "Time (s)", "Band centre (Hz)")


def filterbank(config: Config, ax: Axes | None = None, every: int = 8) -> Axes:
    """Shape of every 8th band of the noise filterbank: weight of each frequency, 0 to 1, over log frequency."""
    ax = _axes(ax)
    bins_hz = np.fft.rfftfreq(config.noise_n_fft, 1 / config.sample_rate)[1:]
    weights, centres_hz = _numpy(band_to_bins(config))[:, 1:], _numpy(band_centres_hz(config))
    for band in range(every, config.n_bands, every):
        ax.semilogx(bins_hz, weights[band], ".-", ms=3, lw=1, label=f"band {band}, {centres_hz[band]:.0f} Hz")
    ax.set_xlim(bins_hz[0], config.nyquist_hz)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    return _finish(ax, "Frequency (Hz)", "Weight")


def decay(room: Room, ax: Axes | None = None, hz: tuple[float, ...] = (250, 1000, 4000)) -> Axes:
    """How a room dies away around some frequencies: energy that is still to come, and dotted the slope of its RT60."""
    ax, centres, rate = _axes(ax), centres_hz(room.sample_rate), room.sample_rate
    bands = in_bands(room.reverberation, rate)
    for wanted, colour in zip(hz, itertools.cycle(LINES)):
        band = bands[int((centres / wanted).log2().abs().argmin())]
        rt60_s = decay_s(band, rate)
        label = f"around {wanted:g} Hz: {rt60_s:.1f} s"
        ax.plot(np.arange(len(band)) / rate, _numpy(decay_db(band)), color=colour, label=label)
        ax.plot((0, rt60_s), (0, -60), ":", color=colour)
    ax.set(xlim=(0, None), ylim=(-60, 0))
    return _finish(ax, "Time after the direct sound (s)", "Energy to come (dB)", label=True)


def loss_curve(history: list, ax: Axes | None = None) -> Axes:
    """Loss of heard and of unheard phrases over epochs: history is a list of `training.Progress`."""
    ax, epochs = _axes(ax), [p.epoch for p in history]
    ax.plot(epochs, [p.loss for p in history], label="heard: learned from")
    ax.locator_params("x", integer=True)
    judged = bool(history) and history[0].unheard_loss is not None
    if judged:
        ax.plot(epochs, [p.unheard_loss for p in history], label="unheard: held out")
        best = min(history, key=lambda p: p.unheard_loss)
        ax.plot(best.epoch, best.unheard_loss, "o", color=LINES[1], label=f"kept: epoch {best.epoch}")
    return _finish(ax, "Epoch", "Loss", label=judged)


def stage_map(masks: Values, plan: Any, ax: Axes | None = None, noise: Values | None = None) -> Axes:
    """Which partials, and which noise bands below them, sound when.

    masks [n_stages, n_harmonics] of 0 and 1; plan a `GrowthPlan` that gives the times; noise [n_stages, n_bands].
    """
    ax, masks = _axes(ax), _numpy(masks)
    edges_s = np.array(plan.edges(len(masks), MAP_RATE)) / MAP_RATE
    bottom, top = 0.5, masks.shape[1] + 0.5
    _draw_stages(ax, edges_s, masks, (bottom, top), "Blues")
    if noise is not None:
        # As a strip below the partials, lowest band at the bottom.
        bottom = -max(masks.shape[1] / 3, 2)
        _draw_stages(ax, edges_s, _numpy(noise), (bottom, 0), "Oranges")
        ax.axhline(0.25, color=INK, lw=0.5)
    ax.set(xlim=(0, edges_s[:, 1].max()), ylim=(bottom, top))
    if noise is not None:
        ticks = [tick for tick in ax.get_yticks() if 0 < tick < top]
        ax.set_yticks([bottom / 2, *ticks], ["noise\nbands", *(f"{tick:g}" for tick in ticks)])
    return _finish(ax, "Time (s)", "Partial")


def _draw_stages(ax, edges_s, masks, rows, colours):
    """One picture of all stages between two rows: masks [n_stages, n]; darker where two stages overlap."""
    end_s = edges_s[:, 1].max()
    columns = np.rint(edges_s / end_s * MAP_COLUMNS).astype(int)
    sounding = np.zeros((masks.shape[1], MAP_COLUMNS))
    for (start, stop), mask in zip(columns, masks, strict=True):
        sounding[:, start : max(stop, start + 1)] += mask[:, None]
    _image(ax, np.where(sounding > 0, sounding, np.nan), (0, end_s, *rows), 0, DARKEST, colours)


def envelope(
    adsr: Callable[[int, int], torch.Tensor], duration_s: float, sample_rate: int, ax: Axes | None = None
) -> Axes:
    """Gain of an `ADSR` over a stage of duration_s seconds."""
    ax, gains = _axes(ax), _numpy(adsr(round(duration_s * sample_rate), sample_rate))
    ax.plot(np.arange(len(gains)) / sample_rate, gains)
    ax.set_ylim(0, 1.05)
    return _finish(ax, "Time (s)", "Gain")


def looks_of(kinds: list[str]) -> dict[str, tuple[str, str]]:
    """Colour and mark of each kind of instrument, in the order in which they come: seen on white and on black."""
    from matplotlib.colors import to_hex

    marks, looks = list(MARKS), {}
    for i, kind in enumerate(dict.fromkeys(kinds)):
        # Neighbours are far apart in hue, and have other marks; all are as bright.
        shades = [colorsys.hls_to_rgb((0.6 + 0.382 * i) % 1, step / 100, 0.7) for step in range(20, 80)]
        colour = next(shade for shade in shades if np.power(shade, 2.2) @ LUMINANCE > SEEN)
        looks[kind] = to_hex(colour), marks[-1 if kind == OWN else i % (len(marks) - 1)]
    return looks


def timbre_map(places: Values, names: list[str], kinds: list[str], ax: Axes | None = None) -> Axes:
    """Instruments at places [n, 2], with the look of their kinds, and as many names as there is room for."""
    ax, places = _axes(ax), _numpy(places)
    for kind, (colour, mark) in looks_of(kinds).items():
        ax.plot(*places[[its == kind for its in kinds]].T, mark, color=colour, ms=10 if kind == OWN else 5, label=kind)
    ax.set(xticks=[], yticks=[], aspect="equal", xlabel="First principal axis", ylabel="Second")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", frameon=False)
    letter, line = (size * np.ptp(places[:, 0]) / (MAP_SHARE * 72 * WIDTH) for size in NAME_PT)
    # Left ends, middles and widths of what is there: marks, then names.
    taken = [(x, y, 0.0) for x, y in places]
    for i in sorted(range(len(names)), key=lambda i: kinds[i] != OWN):
        (x, y), wide = places[i], letter * len(names[i])
        beside = [x + letter, x - letter - wide]
        over = [
            left + wide > places[:, 0].max() + 4 * letter
            or any(abs(y - b) < line and left < a + other and a < left + wide for a, b, other in taken)
            for left in beside
        ]
        free = beside[over.index(False)] if False in over else x + letter if kinds[i] == OWN else None
        if free is not None:
            taken.append((free, y, wide + letter))
            ax.text(free, y, names[i], va="center", fontsize=NAME_PT[1])
    return ax


def _axes(ax):
    """`ax`, or new axes on a pyplot figure of their own."""
    if ax is not None:
        return ax
    # Only here: figures made without pyplot are drawn from worker threads.
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(WIDTH, HEIGHT), layout="constrained")[1]


def _finish(ax, x_label, y_label, title=None, label=None):
    ax.set(xlabel=x_label, ylabel=y_label)
    if title:
        ax.set_title(title)
    if label:
        ax.legend(loc="upper right", fontsize="small")
    return ax


def _image(ax, values, extent, low, high, colours=COLOURS, label="Level (dB)"):
    """Values [n_rows, n_columns] as a picture; beside other axes a colour bar would put time axes out of line."""
    own, ax = ax is None, _axes(ax)
    style = dict(origin="lower", aspect="auto", interpolation="nearest")
    picture = ax.imshow(values, extent=extent, cmap=colours, vmin=low, vmax=high, **style)
    if own:
        ax.figure.colorbar(picture, ax=ax, label=label, pad=0.01)
    return ax


def _image_of_frames(ax, values, rates, first, *style):
    """Values [n_frames, n_rows] over time, rows counted from `first`; rates: what knows sample rate and hop."""
    end_s = (len(values) - 1) * rates.hop_length / rates.sample_rate
    return _image(ax, values.T, (0, end_s, first - 0.5, first + values.shape[1] - 0.5), *style)


def _log_image(ax, times_s, hz, levels_db, floor_db):
    """Levels [n_rows, n_columns] over frequencies in octaves."""
    own, ax = ax is None, _axes(ax)
    picture = ax.pcolormesh(times_s, hz, levels_db, cmap=COLOURS, vmin=floor_db, vmax=0, rasterized=True)
    ax.set_yscale("log")
    if own:
        ax.figure.colorbar(picture, ax=ax, label="Level (dB)", pad=0.01)
    return ax


def _numpy(values):
    return values.detach().cpu().numpy() if torch.is_tensor(values) else np.asarray(values)


def _matrix(values):
    """[n_frames, n_channels]; a batch of one is taken for its only member."""
    values = _numpy(values)
    return values.reshape(values.shape[-2:])


def _decibels(magnitudes):
    return 20 * np.log10(np.maximum(magnitudes, MIN_MAGNITUDE))


def _magnitudes(audio, n_fft, beyond_ends=True, n_frames=2000):
    """[n_bins, n_frames] amplitude of the sines that the sound consists of, 1 at full scale.

    Windows that reach beyond the ends of the sound keep a picture in time, but smear a spectrum.
    """
    audio = torch.as_tensor(_numpy(audio), dtype=torch.float32)
    beyond_ends = beyond_ends or len(audio) < n_fft
    window = torch.hann_window(n_fft)
    hop = max(n_fft // 4, len(audio) // n_frames)
    spectra = torch.stft(audio, n_fft, hop, window=window, center=beyond_ends, return_complex=True, pad_mode="constant")
    return (spectra.abs() * 2 / window.sum()).numpy()

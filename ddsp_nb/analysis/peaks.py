"""Peaks of spectra, and the tracks they make from frame to frame (notebook 08, "Which partials are there?")."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

# Its parts are loaded where they are named: signal and optimize take long, and a start needs neither.
import scipy
import torch
from scipy.fft import rfft
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ddsp_nb.analysis.pitch import top_of_parabola
from ddsp_nb.config import Config

# Of a peak: above the mean around it, so many bins wide, below the highest (side lobes are lower), below all.
PROMINENCE_DB, AROUND_BINS, LOBES_DB, RANGE_DB = 9.0, 81, 45.0, 90.0
# How far a peak may lie from where its track is expected, in bins of the window and as a share, and in dB: it costs 1.
OFF_BINS, OFF_SHARE, OFF_DB = 0.5, 0.004, 8.0
# From which cost on it is better to end one track and begin another; and frames without a peak after which one ended.
MOST_COST, MOST_GAP = 4.0, 4
# A track is as long, and sounds for so many frames before and after its peaks: there a window holds little of it.
MIN_FRAMES, EDGE_FRAMES = 6, 2
# Of a stroke: how short it is, how much louder its high frequencies are than so long before; of the loudest, silence.
STROKE_S, RISE_DB, BEFORE_S, SILENCE = 0.002, 8.0, 0.03, 1e-5
# Of the newest step, in the slope that is expected to go on; and where no partial is lower.
NEWEST, LOWEST_HZ = 0.3, 10.0


class Track(NamedTuple):
    """One partial from birth to death: its frames, [n] Hz and [n] amplitudes in them, and its row in the score."""

    frames: slice
    hz: np.ndarray
    amplitude: np.ndarray
    row: int = -1


def spectral_peaks(audio: torch.Tensor, config: Config, window: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Hz and dB of the peaks of each frame's spectrum, seen through a window of so many samples."""
    n_frames, hop, shape = config.n_frames(len(audio)), config.hop_length, np.blackman(window).astype(np.float32)
    padded = np.pad(audio.cpu().numpy(), (window // 2, n_frames * hop + window - len(audio)))
    quiet_db = 20 * np.log10(np.abs(padded).max()) - RANGE_DB
    for frame in np.lib.stride_tricks.sliding_window_view(padded, window)[: n_frames * hop : hop]:
        level_db = 20 * np.log10(np.abs(rfft(frame * shape, 2 * window)) * (2 / shape.sum()) + 1e-9)
        lobes_db = np.maximum(maximum_filter1d(level_db, AROUND_BINS) - LOBES_DB, quiet_db)
        floor_db = np.maximum(uniform_filter1d(level_db, AROUND_BINS) + PROMINENCE_DB, lobes_db)
        top = (level_db[1:-1] > level_db[:-2]) & (level_db[1:-1] >= level_db[2:]) & (level_db[1:-1] >= floor_db[1:-1])
        bins = np.flatnonzero(top) + 1
        shift, top_db = top_of_parabola(*(level_db[bins + i] for i in (-1, 0, 1)))
        yield (bins + shift) * (config.sample_rate / (2 * window)), top_db


def strokes(audio: torch.Tensor, config: Config) -> np.ndarray:
    """[n] frames, each the first one after something is struck in [n_samples] sound."""
    short, before = (round(seconds * config.sample_rate) for seconds in (STROKE_S, BEFORE_S))
    power = uniform_filter1d(np.diff(audio.double().cpu().numpy(), prepend=0) ** 2, short, origin=-(short // 2))
    power += SILENCE * power.max() + 1e-30
    loudest = np.pad(maximum_filter1d(power, before), (before // 2 + short, 0), "edge")[: len(power)]
    return -(-scipy.signal.find_peaks(10 * np.log10(power / loudest), RISE_DB, distance=before)[0] // config.hop_length)


def follow(
    peaks: Iterable[tuple[np.ndarray, np.ndarray]], bin_hz: float, struck: np.ndarray, reach: float
) -> list[Track]:
    """Tracks through the peaks of all frames, by the assignment from frame to frame whose sum of costs is least.

    A window sees a partial before it is struck: a track begins with the stroke within `reach` frames.
    """
    live: list[list] = []  # Of each, its peaks: frame, Hz, dB, and Hz per frame, which is expected to go on.
    ended: list[list] = []
    for frame, (hz, level_db) in enumerate(peaks):
        ended += [track for track in live if track[-1][0] < frame - MOST_GAP - 1]
        live = [track for track in live if track[-1][0] >= frame - MOST_GAP - 1]
        at, last_hz, last_db, slope = np.reshape([track[-1] for track in live], (-1, 4)).T[..., None]
        off = np.abs(hz - last_hz - slope * (frame - at)) / (OFF_BINS * bin_hz + OFF_SHARE * hz)
        gain = np.minimum(off**2 + ((level_db - last_db) / OFF_DB) ** 2 - MOST_COST, 0)
        pairs = zip(*scipy.optimize.linear_sum_assignment(gain), strict=True)
        goes_on = {j: live[i] for i, j in pairs if gain[i, j] < 0}
        for j, peak in enumerate(zip(hz, level_db, strict=True)):
            before, before_hz, _, slope = goes_on[j][-1] if j in goes_on else (frame - 1, hz[j], 0, 0)
            slope += NEWEST * ((hz[j] - before_hz) / (frame - before) - slope)
            if j not in goes_on:
                live.append([])
            goes_on.get(j, live[-1]).append((frame, *peak, slope))
    long = [np.array(track) for track in ended + live if track[-1][0] - track[0][0] >= MIN_FRAMES - 1]
    return [whole(track, struck, reach, frame + 1) for track in long]


def whole(points: np.ndarray, struck: np.ndarray, reach: float, n_frames: int) -> Track:
    """The track of its peaks; frames between them are interpolated, and those around them are as the nearest one."""
    first, last = points[[0, -1], 0].astype(int)
    begin = min(struck, key=lambda stroke: abs(stroke - first), default=-n_frames)
    begin = begin if abs(begin - first) <= reach else max(0, first - EDGE_FRAMES)
    frames = np.arange(begin, min(n_frames, max(begin, last) + EDGE_FRAMES + 1))
    hz, level_db = (np.interp(frames, points[:, 0], values) for values in points.T[1:3])
    return Track(slice(frames[0], frames[-1] + 1), hz, 10 ** (level_db / 20))

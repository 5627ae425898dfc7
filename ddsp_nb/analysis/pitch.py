"""Pitch of a monophonic recording, by one of three trackers (notebook 01, "Why is finding a pitch difficult?").

Every tracker answers the same question, sound to f0 and voicing at each hop, so that they can be shown side by
side: autocorrelation with a Viterbi path (the default), YIN, and pYIN (librosa's).

The default follows P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
ratio of a sampled sound" (1993): the autocorrelation of each windowed frame is divided by that of the window, so that
a periodic sound has peaks of height 1 at its period and its multiples. The highest peaks are the candidates of a
frame, being unvoiced is one more; a Viterbi path with a cost for octave jumps and for voicing changes decides.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import lazy_loader
import numpy as np
import soxr
import torch
from scipy import fft
from scipy.ndimage import median_filter

from ddsp_nb.analysis.mel import loudness_db
from ddsp_nb.config import Config

librosa = lazy_loader.load("librosa")  # takes two seconds; the default tracker does without it

# Beside the loudest frame.
QUIET_DB = -40.0
# Pitch of a recording that has none.
CARRIED_HZ = 220.0
# Keeps 0 / 0 away.
TINY = 1e-12

# YIN: by how much a dip may be less deep than the deepest, which often is that of twice the period.
NEARLY_DEEPEST = 0.1
# Of the shortest period.
YIN_PERIOD_SAMPLES = 12
# pYIN: semitones from pitch to pitch of its path, whose time grows with their square.
PYIN_RESOLUTION = 0.2

# Autocorrelation
# Peaks a frame.
N_CANDIDATES = 15
# That a window holds at the lowest pitch.
PERIODS = 3
# Of a window.
SHORTEST_S = 0.016
# A hiss comes again after one of its periods, nearly, and not after so long; a tone does, with at most this loss.
COHERENCE_S, COHERENCE_LOSS = 0.004, 0.1
# Places within a period at which that is looked for.
AROUND = np.linspace(-0.5, 0.5, 17)
# Per octave, in favour of the higher candidate.
OCTAVE_COST = 0.02
# Per octave and 10 ms, and per change of voicing and 10 ms.
OCTAVE_JUMP_COST, VOICING_COST = 0.5, 0.14
# Height of a peak that passes for periodic.
VOICING_THRESHOLD = 0.45
# Of the recording's peak.
SILENCE_THRESHOLD = 0.01
# Of the shortest period, to which autocorrelations are interpolated at least: peaks of a bright sound are narrow.
PERIOD_SAMPLES = 32
# In memory.
FRAMES_AT_ONCE = 256
# The first pass, which only looks for the recording's own range, has windows so long that they would take five times as
# long as the second pass. So it hears these samples of the shortest period, interpolates to those, and skips frames.
ROUGH_SAMPLES, ROUGH_PERIOD_SAMPLES, ROUGH_HOPS = 2.2, 8, 2
# A note of that range lasts more than one of those frames; a slip of the first pass does not.
SLIP_FRAMES = 3
# How far beyond the notes of that range the second pass looks.
RANGE_MARGIN = 0.7


def track_pitch(
    audio: np.ndarray, config: Config, *, tracker: str = "autocorrelation"
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the pitch of a monophonic recording, [n_samples], by "autocorrelation", "yin" or "pyin".

    Returns:
        f0_hz [n_frames], carried through unvoiced frames, and voiced [n_frames] bool.
    """
    n_frames = config.n_frames(len(audio))
    f0_hz, voiced = TRACKERS[tracker](np.asarray(audio, np.float64), config)
    return carry_through_gaps(fit_length(f0_hz, n_frames), fit_length(voiced, n_frames))


def carry_through_gaps(f0_hz: np.ndarray, voiced: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch where there is none: interpolated between its voiced neighbours, in octaves; 220 Hz if all is silent."""
    if not voiced.any():
        return np.full(len(f0_hz), CARRIED_HZ), voiced
    frames = np.arange(len(f0_hz))
    return np.exp(np.interp(frames, frames[voiced], np.log(f0_hz[voiced]))), voiced


def fit_length(values: np.ndarray, n_frames: int) -> np.ndarray:
    """The first n_frames values; the last is held where there are fewer."""
    return np.pad(values, (0, max(0, n_frames - len(values))), mode="edge")[:n_frames]


def yin_pitch(audio: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """YIN (de Cheveigné & Kawahara 2002): the first lag after which a stretch of sound comes again.

    It has neither a path nor a cost of octaves, so that it can judge what the default finds. It has no opinion on
    voicing: that is where it is not quiet.
    """
    rate, (low_hz, high_hz) = config.sample_rate, config.f0_range_hz
    finer, longest = _oversampling(rate, high_hz, YIN_PERIOD_SAMPLES), math.ceil(rate / low_hz) + 1
    lags = slice(int(finer * rate / high_hz), finer * longest)
    frames = _frames(audio.astype(np.float32), 2 * longest, config.hop_length, before=longest // 2)
    found = [_first_dips(_unlikeness(some, longest, finer)[:, lags]) + lags.start for some in frames]
    level_db = loudness_db(torch.from_numpy(audio), config).numpy()
    return finer * rate / np.concatenate(found), fit_length(level_db > level_db.max() + QUIET_DB, len(level_db))


def _unlikeness(frames: np.ndarray, longest: int, finer: int) -> np.ndarray:
    """[n_frames, finer * longest] squared difference of a frame's half and what comes a lag later, beside its mean."""
    n_fft = fft.next_fast_len(3 * longest, real=True)
    product = np.conj(fft.rfft(frames[:, :longest], n_fft)) * fft.rfft(frames, n_fft)
    correlation = finer * fft.irfft(product, finer * n_fft)[:, : finer * longest]
    energy = np.pad(np.cumsum(frames.astype(float) ** 2, 1), ((0, 0), (1, 0)))
    later = energy[:, longest:] - energy[:, : longest + 1]
    between = np.diff(later)[..., None] * (np.arange(finer) / finer)
    later = (later[:, :-1, None] + between).reshape(correlation.shape)
    difference = later[:, :1] + later - 2 * correlation
    mean = np.cumsum(np.maximum(difference, 0), 1) / np.arange(1, difference.shape[1] + 1)
    return difference / np.maximum(mean, TINY)


def _first_dips(unlikeness: np.ndarray) -> np.ndarray:
    """Lag of each row's first dip that is nearly as deep as its deepest, to a fraction."""
    left, mid, right = unlikeness[:, :-2], unlikeness[:, 1:-1], unlikeness[:, 2:]
    dips = (mid < left) & (mid <= right) & (mid < mid.min(1, keepdims=True) + NEARLY_DEEPEST)
    at = dips.argmax(1)[:, None]
    a, b, c = (np.take_along_axis(x, at, 1)[:, 0] for x in (left, mid, right))
    return at[:, 0] + 1 + top_of_parabola(-a, -b, -c)[0]


def top_of_parabola(left: np.ndarray, middle: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where between its neighbours, -0.5 to 0.5 steps from the middle, a peak has its top, and how high that is."""
    shift = np.clip(0.5 * (left - right) / np.minimum(left - 2 * middle + right, -TINY), -0.5, 0.5)
    return shift, middle - 0.25 * (left - right) * shift


def pyin_pitch(audio: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Probabilistic YIN (Mauch & Dixon 2014), librosa's."""
    low_hz, high_hz = config.f0_range_hz
    f0_hz, voiced, _ = librosa.pyin(
        audio,
        fmin=low_hz,
        fmax=high_hz,
        sr=config.sample_rate,
        hop_length=config.hop_length,
        frame_length=1 << math.ceil(math.log2(2.2 * config.sample_rate / low_hz)),
        resolution=PYIN_RESOLUTION,
    )
    return np.where(voiced, f0_hz, CARRIED_HZ), voiced


def autocorrelation_pitch(audio: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Track twice: the first pass finds the recording's own range, the second has windows that fit it.

    Short windows follow note changes and vibrato; only low notes need long ones. Where unvoiced the pitch says nothing.
    """
    audio, (low_hz, high_hz) = audio.astype(np.float32), config.f0_range_hz
    factor = max(1, int(config.sample_rate / (ROUGH_SAMPLES * high_hz)))
    rough, hop = soxr.resample(audio, factor, 1) if factor > 1 else audio, ROUGH_HOPS * config.hop_length // factor
    first = Search(low_hz, high_hz, ROUGH_PERIOD_SAMPLES, coherence_s=0)
    f0_hz, voiced = _track(rough, config.sample_rate / factor, hop, first)
    if voiced.any():
        notes_hz = median_filter(f0_hz[voiced], SLIP_FRAMES)
        low_hz, high_hz = max(low_hz, RANGE_MARGIN * notes_hz.min()), min(high_hz, notes_hz.max() / RANGE_MARGIN)
    second = Search(low_hz, high_hz, PERIOD_SAMPLES, COHERENCE_S)
    return _track(audio, config.sample_rate, config.hop_length, second)


class Search(NamedTuple):
    """Lowest and highest pitch; into how many samples the shortest period is cut; how long a sound must stay itself."""

    low_hz: float
    high_hz: float
    period_samples: float
    coherence_s: float


def _track(audio: np.ndarray, rate_hz: float, hop_length: int, search: Search) -> tuple[np.ndarray, np.ndarray]:
    periods_s, strengths, levels = _candidates(audio, rate_hz, hop_length, search)
    path = _cheapest_path(periods_s, strengths, levels, hop_length / rate_hz)
    chosen = np.take_along_axis(periods_s, np.maximum(path, 1)[:, None] - 1, 1)[:, 0]
    return 1 / chosen, path > 0


def _candidates(audio: np.ndarray, rate_hz: float, hop_length: int, search: Search) -> tuple[np.ndarray, ...]:
    """Periods (s) and strengths [n_frames, N_CANDIDATES], and each frame's peak level relative to the loudest."""
    length = int(rate_hz * max(PERIODS / search.low_hz, SHORTEST_S)) // 2 * 2
    parts = []
    for some in _frames(audio / max(np.abs(audio).max(), TINY), length, hop_length, before=length // 2):
        some = some - some.mean(1, keepdims=True)
        parts.append((*_frame_candidates(some, rate_hz, search), np.abs(some).max(1)))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _frames(audio: np.ndarray, length: int, hop_length: int, *, before: int) -> Iterator[np.ndarray]:
    """[n, length] windows at every hop of [n_samples] sound, so many samples of each before it; some at a time."""
    n_frames = math.ceil(len(audio) / hop_length) + 1
    padded = np.pad(audio, (before, length - before + hop_length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop_length][:n_frames]
    for start in range(0, n_frames, FRAMES_AT_ONCE):
        yield frames[start : start + FRAMES_AT_ONCE]


def _oversampling(rate_hz: float, high_hz: float, period_samples: float) -> int:
    """A power of two, by which the period of the highest pitch gets so many samples at least."""
    return 1 << max(0, math.ceil(math.log2(period_samples * high_hz / rate_hz)))


def _frame_candidates(frames: np.ndarray, rate_hz: float, search: Search) -> tuple[np.ndarray, np.ndarray]:
    """Periods (s) and strengths of the highest autocorrelation peaks, [n_frames, N_CANDIDATES] each."""
    length = frames.shape[1]
    window = np.hanning(length + 2)[1:-1].astype(np.float32)
    oversampling = _oversampling(rate_hz, search.high_hz, search.period_samples)
    n_fft = fft.next_fast_len(length + length // 2, real=True)
    own = _autocorrelation(window, n_fft, oversampling)
    correlation = _autocorrelation(frames * window, n_fft, oversampling)
    lag_rate = rate_hz * oversampling
    lags = slice(max(1, int(lag_rate / search.high_hz) - 1), int(np.ceil(lag_rate / search.low_hz)) + 2)
    energy = np.maximum(correlation[:, :1], TINY)
    cost = OCTAVE_COST * np.log2(search.low_hz * np.arange(lags.start, lags.stop) / lag_rate)
    positions, heights = _highest_peaks(correlation[:, lags] / (energy * (own[lags] / own[0])), cost)
    positions += lags.start
    multiple = np.ceil(search.coherence_s * lag_rate / positions).clip(1)
    later = _heights_around(correlation, energy, own, multiple * positions, positions)
    heights = np.minimum(heights, COHERENCE_LOSS + later)
    periods_s = positions / lag_rate
    strengths = heights - OCTAVE_COST * np.log2(search.low_hz * periods_s)
    return periods_s, np.where(heights > 0, strengths, -1e3)


def _heights_around(
    correlation: np.ndarray, energy: np.ndarray, own: np.ndarray, positions: np.ndarray, periods: np.ndarray
) -> np.ndarray:
    """The highest that the autocorrelation gets within half a period, [n_frames, N_CANDIDATES] lags, of positions."""
    lags = (positions[..., None] + periods[..., None] * AROUND).astype(int)
    rows = np.arange(len(correlation))[:, None, None]
    return (correlation[rows, lags] / (energy[..., None] * (own[lags] / own[0]))).max(-1)


def _autocorrelation(x: np.ndarray, n_fft: int, oversampling: int) -> np.ndarray:
    return fft.irfft(np.abs(fft.rfft(x, n_fft)) ** 2, n_fft * oversampling)


def _highest_peaks(rows: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and heights of each row's local maxima, refined by a parabola; height -1 for none.

    The best ones by height less [n_lags] cost: of a high note hundreds of multiples of its period are as high as it.
    """
    left, mid, right = rows[:, :-2], rows[:, 1:-1], rows[:, 2:]
    row, lag = ((mid > left) & (mid >= right) & (mid > 0)).nonzero()
    best_first = np.lexsort((cost[lag + 1] - mid[row, lag], row))
    row, lag = row[best_first], lag[best_first]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    row, lag, rank = (x[rank < N_CANDIDATES] for x in (row, lag, rank))
    a, b, c = (x[row, lag].astype(float) for x in (left, mid, right))
    shift, height = top_of_parabola(a, b, c)
    positions, heights = np.ones((len(rows), N_CANDIDATES)), np.full((len(rows), N_CANDIDATES), -1.0)
    positions[row, rank] = lag + 1 + shift
    # Over 1 only by error of the window's division.
    heights[row, rank] = np.where(height > 1, 1 / height, height)
    return positions, heights


def _cheapest_path(periods_s: np.ndarray, strengths: np.ndarray, levels: np.ndarray, hop_s: float) -> np.ndarray:
    """Viterbi: the state of each frame, 0 for unvoiced, i for candidate i - 1."""
    per_frame = 0.01 / hop_s
    unvoiced = VOICING_THRESHOLD + np.maximum(0, 2 - levels / (SILENCE_THRESHOLD / (1 + VOICING_THRESHOLD)))
    gain, octave = np.column_stack([unvoiced, strengths]), np.log2(periods_s)
    best, origin = gain[0], np.zeros(gain.shape, int)
    cost = np.full((gain.shape[1], gain.shape[1]), VOICING_COST * per_frame)
    cost[0, 0] = 0
    for t in range(1, len(gain)):
        cost[1:, 1:] = OCTAVE_JUMP_COST * per_frame * np.abs(octave[t - 1][:, None] - octave[t])
        total = best[:, None] - cost
        origin[t] = total.argmax(0)
        best = total.max(0) + gain[t]
    path = np.empty(len(gain), int)
    path[-1] = best.argmax()
    for t in range(len(gain) - 1, 0, -1):
        path[t - 1] = origin[t, path[t]]
    return path


TRACKERS = {"autocorrelation": autocorrelation_pitch, "yin": yin_pitch, "pyin": pyin_pitch}

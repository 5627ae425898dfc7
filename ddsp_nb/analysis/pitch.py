"""Pitch of a monophonic recording, by one of three trackers (notebook 01, "Why is finding a pitch difficult?").

Every tracker answers the same question, sound to f0 and voicing at each hop, so that they can be shown side by
side: autocorrelation with a Viterbi path (the default), YIN and pYIN (librosa's).

The default follows P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
ratio of a sampled sound" (1993): the autocorrelation of each windowed frame is divided by that of the window, so that
a periodic sound has peaks of height 1 at its period and its multiples. The highest peaks are the candidates of a
frame, being unvoiced is one more; a Viterbi path with a cost for octave jumps and for voicing changes decides.
"""

from typing import Any

import lazy_loader
import numpy as np

from ddsp_nb.config import Config

librosa = lazy_loader.load("librosa")  # takes two seconds; the default tracker does without it

QUIET = 0.01  # of the loudest frame's RMS: YIN has no opinion on voicing, so loudness decides
CARRIED_HZ = 220.0  # pitch of a recording that has none

# Autocorrelation
N_CANDIDATES = 15  # peaks a frame
PERIODS = 3  # that a window holds at the lowest pitch
OCTAVE_COST = 0.02  # per octave, in favour of the higher candidate
OCTAVE_JUMP_COST = 0.5  # per octave and 10 ms
VOICING_COST = 0.14  # per change and 10 ms
VOICING_THRESHOLD = 0.45  # height of a peak that passes for periodic
SILENCE_THRESHOLD = 0.01  # of the recording's peak
MIN_LAG_RATE_HZ = 88_200  # to which autocorrelations are interpolated, for high notes
FRAMES_AT_ONCE = 512  # in memory
RANGE_QUANTILE = 0.02  # of the pitches that a first pass found: the recording's lowest note ...
RANGE_MARGIN = 0.7  # ... and how far below it the second pass looks


def track_pitch(
    audio: np.ndarray, config: Config, *, tracker: str = "autocorrelation"
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the pitch of a monophonic recording.

    Args:
        audio: [n_samples] sound.
        config: `Config`; gives sample rate, hop and pitch range.
        tracker: "autocorrelation", "yin" or "pyin".

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
    """YIN (de Cheveigné & Kawahara 2002); voiced where it is not quiet."""
    f0_hz = librosa.yin(audio, **_librosa_arguments(config))
    rms = librosa.feature.rms(y=audio, frame_length=config.frame_length, hop_length=config.hop_length)[0]
    return f0_hz, fit_length(rms, len(f0_hz)) > QUIET * rms.max()


def pyin_pitch(audio: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Probabilistic YIN (Mauch & Dixon 2014), librosa's."""
    f0_hz, voiced, _ = librosa.pyin(audio, **_librosa_arguments(config))
    return np.where(voiced, f0_hz, CARRIED_HZ), voiced


def _librosa_arguments(config: Config) -> dict[str, Any]:
    length = 1 << int(np.ceil(np.log2(2.2 * config.sample_rate / config.f0_min_hz)))
    return dict(
        fmin=config.f0_min_hz,
        fmax=config.f0_max_hz,
        sr=config.sample_rate,
        hop_length=config.hop_length,
        frame_length=length,
    )


def autocorrelation_pitch(audio: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Track twice: the first pass finds the recording's own range, the second has windows that fit it.

    Short windows follow note changes and vibrato; only low notes need long ones.

    Args:
        audio: [n_samples] sound.
        config: gives sample rate, hop and pitch range.

    Returns:
        f0_hz [n_frames], meaningless where unvoiced, and voiced [n_frames] bool.
    """
    f0_hz, voiced = _track(audio, config, config.f0_min_hz)
    if not voiced.any():
        return f0_hz, voiced
    floor_hz = RANGE_MARGIN * np.quantile(f0_hz[voiced], RANGE_QUANTILE)
    return _track(audio, config, max(config.f0_min_hz, floor_hz))


def _track(audio: np.ndarray, config: Config, floor_hz: float) -> tuple[np.ndarray, np.ndarray]:
    periods_s, strengths, levels = _candidates(audio, config, floor_hz)
    path = _cheapest_path(periods_s, strengths, levels, config.hop_length / config.sample_rate)
    chosen = np.take_along_axis(periods_s, np.maximum(path, 1)[:, None] - 1, 1)[:, 0]
    return 1 / chosen, path > 0


def _candidates(audio: np.ndarray, config: Config, floor_hz: float) -> tuple[np.ndarray, ...]:
    """Periods (s) and strengths [n_frames, N_CANDIDATES], and each frame's peak level relative to the loudest."""
    length = int(PERIODS * config.sample_rate / floor_hz) // 2 * 2
    n_frames, loudest = config.n_frames(len(audio)), max(np.abs(audio).max(), 1e-12)
    padded = np.pad(audio, (length // 2, length // 2 + config.hop_length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: config.hop_length][:n_frames]
    parts = []
    for start in range(0, n_frames, FRAMES_AT_ONCE):
        some = frames[start : start + FRAMES_AT_ONCE]
        some = some - some.mean(1, keepdims=True)
        parts.append((*_frame_candidates(some, config, floor_hz, loudest), np.abs(some).max(1) / loudest))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _frame_candidates(
    frames: np.ndarray, config: Config, floor_hz: float, loudest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Periods (s) and strengths of the highest autocorrelation peaks, [n_frames, N_CANDIDATES] each."""
    length, rate = frames.shape[1], config.sample_rate
    window = np.hanning(length + 2)[1:-1]
    oversampling = 1 << max(0, int(np.ceil(np.log2(MIN_LAG_RATE_HZ / rate))))
    n_fft = 1 << (length + length // 2).bit_length()
    own = _autocorrelation(window, n_fft, oversampling)
    correlation = _autocorrelation(frames * window, n_fft, oversampling)
    lag_rate = rate * oversampling
    lags = slice(max(1, int(lag_rate / config.f0_max_hz) - 1), int(np.ceil(lag_rate / floor_hz)) + 2)
    energy = np.maximum(correlation[:, :1], 1e-12 * loudest**2)
    positions, heights = _highest_peaks(correlation[:, lags] / energy / (own[lags] / own[0]))
    periods_s = (positions + lags.start) / lag_rate
    strengths = heights - OCTAVE_COST * np.log2(floor_hz * periods_s)
    return periods_s, np.where(heights > 0, strengths, -1e3)


def _autocorrelation(x: np.ndarray, n_fft: int, oversampling: int) -> np.ndarray:
    return np.fft.irfft(np.abs(np.fft.rfft(x, n_fft)) ** 2, n_fft * oversampling)


def _highest_peaks(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and heights of each row's highest local maxima, refined by a parabola; height -1 for none."""
    left, mid, right = rows[:, :-2], rows[:, 1:-1], rows[:, 2:]
    peaks = np.where((mid > left) & (mid >= right), mid, -1.0)
    n = min(N_CANDIDATES, peaks.shape[1])
    best = np.argpartition(-peaks, n - 1, axis=1)[:, :n]
    a, b, c, height = (np.take_along_axis(x, best, 1) for x in (left, mid, right, peaks))
    shift = np.clip(0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-12), -0.5, 0.5)
    height = np.where(height > 0, b - 0.25 * (a - c) * shift, -1.0)
    return best + 1 + shift, np.where(height > 1, 1 / height, height)  # over 1 only by error of the window's division


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

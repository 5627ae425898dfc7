"""Pitch trackers: autocorrelation candidates with a Viterbi path (the default), YIN, and pYIN.

Every tracker answers the same question, [n_samples] sound to f0 and voicing at each hop, so that notebook 01
can show them side by side. The default follows P. Boersma, "Accurate short-term analysis of the fundamental
frequency and the harmonics-to-noise ratio of a sampled sound" (1993): the autocorrelation of each windowed frame
is divided by that of the window, its peaks are the candidates, and the cheapest path through them, with a cost
for octave jumps and for voicing changes, is the pitch.
"""

import librosa
import numpy as np

N_CANDIDATES = 15
OCTAVE_COST = 0.02
OCTAVE_JUMP_COST = 0.5
VOICING_COST = 0.14
VOICING_THRESHOLD = 0.45
SILENCE_THRESHOLD = 0.01
PERIODS = 3  # that a window holds at the lowest pitch
FIRST_PASS_S, LAG_RATE_HZ = 0.01, 88_200


def track_pitch(audio: np.ndarray, config, *, tracker: str = "autocorrelation"):
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


def carry_through_gaps(f0_hz, voiced):
    """Pitch where there is none: interpolated between its voiced neighbours, in octaves; 220 Hz if all is silent."""
    if not voiced.any():
        return np.full(len(f0_hz), 220.0), voiced
    frames = np.arange(len(f0_hz))
    return np.exp(np.interp(frames, frames[voiced], np.log(f0_hz[voiced]))), voiced


def fit_length(values, n_frames):
    return np.pad(values, (0, max(0, n_frames - len(values))), mode="edge")[:n_frames]


def autocorrelation_pitch(audio, config):
    """Boersma's tracker, twice: the first pass finds the recording's own range, the second uses windows to fit it.

    Short windows follow note changes and vibrato; only low notes need long ones.
    """
    f0_hz, voiced = _autocorrelation_pass(audio, config, config.f0_min_hz)
    if voiced.any():
        floor_hz = max(config.f0_min_hz, 0.7 * np.quantile(f0_hz[voiced], 0.02))
        f0_hz, voiced = _autocorrelation_pass(audio, config, floor_hz)
    return f0_hz, voiced


def _autocorrelation_pass(audio, config, floor_hz, periods=PERIODS):
    lags, strengths, loud = _candidates(audio, config, floor_hz, periods)
    path = _cheapest_path(lags, strengths, loud, config.hop_length / config.sample_rate)
    chosen = np.take_along_axis(lags, np.maximum(path, 1)[:, None] - 1, 1)[:, 0]
    return 1 / chosen, path > 0


def _candidates(audio, config, floor_hz, periods):
    """Best autocorrelation peaks of each frame: lags (s) and strengths [n_frames, N_CANDIDATES], loudness [n_frames]."""
    rate, hop = config.sample_rate, config.hop_length
    length = int(periods * rate / floor_hz) // 2 * 2
    window = np.hanning(length + 2)[1:-1]
    padded = np.pad(audio, (length // 2, length // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][: config.n_frames(len(audio))]
    frames = frames - frames.mean(1, keepdims=True)
    n_fft = 1 << (length + length // 2).bit_length()
    oversampling = 1 << max(0, int(np.ceil(np.log2(LAG_RATE_HZ / rate))))
    correlation = _autocorrelation(frames * window, n_fft, oversampling)
    own = _autocorrelation(window, n_fft, oversampling)
    lag_rate = rate * oversampling
    first, last = int(lag_rate / config.f0_max_hz), int(np.ceil(lag_rate / floor_hz))
    span = slice(max(first - 1, 1), last + 2)
    energy = np.maximum(correlation[:, :1], 1e-12 * np.abs(audio).max() ** 2 + 1e-20)
    r = correlation[:, span] / energy / (own[span] / own[0])
    lags, strengths = _peaks(r, span.start)
    lags = lags / lag_rate
    peak = np.abs(frames).max(1)
    return (
        lags,
        np.where(strengths > 0, strengths - OCTAVE_COST * np.log2(np.maximum(floor_hz * lags, 1e-9)), -1e3),
        peak / max(np.abs(audio).max(), 1e-12),
    )


def _autocorrelation(x, n_fft, oversampling):
    power = np.abs(np.fft.rfft(x, n_fft)) ** 2
    return np.fft.irfft(power, n_fft * oversampling)


def _peaks(r, start):
    """Highest local maxima of each row, refined by a parabola: positions and heights [n_frames, N_CANDIDATES]."""
    left, mid, right = r[:, :-2], r[:, 1:-1], r[:, 2:]
    is_peak = (mid > left) & (mid >= right) & (mid > 0)
    height = np.where(is_peak, mid, -1.0)
    n = min(N_CANDIDATES, height.shape[1])
    best = np.argpartition(-height, n - 1, axis=1)[:, :n]
    a, b, c = (np.take_along_axis(x, best, 1) for x in (left, mid, right))
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-12)
    shift = np.where(np.take_along_axis(is_peak, best, 1), np.clip(shift, -0.5, 0.5), 0)
    strength = np.where(np.take_along_axis(is_peak, best, 1), b - 0.25 * (a - c) * shift, -1.0)
    strength = np.where(strength > 1, 1 / np.maximum(strength, 1), strength)
    return best + 1 + shift + start, strength


def _cheapest_path(lags, strengths, loud, hop_s):
    """Viterbi over candidates; 0 is unvoiced, i is candidate i - 1. Returns the state of each frame."""
    scale = 0.01 / hop_s
    unvoiced = VOICING_THRESHOLD + np.maximum(0, 2 - loud / (SILENCE_THRESHOLD / (1 + VOICING_THRESHOLD)))
    gain = np.concatenate([unvoiced[:, None], strengths], 1)
    octaves = -np.log2(np.maximum(lags, 1e-9))
    best, back = gain[0], np.zeros(gain.shape, int)
    for t in range(1, len(gain)):
        cost = np.full((gain.shape[1],) * 2, VOICING_COST * scale)
        cost[0, 0] = 0
        cost[1:, 1:] = OCTAVE_JUMP_COST * scale * np.abs(octaves[t - 1][:, None] - octaves[t])
        total = best[:, None] - cost
        back[t] = total.argmax(0)
        best = total.max(0) + gain[t]
    path = np.empty(len(gain), int)
    path[-1] = best.argmax()
    for t in range(len(gain) - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


def yin_pitch(audio, config):
    """YIN (de Cheveigné & Kawahara 2002) as librosa has it; YIN has no opinion on voicing, so loudness decides."""
    f0_hz = librosa.yin(audio, **_librosa_arguments(config))
    rms = librosa.feature.rms(y=audio, frame_length=config.frame_length, hop_length=config.hop_length)[0]
    return f0_hz, fit_length(rms, len(f0_hz)) > 1e-2 * rms.max()


def pyin_pitch(audio, config):
    """Probabilistic YIN (Mauch & Dixon 2014), librosa's."""
    f0_hz, voiced, _ = librosa.pyin(audio, **_librosa_arguments(config))
    return np.where(voiced, f0_hz, 220.0), voiced


def _librosa_arguments(config):
    length = 1 << int(np.ceil(np.log2(2.2 * config.sample_rate / config.f0_min_hz)))
    return dict(
        fmin=config.f0_min_hz,
        fmax=config.f0_max_hz,
        sr=config.sample_rate,
        hop_length=config.hop_length,
        frame_length=length,
    )


TRACKERS = {"autocorrelation": autocorrelation_pitch, "yin": yin_pitch, "pyin": pyin_pitch}

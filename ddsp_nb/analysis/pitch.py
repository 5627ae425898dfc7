"""Pitch of a monophonic recording, by one of three trackers.

Every tracker answers the same question, sound to f0 and voicing at each hop, so that they can be shown side by
side: autocorrelation with a Viterbi path (the default, `autocorrelation.py`), YIN and pYIN (librosa's).
"""

import librosa
import numpy as np

from ddsp_nb.analysis.autocorrelation import autocorrelation_pitch

QUIET = 0.01  # of the loudest frame's RMS: YIN has no opinion on voicing, so loudness decides


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


def yin_pitch(audio, config):
    """YIN (de Cheveigné & Kawahara 2002); voiced where it is not quiet."""
    f0_hz = librosa.yin(audio, **_librosa_arguments(config))
    rms = librosa.feature.rms(y=audio, frame_length=config.frame_length, hop_length=config.hop_length)[0]
    return f0_hz, fit_length(rms, len(f0_hz)) > QUIET * rms.max()


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

"""Sounds that people bring, made here: notes, bells, hum, breath, chords."""

from collections.abc import Callable, Iterable
from pathlib import Path

import librosa
import numpy as np
import soundfile
from scipy.signal import butter, lfilter

SR = 44_100
ROOT = Path(__file__).parents[3]


def tone(f0_hz: np.ndarray, partials: Iterable[float], noise_db: float = -75, seed: int = 0) -> np.ndarray:
    """Harmonics of a pitch given sample by sample, silent where it is 0, and a little noise."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / SR
    sound = sum(a * np.sin(k * phase + k) * (k * f0_hz < 0.45 * SR) for k, a in enumerate(partials, 1) if a)
    gate = lfilter(np.ones(882) / 882, 1, f0_hz > 0)
    sound = 0.4 * sound * gate / np.abs(sound).max()
    return sound + 10 ** (noise_db / 20) * np.random.default_rng(seed).standard_normal(len(f0_hz))


def steps(pitches: Iterable[float], length_s: float = 0.8, rest_s: float = 0.0, vibrato: float = 0.0) -> np.ndarray:
    """The pitch in Hz of one note after the other; `vibrato` is a share of it."""
    notes = [np.full(int(length_s * SR), float(f)) for f in pitches]
    curve = np.concatenate([np.append(note, np.zeros(int(rest_s * SR))) for note in notes])
    return curve * (1 + vibrato * np.sin(2 * np.pi * 5.5 * np.arange(len(curve)) / SR))


def glide(start_hz: float, end_hz: float, length_s: float = 2.0) -> np.ndarray:
    return np.geomspace(start_hz, end_hz, int(length_s * SR))


def struck(pitches: Iterable[float], ratios=(1, 2.756, 5.404), decay_s: float = 0.5) -> np.ndarray:
    """Bars that are struck: their partials are not harmonic, the upper ones are gone soon."""
    t = np.arange(int(0.9 * SR)) / SR
    bar = lambda f: sum(
        np.sin(2 * np.pi * f * r * t) * np.exp(-t * r / decay_s) / (1 + i) ** 1.5
        for i, r in enumerate(ratios)
        if f * r < SR / 2
    )
    return 0.3 * np.concatenate([bar(f) * np.minimum(1, t / 0.002) for f in pitches])


def mains(hz: float, db: float, drift_hz: float = 0.0, n: int = 12) -> Callable[[int], np.ndarray]:
    """Hum with its harmonics, `db` below the peak of the melody."""

    def hum(n_samples: int) -> np.ndarray:
        f = hz + drift_hz * np.sin(2 * np.pi * 0.1 * np.arange(n_samples) / SR)
        sound = tone(f, [1 / k for k in range(1, n + 1)], -120)
        return 0.4 * 10 ** (db / 20) * sound / np.abs(sound).max()

    return hum


def hiss(db: float, low_hz: float = 20, high_hz: float = 20_000) -> Callable[[int], np.ndarray]:
    """Noise of a room or a fan, RMS `db` below the peak of the melody."""

    def noise(n_samples: int) -> np.ndarray:
        b, a = butter(2, [low_hz, high_hz], "band", fs=SR)
        sound = lfilter(b, a, np.random.default_rng(5).standard_normal(n_samples))
        return 0.4 * 10 ** (db / 20) * sound / sound.std()

    return noise


def breathy(pitches: Iterable[float], growing: bool = False) -> np.ndarray:
    """A sung phrase: vowels with vibrato, and a breath of -66 dB and more between them."""
    curve = steps(pitches, 0.9, 0.5, 0.012)
    sung = tone(curve, [np.exp(-(((k * 98 - 550) / 450) ** 2)) + 0.2 / k for k in range(1, 30)], -90)
    level = np.geomspace(0.0007, 0.008 if growing else 0.0009, len(curve))
    return sung + level * (curve == 0) * hiss(8, 600, 6000)(len(curve))


def shipped(name: str, speed: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A recording that lies in data/, and its pitch in Hz as librosa hears it, where it is loud."""
    sound = soundfile.read(ROOT / "data" / f"{name}.flac")[0]
    pitch = librosa.yin(sound, fmin=90 if name == "voice" else 200, fmax=1200, sr=SR, hop_length=512)
    level = librosa.feature.rms(y=sound, hop_length=512)[0]
    return sound, speed * pitch[level > 0.1 * level.max()]


def plucked(hz: float, length_s: float = 2.0, seed: int = 0) -> np.ndarray:
    """A string, after Karplus and Strong."""
    period, n = round(SR / hz), int(length_s * SR)
    excited = np.zeros(n)
    excited[:period] = np.random.default_rng(seed).uniform(-1, 1, period)
    feedback = np.zeros(period + 2)
    feedback[0], feedback[period], feedback[period + 1] = 1, -0.498, -0.498
    return lfilter([1], feedback, excited)


def chord(pitches: Iterable[float], how: Callable[[float], np.ndarray]) -> np.ndarray:
    """Several voices at once."""
    sound = sum(how(f) for f in pitches)
    return 0.4 * sound / np.abs(sound).max()


def singer(hz: float, vibrato: float = 0.01) -> np.ndarray:
    """A vowel of 3 s."""
    return tone(steps([hz, hz * 9 / 8, hz], 1.0, 0, vibrato), [1 / k for k in range(1, 16)], -80, seed=int(hz))


def recording(name: str) -> np.ndarray:
    """A shipped recording, 44 100 Hz."""
    return soundfile.read(ROOT / "data" / f"{name}.flac")[0]

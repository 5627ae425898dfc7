"""What measures: Fourier peaks and levels, nothing of ours."""

import librosa
import numpy as np

from tests.benchmarks.brought.sounds import SR

# Peaks this far below the strongest are taken for the noise of an instrument.
SOFT = 10 ** (-22 / 20)
# A pitch that sounds is within this of the one that is wanted.
CENTS = 45


def spectrum(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and magnitudes of one window, zero-padded four times; a sine of 1 measures 1."""
    window = np.hanning(len(sound))
    magnitude = np.abs(np.fft.rfft(sound * window, 4 * len(sound))) * 2 / window.sum()
    return np.fft.rfftfreq(4 * len(sound), 1 / SR), magnitude


def sine_hz(sound: np.ndarray) -> np.ndarray:
    """The strongest frequency of every 50 ms that are no softer than 35 dB below the loudest."""
    windows = librosa.util.frame(sound, frame_length=SR // 5, hop_length=SR // 20).T
    peaks = np.array([(f[m.argmax()], m.max()) for f, m in map(spectrum, windows)])
    return peaks[peaks[:, 1] > max(1e-4, 10 ** (-35 / 20) * peaks[:, 1].max()), 0]


def level_db(sound: np.ndarray, start_s: float = 0, end_s: float | None = None) -> float:
    part = sound[int(start_s * SR) : None if end_s is None else int(end_s * SR)]
    return float(10 * np.log10(np.mean(part**2) + 1e-12)) if len(part) else -120.0


def peaks_hz(sound: np.ndarray, at_s: float) -> np.ndarray:
    """The frequencies that stand out then; none where it is silent."""
    part = sound[max(0, int((at_s - 0.1) * SR)) : int((at_s + 0.1) * SR)]
    if len(part) < SR // 20 or level_db(part) < max(-75, level_db(sound) - 32):
        return np.zeros(0)
    hz, magnitude = spectrum(part)
    top = (magnitude[1:-1] > magnitude[:-2]) & (magnitude[1:-1] >= magnitude[2:])
    return hz[1:-1][top & (magnitude[1:-1] > SOFT * magnitude.max())]


def unheard(sound: np.ndarray, wanted: str) -> str:
    """Which of `"0.3:A4 1.7:A4+E5 2:-"`, a note, several, 479.8 Hz or silence at so many seconds, is not what sounds.

    All that sounds must be a harmonic of a note that is wanted, and each of these must be there itself.
    """
    wrong = []
    for probe in wanted.split():
        at_s, names = probe.split(":")
        right = [to_hz(name) for name in names.split("+")] if names != "-" else []
        found = peaks_hz(sound, float(at_s))
        explained = all(any(near(f, max(1, round(f / w)) * w) for w in right) for f in found)
        if not (explained and all(any(near(f, w) for f in found) for w in right)):
            wrong.append(f"{at_s} s: {' '.join(f'{f:.0f}' for f in found[:3]) or 'silence'}")
    return ", ".join(wrong)


def to_hz(name: str) -> float:
    return float(name) if name[0].isdigit() else float(librosa.note_to_hz(name))


def near(f: float, g: float) -> bool:
    return bool(abs(1200 * np.log2(f / g)) < CENTS)

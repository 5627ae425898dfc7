"""What an ear would say about a piece that a player holds: its stages, and the highest frequency in each."""

import numpy as np
from scipy.signal import get_window

SILENT = 2e-4  # of full scale: a 16-bit file dithers or rounds below it
PAUSE_S = 0.1  # shorter silences are within a stage
ABSENT_DB = -70.0  # relative to the loudest partial of the piece


def stages(sound: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """The stretches of [n_samples] sound between silences."""
    loud = np.flatnonzero(np.abs(sound) > SILENT)
    if not len(loud):
        return []
    ends = np.flatnonzero(np.diff(loud) > PAUSE_S * sample_rate)
    starts, stops = loud[np.r_[0, ends + 1]], loud[np.r_[ends, len(loud) - 1]] + 1
    return [sound[start:stop] for start, stop in zip(starts, stops, strict=True)]


def spectrum(sound: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and levels of [n_samples] sound, 1 for a full-scale sine; leaks less than -90 dB."""
    window = get_window("blackmanharris", len(sound))
    return np.fft.rfftfreq(len(sound), 1 / sample_rate), np.abs(np.fft.rfft(sound * window)) * 2 / window.sum()


def range_hz(sound: np.ndarray, sample_rate: int, loudest: float) -> tuple[float, float]:
    """Lowest and highest frequency that is present, where `loudest` is the level of the loudest in the piece."""
    hz, levels = spectrum(sound, sample_rate)
    present = hz[levels > loudest * 10 ** (ABSENT_DB / 20)]
    return present[0], present[-1]

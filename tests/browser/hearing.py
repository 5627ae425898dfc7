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


def level_db(sound: np.ndarray, sample_rate: int) -> float:
    """Level of the loudest frequency, 0 dB for a full-scale sine."""
    return _spectrum(sound, sample_rate)[1].max()


def range_hz(sound: np.ndarray, sample_rate: int, threshold_db: float) -> tuple[float, float]:
    """Lowest and highest frequency above a level."""
    hz, levels_db = _spectrum(sound, sample_rate)
    present = hz[levels_db > threshold_db]
    return present[0], present[-1]


def _spectrum(sound, sample_rate):
    """Frequencies in Hz and their levels in dB; the window leaks less than -90 dB."""
    window = get_window("blackmanharris", len(sound))
    levels = np.abs(np.fft.rfft(sound * window)) * 2 / window.sum()
    return np.fft.rfftfreq(len(sound), 1 / sample_rate), 20 * np.log10(levels + 1e-9)

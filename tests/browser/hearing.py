"""What an ear would say about a piece that a player holds: its stages, and the partials in each."""

import numpy as np
from scipy.signal import get_window

SILENT = 2e-4  # of full scale: a 16-bit file dithers or rounds below it
PAUSE_S = 0.1  # shorter silences are within a stage
NEAR = 0.4  # of the distance between partials


def stages(sound: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """The stretches of [n_samples] sound between silences."""
    loud = np.flatnonzero(np.abs(sound) > SILENT)
    if not len(loud):
        return []
    ends = np.flatnonzero(np.diff(loud) > PAUSE_S * sample_rate)
    starts, stops = loud[np.r_[0, ends + 1]], loud[np.r_[ends, len(loud) - 1]] + 1
    return [sound[start:stop] for start, stop in zip(starts, stops, strict=True)]


def partials_db(stage: np.ndarray, sample_rate: int, f0_hz: float, n_partials: int) -> np.ndarray:
    """[n_partials] level of the loudest frequency around each multiple of f0_hz, 0 dB for a full-scale sine."""
    hz, levels_db = _spectrum(stage, sample_rate)
    partial = hz / f0_hz
    return np.array([levels_db[np.abs(partial - k) < NEAR].max() for k in range(1, n_partials + 1)])


def loudest_hz(stage: np.ndarray, sample_rate: int) -> float:
    """The loudest frequency."""
    hz, levels_db = _spectrum(stage, sample_rate)
    return hz[levels_db.argmax()]


def _spectrum(sound, sample_rate):
    """Frequencies in Hz and their levels in dB; the window leaks less than -90 dB."""
    window = get_window("blackmanharris", len(sound))
    levels = np.abs(np.fft.rfft(sound * window)) * 2 / window.sum()
    return np.fft.rfftfreq(len(sound), 1 / sample_rate), 20 * np.log10(levels + 1e-9)

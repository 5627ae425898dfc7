"""Peaks beyond full scale bent down, where that moves no level (notebook 04, "Another one performs")."""

import math

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

# In which the gain falls before a peak and comes back after it: longer, more of the sound around becomes softer.
BEND_S = 0.003
# What peaks pass full scale by at most, and what the sound loses on the average of its frames: more is heard.
MOST_DB, MOST_LOST_DB = 3.0, 0.1
# Of a frame, and below the loudest one: softer ones do not count.
FRAME_S, QUIET_DB = 0.046, 30.0


def limiting_gain(magnitudes: np.ndarray, sample_rate: int, highest: float) -> np.ndarray | None:
    """[n_samples] gains that look ahead, with which no sample passes `highest`; None where that would be heard.

    At least one of the sound's [n_samples] magnitudes lies above it.
    """
    if magnitudes.max() > highest * 10 ** (MOST_DB / 20):
        return None
    around = 2 * math.ceil(BEND_S * sample_rate / 2) + 1
    gain = minimum_filter1d(highest / np.maximum(magnitudes, highest), 2 * around - 1)
    for _ in range(2):  # two flat windows are a triangle, no wider than the minimum was searched for
        gain = uniform_filter1d(gain, around)
    frame = round(FRAME_S * sample_rate)
    starts = np.arange(0, len(gain), frame)
    before, after = (np.add.reduceat(np.square(x), starts) for x in (magnitudes, gain * magnitudes))
    heard = before > before.max() * 10 ** (-QUIET_DB / 10)
    lost_db = 10 * np.log10(before[heard] / after[heard]).mean()
    return gain if lost_db <= MOST_LOST_DB else None

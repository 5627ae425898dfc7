"""How loud a sound is to the ear, in LUFS, and how high its peaks are (notebook 05, "How do you keep a piece?").

After ITU-R BS.1770-5: two filters that stand for head and ear, the power of blocks, and two gates that leave out rests.
(pyloudnorm's filters are others by 0.04 dB, it counts half a block as a whole one, and knows no true peak.)
"""

import math
from collections.abc import Iterable

import numpy as np
import scipy
import torch

from ddsp_nb.sound.limit import MOST_LOST_DB, limiting_gain

# A shelf: Hz, Q, gain, and of its middle the power of that. A high pass: Hz, Q, and the gain that comes with it. The
# numbers of the recommendation, which are for 48 kHz, follow from these, and so do those of other rates (De Man 2018).
SHELF_HZ, SHELF_Q, SHELF_GAIN, MIDDLE = 1681.974450955533, 0.7071752369554196, 1.5848647011, 0.4996667741545416
PASS_HZ, PASS_Q, PASS_GAIN = 38.13547087602444, 0.5003270373238773, 1.004994898
# With it a sine of 997 Hz at full scale has -3.01 LUFS.
OFFSET_DB = -0.691
# Of a gating block, and from one to the next.
BLOCK_S, STEP_S = 0.4, 0.1
# Of a block that is silence; and of a rest, as a share of the mean power of all blocks.
SILENT_LUFS, REST = -70.0, 0.1
# Of true peaks: -1 dB, and a tenth for what lies between the points of a sound that is four times oversampled.
HIGHEST_DB, TIMES = -1.1, 4
# Samples that are oversampled at once, for memory's sake, and around them.
AT_ONCE, AROUND = 1 << 20, 64
# In such steps a sound becomes softer until its peaks can be bent unheard.
STEP_DB = 0.5


def k_weighting(sample_rate: int) -> np.ndarray:
    """[2, 6] second-order sections of the two filters."""
    k, low = (math.tan(math.pi * hz / sample_rate) for hz in (SHELF_HZ, PASS_HZ))
    below = lambda k, q: [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]
    bent = SHELF_GAIN**MIDDLE * k / SHELF_Q
    shelf = [SHELF_GAIN + bent + k * k, 2 * (k * k - SHELF_GAIN), SHELF_GAIN - bent + k * k, *below(k, SHELF_Q)]
    high_pass = [PASS_GAIN, -2 * PASS_GAIN, PASS_GAIN, *below(low, PASS_Q)]
    return np.array([[x / part[3] for x in part] for part in (shelf, high_pass)])


def k_power(hz: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """By how much both filters raise the power at each frequency."""
    response = scipy.signal.sosfreqz(k_weighting(sample_rate), hz.cpu().double().flatten().numpy(), fs=sample_rate)[1]
    return torch.from_numpy(np.abs(response) ** 2).view(hz.shape)


def integrated_lufs(sound: torch.Tensor, sample_rate: int) -> float:
    """Loudness of [n_samples] or [2, n_samples]; -inf where it is silent, or shorter than a block of 0.4 s."""
    weighted = scipy.signal.sosfilt(k_weighting(sample_rate), sound.cpu().double().numpy())
    return lufs_of(np.square(weighted).reshape(-1, weighted.shape[-1]).sum(0), sample_rate)


def lufs_of(power: np.ndarray, sample_rate: int) -> float:
    """The same from the weighted power of all channels, [n_samples]."""
    step, n_steps = round(STEP_S * sample_rate), round(BLOCK_S / STEP_S)
    steps = power[: len(power) // step * step].reshape(-1, step).mean(1)
    blocks = np.convolve(steps, np.ones(n_steps) / n_steps, "valid") if len(steps) >= n_steps else steps[:0]
    heard = blocks[blocks > 10 ** ((SILENT_LUFS - OFFSET_DB) / 10)]
    return OFFSET_DB + 10 * math.log10(heard[heard > REST * heard.mean()].mean()) if len(heard) else -math.inf


def true_peaks(sound: torch.Tensor) -> np.ndarray:
    """[n_samples] largest magnitude from each sample to the next, in either channel of [..., n_samples]."""
    channels = sound.cpu().reshape(-1, sound.shape[-1]).numpy()
    found = np.empty(channels.shape[1])
    for start in range(0, len(found), AT_ONCE):
        first = max(start - AROUND, 0)
        part = channels[:, first : start + AT_ONCE + AROUND]
        finer = np.abs(scipy.signal.resample_poly(part, TIMES, 1, axis=1)).max(0)
        found[start : start + AT_ONCE] = finer.reshape(-1, TIMES).max(1)[start - first :][:AT_ONCE]
    return found


def in_words(sound: torch.Tensor, sample_rate: int) -> str:
    """Loudness and true peak of a sound."""
    peak_db = 20 * math.log10(max(true_peaks(sound).max(initial=0), 1e-9))
    lufs = integrated_lufs(sound, sample_rate)
    level = f"{lufs:.1f} LUFS" if lufs > -math.inf else f"Silent or shorter than {BLOCK_S:g} s, so it has no LUFS"
    return f"{level}; true peak {peak_db:.1f} dB"


def gain_to(
    target_lufs: float, sound: torch.Tensor, parts: Iterable[torch.Tensor], sample_rate: int
) -> tuple[torch.Tensor, str]:
    """The gain, [] or [n_samples], that brings a sound to a loudness at true peaks below -1 dB, and what it does.

    Where peaks pass that, they are bent down if nobody hears it; else the sound becomes as loud as its peaks allow.

    Args:
        sound: [n_samples], or [2, n_samples].
        parts: of which it is the sum; the gain keeps their samples within full scale, so that each fits in a file.
    """
    lufs, highest = integrated_lufs(sound, sample_rate), 10 ** (HIGHEST_DB / 20)
    if lufs == -math.inf:
        return torch.tensor(1.0), f"{in_words(sound, sample_rate)}. Its level stays."
    peaks = true_peaks(sound)
    for part in parts:
        peaks = np.maximum(peaks, part.abs().reshape(-1, len(peaks)).amax(0).numpy() * highest)
    gain_db = target_lufs - lufs
    too_high_db = max(20 * math.log10(peaks.max() / highest) + gain_db, 0.0)
    for down_db in [*np.arange(0, too_high_db, STEP_DB), too_high_db]:
        gain = 10 ** ((gain_db - down_db) / 20)
        bent = limiting_gain(gain * peaks, sample_rate, highest) if down_db < too_high_db else 1.0
        gains = torch.as_tensor(gain if bent is None else gain * bent, dtype=torch.float32)
        lost_db = target_lufs - down_db - integrated_lufs(gains * sound, sample_rate)
        if bent is not None and lost_db < MOST_LOST_DB:
            break
    words = f"Turned {'up' if gain > 1 else 'down'} by {abs(gain_db - down_db):.1f} dB to "
    words += in_words(gains * sound, sample_rate) + (", peaks bent down" if gains.ndim else "")
    return gains, words + (", as loud as peaks allow." if down_db else ".")

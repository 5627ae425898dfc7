"""Sound files block by block: what is in one, and its samples mixed and resampled, in memory that follows the result.

A file is read twice: once to measure it (headers may lie, and a mix can only be chosen when all channels are known),
once to mix it. Neither pass holds more than a block of the file.
"""

import math
from dataclasses import dataclass

import librosa
import numpy as np
import soundfile as sf

VALUES_AT_ONCE = 1 << 20  # samples times channels
BODY_S, MARGIN_S = 30, 0.25  # resampled at once, and what is heard of the neighbours for it
FLAT, FLAT_RUN_S = 0.99, 1 / 12_000  # level and shortest length of the plateau that clipping leaves
COARSE = ("PCM_U8", "PCM_S8", "ULAW", "ALAW")  # formats whose steps make plateaus of their own
DAMAGED = (sf.SoundFileError, OSError, TypeError)  # TypeError: headerless formats want to be told their rate


@dataclass
class Survey:
    """What a first pass over a sound file has found.

    Attributes:
        sample_rate: of the file, Hz.
        total: [n_channels] sum of each channel.
        products: [n_channels, n_channels] sums of products of channels; their energies are on the diagonal.
        n_samples: per channel, up to the limit of the pass.
        peak: largest magnitude.
        n_broken: values that are NaN or infinite; they count as zeros in the sums.
        n_clipped: values on plateaus at full scale.
    """

    sample_rate: int
    total: np.ndarray
    products: np.ndarray
    n_samples: int = 0
    peak: float = 0.0
    n_broken: int = 0
    n_clipped: int = 0

    @property
    def n_channels(self) -> int:
        return len(self.total)


def blocks(file: sf.SoundFile, n_samples: float):
    """[n, n_channels] float32 blocks of the first n_samples of an open file; fewer where it ends early."""
    size = max(1, VALUES_AT_ONCE // file.channels)
    while n_samples > 0 and len(block := file.read(int(min(size, n_samples)), dtype="float32", always_2d=True)):
        n_samples -= len(block)
        yield block


def survey(path, longest_s: float) -> Survey:
    """Measure the first `longest_s` seconds of a sound file. Raises one of `DAMAGED` where it cannot be read."""
    with sf.SoundFile(path) as file:
        channels, rate = file.channels, file.samplerate
        found = Survey(rate, np.zeros(channels), np.zeros((channels, channels)))
        run = None if file.subtype in COARSE else max(3, round(FLAT_RUN_S * rate))
        for block in blocks(file, longest_s * rate):
            numbers = np.isfinite(block)
            block = np.where(numbers, block, 0).astype(np.float64)
            found.n_samples += len(block)
            found.n_broken += int(block.size - numbers.sum())
            found.total += block.sum(0)
            found.products += block.T @ block
            found.peak = max(found.peak, float(np.abs(block).max()))
            found.n_clipped += n_on_plateaus(block, run) if run else 0
    return found


def n_on_plateaus(block: np.ndarray, run: int) -> int:
    """Values of a [n, n_channels] block in runs of at least `run` equal ones at full scale."""
    same = np.zeros(block.shape, np.int8)
    same[1:] = (block[1:] == block[:-1]) & (np.abs(block[1:]) >= FLAT)
    edges = np.diff(same.T.ravel(), append=0, prepend=0)  # each channel begins with a 0, so runs stay apart
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0) + 1
    return int(lengths[lengths >= run].sum())


def mixed(path, n_samples: int, offset: np.ndarray, weights: np.ndarray):
    """One channel, (sound - offset) @ weights, in [n] float32 blocks; what is NaN or infinite is silence."""
    with sf.SoundFile(path) as file:
        for block in blocks(file, n_samples):
            yield np.where(np.isfinite(block), block - offset.astype(np.float32), 0) @ weights.astype(np.float32)


def resampled(parts, rate: int, new_rate: int):
    """[n] blocks at one sample rate to blocks at another, as if resampled in one piece (to -100 dB)."""
    step = rate // math.gcd(rate, new_rate)  # a whole number of samples at both rates
    body, margin = (step * math.ceil(seconds * rate / step) for seconds in (BODY_S, MARGIN_S))
    held, before = np.zeros(0, np.float32), 0
    for part in parts:
        held = np.concatenate([held, part])
        while len(held) >= before + body + margin:
            piece = librosa.resample(held[: before + body + margin], orig_sr=rate, target_sr=new_rate)
            yield piece[before * new_rate // rate : (before + body) * new_rate // rate]
            held, before = held[before + body - margin :], margin
    if len(held) > before:
        yield librosa.resample(held, orig_sr=rate, target_sr=new_rate)[before * new_rate // rate :]


def gathered(parts, n_samples: int) -> np.ndarray:
    """[n_samples] float32 of which the blocks are the parts."""
    whole, end = np.zeros(n_samples, np.float32), 0
    for part in parts:
        part = part[: n_samples - end]
        whole[end : end + len(part)] = part
        end += len(part)
    return whole

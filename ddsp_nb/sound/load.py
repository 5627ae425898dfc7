"""Sound files as mono sound at one sample rate, and whether something can be learned from them (all notebooks).

A file is read twice, block by block: once to scan it (headers may lie, and how to mix its channels can only be chosen
when all of them are known), once to mix and resample it. Memory follows the result, never the file.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import soxr
import torch

from ddsp_nb.errors import AudioError, warn_user
from ddsp_nb.sound.blocks import DAMAGED, open_sound
from ddsp_nb.sound.riff import Length

SHORTEST_S, LONGEST_S = 0.1, 1200.0
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1_000, 1_000_000
# Peak level below which a recording holds nothing to learn from.
SILENCE_DB = -80.0
# Beyond it, numbers are no sound; up to MAX_FLOAT_PEAK, floating-point files are taken as they are.
MAX_PEAK, MAX_FLOAT_PEAK = 1_000.0, 10.0
# Share of the RMS level from which on the mean is no part of the sound.
MIN_OFFSET = 0.1
# Below the loudest channel, dB: so little is what leaks in, hums or hisses, and averaging would only make it quieter.
SILENT_CHANNEL_DB = -26.0
# Share of the energy that independent channels would have: below, they oppose each other.
CANCELLED = 0.5
# Clipping leaves runs of equal samples at full scale, of this length at least.
PLATEAU_LEVEL, PLATEAU_S = 0.99, 1 / 12_000


def load_audio(
    path: str | PathLike, sample_rate: int = 44_100, *, start_s: float = 0.0, duration_s: float | None = None
) -> torch.Tensor:
    """Read a recording as mono sound at one sample rate, in memory that follows the result.

    What was done to the sound, or is wrong with it, is said in a `WorkbookWarning` of one line each: a header that does
    not fit the file, a DC offset removed, samples that are no numbers silenced, clipping, channels that are silent or
    cancel, levels far beyond full scale. Gaps in the time line of a film are silence.

    Args:
        path: WAV (also RF64 and BW64), FLAC, OGG, MP3, AIFF or whatever else libsndfile reads; M4A, MP4, WebM and what
            else phones record; WMA.
        sample_rate: what the sound is resampled to, in Hz.
        start_s: pass over the seconds before it.
        duration_s: read only so many seconds.

    Returns:
        [n_samples] float32, nominally within ±1; the channels that sound are averaged, or where they cancel the
        loudest is taken.

    Raises:
        AudioError: the file is missing, no sound file, shorter than 0.1 s, longer than 20 minutes, or silent.
    """
    path = Path(path)
    if duration_s is not None and not SHORTEST_S <= duration_s < 1e6:
        raise AudioError(f"{path}: cannot read {duration_s} s of it. Use a duration of {SHORTEST_S} s or more.")
    if not 0 <= start_s < 1e6:
        raise AudioError(f"{path}: cannot begin {start_s} s into it. Begin at 0 s or later.")
    if not path.is_file():
        raise AudioError(f"{path}: no such file. Check the path, relative to {Path.cwd().name}/.")
    try:
        stats = scan(path, start_s, min(duration_s or math.inf, LONGEST_S + 1))
        check_stats(stats, path)
        sound = read_mixed(path, stats, *choose_mix(stats, path), sample_rate)
    except DAMAGED as error:
        raise AudioError(f"{path}: not a readable sound file, or damaged. Convert it to WAV or FLAC.") from error
    return check_audio(torch.from_numpy(sound), sample_rate, path)


def check_audio(audio: torch.Tensor, sample_rate: int, name: str | PathLike = "The recording") -> torch.Tensor:
    """Return the [n_samples] sound, or raise AudioError where nothing could be learned from it."""
    if audio.ndim != 1:
        raise AudioError(f"{name}: has shape {tuple(audio.shape)}. Pass one channel, [n_samples].")
    if len(audio) < SHORTEST_S * sample_rate:
        raise AudioError(f"{name}: only {len(audio)} samples long. Use at least {SHORTEST_S} s of sound.")
    peak = audio.abs().max().item()
    if not peak < MAX_PEAK:
        raise AudioError(f"{name}: has samples that are infinite, no numbers or beyond {MAX_PEAK:g}. Scale it to ±1.")
    if not peak > 10 ** (SILENCE_DB / 20):
        raise AudioError(f"{name}: silent (peak below {SILENCE_DB:g} dB). Record it louder or pick another file.")
    return audio


@dataclass
class AudioStats:
    """What a first pass over a sound file has found; values that are NaN or infinite count as zeros in the sums.

    Attributes:
        length: what can be believed of the lengths in its header.
        total: [n_channels] sum of each channel.
        products: [n_channels, n_channels] sums of products of channels; their energies are on the diagonal.
        start: samples that were passed over.
        n_broken: values that are NaN or infinite.
        n_clipped: values on plateaus at full scale.
    """

    sample_rate: int
    length: Length
    total: np.ndarray
    products: np.ndarray
    start: int = 0
    n_samples: int = 0
    peak: float = 0.0
    n_broken: int = 0
    n_clipped: int = 0

    @property
    def n_channels(self) -> int:
        return len(self.total)


def scan(path: Path, start_s: float, max_s: float) -> AudioStats:
    """Measure `max_s` seconds of a sound file from `start_s` on. Raises as `open_sound` does."""
    with open_sound(path) as source:
        channels, rate = source.n_channels, source.sample_rate
        products = np.zeros((channels, channels))
        stats = AudioStats(rate, source.length, np.zeros(channels), products, start=round(start_s * rate))
        run = None if source.is_coarse else max(3, round(PLATEAU_S * rate))
        for block in after(stats.start, source.blocks(stats.start + round(max_s * rate))):
            finite = np.isfinite(block)
            block = np.where(finite, block, 0).astype(np.float64)
            stats.n_samples += len(block)
            stats.n_broken += int(block.size - finite.sum())
            stats.total += block.sum(0)
            stats.products += block.T @ block
            stats.peak = max(stats.peak, float(np.abs(block).max()))
            stats.n_clipped += count_on_plateaus(block, run) if run else 0
    return stats


def check_stats(stats: AudioStats, name: str | PathLike) -> None:
    """Raise AudioError where a file cannot be used; warn of what will be heard."""
    rate = stats.sample_rate
    if not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
        raise AudioError(f"{name}: has a sample rate of {rate} Hz. Convert it to 44100 Hz.")
    if stats.start and stats.n_samples < SHORTEST_S * rate:
        raise AudioError(f"{name}: nothing is left of it after {stats.start / rate:g} s. Begin earlier.")
    if stats.n_samples < SHORTEST_S * rate:
        raise AudioError(f"{name}: only {stats.n_samples} samples long. Use at least {SHORTEST_S} s of sound.")
    if stats.n_samples > LONGEST_S * rate:
        words = f"{name}: longer than {LONGEST_S / 60:g} minutes. Use a part of it"
        raise AudioError(f"{words}: start_s and duration_s, or --skip and --duration, in s.")
    if stats.n_broken > stats.n_samples * stats.n_channels / 2:
        raise AudioError(f"{name}: most of its samples are NaN or infinite. Export the recording again.")
    if stats.length in (Length.FILE_WRONG, Length.SOUND_WRONG):
        warn_user(f"{name}: its header has a wrong length, as after a crash or half a copy; all that is there is used.")
    if stats.n_broken:
        warn_user(f"{name}: {stats.n_broken} samples were NaN or infinite; replaced by silence.")
    if stats.n_clipped:
        warn_user(f"{name}: clipped in {stats.n_clipped} samples or more, which is heard as a buzz.")


def choose_mix(stats: AudioStats, name: str | PathLike) -> tuple[np.ndarray, np.ndarray]:
    """What to subtract from each channel, and the weight of each, [n_channels] both; warns of all but averaging."""
    means, products = stats.total / stats.n_samples, stats.products / stats.n_samples
    covariance = products - np.outer(means, means)
    energies = covariance.diagonal()
    sounding = energies >= 10 ** (SILENT_CHANNEL_DB / 10) * energies.max()
    weights = sounding / sounding.sum()
    independent = weights @ (energies * weights)
    if not sounding.all():
        used = ("s " if sounding.sum() > 1 else " ") + ", ".join(str(i + 1) for i in np.flatnonzero(sounding))
        warn_user(f"{name}: uses only channel{used} of {stats.n_channels}; the rest is silent or nearly so.")
    if weights @ covariance @ weights < CANCELLED * independent:
        loudest = int(energies.argmax())
        weights = np.eye(stats.n_channels)[loudest]
        warn_user(f"{name}: its channels cancel when averaged; channel {loudest + 1} is used alone.")
    offset, rms = float(means @ weights), math.sqrt(weights @ products @ weights)
    has_offset = abs(offset) > MIN_OFFSET * rms
    if has_offset:
        warn_user(f"{name}: DC offset of {offset:.2g} removed.")
    if stats.peak > MAX_FLOAT_PEAK:
        warn_user(f"{name}: peak of {stats.peak:.2g}, far beyond full scale; turned down to 1.")
        weights = weights / stats.peak
    return means * has_offset, weights


def read_mixed(path: Path, stats: AudioStats, offset: np.ndarray, weights: np.ndarray, sample_rate: int) -> np.ndarray:
    """[n_samples] float32 (sound - offset) @ weights at `sample_rate`; what is NaN or infinite is silence."""
    sound = np.zeros(math.ceil(stats.n_samples * sample_rate / stats.sample_rate), np.float32)
    offset, weights, end = offset.astype(np.float32), weights.astype(np.float32), 0
    resampler = soxr.ResampleStream(stats.sample_rate, sample_rate, 1) if stats.sample_rate != sample_rate else None
    with open_sound(path) as source:
        blocks = after(stats.start, source.blocks(stats.start + stats.n_samples))
        mixed = (np.where(np.isfinite(x), x - offset, 0) @ weights for x in blocks)
        for part in resample(mixed, resampler) if resampler else mixed:
            part = part[: len(sound) - end]
            sound[end : end + len(part)] = part
            end += len(part)
    return sound


def after(start: int, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """[n, n_channels] blocks without their first `start` samples; not sought, as few formats find a place exactly."""
    for block in blocks:
        if start < len(block):
            yield block[start:]
        start = max(0, start - len(block))


def resample(blocks: Iterator[np.ndarray], resampler: soxr.ResampleStream) -> Iterator[np.ndarray]:
    """[n] blocks at another sample rate: the same samples as if resampled in one piece."""
    for block in blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def count_on_plateaus(block: np.ndarray, run: int) -> int:
    """Values of a [n, n_channels] block in runs of at least `run` equal ones at full scale."""
    same = np.zeros(block.shape, np.int8)
    same[1:] = (block[1:] == block[:-1]) & (np.abs(block[1:]) >= PLATEAU_LEVEL)
    # Each channel begins with a 0, so runs stay apart.
    edges = np.diff(same.T.ravel(), append=0, prepend=0)
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0) + 1
    return int(lengths[lengths >= run].sum())

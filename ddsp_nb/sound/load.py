"""Read sound files as mono sound at one sample rate, and check that something can be learned from them."""

import math
import warnings
from pathlib import Path

import numpy as np
import torch

from ddsp_nb.errors import AudioError, WorkbookWarning
from ddsp_nb.sound import decoding

SHORTEST_S, LONGEST_S = 0.1, 1200.0
SLOWEST_HZ, FASTEST_HZ = 1_000, 1_000_000  # sample rates of files
SILENCE_DB = -80.0  # peak level below which a recording holds nothing to learn from
HIGHEST = 1_000.0  # peak beyond which numbers are no sound
LOUDEST = 10.0  # peak up to which floating-point files are taken as they are
OFFSET = 0.1  # of the RMS level: the mean from which on it is no part of the sound
CANCELLED = 0.5  # of the energy that independent channels would have: below, they oppose each other


def load_audio(path, sample_rate: int = 44_100, *, duration_s: float | None = None) -> torch.Tensor:
    """Read a recording as mono sound at one sample rate, in memory that follows the result.

    What was done to the sound, or is wrong with it, is said in a `WorkbookWarning` of one line each: a DC offset
    removed, samples that are no numbers silenced, clipping, channels that cancel, levels far beyond full scale.

    Args:
        path: WAV, FLAC, OGG, MP3, AIFF or whatever else libsndfile reads.
        sample_rate: what the sound is resampled to, in Hz.
        duration_s: read only the first seconds.

    Returns:
        [n_samples] float32, nominally within ±1; channels are averaged, or the loudest is taken where they cancel.

    Raises:
        AudioError: the file is missing, no sound file, shorter than 0.1 s, longer than 20 minutes, or silent.
    """
    path = Path(path)
    if duration_s is not None and not SHORTEST_S <= duration_s < 1e6:
        raise AudioError(f"{path}: cannot read {duration_s} s of it. Use a duration of {SHORTEST_S} s or more.")
    if not path.is_file():
        raise AudioError(f"{path}: no such file. Check the path, relative to {Path.cwd().name}/.")
    limit_s = math.inf if duration_s is None else duration_s
    try:
        survey = decoding.survey(path, min(limit_s, LONGEST_S + 1))
        check_survey(survey, path)
        parts = decoding.mixed(path, survey.n_samples, *choose_mix(survey, path))
        if survey.sample_rate != sample_rate:
            parts = decoding.resampled(parts, survey.sample_rate, sample_rate)
        sound = decoding.gathered(parts, math.ceil(survey.n_samples * sample_rate / survey.sample_rate))
    except decoding.DAMAGED as error:
        raise AudioError(f"{path}: not a readable sound file, or damaged. Convert it to WAV or FLAC.") from error
    return check_audio(torch.from_numpy(sound), sample_rate, path)


def check_survey(survey, name) -> None:
    """Raise AudioError where a file cannot be used; warn of what will be heard."""
    rate, seconds = survey.sample_rate, survey.n_samples / survey.sample_rate
    if not SLOWEST_HZ <= rate <= FASTEST_HZ:
        raise AudioError(f"{name}: has a sample rate of {rate} Hz. Convert it to 44100 Hz.")
    if seconds < SHORTEST_S:
        raise AudioError(f"{name}: only {survey.n_samples} samples long. Use at least {SHORTEST_S} s of sound.")
    if seconds > LONGEST_S:
        raise AudioError(
            f"{name}: longer than {LONGEST_S / 60:g} minutes. Use its beginning: duration_s, or --duration, in s."
        )
    if survey.n_broken:
        if survey.n_broken > survey.n_samples * survey.n_channels / 2:
            raise AudioError(f"{name}: most of its samples are NaN or infinite. Export the recording again.")
        tell(f"{name}: {survey.n_broken} samples were NaN or infinite; replaced by silence.")
    if survey.n_clipped:
        tell(f"{name}: clipped in {survey.n_clipped} samples or more; the model will learn the buzz of it.")


def choose_mix(survey, name):
    """What to subtract from each channel, and the weight of each, [n_channels] both; warns of all but averaging."""
    n = max(survey.n_samples, 1)
    means, products = survey.total / n, survey.products / n
    around_means = products - np.outer(means, means)
    weights = np.full(survey.n_channels, 1 / survey.n_channels)
    expected = around_means.trace() / survey.n_channels**2
    if weights @ around_means @ weights < CANCELLED * expected:
        loudest = int(around_means.diagonal().argmax())
        weights = np.eye(survey.n_channels)[loudest]
        tell(f"{name}: its channels cancel when averaged; channel {loudest + 1} is used alone.")
    offset, rms = float(means @ weights), math.sqrt(weights @ products @ weights)
    removed = abs(offset) > OFFSET * rms
    if removed:
        tell(f"{name}: DC offset of {offset:.2g} removed.")
    if survey.peak > LOUDEST:
        tell(f"{name}: peak of {survey.peak:.2g}, far beyond full scale; turned down to 1.")
        weights = weights / survey.peak
    return means * removed, weights


def tell(message: str) -> None:
    """Warn the user, who sees the line that called the public function."""
    warnings.warn(message, WorkbookWarning, stacklevel=4)


def check_audio(audio: torch.Tensor, sample_rate: int, name="The recording") -> torch.Tensor:
    """Return the [n_samples] sound, or raise AudioError where nothing could be learned from it."""
    if audio.ndim != 1:
        raise AudioError(f"{name}: has shape {tuple(audio.shape)}. Pass one channel, [n_samples].")
    if len(audio) < SHORTEST_S * sample_rate:
        raise AudioError(f"{name}: only {len(audio)} samples long. Use at least {SHORTEST_S} s of sound.")
    peak = audio.abs().max().item()
    if not peak < HIGHEST:
        raise AudioError(f"{name}: has samples that are infinite, no numbers or beyond {HIGHEST:g}. Scale it to ±1.")
    if not peak > 10 ** (SILENCE_DB / 20):
        raise AudioError(f"{name}: silent (peak below {SILENCE_DB:g} dB). Record it louder or pick another file.")
    return audio

"""Read, check and write sound files; nothing else in the package touches them."""

import math
import warnings
from pathlib import Path

import numpy as np
import soundfile as sf
import torch

from ddsp_nb import decoding
from ddsp_nb.errors import AudioError, WorkbookWarning
from ddsp_nb.files import written_whole
from ddsp_nb.riff import append_comment

SHORTEST_S, LONGEST_S = 0.1, 1200.0
SLOWEST_HZ, FASTEST_HZ = 1_000, 1_000_000  # sample rates of files
SILENCE_DB = -80.0  # peak level below which a recording holds nothing to learn from
HIGHEST = 1_000.0  # peak beyond which numbers are no sound
LOUDEST = 10.0  # peak up to which floating-point files are taken as they are
OFFSET = 0.1  # of the RMS level: the mean from which on it is no part of the sound
CANCELLED = 0.5  # of the energy that independent channels would have: below, they oppose each other
SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
FORMATS = ("WAV", "FLAC")


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


def in_steps(audio: torch.Tensor, bits: int = 16) -> torch.Tensor:
    """The sound as a file of so many bits holds it: rounded to whole steps of 1/32768 (16 bits), within full scale."""
    full = 2 ** (bits - 1)
    return (audio * full).round().clamp(-full, full - 1) / full


def save_audio(
    path, audio: torch.Tensor, sample_rate: int = 44_100, *, subtype: str = "PCM_16", comment: str = ""
) -> Path:
    """Write [n_samples] sound to a WAV or FLAC file, whole or not at all; `comment` goes into the file's own field.

    The file is written beside its destination and then renamed, so an interrupt never leaves half a file.
    Sound beyond ±1 is turned down to full scale with a warning: clipping would be heard, a gain is not.

    Returns:
        The path that was written.

    Raises:
        AudioError: the sound has samples that are no numbers, or the place cannot be written.
    """
    path, sound = Path(path), torch.as_tensor(audio).detach().cpu().float().numpy()
    file_format = path.suffix.lstrip(".").upper()
    if file_format not in FORMATS or subtype not in SUBTYPES or not sf.check_format(file_format, subtype):
        raise AudioError(
            f"{path}: cannot write {subtype} there. Use .wav with {', '.join(SUBTYPES)}, or .flac with PCM."
        )
    if sound.ndim != 1 or not np.isfinite(sound).all():
        raise AudioError(f"{path}: the sound to write is not one finite channel; nothing was written.")
    peak = np.abs(sound).max(initial=0)
    if peak > 1 and subtype != "FLOAT":
        warnings.warn(f"{path.name}: peak {peak:.2f} turned down to full scale.", WorkbookWarning, stacklevel=2)
        sound = sound / peak
    with written_whole(path, AudioError) as temporary:
        stored = _as_stored(sound, subtype)
        if comment and file_format == "FLAC":
            with sf.SoundFile(temporary, "w", sample_rate, 1, subtype, format=file_format) as file:
                file.comment = comment
                file.write(stored)
        else:
            sf.write(temporary, stored, sample_rate, subtype=subtype, format=file_format)
        if subtype == "FLOAT":
            _forget_time(temporary)
        if comment and file_format == "WAV":
            append_comment(temporary, comment)
    return path


def _forget_time(path):
    """Blank the time of writing in a float WAV's PEAK chunk, so that the same sound gives the same file."""
    with open(path, "r+b") as file:
        at = file.read(1 << 20).find(b"PEAK")
        if at >= 0:
            file.seek(at + 12)  # after the chunk's name, size and version
            file.write(bytes(4))


def _as_stored(sound, subtype):
    """Whole steps, as reading scales them back; libsndfile's own conversion of floats is off by up to one step."""
    if subtype == "FLOAT":
        return sound
    bits = int(subtype.removeprefix("PCM_"))
    steps = np.round(sound.astype(np.float64) * 2 ** (bits - 1)).clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return (steps.astype(np.int64) << (32 - bits)).astype(np.int32)

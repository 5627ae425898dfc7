"""Read, check and write sound files; nothing else in the package touches them."""

import warnings
from pathlib import Path

import librosa
import numpy as np
import soundfile as sf
import torch

from ddsp_nb.errors import AudioError
from ddsp_nb.files import written_whole
from ddsp_nb.riff import append_comment

SHORTEST_S = 0.1
SILENCE_DB = -80.0  # peak level below which a recording holds nothing to learn from
SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
FORMATS = ("WAV", "FLAC")


def load_audio(path, sample_rate: int = 44_100, *, duration_s: float | None = None) -> torch.Tensor:
    """Read a recording as mono sound at one sample rate.

    Args:
        path: WAV, FLAC, OGG, MP3, AIFF or whatever else libsndfile reads.
        sample_rate: what the sound is resampled to, in Hz.
        duration_s: read only the first seconds.

    Returns:
        [n_samples] float32, nominally within ±1; channels are averaged.

    Raises:
        AudioError: the file is missing, no sound file, shorter than 0.1 s, or silent.
    """
    path = Path(path)
    if duration_s is not None and not SHORTEST_S <= duration_s < 1e6:
        raise AudioError(f"{path}: cannot read {duration_s} s of it. Use a duration of {SHORTEST_S} s or more.")
    if not path.is_file():
        raise AudioError(f"{path}: no such file. Check the path, relative to {Path.cwd().name}/.")
    try:
        with sf.SoundFile(path) as file:
            frames = -1 if duration_s is None else int(duration_s * file.samplerate)
            sound, original_rate = file.read(frames, dtype="float32", always_2d=True), file.samplerate
    except (sf.LibsndfileError, OSError) as error:
        raise AudioError(f"{path}: not a readable sound file. Convert it to WAV or FLAC.") from error
    sound = mono(sound, path)
    if original_rate != sample_rate and len(sound):
        sound = librosa.resample(sound, orig_sr=original_rate, target_sr=sample_rate)
    return check_audio(torch.from_numpy(np.ascontiguousarray(sound, np.float32)), sample_rate, path)


def mono(sound: np.ndarray, name) -> np.ndarray:
    """[n_samples, n_channels] to [n_samples]; samples that are no numbers become silence, with a warning."""
    broken = ~np.isfinite(sound)
    if broken.any():
        warnings.warn(f"{name}: {int(broken.sum())} samples were NaN or infinite; replaced by silence.", stacklevel=3)
        sound = np.where(broken, 0, sound)
    return sound.mean(axis=1, dtype=np.float32)


def check_audio(audio: torch.Tensor, sample_rate: int, name="The recording") -> torch.Tensor:
    """Return the [n_samples] sound, or raise AudioError where nothing could be learned from it."""
    if audio.ndim != 1:
        raise AudioError(f"{name}: has shape {tuple(audio.shape)}. Pass one channel, [n_samples].")
    if len(audio) < SHORTEST_S * sample_rate:
        raise AudioError(f"{name}: only {len(audio)} samples long. Use at least {SHORTEST_S} s of sound.")
    peak = audio.abs().max().item()
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
        warnings.warn(f"{path.name}: peak {peak:.2f} turned down to full scale.", stacklevel=2)
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

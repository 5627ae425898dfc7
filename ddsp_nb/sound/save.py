"""Write sound files, whole or not at all; the same sound gives the same bytes."""

import warnings
from pathlib import Path

import numpy as np
import soundfile as sf
import torch

from ddsp_nb.errors import AudioError, WorkbookWarning
from ddsp_nb.files import written_whole
from ddsp_nb.sound.riff import append_comment

SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
FORMATS = ("WAV", "FLAC")


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

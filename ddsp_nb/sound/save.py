"""Sound files written whole or not at all, the same sound as the same bytes (all notebooks)."""

import struct
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import soundfile as sf
import torch

from ddsp_nb.errors import AudioError, warn_user
from ddsp_nb.files import written_whole

SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
FORMATS = ("WAV", "FLAC")
# Bytes: in a PEAK chunk the time of writing follows name, size and version.
PEAK_TIME_OFFSET = 12


def in_steps(audio: torch.Tensor, bits: int = 16) -> torch.Tensor:
    """The sound as a file of so many bits holds it: rounded to whole steps of 1/32768 (16 bits), within full scale."""
    full = 2 ** (bits - 1)
    return (audio * full).round().clamp(-full, full - 1) / full


def save_audio(
    path: str | PathLike,
    audio: torch.Tensor,
    sample_rate: int = 44_100,
    *,
    subtype: str = "PCM_16",
    comment: str = "",
    marks: Sequence[tuple[int, str]] = (),
) -> Path:
    """Write [n_samples] sound, or [2, n_samples] left and right, to a WAV or FLAC file, whole or not at all.

    `comment` goes into the file's own field. Of a WAV file `marks`, sample and name, become its cue points.

    The file is written beside its destination and then renamed, so an interrupt never leaves half a file.
    Sound beyond ±1 is turned down to full scale with a warning: clipping would be heard, a gain is not.

    Returns:
        The path that was written.

    Raises:
        AudioError: the sound has samples that are no numbers, or the place cannot be written.
    """
    path, sound = Path(path), torch.as_tensor(audio).detach().cpu().float()
    file_format = path.suffix.lstrip(".").upper()
    if file_format not in FORMATS or subtype not in SUBTYPES or not sf.check_format(file_format, subtype):
        choices = ", ".join(SUBTYPES)
        raise AudioError(f"{path}: cannot write {subtype} there. Use .wav with {choices}, or .flac with PCM.")
    if not (sound.ndim == 1 or (sound.ndim == 2 and len(sound) == 2)) or not sound.isfinite().all():
        raise AudioError(f"{path}: the sound to write is not one or two finite channels; nothing was written.")
    peak = float(np.abs(sound.numpy()).max(initial=0))
    if peak > 1 and subtype != "FLOAT":
        warn_user(f"{path.name}: peak {peak:.2f} turned down to full scale.")
        sound = sound / peak
    with written_whole(path, AudioError) as temporary:
        with sf.SoundFile(temporary, "w", sample_rate, sound.ndim, subtype, format=file_format) as file:
            if comment and file_format == "FLAC":
                file.comment = comment
            file.write(_stored(sound, subtype).T)  # frames first
        if subtype == "FLOAT":
            _forget_time(temporary)
        if file_format == "WAV":
            append_chunks(temporary, _cue_chunks(marks) + _comment_chunk(comment))
    return path


def _stored(sound: torch.Tensor, subtype: str) -> np.ndarray:
    """Hand-written, as libsndfile's own conversion of floats is off by up to one step: exact steps, read as scaled."""
    if subtype == "FLOAT":
        return sound.numpy()
    bits = int(subtype.removeprefix("PCM_"))
    return (in_steps(sound, bits).double() * 2**31).int().numpy()


def _forget_time(path: Path) -> None:
    """Blank the time of writing in a float WAV's PEAK chunk, so that the same sound gives the same file."""
    with open(path, "r+b") as file:
        at = file.read(1 << 20).find(b"PEAK")
        if at >= 0:
            file.seek(at + PEAK_TIME_OFFSET)
            file.write(bytes(4))


# The comment of a WAV file is hand-written, as libsndfile drops comments of more than some 2000 characters, and so are
# cue points, whose names it does not write. The file is a list of chunks, each with a name, a size and an even number
# of bytes; the comment is the chunk ICMT within a chunk LIST of kind INFO, names of cue points are chunks labl within a
# LIST of kind adtl (Microsoft and IBM, Multimedia Programming Interface 1.0, 1991).


def append_chunks(path: str | PathLike, chunks: bytes) -> None:
    """Add chunks at the end of a WAV file."""
    with open(path, "r+b") as file:
        end = file.seek(0, 2)
        file.write(bytes(end % 2) + chunks)
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", size))


def _comment_chunk(text: str) -> bytes:
    return riff_chunk(b"LIST", b"INFO" + riff_chunk(b"ICMT", text.encode() + b"\0")) if text else b""


def _cue_chunks(marks: Sequence[tuple[int, str]]) -> bytes:
    """Cue points, numbered from 1: sample within the chunk "data", and their names."""
    if not marks:
        return b""
    points = [struct.pack("<II4sIII", i, at, b"data", 0, 0, at) for i, (at, _) in enumerate(marks, 1)]
    names = [riff_chunk(b"labl", struct.pack("<I", i) + name.encode() + b"\0") for i, (_, name) in enumerate(marks, 1)]
    cue = riff_chunk(b"cue ", struct.pack("<I", len(points)) + b"".join(points))
    return cue + riff_chunk(b"LIST", b"adtl" + b"".join(names))


def read_comment(path: str | PathLike, max_bytes: int) -> str:
    """The comment of a WAV file, "" where it has none or one of over `max_bytes`.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        if file.read(12)[8:] != b"WAVE":
            return ""
        while len(head := file.read(8)) == 8:
            name, size = head[:4], int.from_bytes(head[4:], "little")
            if name != b"LIST" or size > max_bytes:
                file.seek(size + size % 2, 1)
                continue
            content = file.read(size)
            if content[:8] == b"INFOICMT":
                length = int.from_bytes(content[8:12], "little")
                return content[12 : 12 + length].rstrip(b"\0").decode(errors="replace")
            file.seek(size % 2, 1)
    return ""


def riff_chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a RIFF file: name, size, and an even number of bytes."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)

"""WAV files as lists of chunks: comments, cue points, and whether the header fits the file (notebook 05).

A RIFF file is a list of chunks, each with a name, a size and an even number of bytes; a comment is the chunk ICMT
within a chunk LIST of kind INFO, names of cue points are chunks labl within a LIST of kind adtl (Microsoft and IBM,
Multimedia Programming Interface 1.0, 1991). RF64 and BW64 are the same for long files: where a size is all ones, the
chunk ds64 has it (ITU-R BS.2088-1). They are read and written here by hand, as libsndfile drops comments of more than
some 2000 characters, writes no names of cue points, and tells nothing of a header that was never finished.
"""

import struct
from collections.abc import Iterator, Sequence
from enum import Enum
from os import PathLike
from typing import BinaryIO

FIRST_CHUNK = 12
# Instead of a size: not yet known, or in the chunk ds64.
UNKNOWN = 2**32 - 1
# Bytes by which programs miscount, such as the header's own, which nobody hears.
SLACK = 64


class Length(Enum):
    """What is to be believed of the lengths in a header."""

    RIGHT = "all"
    NOT_WRITTEN = "there are none, as where a program writes into a pipe"
    FILE_WRONG = "that of the sound, but not that of the file"
    SOUND_WRONG = "nothing: sound goes on to the end of the file"


def check_length(path: str | PathLike) -> Length:
    """Whether the header of a WAV, RF64 or BW64 file fits the file: recorders write it last, and some never come to it.

    What is no such file is `RIGHT`. Raises OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        end = file.seek(0, 2)
        file.seek(0)
        head = file.read(FIRST_CHUNK)
        if len(head) < FIRST_CHUNK or head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            return Length.RIGHT
        length_64 = UNKNOWN
        for name, size in chunks(file):
            if name == b"ds64" and len(content := file.read(16)) == 16:
                length_64 = int.from_bytes(content[8:], "little")
            if name == b"data":
                length = length_64 if size == UNKNOWN and head[:4] != b"RIFF" else size
                if not _fits(file, length, end):
                    return Length.SOUND_WRONG
                break
        written = int.from_bytes(head[4:8], "little")
        fits = 0 < written <= end + SLACK or (written == UNKNOWN and head[:4] != b"RIFF")
        return Length.RIGHT if fits else Length.FILE_WRONG


def _fits(file: BinaryIO, length: int, end: int) -> bool:
    """Whether sound of so many bytes, which begins here, ends with the file, before a chunk or most of it."""
    stop = file.tell() + length
    if length > end - file.tell() + SLACK:
        return False
    if end - stop <= max(length, SLACK):
        return True
    # Some programs forget to make the number of bytes even.
    return any(next(chunks(file, at), (b"", end))[1] <= end - at for at in (stop, stop + stop % 2))


def chunks(file: BinaryIO, start: int = FIRST_CHUNK) -> Iterator[tuple[bytes, int]]:
    """Name and size in bytes, as written, of each chunk from `start` on; the file stands where its content begins."""
    while True:
        file.seek(start)
        head = file.read(8)
        name, size = head[:4], int.from_bytes(head[4:], "little")
        if len(head) < 8 or not all(32 <= byte < 127 for byte in name):
            return
        yield name, size
        start += 8 + size + size % 2


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk: name, size, and an even number of bytes."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def append_chunks(path: str | PathLike, content: bytes) -> None:
    """Add chunks at the end of a WAV file."""
    with open(path, "r+b") as file:
        end = file.seek(0, 2)
        file.write(bytes(end % 2) + content)
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", size))


def comment_chunk(text: str) -> bytes:
    """The comment of a file, which may be none."""
    return chunk(b"LIST", b"INFO" + chunk(b"ICMT", text.encode() + b"\0")) if text else b""


def cue_chunks(marks: Sequence[tuple[int, str]]) -> bytes:
    """Cue points, numbered from 1: sample within the chunk "data", and their names."""
    if not marks:
        return b""
    points = [struct.pack("<II4sIII", i, at, b"data", 0, 0, at) for i, (at, _) in enumerate(marks, 1)]
    names = [chunk(b"labl", struct.pack("<I", i) + name.encode() + b"\0") for i, (_, name) in enumerate(marks, 1)]
    cue = chunk(b"cue ", struct.pack("<I", len(points)) + b"".join(points))
    return cue + chunk(b"LIST", b"adtl" + b"".join(names))


def read_comment(path: str | PathLike, max_bytes: int) -> str:
    """The comment of a WAV file, "" where it has none or one of over `max_bytes`.

    Raises OSError where the file cannot be read.
    """
    with open(path, "rb") as file:
        if file.read(FIRST_CHUNK)[8:] != b"WAVE":
            return ""
        for name, size in chunks(file):
            content = file.read(size) if name == b"LIST" and size <= max_bytes else b""
            if content[:8] == b"INFOICMT":
                length = int.from_bytes(content[8:12], "little")
                return content[12 : 12 + length].rstrip(b"\0").decode(errors="replace")
    return ""

"""The comment field of a WAV file, of any length: libsndfile drops comments of more than some 2000 characters.

A WAV file is a list of chunks, each with a name, a size and an even number of bytes; the comment is the chunk ICMT
within a chunk LIST of kind INFO (Microsoft and IBM, Multimedia Programming Interface 1.0, 1991).
"""

import struct
from pathlib import Path


def append_comment(path, text: str) -> None:
    """Add a comment at the end of a WAV file that has none."""
    comment = text.encode() + b"\0"
    info = b"INFO" + _chunk(b"ICMT", comment)
    with open(path, "r+b") as file:
        end = file.seek(0, 2)
        file.write(bytes(end % 2) + _chunk(b"LIST", info))
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", size))


def read_comment(path, longest: int) -> str:
    """The comment of a WAV file, "" where it has none or one of over `longest` bytes.

    Raises:
        OSError: the file cannot be read.
    """
    path = Path(path)
    with open(path, "rb") as file:
        if file.read(12)[8:] != b"WAVE":
            return ""
        while len(head := file.read(8)) == 8:
            name, size = head[:4], int.from_bytes(head[4:], "little")
            if name == b"LIST" and size <= longest:
                inside = file.read(size)
                if inside[:8] == b"INFOICMT":
                    length = int.from_bytes(inside[8:12], "little")
                    return inside[12 : 12 + length].rstrip(b"\0").decode(errors="replace")
                file.seek(size % 2, 1)
            else:
                file.seek(size + size % 2, 1)
    return ""


def _chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)

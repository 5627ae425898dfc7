"""Partials as SDIF, the Sound Description Interchange Format of CNMAT and IRCAM (Wright et al. 1999)."""

import struct
from collections.abc import Iterator

import numpy as np

from ddsp_nb.studio.partials import Partial, joined, partials_of, table_of

# Kind, size without these two, seconds, stream, number of matrices; kind, kind of numbers, rows, columns.
FRAME, MATRIX, UNCOUNTED = struct.Struct(">4sIdII"), struct.Struct(">4sIII"), 8
OPENING = struct.pack(">4sIII", b"SDIF", 8, 3, 1)
# Columns are number, Hz, amplitude, phase of a cosine; those of points also noise, and s after the time of the frame.
TRACKS, POINTS = b"1TRC", b"RBEP"
NUMBERS = {4: ">f4", 8: ">f8"}


def to_sdif(partials: list[Partial]) -> bytes:
    """Frames of 1TRC where all that sounds has its points at the same times, else of RBEP, as Loris writes them."""
    table = np.nan_to_num(table_of(sorted(partials, key=lambda partial: partial.times_s[0])))
    times_s, frame = np.unique(table[:, 1], return_inverse=True)
    together = (np.diff(frame)[np.diff(table[:, 0]) == 0] == 1).all()
    kind, n_more = (TRACKS, 0) if together else (POINTS, 2)
    rows = np.pad(table[:, [0, 2, 3, 4]], ((0, 0), (0, n_more)))
    order, parts = np.argsort(frame, kind="stable"), [OPENING]
    for time_s, points in zip(times_s, np.split(rows[order], np.flatnonzero(np.diff(frame[order])) + 1), strict=True):
        data = points.astype(">f8").tobytes()
        parts.append(FRAME.pack(kind, FRAME.size + MATRIX.size + len(data) - UNCOUNTED, time_s, 1, 1))
        parts += [MATRIX.pack(kind, 8, *points.shape), data]
    return b"".join(parts)


def of_sdif(content: bytes) -> list[Partial]:
    """Partials of 1TRC or RBEP frames. Raises ValueError, KeyError or struct.error where it is none."""
    frames = list(_matrices(content))
    points = [np.insert(rows[:, :4], 1, time_s + rows[:, 5], 1) for kind, time_s, rows in frames if kind == POINTS]
    if points:
        return partials_of(np.concatenate(points))
    return partials_of(joined((time_s, rows[:, :4]) for _, time_s, rows in frames))


def _matrices(content: bytes) -> Iterator[tuple[bytes, float, np.ndarray]]:
    """Kind, seconds and numbers of the matrices of partials; sizes count as far as there are bytes."""
    at = UNCOUNTED + struct.unpack_from(">4sI", content)[1]
    while at < len(content):
        _, size, time_s, _, n_matrices = FRAME.unpack_from(content, at)
        matrix, at = at + FRAME.size, at + UNCOUNTED + size
        while matrix < at and n_matrices:
            kind, numbers, *shape = MATRIX.unpack_from(content, matrix)
            n, matrix, n_matrices = shape[0] * shape[1], matrix + MATRIX.size, n_matrices - 1
            if kind in (TRACKS, POINTS):
                yield kind, time_s, np.frombuffer(content, NUMBERS[numbers], n, matrix).reshape(shape)
            matrix += -(-n * (numbers & 255) // 8) * 8

"""Partials in files that composers exchange: text of SPEAR, SDIF, JSON and CSV; and scores of Csound, SuperCollider."""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ddsp_nb.errors import AudioError, reason
from ddsp_nb.files import read_some, written_whole
from ddsp_nb.studio.partials import QUARTER, Partial, joined, partials_of, table_of

# SDIF, the Sound Description Interchange Format of CNMAT and IRCAM (Wright et al. 1999).
# Of a frame: kind, size without these two, seconds, stream, number of matrices; of these: kind, that of numbers, shape.
FRAME, MATRIX, UNCOUNTED = struct.Struct(">4sIdII"), struct.Struct(">4sIII"), 8
OPENING = struct.pack(">4sIII", b"SDIF", 8, 3, 1)
# Columns are number, Hz, amplitude, phase of a cosine; those of points also noise, and s after the time of the frame.
TRACKS, POINTS = b"1TRC", b"RBEP"
NUMBERS = {4: ">f4", 8: ">f8"}
LARGEST_BYTES = 50_000_000
COLUMNS = ("partial", "time_s", "hz", "amplitude", "phase")
HEAD = ",".join(COLUMNS)
FORMAT = "ddsp_nb partials 1"
SPEAR, SPEAR_FRAMES = "par-text-partials-format", "par-text-frame-format"
# Of scores: every 5 ms, as no attack is shorter.
POINTS_PER_S = 200
# Player, what parts numbers, and a note: tables of Hz and amplitude, start, length, sizes, last place, phase.
SCORES = {
    ".csd": ("csound.txt", " ", "f {0} 0 -{4} -2 {6}\nf {1} 0 -{4} -2 {7}\ni 1 {2:.6f} {3:.6f} {0} {1} {5} {8:.6f}"),
    ".scd": ("supercollider.txt", ", ", "[{2:.6f}, {3:.6f}, {8:.6f}, [{6}], [{7}]],"),
}


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


def of_sdif(content: bytes) -> np.ndarray:
    """Points of 1TRC or RBEP frames. Raises ValueError, KeyError or struct.error where it is none."""
    frames = list(_matrices(content))
    points = [np.insert(rows[:, :4], 1, time_s + rows[:, 5], 1) for kind, time_s, rows in frames if kind == POINTS]
    return np.concatenate(points) if points else joined((time_s, rows[:, :4]) for _, time_s, rows in frames)


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


def to_spear(partials: list[Partial]) -> str:
    """A partial in two lines; SPEAR has no phases."""
    lines = [SPEAR, "point-type time frequency amplitude", f"partials-count {len(partials)}", "partials-data"]
    for i, (times_s, hz, amplitude, _) in enumerate(partials):
        lines.append(f"{i} {len(times_s)} {times_s[0]:.6f} {times_s[-1]:.6f}")
        lines.append(" ".join(map("{:.6f} {:.6f} {:.9f}".format, times_s, hz, amplitude)))
    return "\n".join(lines) + "\n"


def of_spear(text: str) -> np.ndarray:
    """Points of partials one by one, or frame by frame."""
    head, _, data = text.partition("-data")
    numbers, at, parts = np.array(data.split(), float), 0, []
    n_head = {SPEAR: 4, SPEAR_FRAMES: 2}[head.split()[0]]
    while at < len(numbers):
        begun, end = at + n_head, at + n_head + 3 * int(numbers[at + 1])
        if not begun <= end <= len(numbers):
            raise ValueError("points are missing")
        parts.append((numbers[at], np.pad(numbers[begun:end].reshape(-1, 3), ((0, 0), (0, 1)), constant_values=np.nan)))
        at = end
    numbered = (np.insert(points, 0, i, 1) for i, (_, points) in enumerate(parts))
    return joined(parts) if n_head == 2 else np.concatenate(list(numbered))


def to_json(partials: list[Partial]) -> str:
    """A list for each column of the table; an unknown phase is null."""
    table = table_of(partials).astype(object)
    table[np.isnan(table.astype(float))] = None
    return json.dumps({"format": FORMAT} | dict(zip(COLUMNS, table.T.tolist(), strict=True)))


def of_json(text: str) -> np.ndarray:
    """The reverse."""
    values = json.loads(text)
    return np.array([values[name] for name in COLUMNS], float).T


def to_csv(partials: list[Partial]) -> str:
    """A line for each point; an unknown phase is nan."""
    return "\n".join([HEAD, *(",".join(map("{:.12g}".format, point)) for point in table_of(partials))]) + "\n"


def of_csv(text: str) -> np.ndarray:
    """The reverse."""
    head, *lines = text.split()
    if head != HEAD:
        raise ValueError(f"its columns are not {HEAD}")
    return np.array([line.split(",") for line in lines], float)


def to_score(partials: list[Partial], suffix: str) -> str:
    """A note for each partial, in the text of a player that comes along."""
    player, between, note = SCORES[suffix]
    notes = []
    for i, partial in enumerate(partials):
        start_s, length_s = partial.times_s[0], np.ptp(partial.times_s)
        n = round(length_s * POINTS_PER_S) + 2
        _, *values, phase = partial.at(start_s + np.linspace(0, length_s, n))
        hz, amplitude = (between.join(map("{:.6g}".format, each)) for each in values)
        notes.append(note.format(2 * i + 1, 2 * i + 2, start_s, length_s, n, n - 1, hz, amplitude, phase[0] + QUARTER))
    return Path(__file__).with_name(player).read_text().replace("PARTIALS", "\n".join(notes))


def is_partials(path: str | Path) -> bool:
    """Whether a .json file is one of these. Raises AudioError where it cannot be read."""
    return FORMAT.encode() in read_some(path, LARGEST_BYTES, AudioError)[:100]


def read_partials(path: str | Path) -> list[Partial]:
    """Partials of a SPEAR text (.txt), .sdif, .json or .csv file. Raises AudioError where it cannot be read."""
    content = read_some(path, LARGEST_BYTES, AudioError)
    try:
        _, of = FILES[Path(path).suffix.lower()]
        return partials_of(of(content if of is of_sdif else content.decode("ascii")))
    except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError, struct.error) as error:
        raise AudioError(
            f"{path}: no partials could be read ({reason(error)}). Use SPEAR's text (.txt), .sdif, or the .json or "
            ".csv of `ddsp-nb partials`."
        ) from error


def write_partials(path: str | Path, partials: list[Partial]) -> None:
    """The reverse, or a score for Csound (.csd) or SuperCollider (.scd). Raises AudioError where it cannot be put."""
    suffix = Path(path).suffix.lower()
    content = to_score(partials, suffix) if suffix in SCORES else FILES[suffix][0](partials)
    with written_whole(path, AudioError) as temporary:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())


FILES: dict[str, tuple[Callable, Callable]] = {
    ".txt": (to_spear, of_spear),
    ".sdif": (to_sdif, of_sdif),
    ".json": (to_json, of_json),
    ".csv": (to_csv, of_csv),
}

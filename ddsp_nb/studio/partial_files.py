"""Partials in files that composers exchange: text of SPEAR, SDIF, JSON and CSV; and scores of Csound, SuperCollider."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ddsp_nb.errors import AudioError, reason
from ddsp_nb.files import read_some, written_whole
from ddsp_nb.studio.partials import QUARTER, Partial, joined, partials_of, table_of
from ddsp_nb.studio.sdif import of_sdif, to_sdif

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


def to_spear(partials: list[Partial]) -> str:
    """A partial in two lines; SPEAR has no phases."""
    lines = [SPEAR, "point-type time frequency amplitude", f"partials-count {len(partials)}", "partials-data"]
    for i, (times_s, hz, amplitude, _) in enumerate(partials):
        lines.append(f"{i} {len(times_s)} {times_s[0]:.6f} {times_s[-1]:.6f}")
        lines.append(" ".join(map("{:.6f} {:.6f} {:.9f}".format, times_s, hz, amplitude)))
    return "\n".join(lines) + "\n"


def of_spear(text: str) -> list[Partial]:
    """Partials one by one, or frame by frame."""
    head, _, data = text.partition("-data")
    numbers, at, parts = np.array(data.split(), float), 0, []
    n_head = {SPEAR: 4, SPEAR_FRAMES: 2}[head.split()[0]]
    while at < len(numbers):
        begun, end = at + n_head, at + n_head + 3 * int(numbers[at + 1])
        if not begun <= end <= len(numbers):
            raise ValueError("points are missing")
        parts.append((numbers[at], np.pad(numbers[begun:end].reshape(-1, 3), ((0, 0), (0, 1)), constant_values=np.nan)))
        at = end
    if n_head == 2:
        return partials_of(joined(parts))
    return partials_of(np.concatenate([np.insert(points, 0, i, 1) for i, (_, points) in enumerate(parts)]))


def to_json(partials: list[Partial]) -> str:
    """A list for each column of the table; an unknown phase is null."""
    table = table_of(partials).astype(object)
    table[np.isnan(table.astype(float))] = None
    return json.dumps({"format": FORMAT} | dict(zip(COLUMNS, table.T.tolist(), strict=True)))


def of_json(text: str) -> list[Partial]:
    """The reverse."""
    values = json.loads(text)
    return partials_of(np.array([values[name] for name in COLUMNS], float).T)


def to_csv(partials: list[Partial]) -> str:
    """A line for each point; an unknown phase is nan."""
    return "\n".join([HEAD, *(",".join(map("{:.12g}".format, point)) for point in table_of(partials))]) + "\n"


def of_csv(text: str) -> list[Partial]:
    """The reverse."""
    head, *lines = text.split()
    if head != HEAD:
        raise ValueError(f"its columns are not {HEAD}")
    return partials_of(np.array([line.split(",") for line in lines], float))


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
        return of(content if of is of_sdif else content.decode("ascii"))
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

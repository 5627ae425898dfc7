"""Tunings in the files of Scala: scales (.scl), and which keys play their steps (.kbm). Light to import."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ddsp_nb.errors import NotesError
from ddsp_nb.files import read_some
from ddsp_nb.notes.note import HIGHEST_HZ, LOWEST_HZ, Event
from ddsp_nb.notes.pitch import midi_hz, midi_name, midi_number, pitch_hz

# Hz of each MIDI key, None where it plays nothing.
Tuning = Sequence[float | None]

N_KEYS, LARGEST_BYTES, MOST_STEPS = 128, 100_000, 512
# A scale repeats from above a semitone on; no step lies farther from the first one than what is heard.
LEAST_PERIOD, LOWEST, HIGHEST = 1.06, 0.01, 1000.0
# Of a scale without a map: each key is a step, and middle C, 60, stays where it is.
NO_MAP = (0, 0, N_KEYS - 1, 60, 60, midi_hz(60), 0)
# Cents have a point, ratios none.
STEP = r"\s*(?:(-?(?:\d+\.\d*|\.\d+))|(\d+)\s*(?:/\s*(\d+))?)"
# What a damaged number leads to.
WRONG = (ValueError, ArithmeticError, AttributeError, IndexError, TypeError)


def read_scale(path: str | Path) -> tuple[float, ...]:
    """Steps of a scale as multiples of its first one, which is left out, up to the one from which it repeats.

    Raises NotesError where it cannot be read or played.
    """
    lines = _lines(path)
    try:
        n_steps = int(lines[1].split()[0])
        steps = tuple(map(_ratio, lines[2 : 2 + n_steps]))
        if not len(steps) == n_steps <= MOST_STEPS or steps[-1] < LEAST_PERIOD:
            raise ValueError
    except WRONG as error:
        raise NotesError(f"{path}: is no scale of 1 to {MOST_STEPS} steps with a period. Use a .scl file.") from error
    return steps


def read_tuning(scale: str | Path, keyboard_map: str | Path | None = None) -> Tuning:
    """[128] Hz of the MIDI keys; where no map says otherwise each is a step. What nobody hears is None.

    Raises NotesError where a file cannot be read.
    """
    steps = read_scale(scale)
    lines = [line for line in _lines(keyboard_map) if line.strip()] if keyboard_map else []
    try:
        # Keys from first to last are retuned; the rest of the numbers are the step of each key of the map in turn.
        size, first, last, middle, known, hz, octave, *places = [_number(line) for line in lines] or NO_MAP
        rise, places = _step(steps, octave or len(steps)), places[: max(size, 0)]

        def ratio(key):
            rounds, place = divmod(key - middle, size or 1)
            return _step(steps, places[place]) * rise**rounds if size else _step(steps, rounds)

        one = hz / ratio(known)
    except WRONG as error:
        raise NotesError(f"{keyboard_map}: is no keyboard map whose known key plays a step of {scale}.") from error
    keys = list[float | None](map(midi_hz, range(N_KEYS)))
    for key in range(max(first, 0), min(last + 1, N_KEYS)):
        keys[key] = None
        with suppress(*WRONG):
            keys[key] = one * ratio(key) if LOWEST_HZ <= one * ratio(key) <= HIGHEST_HZ else None
    return keys


def tuned(pitch: str | float, tuning: Tuning | None, words: Sequence[str] = ()) -> str | float:
    """Hz of a note's name in a tuning; Hz and words stay as they are. Raises NotesError where its key plays nothing."""
    if tuning is None or not isinstance(pitch, str) or pitch in words:
        return pitch
    key = round(midi_number(pitch_hz(pitch)))
    if not 0 <= key < N_KEYS or (hz := tuning[key]) is None:
        raise NotesError(f"{midi_name(key)} plays nothing in this tuning. Use other notes, or another keyboard map.")
    return hz


def retuned(events: Iterable[Event], tuning: Tuning) -> list[Event]:
    """Events whose keys play a tuning. Raises NotesError where one plays nothing."""
    moved = lambda kind, key, *rest: (kind, midi_number(float(tuned(midi_name(key), tuning))), *rest)
    return [(now, *(moved(*event) if event[0] in ("on", "off") else event)) for now, *event in events]


def _lines(path: str | Path) -> list[str]:
    """Lines of a file that are no comments."""
    text = read_some(path, LARGEST_BYTES, NotesError).decode("latin-1")
    return [line for line in text.splitlines() if not line.startswith("!")]


def _ratio(line: str) -> float:
    """Of a step beside the first one."""
    cents, over, under = re.match(STEP, line).groups()  # type: ignore[union-attr]
    ratio = 2 ** (float(cents) / 1200) if cents else int(over) / int(under or 1)
    if not LOWEST <= ratio <= HIGHEST:
        raise ValueError
    return ratio


def _step(steps: Sequence[float], degree: int) -> float:
    """Any step, counted on and on from the first one, which is 0."""
    periods, step = divmod(degree, len(steps))
    return steps[-1] ** periods * (1.0, *steps)[step]


def _number(line: str) -> Any:
    """Of a line of a keyboard map; x stands for a key that plays nothing."""
    word = line.split()[0]
    return None if word in "xX" else float(word) if "." in word else int(word)

"""Notes as they are written, and as keys that go down and up. Light to import."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ddsp_nb.errors import NotesError
from ddsp_nb.notes.level import PLAIN_VELOCITY
from ddsp_nb.notes.pitch import midi_number, pitch_hz

WRITTEN = re.compile(r"(?P<pitch>[^\s:]+):(?P<seconds>[0-9.]+)")
REST = ("-", "r", "R")
MOST_SECONDS = 1200.0
# What MIDI has keys for, but for the few that nobody hears as a pitch.
LOWEST_HZ, HIGHEST_HZ = 16, 12_500

# As far as MPE may bend.
MAX_BEND_SEMITONES = 96.0

# (seconds, "on", number, velocity), (seconds, "off", number), (seconds, "bend", semitones),
# (seconds, "level", dB beside the usual) or (seconds, "quiet"), where all keys go up. Each may end with the part that
# it is of, such as a channel of MIDI: a number, 0 where there is none. Keys, bend and level are a part's own; a "quiet"
# without one is of all parts.
Event = tuple[Any, ...]
# Of each before its part.
N_VALUES = {"on": 2, "off": 1, "bend": 1, "level": 1, "quiet": 0}
Seconds = float | Fraction  # of a piece on its grid they are exact
Parted = tuple[Seconds, str, tuple, int | None]


def parted(event: Event) -> Parted:
    """Seconds, kind, values and part of an event; no part where it is of all."""
    seconds, kind, *values = event
    n = N_VALUES[kind]
    return seconds, kind, tuple(values[:n]), values[n] if len(values) > n else None if kind == "quiet" else 0


@dataclass(frozen=True)
class Note:
    """A note: when its key goes down and up (s), its MIDI number, which need not be whole, and its velocity."""

    start_s: Seconds
    stop_s: Seconds
    number: float
    velocity: int = PLAIN_VELOCITY


def events_of(notes: Iterable[Note]) -> list[Event]:
    """Keys that go down and up, in the order of time; at one time, one goes up before another goes down."""
    keys = [((note.start_s, "on", note.number, note.velocity), (note.stop_s, "off", note.number)) for note in notes]
    return sorted((event for pair in keys for event in pair), key=lambda event: (event[0], event[1] == "on"))


def parse_notes(text: str) -> list[Note]:
    """Notes such as "A4:0.5 C5:0.25 -:0.5", each a name or Hz with its seconds; "-" is a rest.

    Raises:
        NotesError: one is none.
    """
    notes, now = [], 0.0
    for word in text.split():
        parts = WRITTEN.fullmatch(word)
        seconds = _number(parts["seconds"]) if parts else None
        if parts is None or seconds is None or not 0 < seconds <= MOST_SECONDS:
            raise NotesError(f"{word!r} is no note with its seconds; write such as A4:0.5, 440:1 or -:0.25 for a rest.")
        if parts["pitch"] not in REST:
            hz = pitch_hz(_number(parts["pitch"]) or parts["pitch"])
            if not LOWEST_HZ <= hz <= HIGHEST_HZ:
                raise NotesError(f"A pitch of {hz:g} Hz is out of reach; use {LOWEST_HZ} to {HIGHEST_HZ} Hz.")
            notes.append(Note(now, now + seconds, midi_number(hz)))
        now += seconds
    if not notes:
        raise NotesError("No note is in it. Write such as A4:0.5 C5:0.5.")
    if now > MOST_SECONDS:
        raise NotesError(f"This is longer than {MOST_SECONDS / 60:g} minutes. Use fewer or shorter notes.")
    return notes


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

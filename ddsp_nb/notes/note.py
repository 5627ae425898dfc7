"""Notes and their lengths as they are written, and notes as keys that go down and up. Light to import."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from reprlib import repr as short
from typing import Any

from ddsp_nb.errors import NotesError
from ddsp_nb.notes.level import PLAIN_VELOCITY
from ddsp_nb.notes.pitch import midi_number, parse_pitches, pitch_hz, typed_words

REST = ("-", "r", "R")
NOTE_VALUE = re.compile(r"(\d{1,3})/(1|2|4|8|16|32|64|128)([.t]?)")  # 1/4, 3/16, 1/4. and 1/8t
BEAT = Fraction(1, 4)  # of a whole note: the beat is a quarter note
STRETCHES = {"": Fraction(1), ".": Fraction(3, 2), "t": Fraction(2, 3)}  # plain, dotted, and three in the time of two
USUAL_BPM, SLOWEST_BPM, FASTEST_BPM = 120.0, 20, 400
MOST_SECONDS = 1200.0
# What MIDI has keys for, but for the few that nobody hears as a pitch.
LOWEST_HZ, HIGHEST_HZ = 16, 12_550

# As far as MPE may bend.
MAX_BEND_SEMITONES = 96.0

# (seconds, "on", number, velocity), (seconds, "off", number), (seconds, "bend", semitones),
# (seconds, "level", dB beside the usual), (seconds, "program", of General MIDI) or (seconds, "quiet"), where all keys
# go up. Each may end with the part that it is of, such as a channel of MIDI: a number, 0 where there is none. Keys,
# bend, level and program are a part's own; a "quiet" without one is of all parts.
Event = tuple[Any, ...]
# Of each before its part.
N_VALUES = {"on": 2, "off": 1, "bend": 1, "level": 1, "program": 1, "quiet": 0}
Seconds = float | Fraction  # of a piece on its grid they are exact
Parted = tuple[Seconds, str, tuple, int | None]


def parted(event: Event) -> Parted:
    """Seconds, kind, values and part of an event; no part where it is of all."""
    seconds, kind, *values = event
    n = N_VALUES[kind]
    return seconds, kind, tuple(values[:n]), values[n] if len(values) > n else None if kind == "quiet" else 0


def beats_of(note: str) -> Fraction | None:
    """Beats of a note value: 1/4, 3/16, 1/4. (dotted) or 1/8t (triplet); None where it is none."""
    value = NOTE_VALUE.fullmatch(note.strip())
    if value is None or int(value[1]) == 0:
        return None
    return Fraction(int(value[1]), int(value[2])) * STRETCHES[value[3]] / BEAT


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


def parse_notes(text: str, bpm: float = USUAL_BPM, tuned: Callable = lambda pitch: pitch) -> list[Note]:
    """Notes such as "A4:0.5 C5:1/8 -:0.5", each a pitch as in `parse_melody` with its length; "-" is a rest.

    Args:
        text: lengths are seconds, or note values: 1/4, 3/16, 1/4. (dotted) or 1/8t (triplet).
        bpm: beats a minute of note values, 20 to 400; a beat is a quarter note.
        tuned: makes Hz of the name of a note, where those of A4 = 440 Hz are not wanted.

    Raises:
        NotesError: one is none.
    """
    if not SLOWEST_BPM <= bpm <= FASTEST_BPM:
        raise NotesError(f"A tempo of {bpm:g} beats a minute is out of reach; use {SLOWEST_BPM} to {FASTEST_BPM}.")
    typed = [_typed(word, bpm) for word in typed_words(re.sub(r"\s*:\s*", ":", text))]
    if all(pitch in REST for pitch, _ in typed):
        raise NotesError("No note is in it. Write such as A4:0.5 C5:0.5.")
    pitches = iter(parse_pitches(pitch for pitch, _ in typed if pitch not in REST))
    notes, now = [], 0.0
    for pitch, seconds in typed:
        if pitch not in REST:
            notes.append(Note(now, now + seconds, _number(pitch_hz(tuned(next(pitches))))))
        now += seconds
    if now > MOST_SECONDS:
        raise NotesError(f"This is longer than {MOST_SECONDS / 60:g} minutes. Use fewer or shorter notes.")
    return notes


def _typed(word: str, bpm: float) -> tuple[str, float]:
    """Pitch and seconds of a word such as A4:0.5 or C5:1/8."""
    pitch, _, length = word.rpartition(":")
    beats = beats_of(length)
    try:
        seconds = float(length) if beats is None else float(60 * beats / Fraction(bpm))
    except ValueError:
        seconds = 0.0
    if not pitch or not 0 < seconds <= MOST_SECONDS:
        raise NotesError(
            f"{short(word)} is no note with its seconds or note value; write such as A4:0.5, A4:1/4, 440Hz:1 or, for a "
            "rest, -:0.25."
        )
    return pitch, seconds


def _number(hz: float) -> float:
    """MIDI number of a pitch, not rounded. Raises NotesError where nobody would hear it as one."""
    if not LOWEST_HZ <= hz <= HIGHEST_HZ:
        raise NotesError(f"A pitch of {hz:g} Hz is out of reach; use {LOWEST_HZ} to {HIGHEST_HZ} Hz.")
    return midi_number(hz)


def lines_of(events: Iterable[Event], most: int) -> tuple[list[list[Event]], int]:
    """Events of each line, of which there are up to `most`, and how many notes end early since all of them sounded.

    A note is put into the line that has been silent for longest; into a new one where all sound; and where there are as
    many as there may be, into that of the oldest note. Bends and levels are told to all.
    """
    told, lines, n_cut = list[Event](), list[list[Event]](), 0
    # The line of each key that is down, and which event moved a key of each line last.
    down, moved = dict[tuple, int](), list[int]()
    for now, event in enumerate(events):
        _, kind, values, part = parted(event)
        if kind not in ("on", "off"):
            for line in (told, *lines):
                line.append(event)
            if kind == "quiet":
                down = {key: i for key, i in down.items() if part not in (None, key[-1])}
            continue
        key = (*values[:1], part)
        if kind == "on" and key not in down:
            silent = [i for i in range(len(lines)) if i not in down.values()]
            if not silent and len(lines) < most:
                silent = [len(lines)]
                lines.append(told.copy())
                moved.append(now)
            n_cut += not silent
            chosen = min(silent or range(most), key=moved.__getitem__)
            down = {other: i for other, i in down.items() if i != chosen} | {key: chosen}
        if key in down:
            i = down[key] if kind == "on" else down.pop(key)
            lines[i].append(event)
            moved[i] = now
    return lines, n_cut

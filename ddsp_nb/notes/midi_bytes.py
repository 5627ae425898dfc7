"""The bytes of a MIDI file as messages at their seconds, also where they are damaged. Light to import.

mido's own reader gives a file up at its first fault, and knows neither time in frames of film nor RIFF.
"""

import struct
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import mido

from ddsp_nb.errors import NotesError
from ddsp_nb.files import read_some

# Of a file: what lies behind is no music.
MOST_BYTES = 1 << 24
HEAD, TRACK = b"MThd", b"MTrk"
HEAD_BYTES, CHUNK_BYTES = 14, 8
# The format whose tracks are pieces of their own, and the last one that there is.
PATTERNS = 2
MESSAGE, META, TEMPO, END_OF_TRACK = 0x80, 0xFF, 0x51, 0x2F
SYSTEM, SYSTEM_EXCLUSIVE = 0xF0, (0xF0, 0xF7)
# Values of other messages of the system, which have no place in a file.
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
# Program and pressure have one value, all other messages of a channel two.
ONE_VALUE = (0xC0, 0xD0)
LARGEST_VALUE = 127
MOST_DELTA_BYTES = 4
BEAT_S, TICKS_PER_BEAT = 0.5, 480  # of a file that does not say
# Frames a second that have a whole number for a name.
DROP_FRAMES = {29: 30_000 / 1_001}

Timed = tuple[float, mido.Message]


@dataclass
class Track:
    """What was read of a track.

    Attributes:
        items: ticks with a message, or with the seconds that a beat takes from there on.
        n_bytes, n_ticks: up to its end.
        whole: whether it has an end of its own.
        wrong: what was mended, in words.
    """

    items: list[tuple[int, mido.Message | float]] = field(default_factory=list)
    n_bytes: int = 0
    n_ticks: int = 0
    whole: bool = False
    wrong: list[str] = field(default_factory=list)


def read_messages(path: str | Path) -> tuple[list[tuple[list[Timed], float]], list[str]]:
    """Messages of channels in a MIDI file.

    Returns:
        each piece in it, of which only files of format 2 have several: (seconds, message) in the order of time, and
        the seconds to its end; and what was mended, in words.

    Raises:
        NotesError: it cannot be read, or is no MIDI file.
    """
    content = read_some(path, MOST_BYTES, NotesError)
    head = content.find(HEAD)
    if head < 0 or len(content) < head + HEAD_BYTES:
        raise NotesError(f"{path}: cannot be read as MIDI. Use a standard MIDI file.")
    form, n_tracks, division = struct.unpack(">HHh", content[head + CHUNK_BYTES : head + HEAD_BYTES])
    tracks = _tracks(content, head + HEAD_BYTES)
    mended = ["what stands before its head (as in RIFF files) was skipped"] if head else []
    if n_tracks != len(tracks):
        mended.append(f"its head announces {n_tracks} tracks and it has {len(tracks)}")
    if not division or (division < 0 and not division & 0xFF):
        mended.append(f"ticks have no length: {TICKS_PER_BEAT} a beat are assumed")
        division = TICKS_PER_BEAT
    mended += [words for track in tracks for words in track.wrong]
    pieces = [[track] for track in tracks] if form == PATTERNS else [tracks]
    if len(pieces) > 1:
        mended.append(f"its {len(pieces)} patterns (format 2) are played one after another")
    return [_in_seconds(piece, division) for piece in pieces], list(dict.fromkeys(mended))


def _tracks(content: bytes, start: int) -> list[Track]:
    """All tracks, whatever their lengths are said to be."""
    tracks, at = list[Track](), content.find(TRACK, start)
    while at >= 0:
        begin = at + CHUNK_BYTES
        end = begin + int.from_bytes(content[at + len(TRACK) : begin], "big")
        track = _track(content[begin:end])
        if not track.whole and content[end : end + len(TRACK)] not in (TRACK, b""):
            following = content.find(TRACK, begin)
            track = _track(content[begin : following if following >= 0 else None])
        if begin + track.n_bytes != end:
            track.wrong.append("a track has a wrong length")
        tracks.append(track)
        at = content.find(TRACK, begin + track.n_bytes)
    return tracks


def _track(data: bytes) -> Track:
    """Messages up to the end of the track, or to where it breaks off."""
    track, running = Track(), 0
    try:
        while not track.whole:
            delta, at = _number(data, track.n_bytes)
            track.n_ticks += delta
            status = data[at] if data[at] >= MESSAGE else running
            at += data[at] >= MESSAGE
            if status == META:
                track.whole = data[at] == END_OF_TRACK
                what, at = _meta(data, at)
            elif status in SYSTEM_EXCLUSIVE:
                what, (length, begin) = None, _number(data, at)
                at = begin + length
            elif status >= SYSTEM:
                what, at = None, at + SYSTEM_BYTES.get(status, 0)
            else:
                what, at = _message(data, at, status, track.wrong)
                running = status
            track.n_bytes = at
            if what is not None:
                track.items.append((track.n_ticks, what))
    except IndexError:
        track.n_bytes = len(data)
        track.wrong.append("a track breaks off")
    return track


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends. Raises IndexError where the data end."""
    value = 0
    for _ in range(MOST_DELTA_BYTES):
        value, at = value << 7 | data[at] & 0x7F, at + 1
        if data[at - 1] < MESSAGE:
            break
    return value, at


def _meta(data: bytes, at: int) -> tuple[float | None, int]:
    """The seconds of a beat where it says a tempo, and where it ends."""
    length, begin = _number(data, at + 1)
    microseconds = int.from_bytes(data[begin : begin + length], "big") if data[at] == TEMPO and length == 3 else 0
    return microseconds / 1e6 or None, begin + length


def _message(data: bytes, at: int, status: int, wrong: list[str]) -> tuple[mido.Message | None, int]:
    """A message of a channel, and where it ends."""
    if not status:
        wrong.append("values without a message were skipped")
        return None, at + 1
    values = [data[at + i] for i in range(1 if status & 0xF0 in ONE_VALUE else 2)]
    if max(values) > LARGEST_VALUE:
        wrong.append(f"values above {LARGEST_VALUE} became {LARGEST_VALUE}")
    message = mido.Message.from_bytes([status, *(min(value, LARGEST_VALUE) for value in values)])
    return message, at + len(values)


def _in_seconds(tracks: list[Track], division: int) -> tuple[list[Timed], float]:
    """Messages of tracks that sound together, and when the last of them ends."""
    merged = sorted((item for track in tracks for item in track.items), key=lambda item: item[0])
    end = max((track.n_ticks for track in tracks), default=0)
    frames = -(division >> 8)
    tick_s = 1 / (DROP_FRAMES.get(frames, frames) * (division & 0xFF)) if division < 0 else BEAT_S / division
    timed, now, before = list[Timed](), 0.0, 0
    for tick, what in merged:
        now, before = now + (tick - before) * tick_s, tick
        if isinstance(what, mido.Message):
            timed.append((now, what))
        elif division > 0:
            tick_s = what / division
    return _closed(timed), now + (end - before) * tick_s


def _closed(timed: list[Timed]) -> list[Timed]:
    """The same, where a key that goes down more often than up also goes up before it is struck again."""
    down = defaultdict[tuple[int, int], list[int]](list)
    for i, (_, message) in enumerate(timed):
        if _strikes(message):
            down[message.channel, message.note].append(i)
        elif message.type in ("note_on", "note_off") and down[message.channel, message.note]:
            down[message.channel, message.note].pop()
    stuck = {i for keys in down.values() for i in keys}
    closed, left = list[Timed](), set[tuple[int, int]]()
    for i, (now, message) in enumerate(timed):
        if _strikes(message):
            key = message.channel, message.note
            if key in left:
                closed.append((now, mido.Message("note_off", channel=message.channel, note=message.note)))
            (left.add if i in stuck else left.discard)(key)
        closed.append((now, message))
    return closed


def _strikes(message: mido.Message) -> bool:
    return message.type == "note_on" and message.velocity > 0

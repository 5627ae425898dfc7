"""MIDI files: one reader and one writer. Light to import."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import mido

from ddsp_nb.errors import NotesError, warn_user
from ddsp_nb.files import written_whole
from ddsp_nb.notes.midi_bytes import read_messages
from ddsp_nb.notes.midi_channels import MidiReceiver
from ddsp_nb.notes.midi_parts import messages_of
from ddsp_nb.notes.note import MOST_SECONDS, Event, Seconds

TICKS_PER_BEAT = 960  # divided by all note values that there are names for
BEAT = 4  # a time signature's word for quarter notes
BEATS_PER_S = Fraction(2)  # of a file that does not say


def read_midi(path: str | Path) -> list[Event]:
    """Events of a MIDI file, all channels but the drums; each event's part is its channel, counted from 0.

    A file that is damaged is read as far as it can be, and a warning says what was mended; another one tells of drums.
    Keys that are down at its end go up there. Raises NotesError where it cannot be read, holds no note, or is longer
    than 20 minutes.
    """
    pieces, mended = read_messages(path)
    events, begun, n_drums = list[Event](), 0.0, 0
    for timed, seconds in pieces:
        receive = MidiReceiver()
        events += [(begun + now, *event) for now, message in timed for event in receive(message)]
        begun, n_drums = begun + seconds, n_drums + receive.n_drums
        if receive.sounds:
            events.append((begun, "quiet"))
    if not any(kind == "on" for _, kind, *_ in events):
        raise NotesError(f"{path}: no note is in it{' but drums' if n_drums else ''}. Use another file.")
    if events[-1][0] > MOST_SECONDS:
        raise NotesError(f"{path}: longer than {MOST_SECONDS / 60:g} minutes. Use a shorter file.")
    if mended:
        warn_user(f"{path}: was mended: {'; '.join(mended)}.")
    if n_drums:
        warn_user(f"{path}: drum strokes on channel 10 have no pitch and are left out: {n_drums}.")
    return events


def write_midi(
    path: str | Path,
    tracks: Mapping[str, Iterable[Event]],
    *,
    beats_per_s: Fraction = BEATS_PER_S,
    beats_per_bar: int = 4,
    markers: Iterable[tuple[Seconds, str]] = (),
) -> Path:
    """Write tempo, time signature and markers, then a named track for each list of events.

    Each part of a track has its own channel, that of its number where it is free. A number between two keys becomes the
    nearest key, bent to it, on a channel of its own where the part's others sound at another bend. Where no channel is
    left, they are shared. Levels become the volume, which reaches 4 dB beyond the usual.

    Args:
        path: of the file.
        tracks: events by name, in the order of time; exact seconds (`Fraction`) lie on their ticks exactly.
        beats_per_s: tempo.
        beats_per_bar: beats are quarter notes.
        markers: seconds and text of each.

    Raises:
        NotesError: the place cannot be written.
    """
    tick = lambda seconds: round(seconds * beats_per_s * TICKS_PER_BEAT)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    head = [
        (0, mido.MetaMessage("set_tempo", tempo=round(1_000_000 / beats_per_s))),
        (0, mido.MetaMessage("time_signature", numerator=beats_per_bar, denominator=BEAT)),
    ]
    placed = sorted((tick(seconds), text) for seconds, text in markers)
    file.tracks.append(_track([*head, *((at, mido.MetaMessage("marker", text=text)) for at, text in placed)]))
    for name, messages in zip(tracks, messages_of(list(map(list, tracks.values()))), strict=True):
        on_ticks = [(tick(seconds), message) for seconds, message in messages]
        file.tracks.append(_track([(0, mido.MetaMessage("track_name", name=name)), *on_ticks]))
    with written_whole(path, NotesError) as temporary:
        file.save(temporary)
    return Path(path)


def _track(messages: Iterable[tuple[int, mido.Message | mido.MetaMessage]]) -> mido.MidiTrack:
    """A track of messages at their ticks, which it keeps as distances."""
    track, now = mido.MidiTrack(), 0
    for tick, message in messages:
        track.append(message.copy(time=tick - now))
        now = tick
    return track

"""MIDI: what its messages mean as events, one reader of files and one writer. Light to import."""

from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import mido

from ddsp_nb.errors import NotesError
from ddsp_nb.files import written_whole
from ddsp_nb.notes.level import LOUDEST_DB, QUIETEST_DB, midi_db, midi_value
from ddsp_nb.notes.note import MOST_SECONDS, Event, Seconds

# Values that General MIDI gives.
BEND_RANGE_SEMITONES = 2.0  # of a wheel that is turned all the way
BEND_STEPS = 8192
DRUMS = 9  # the channel that is kept for them, counted from 0
VOLUME, EXPRESSION, PEDAL = 7, 11, 64  # numbers of controllers
USUAL_VOLUME = {VOLUME: 100, EXPRESSION: 127}  # values at which they change nothing
PEDAL_DOWN = 64  # from this value on
ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123  # numbers of controllers

TICKS_PER_BEAT = 960  # divided by all note values that there are names for
BEAT = 4  # a time signature's word for quarter notes
BEATS_PER_S = Fraction(2)  # of a file that does not say


class MidiDecoder:
    """What messages mean, one after another, for one instrument: the pedal and all controllers become events.

    A key that is struck again before it goes up, as where layers share a note, sounds until it has gone up as often.
    """

    # All channels are one instrument so far. One decoder a channel would be made in `read_midi`.
    def __init__(self):
        self.down, self.sustained, self.pedal_down = Counter[int](), set[int](), False
        self.volumes = dict(USUAL_VOLUME)

    def __call__(self, message: mido.Message) -> list[Event]:
        """Events of a message, without their seconds; none where it means nothing to an instrument."""
        if message.type == "note_on" and message.velocity:
            self.down[message.note] += 1
            self.sustained.discard(message.note)
            return [("on", message.note, message.velocity)]
        if message.type in ("note_on", "note_off"):
            return self._key_up(message.note)
        if message.type == "pitchwheel":
            return [("bend", BEND_RANGE_SEMITONES * message.pitch / BEND_STEPS)]
        return self._control(message.control, message.value) if message.type == "control_change" else []

    def _key_up(self, note: int) -> list[Event]:
        self.down[note] = max(self.down[note] - 1, 0)
        if self.down[note]:
            return []
        if self.pedal_down:
            self.sustained.add(note)
            return []
        return [("off", note)]

    def _control(self, control: int, value: int) -> list[Event]:
        if control == PEDAL:
            self.pedal_down = value >= PEDAL_DOWN
            released = [] if self.pedal_down else sorted(self.sustained)
            self.sustained.difference_update(released)
            return [("off", note) for note in released]
        if control in USUAL_VOLUME:
            self.volumes[control] = value
            level_db = sum(midi_db(value, USUAL_VOLUME[control]) for control, value in self.volumes.items())
            return [("level", min(max(level_db, QUIETEST_DB), LOUDEST_DB))]
        if control in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            self.down.clear()
            self.sustained.clear()
            return [("quiet",)]
        return []


def read_midi(path: str | Path) -> list[Event]:
    """Events of a MIDI file, all channels but the drums.

    Raises:
        NotesError: it cannot be read, holds no note, or is longer than 20 minutes.
    """
    try:
        messages = list(mido.MidiFile(Path(path)))
    except Exception as error:  # a stranger's bytes can break a parser in any way
        raise NotesError(f"{path}: cannot be read as MIDI. Use a standard MIDI file.") from error
    events, now, decode = list[Event](), 0.0, MidiDecoder()
    for message in messages:
        now += message.time
        if not message.is_meta and getattr(message, "channel", DRUMS) != DRUMS:
            events += [(now, *event) for event in decode(message)]
    if not any(kind == "on" for _, kind, *_ in events):
        raise NotesError(f"{path}: no note is in it. Use another file.")
    if now > MOST_SECONDS:
        raise NotesError(f"{path}: longer than {MOST_SECONDS / 60:g} minutes. Use a shorter file.")
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

    Numbers become the nearest key, levels the volume, which reaches 4 dB beyond the usual, and bends end at two
    semitones.

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
    for name, events in tracks.items():
        messages = [(tick(seconds), _message(*event)) for seconds, *event in events]
        file.tracks.append(_track([(0, mido.MetaMessage("track_name", name=name)), *messages]))
    with written_whole(path, NotesError) as temporary:
        file.save(temporary)
    return Path(path)


def _message(kind: str, value: float = 0, velocity: int = 0) -> mido.Message:
    """The message of an event: what `MidiDecoder` makes of it, backwards."""
    if kind in ("on", "off"):
        return mido.Message(f"note_{kind}", note=min(max(round(value), 0), 127), velocity=velocity)
    if kind == "bend":
        pitch = round(BEND_STEPS * value / BEND_RANGE_SEMITONES)
        return mido.Message("pitchwheel", pitch=min(max(pitch, -BEND_STEPS), BEND_STEPS - 1))
    if kind == "level":
        return mido.Message("control_change", control=VOLUME, value=midi_value(value, USUAL_VOLUME[VOLUME]))
    return mido.Message("control_change", control=ALL_NOTES_OFF, value=0)


def _track(messages: Iterable[tuple[int, mido.Message | mido.MetaMessage]]) -> mido.MidiTrack:
    """A track of messages at their ticks, which it keeps as distances."""
    track, now = mido.MidiTrack(), 0
    for tick, message in messages:
        track.append(message.copy(time=tick - now))
        now = tick
    return track

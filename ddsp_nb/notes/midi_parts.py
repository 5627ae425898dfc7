"""Events as MIDI messages: a channel for each part, more for notes between the keys. Light to import."""

import math
from collections.abc import Iterable, Sequence

import mido

from ddsp_nb.notes import midi_channels as midi
from ddsp_nb.notes.level import midi_value
from ddsp_nb.notes.note import MAX_BEND_SEMITONES, Event, Parted, Seconds, parted

# Bends that are closer are the same: nobody hears a cent.
SAME_SEMITONES = 0.01


def messages_of(tracks: Sequence[Sequence[Event]]) -> list[list[tuple[Seconds, mido.Message]]]:
    """Seconds and message of all that tracks of events say, each in the order of time.

    A part has the channel of its number where no part before it has that. A number between two keys becomes the
    nearest key, bent to it, on a further channel where notes of the part sound at another bend. Where there is no other
    channel, one is shared.
    """
    split = [[parted(event) for event in events] for events in tracks]
    channels, written = _channels(split), []
    for track, events in enumerate(split):
        own = [part for (of, _), part in channels.items() if of == track]
        messages: list[tuple[Seconds, mido.Message]] = [(0, message) for part in own for message in part.begin()]
        for seconds, kind, values, part in events:
            reached = own if part is None else [channels[track, part]] if (track, part) in channels else []
            messages += [(seconds, message) for one in reached for message in one.obey(kind, *values)]
        written.append(messages)
    return written


def _channels(tracks: list[list[Parted]]) -> dict[tuple[int, int | None], "_Channels"]:
    """Channels of each part of each track that has notes."""
    parts = dict.fromkeys((i, part) for i, events in enumerate(tracks) for _, kind, _, part in events if kind == "on")
    spare = [channel for channel in range(midi.N_CHANNELS) if channel != midi.DRUMS]
    own = {}
    for key in parts:
        if key[1] in spare:
            own[key] = key[1]
            spare.remove(key[1])
    for key in parts:
        if key not in own:
            own[key] = spare.pop(0) if spare else 0
    range_semitones = _range_semitones(event for events in tracks for event in events)
    return {key: _Channels(own[key], spare, range_semitones) for key in parts}


def _range_semitones(events: Iterable[Parted]) -> int:
    """What wheels must reach: the widest bend, and what lies between the keys."""
    asked = [(kind, abs(values[0] if kind == "bend" else _rest(values[0]))) for _, kind, values, _ in events if values]
    bend, rest = (max((far for kind, far in asked if kind == name), default=0.0) for name in ("bend", "on"))
    return min(max(math.ceil(bend + rest - SAME_SEMITONES), midi.BEND_RANGE_SEMITONES), int(MAX_BEND_SEMITONES))


def _key(number: float) -> int:
    return min(max(round(number), 0), 127)


def _rest(number: float) -> float:
    """Semitones from its key to a number."""
    return number - _key(number)


class _Channels:
    """The channels of one part: what `MidiReceiver` makes of messages, backwards.

    Args:
        channel: for most of its notes.
        spare: channels that no part has yet, for notes that sound together at different bends; taken from it.
        range_semitones: of a wheel that is turned all the way.
    """

    def __init__(self, channel: int, spare: list[int], range_semitones: int):
        self.rests = {channel: 0.0}  # semitones from its keys to its notes, by channel
        self.spare, self.range_semitones = spare, range_semitones
        self.sounding: dict[float, int] = {}  # channel of each number
        self.bend_semitones = self.level_db = 0.0
        self.program: int | None = None

    def begin(self) -> list[mido.Message]:
        """What its channels must hear first."""
        return [message for channel in self.rests for message in self._set_up(channel)]

    def obey(self, kind: str, *values) -> list[mido.Message]:
        """Messages of an event."""
        if kind == "on":
            return self._on(*values)
        if kind == "off":
            return self._off(*values)
        if kind == "bend":
            (self.bend_semitones,) = values
            return [self._bend(channel) for channel in self.rests]
        if kind == "level":
            (self.level_db,) = values
            return [self._level(channel) for channel in self.rests]
        if kind == "program":
            (self.program,) = values
            return [self._choose(channel) for channel in self.rests]
        self.sounding.clear()
        return [_control(channel, midi.ALL_NOTES_OFF, 0) for channel in self.rests]

    def _on(self, number: float, velocity: int) -> list[mido.Message]:
        before = self._off(number)
        channel, messages = self._find(number)
        self.sounding[number] = channel
        return [*before, *messages, mido.Message("note_on", channel=channel, note=_key(number), velocity=velocity)]

    def _off(self, number: float) -> list[mido.Message]:
        channel = self.sounding.pop(number, None)
        note = _key(number)
        return [] if channel is None else [mido.Message("note_off", channel=channel, note=note, velocity=0)]

    def _find(self, number: float) -> tuple[int, list[mido.Message]]:
        """A channel for a note, and what it must hear before."""
        rest, messages = _rest(number), list[mido.Message]()
        far = {channel: abs(its - rest) for channel, its in self.rests.items()}
        taken = {channel for other, channel in self.sounding.items() if _key(other) == _key(number)}
        near = [channel for channel in far if far[channel] < SAME_SEMITONES and channel not in taken]
        if near:
            return near[0], []
        silent = [channel for channel in far if channel not in self.sounding.values()]
        if not silent and self.spare:
            silent = [self.spare.pop(0)]
            messages = self._set_up(silent[0])
            messages += [self._level(silent[0])] if self.level_db else []
            messages += [] if self.program is None else [self._choose(silent[0])]
        if not silent:
            return min(far, key=far.__getitem__), []
        self.rests[silent[0]] = rest
        return silent[0], [*messages, self._bend(silent[0])]

    def _set_up(self, channel: int) -> list[mido.Message]:
        """Its bend range, where that is not the usual one."""
        if self.range_semitones == midi.BEND_RANGE_SEMITONES:
            return []
        (high, low), (no_high, no_low) = midi.BEND_RANGE, midi.NO_PARAMETER
        chosen = [(midi.REGISTERED, high), (midi.REGISTERED_FINE, low)]
        values = [(midi.DATA, self.range_semitones), (midi.DATA_FINE, 0)]
        left = [(midi.REGISTERED, no_high), (midi.REGISTERED_FINE, no_low)]
        return [_control(channel, *pair) for pair in (*chosen, *values, *left)]

    def _bend(self, channel: int) -> mido.Message:
        pitch = round(midi.BEND_STEPS * (self.bend_semitones + self.rests[channel]) / self.range_semitones)
        return mido.Message("pitchwheel", channel=channel, pitch=min(max(pitch, -midi.BEND_STEPS), midi.BEND_STEPS - 1))

    def _choose(self, channel: int) -> mido.Message:
        return mido.Message("program_change", channel=channel, program=self.program)

    def _level(self, channel: int) -> mido.Message:
        return _control(channel, midi.VOLUME, midi_value(self.level_db, midi.USUAL_VOLUME[midi.VOLUME]))


def _control(channel: int, control: int, value: int) -> mido.Message:
    return mido.Message("control_change", channel=channel, control=control, value=value)

"""What MIDI messages mean as events: each channel's own keys, pedals, levels and bend. Light to import."""

from collections import Counter

import mido

from ddsp_nb.notes.level import LOUDEST_DB, QUIETEST_DB, midi_db
from ddsp_nb.notes.note import MAX_BEND_SEMITONES, Event

DRUMS = 9  # the channel that General MIDI keeps for them, counted from 0
N_CHANNELS = 16
BEND_STEPS = 8192
BEND_RANGE_SEMITONES = 2  # of a wheel that is turned all the way, until a file says another
# Numbers of controllers.
VOLUME, EXPRESSION, PEDAL, SOSTENUTO = 7, 11, 64, 66
ALL_SOUND_OFF, RESET, ALL_NOTES_OFF = 120, 121, 123  # from the last on all end notes
USUAL_VOLUME = {VOLUME: 100, EXPRESSION: 127}  # values at which they change nothing
PEDAL_DOWN = 64  # from this value on
# A registered parameter is chosen by two numbers, or taken out of reach by those of a maker's own, and then set.
DATA, DATA_FINE, MORE, LESS = 6, 38, 96, 97
OWN_FINE, OWN, REGISTERED_FINE, REGISTERED = 98, 99, 100, 101
PARAMETER_CONTROLS = (DATA, DATA_FINE, MORE, LESS, OWN_FINE, OWN, REGISTERED_FINE, REGISTERED)
BEND_RANGE, ZONE, NO_PARAMETER = (0, 0), (0, 6), (127, 127)
# MPE: the first or the last channel speaks for the channels beside it, each of which has a note of its own.
LOWER, UPPER = 0, N_CHANNELS - 1
MEMBER_RANGE_SEMITONES = 48


class MidiDecoder:
    """What the messages of one channel mean, one after another: pedals and all controllers become events.

    A key that is struck again before it goes up, as where layers share a note, sounds until it has gone up as often.

    Args:
        part: that events are given.
    """

    def __init__(self, part: int = 0):
        self.part = part
        self.down, self.sustained, self.kept, self.pedal_down = Counter[int](), set[int](), set[int](), False
        self.volumes, self.parameter = dict(USUAL_VOLUME), NO_PARAMETER
        self.range_cents, self.wheel, self.zone_semitones = 100 * BEND_RANGE_SEMITONES, 0.0, 0.0

    def __call__(self, message: mido.Message) -> list[Event]:
        """Events of a message, without their seconds; none where it means nothing to an instrument."""
        if message.type == "note_on" and message.velocity:
            again = self.down[message.note] or message.note in self.sustained
            self.down[message.note] += 1
            self.sustained.discard(message.note)
            before = [("off", message.note, self.part)] if again else []
            return [*before, ("on", message.note, message.velocity, self.part)]
        if message.type in ("note_on", "note_off"):
            return self._key_up(message.note)
        if message.type == "pitchwheel":
            self.wheel = message.pitch / BEND_STEPS
            return [self.bend()]
        if message.type == "program_change":
            return [("program", message.program, self.part)]
        return self._control(message.control, message.value) if message.type == "control_change" else []

    @property
    def sounds(self) -> bool:
        """Whether a key is down, or held by a pedal."""
        return bool(self.sustained) or any(self.down.values())

    @property
    def own_semitones(self) -> float:
        """By which its own wheel bends."""
        return self.wheel * self.range_cents / 100

    def bend(self) -> Event:
        """By how much its notes are bent, with what its zone adds."""
        semitones = self.own_semitones + self.zone_semitones
        return ("bend", min(max(semitones, -MAX_BEND_SEMITONES), MAX_BEND_SEMITONES), self.part)

    def set_range(self, cents: int, zone_semitones: float | None = None) -> list[Event]:
        """Change what the wheel, turned all the way, bends by, and what its zone adds; its bend where that moves."""
        before, self.range_cents = self.bend(), cents
        self.zone_semitones = self.zone_semitones if zone_semitones is None else zone_semitones
        return [self.bend()] if self.bend() != before else []

    def _key_up(self, note: int) -> list[Event]:
        struck, self.down[note] = self.down[note], max(self.down[note] - 1, 0)
        if struck != 1:
            return []
        if self.pedal_down or note in self.kept:
            self.sustained.add(note)
            return []
        return [("off", note, self.part)]

    def _control(self, control: int, value: int) -> list[Event]:
        if control in (PEDAL, SOSTENUTO):
            return self._pedal(control, value >= PEDAL_DOWN)
        if control in USUAL_VOLUME:
            return self._volume(control, value)
        if control == RESET:
            self.wheel, self.parameter = 0.0, NO_PARAMETER
            ups = [event for pedal in (PEDAL, SOSTENUTO) for event in self._pedal(pedal, False)]
            return [*ups, *self._volume(EXPRESSION, USUAL_VOLUME[EXPRESSION]), self.bend()]
        if control == ALL_SOUND_OFF or control >= ALL_NOTES_OFF:
            self.down.clear()
            self.sustained.clear()
            self.kept.clear()
            return [("quiet", self.part)]
        return self._set_parameter(control, value)

    def _pedal(self, pedal: int, is_down: bool) -> list[Event]:
        """One that sustains every key, or one that sustains those which are down when it goes down."""
        if pedal == PEDAL:
            self.pedal_down = is_down
        elif not is_down:
            self.kept.clear()
        elif not self.kept:
            self.kept = {note for note, n in self.down.items() if n}
        released = [] if self.pedal_down else sorted(self.sustained - self.kept)
        self.sustained.difference_update(released)
        return [("off", note, self.part) for note in released]

    def _volume(self, control: int, value: int) -> list[Event]:
        self.volumes[control] = value
        level_db = sum(midi_db(value, USUAL_VOLUME[control]) for control, value in self.volumes.items())
        return [("level", min(max(level_db, QUIETEST_DB), LOUDEST_DB), self.part)]

    def _set_parameter(self, control: int, value: int) -> list[Event]:
        high, low = self.parameter
        if control in (OWN, OWN_FINE):
            self.parameter = NO_PARAMETER
        elif control in (REGISTERED, REGISTERED_FINE):
            self.parameter = (value, low) if control == REGISTERED else (high, value)
        elif self.parameter == BEND_RANGE and control in PARAMETER_CONTROLS:
            changed = {
                DATA: 100 * value,
                DATA_FINE: self.range_cents // 100 * 100 + value,
                MORE: self.range_cents + 1,
                LESS: max(self.range_cents - 1, 0),
            }
            return self.set_range(changed[control])
        return []


class MidiReceiver:
    """What the messages of all channels mean: a decoder for each, zones of MPE, and drums, which have no pitch.

    Events carry their channel, counted from 0, as their part. `n_drums` counts the strokes that were left out.
    """

    def __init__(self) -> None:
        self.decoders = [MidiDecoder(channel) for channel in range(N_CHANNELS)]
        self.members: dict[int, range] = {}  # of zones, by the channel that speaks for them
        self.n_drums = 0

    def __call__(self, message: mido.Message) -> list[Event]:
        """Events of a message, without their seconds."""
        channel = getattr(message, "channel", None)
        if channel is None:
            return []
        if channel == DRUMS and not any(channel in members for members in self.members.values()):
            self.n_drums += message.type == "note_on" and message.velocity > 0
            return []
        decoder = self.decoders[channel]
        if message.is_cc(DATA) and decoder.parameter == ZONE and channel in (LOWER, UPPER):
            return self._set_zone(channel, message.value)
        events = [event for reached in self._reached(message) for event in self.decoders[reached](message)]
        return events + self._bend_zone(channel)

    @property
    def sounds(self) -> bool:
        """Whether a key is down on any channel, or held by a pedal."""
        return any(decoder.sounds for decoder in self.decoders)

    def _reached(self, message: mido.Message) -> list[int]:
        """Channels that a message counts for: controllers of a zone for all of it, a bend range for all its members."""
        channel = message.channel
        if message.type not in ("control_change", "program_change"):
            return [channel]
        if message.type == "program_change" or message.control not in PARAMETER_CONTROLS:
            return [channel, *self.members.get(channel, ())]
        return next((list(members) for members in self.members.values() if channel in members), [channel])

    def _bend_zone(self, channel: int) -> list[Event]:
        """What the wheel of a whole zone adds to its members', where it has moved."""
        semitones, events = self.decoders[channel].own_semitones, list[Event]()
        for member in map(self.decoders.__getitem__, self.members.get(channel, ())):
            if member.zone_semitones != semitones:
                member.zone_semitones = semitones
                events.append(member.bend())
        return events

    def _set_zone(self, speaker: int, n_members: int) -> list[Event]:
        """Begin a zone, which takes its channels from another one, or end it where it has no members."""
        n_members = min(n_members, N_CHANNELS - 1)
        size = {speaker: n_members, (other := UPPER - speaker): len(self.members.get(other, ()))}
        size[other] = min(size[other], max(N_CHANNELS - 2 - n_members, 0))
        before = {channel for members in self.members.values() for channel in members}
        zones = {LOWER: range(1, 1 + size[LOWER]), UPPER: range(UPPER - size[UPPER], UPPER)}
        self.members = {speaker: members for speaker, members in zones.items() if members}
        now = {channel for members in self.members.values() for channel in members}
        events = self.decoders[speaker].set_range(100 * BEND_RANGE_SEMITONES)
        for channel in sorted((before - now) | set(zones[speaker])):
            semitones = MEMBER_RANGE_SEMITONES if channel in now else BEND_RANGE_SEMITONES
            events += self.decoders[channel].set_range(100 * semitones, zone_semitones=0.0)
        return events + [event for zone in self.members for event in self._bend_zone(zone)]

"""MIDI for the live instrument: files as timed messages, and what each message does."""

import math
from pathlib import Path

import mido

from ddsp_nb.errors import GrowthError
from ddsp_nb.playing.score import MOST_SECONDS, read_messages
from ddsp_nb.playing.stream import LOUDEST_DB, QUIETEST_DB, StreamingSynthesizer

BEND_RANGE_SEMITONES = 2.0  # of a wheel that is turned all the way: General MIDI
BEND_STEPS = 8192
DRUMS = 9  # the channel that General MIDI keeps for them, counted from 0
VOLUME, EXPRESSION, PEDAL = 7, 11, 64  # numbers of controllers
USUAL_VOLUME = {VOLUME: 100, EXPRESSION: 127}  # values at which they change nothing: General MIDI
PEDAL_DOWN = 64  # from this value on
SILENCING = (120, 123)  # controllers: all sound off, all notes off


def read_events(path: str | Path) -> list[tuple[float, mido.Message]]:
    """Messages of a MIDI file, with the second of each, all channels but the drums.

    Raises:
        GrowthError: it cannot be read, holds no note, or is longer than 20 minutes.
    """
    events, now = [], 0.0
    for message in read_messages(path):
        now += message.time
        if not message.is_meta and getattr(message, "channel", None) not in (None, DRUMS):
            events.append((now, message))
    if not any(message.type == "note_on" and message.velocity for _, message in events):
        raise GrowthError(f"{path}: no note is in it. Use another file.")
    if now > MOST_SECONDS:
        raise GrowthError(f"{path}: longer than {MOST_SECONDS / 60:g} minutes. Use a shorter file.")
    return events


class MidiControl:
    """Plays a synthesizer as MIDI messages say: notes, bend, volume, expression and the sustain pedal."""

    def __init__(self, synthesizer: StreamingSynthesizer):
        self.synthesizer = synthesizer
        self.volumes, self.pedal_down, self.waiting = dict(USUAL_VOLUME), False, set[int]()

    def __call__(self, message: mido.Message) -> None:
        """Obey a message; those of other kinds do nothing."""
        if message.type == "note_on" and message.velocity:
            self.waiting.discard(message.note)
            self.synthesizer.note_on(message.note, message.velocity)
        elif message.type in ("note_on", "note_off"):
            self._release(message.note)
        elif message.type == "pitchwheel":
            self.synthesizer.bend(BEND_RANGE_SEMITONES * message.pitch / BEND_STEPS)
        elif message.type == "control_change":
            self._control(message.control, message.value)

    def _release(self, note: int) -> None:
        """A key goes up; while the pedal is down its note sounds on."""
        if self.pedal_down:
            self.waiting.add(note)
        else:
            self.synthesizer.note_off(note)

    def _control(self, control: int, value: int) -> None:
        if control == PEDAL:
            self.pedal_down = value >= PEDAL_DOWN
            for note in () if self.pedal_down else sorted(self.waiting):
                self.synthesizer.note_off(note)
            if not self.pedal_down:
                self.waiting.clear()
        elif control in USUAL_VOLUME:
            self.volumes[control] = value
            level_db = sum(40 * math.log10(max(v, 1) / USUAL_VOLUME[c]) for c, v in self.volumes.items())
            self.synthesizer.loudness(min(max(level_db, QUIETEST_DB), LOUDEST_DB))
        elif control in SILENCING:
            self.synthesizer.all_off()

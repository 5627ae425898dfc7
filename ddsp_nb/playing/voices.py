"""Notes under the hands: which sound, how loud each is now, and which one makes room for the next."""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from ddsp_nb.errors import ConfigError
from ddsp_nb.notes.level import LOUDEST_DB, PLAIN_VELOCITY, QUIETEST_DB, midi_db
from ddsp_nb.notes.note import MAX_BEND_SEMITONES
from ddsp_nb.notes.pitch import midi_hz
from ddsp_nb.playing.articulation import RISE_DB, Articulation
from ddsp_nb.playing.own_timbre import usual_loudness_db
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

STOLEN_S = 0.01  # in which a voice that makes room falls by 40 dB: no click, and hardly heard
MAX_VOICES = 64
# A pitch is bent no higher than this part of half the sample rate: at the half itself a voice would fall silent.
MAX_NYQUIST = 0.98


@dataclass
class Voice:
    """A note from its key to its silence; a step is a frame.

    Attributes:
        note: MIDI number, 69 is A4; need not be whole.
        level_db: that it is struck with, beside the instrument's usual loudness.
        part: that it is of.
        held_s, released_s: for which its key has been down, and up.
        stolen: whether it makes room for another; then it goes through its release in 10 ms.
        ended: whether it has fallen silent.
    """

    note: float
    level_db: float
    part: int = 0
    held_s: float = 0.0
    released_s: float = 0.0
    held: bool = True
    stolen: bool = False
    ended: bool = False

    @property
    def age_s(self) -> float:
        """Since its key went down."""
        return self.held_s + self.released_s

    def step(self, articulation: Articulation, hop_s: float) -> float:
        """Move on by a frame; its level there, dB beside the instrument's usual one."""
        if self.held:
            self.held_s += hop_s
        else:
            self.released_s += hop_s * (articulation.release_s / STOLEN_S if self.stolen else 1)
        shape_db = articulation.level_db(self.held_s, self.released_s)
        self.ended = not self.held and shape_db < -RISE_DB
        return self.level_db + shape_db


class Voices:
    """Notes of an instrument, the oldest first, frame by frame.

    They are of one part or several, such as the channels of MIDI: each has its own keys, bend and level. What hands do
    counts from the next frame on: a key that goes down at frame k is silent there and begins to rise.

    Args:
        model, take: the instrument, and what its articulation is measured on; usual values without.
        n_voices: that sound at a time, 1 to 64; one more steals the oldest released one, which fades within 10 ms.

    Raises:
        ConfigError: n_voices outside its range.
    """

    def __init__(self, model: DDSPModel, take: Take | Articulation | None = None, *, n_voices: int = 8):
        if not 1 <= n_voices <= MAX_VOICES:
            raise ConfigError(f"n_voices is {n_voices!r}; use 1 to {MAX_VOICES}.")
        self.config, self.n_voices, self.articulation = model.config, n_voices, Articulation.of(take)
        self.usual_db = usual_loudness_db(model)
        # Of parts.
        self.bends_semitones, self.levels_db = defaultdict[int, float](float), defaultdict[int, float](float)
        self.voices: list[Voice] = []

    def note_on(self, note: float, velocity: int = PLAIN_VELOCITY, part: int = 0) -> None:
        """Begin a note: a MIDI number, which need not be whole, and a velocity, of which 96 is the usual loudness.

        Raises ConfigError outside 0 to 127, and 1 to 127.
        """
        if not 0 <= note <= 127 or not 1 <= velocity <= 127:
            raise ConfigError(f"There is no note {note!r} of velocity {velocity!r}; use 0 to 127, and 1 to 127.")
        self.note_off(note, part)
        self._make_room()
        self.voices.append(Voice(note, midi_db(velocity), part))

    def note_off(self, note: float, part: int = 0) -> None:
        """Release a note; nothing where it does not sound."""
        for voice in self.voices:
            voice.held &= (voice.note, voice.part) != (note, part)

    def all_off(self, part: int | None = None) -> None:
        """Release every note, or those of one part."""
        for voice in self.voices:
            voice.held &= part not in (None, voice.part)

    def bend(self, semitones: float, part: int = 0) -> None:
        """Bend all notes of a part, -96 to 96 semitones. Raises ConfigError outside."""
        if not abs(semitones) <= MAX_BEND_SEMITONES:
            raise ConfigError(f"Cannot bend by {semitones!r} semitones; use -96 to 96.")
        self.bends_semitones[part] = float(semitones)

    def loudness(self, level_db: float, part: int = 0) -> None:
        """Play a part softer or louder, timbre included: -60 to 24 dB beside the usual. Raises ConfigError."""
        if not QUIETEST_DB <= level_db <= LOUDEST_DB:
            raise ConfigError(f"A loudness of {level_db!r} dB is out of reach; use -60 to 24.")
        self.levels_db[part] = float(level_db)

    def obey(self, kind: str, *values) -> None:
        """Do what an event says (`notes/note.py`); it is one instrument, whatever the program."""
        hands: dict[str, Callable[..., None]] = {
            "on": self.note_on,
            "off": self.note_off,
            "bend": self.bend,
            "level": self.loudness,
            "program": lambda *_: None,
            "quiet": self.all_off,
        }
        hands[kind](*values)

    def step(self) -> list[float]:
        """Move all voices on by a frame: the loudness of each there, dB relative to full scale."""
        hop_s = self.config.hop_length / self.config.sample_rate
        return [v.step(self.articulation, hop_s) + self.levels_db[v.part] + self.usual_db for v in self.voices]

    def hz(self, note: float, part: int = 0) -> float:
        """Fundamental of a note as its part is bent now."""
        return min(midi_hz(note + self.bends_semitones[part]), MAX_NYQUIST * self.config.nyquist_hz)

    def _make_room(self) -> None:
        """Steal the voice that is missed least where all sound: the oldest released one, else the oldest."""
        sounding = [voice for voice in self.voices if not voice.stolen]
        if len(sounding) >= self.n_voices:
            loser = min(sounding, key=lambda voice: voice.held)  # the first of equals, and voices are in order of age
            loser.stolen, loser.held = True, False


class Solo(Voices):
    """One voice of all that is played: the pitch of the newest note, the loudness of the loudest that sounds."""

    newest: Voice | None = None  # also when it has ended: pitch stays where it was

    def note_on(self, note: float, velocity: int = PLAIN_VELOCITY, part: int = 0) -> None:
        """Begin a note and release those before it."""
        self.all_off()
        super().note_on(note, velocity, part)
        self.newest = self.voices[-1]

    @property
    def f0_hz(self) -> float:
        """Of the newest note, 0 before the first."""
        return self.hz(self.newest.note, self.newest.part) if self.newest else 0.0

    @property
    def begins(self) -> bool:
        """Whether a note has been struck since the last frame."""
        return self.newest is not None and not self.newest.held_s

    def frame(self) -> float:
        """Move on by a frame: its loudness, dB relative to full scale; -inf where no note sounds."""
        levels_db = self.step()
        sounding_db = [db for voice, db in zip(self.voices, levels_db, strict=True) if not voice.ended]
        self.voices = [voice for voice in self.voices if not voice.ended]
        return max(sounding_db, default=-math.inf)

    def _make_room(self) -> None:
        """There is room for all that are on their way to silence."""

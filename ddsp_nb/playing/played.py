"""What was played by hand: notes, bends and levels with their seconds, for all that plays notes or features."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.errors import GrowthError
from ddsp_nb.files import written_whole
from ddsp_nb.notes.pitch import midi_hz, midi_number
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.midi import BEND_RANGE_SEMITONES, BEND_STEPS, USUAL_VOLUME, VOLUME
from ddsp_nb.playing.score import (
    DB_PER_VELOCITY,
    MOST_SECONDS,
    PLAIN_VELOCITY,
    USUAL_LOUDNESS,
    Note,
    level_of_velocity,
)
from ddsp_nb.playing.stream import MAX_NYQUIST, StreamingSynthesizer
from ddsp_nb.playing.voices import Voice
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

TICKS_PER_BEAT = 960
BEAT_S = 0.5  # at 120 beats a minute, which a MIDI file without a tempo has
DB_PER_DECADE = 40.0  # of MIDI's volume
NOTHING = "Nothing was played. Press Record in the panel, play, then Stop."

Event = tuple[Any, ...]


@dataclass(frozen=True)
class Performance:
    """What hands did.

    Attributes:
        events: in the order of time, (seconds, "on", MIDI number, velocity), (seconds, "off", MIDI number),
            (seconds, "bend", semitones) or (seconds, "level", dB beside the usual loudness).
        seconds: from its beginning to its end.

    Raises:
        GrowthError: no note is in it, or it is longer than 20 minutes.
    """

    events: tuple[Event, ...]
    seconds: float

    def __post_init__(self):
        if not any(kind == "on" for _, kind, *_ in self.events):
            raise GrowthError(NOTHING)
        if self.seconds > MOST_SECONDS:
            raise GrowthError(f"This is longer than {MOST_SECONDS / 60:g} minutes. Play less.")

    @classmethod
    def of_notes(cls, notes: list[Note]) -> "Performance":
        """Written notes as if they had been played, to the nearest key. Raises GrowthError where there is none."""
        events: list[Event] = []
        for note in notes:
            key = round(midi_number(note.hz))
            velocity = round(PLAIN_VELOCITY + note.level_db / DB_PER_VELOCITY)
            events += [(note.start_s, "on", key, min(max(velocity, 1), 127)), (note.stop_s, "off", key)]
        return cls(tuple(sorted(events, key=lambda event: event[0])), max((note.stop_s for note in notes), default=0.0))

    def notes(self) -> list[Note]:
        """One voice of it: a new note ends the one before. Its bends are left out; see `features`."""
        notes: list[Note] = []
        sounding: tuple[float, int, int] | None = None
        for seconds, kind, *values in (*self.events, (self.seconds, "off", None)):
            ends = kind == "on" or (kind == "off" and sounding and values[0] in (sounding[1], None))
            if sounding and ends and seconds > sounding[0]:
                begin, number, velocity = sounding
                notes.append(Note(begin, seconds, midi_hz(number), level_of_velocity(velocity)))
            if ends:
                sounding = (seconds, *values) if kind == "on" else None
        return notes

    def features(self, model: DDSPModel, take: Take | None = None) -> Features:
        """Pitch and loudness of one voice, frame by frame, bends and levels too: the newest note that sounds.

        Args:
            model: the instrument; knows how loud it usually is.
            take: of its recording, whose attack and release the notes have; usual ones without.

        Returns:
            `Features` without phase; their MFCCs are 0 and mean nothing: play them with `envelope=False`.
        """
        config, hop_s = model.config, model.config.hop_length / model.config.sample_rate
        articulation = Articulation() if take is None else Articulation.of(take.features)
        n_samples = round((self.seconds + articulation.release_s) * config.sample_rate)
        usual_db = model.loudness_quantiles_db[USUAL_LOUDNESS].item()
        f0_hz, loudness_db, hands = [], [], _Hands(articulation)
        waiting = list(self.events)
        for frame in range(config.n_frames(n_samples)):
            while waiting and waiting[0][0] <= frame * hop_s:
                hands.obey(*waiting.pop(0)[1:])
            f0_hz.append(min(hands.hz, MAX_NYQUIST * config.nyquist_hz))
            level_db = hands.step(hop_s)
            loudness_db.append(MIN_DB if level_db is None else max(usual_db + level_db, MIN_DB))
        first_hz = next(hz for hz in f0_hz if hz)
        return Features(
            f0_hz=torch.tensor([hz or first_hz for hz in f0_hz]),
            loudness_db=torch.tensor(loudness_db),
            mfcc=torch.zeros(len(f0_hz), config.n_mfcc),
            voiced=torch.tensor(loudness_db) > MIN_DB,
            phase=None,
            n_samples=n_samples,
            sample_rate=config.sample_rate,
            hop_length=config.hop_length,
        )

    def take(self, model: DDSPModel, take: Take) -> Take:
        """One voice of it as a phrase to grow, for `grow` and `GrowthPanel`.

        Args:
            model: the instrument that plays.
            take: of its recording.
        """
        features = self.features(model, take)
        return Take(features, model.controls(features, envelope=False), take.ceiling_db)

    def render(self, model: DDSPModel, take: Take | None = None, *, n_voices: int = 8, seed: int = 0) -> torch.Tensor:
        """[n_samples] all voices of it, as they were heard, to the end of the last release.

        Args:
            model, take: the instrument, as in `features`.
            n_voices: that sound at a time.
            seed: of the noise.
        """
        synthesizer = StreamingSynthesizer(model, take, n_voices=n_voices, seed=seed)
        done, parts = 0, []
        end_s = self.seconds + synthesizer.articulation.release_s
        for seconds, kind, *values in (*self.events, (self.seconds, "end"), (end_s, "end")):
            sample = round(seconds * model.config.sample_rate)
            if sample > done:
                parts += [synthesizer.render(n) for n in _pieces(sample - done)]
                done = sample
            _obey(synthesizer, kind, values)
        return torch.cat(parts)

    def save_midi(self, path: str | Path) -> Path:
        """Write a MIDI file: levels as volume, which reaches 4 dB beyond the usual, bends within two semitones.

        Raises:
            GrowthError: the place cannot be written.
        """
        file, track, before = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT), mido.MidiTrack(), 0
        for seconds, kind, *values in self.events:
            tick = round(seconds / BEAT_S * TICKS_PER_BEAT)
            track.append(_message(kind, values).copy(time=tick - before))
            before = tick
        file.tracks.append(track)
        with written_whole(path, GrowthError) as temporary:
            file.save(temporary)
        return Path(path)


class _Hands:
    """Notes of one instrument as hands play them, frame by frame."""

    def __init__(self, articulation: Articulation):
        self.articulation, self.voices = articulation, list[Voice]()
        self.bend_semitones = self.level_db = 0.0

    def obey(self, kind: str, value: float, velocity: int = 0) -> None:
        if kind == "bend":
            self.bend_semitones = value
        elif kind == "level":
            self.level_db = value
        for voice in self.voices if kind in ("on", "off") else ():
            if voice.note == value or kind == "on":  # one voice: a new note ends the others
                voice.release(self.articulation)
        if kind == "on":
            self.voices.append(Voice(value, level_of_velocity(velocity)))

    @property
    def hz(self) -> float:
        """Of the newest note, 0 before the first."""
        if not self.voices:
            return 0.0
        return midi_hz(self.voices[-1].note + self.bend_semitones)

    def step(self, hop_s: float) -> float | None:
        """Move on by a frame: the level of the loudest note beside the usual one, dB, or None where none sounds."""
        levels_db = [voice.step(self.articulation, hop_s) for voice in self.voices]
        sounding = [db for voice, db in zip(self.voices, levels_db, strict=True) if not voice.ended]
        self.voices = [voice for voice in self.voices if not voice.ended] or self.voices[-1:]
        return max(sounding) + self.level_db if sounding else None


def _obey(synthesizer: StreamingSynthesizer, kind: str, values: list) -> None:
    obeyed: dict[str, Callable[..., None]] = {
        "on": synthesizer.note_on,
        "off": synthesizer.note_off,
        "bend": synthesizer.bend,
        "level": synthesizer.loudness,
        "end": synthesizer.all_off,
    }
    obeyed[kind](*values)


def _message(kind: str, values: list) -> mido.Message:
    if kind in ("on", "off"):
        return mido.Message(f"note_{kind}", note=values[0], velocity=values[1] if kind == "on" else 0)
    if kind == "bend":
        pitch = round(BEND_STEPS * values[0] / BEND_RANGE_SEMITONES)
        return mido.Message("pitchwheel", pitch=min(max(pitch, -BEND_STEPS), BEND_STEPS - 1))
    volume = round(USUAL_VOLUME[VOLUME] * 10 ** (values[0] / DB_PER_DECADE))
    return mido.Message("control_change", control=VOLUME, value=min(max(volume, 1), 127))


def _pieces(n_samples: int, most: int = 1 << 16) -> list[int]:
    """n_samples in pieces that a stream renders at once."""
    return [most] * (n_samples // most) + [n_samples % most] * (n_samples % most > 0)

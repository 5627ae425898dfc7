"""What hands or MIDI play, or what was only written (notebook 06, "Record a phrase, and grow it")."""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.errors import NotesError, warn_user
from ddsp_nb.notes.midi import write_midi
from ddsp_nb.notes.note import MOST_SECONDS, Event, Note, events_of, lines_of, parted
from ddsp_nb.notes.score import read_score
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.own_timbre import lift_db
from ddsp_nb.playing.stream import StreamingSynthesizer, blocks_of
from ddsp_nb.playing.voices import Solo
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

NOTHING = "Nothing was played. Press Record in the panel, play, then Stop."
# That sound at a time, as many as an instrument has voices live.
MOST_LINES = 8


@dataclass(frozen=True)
class Performance:
    """What was played.

    Attributes:
        events: in the order of time, (seconds, "on", MIDI number, velocity), (seconds, "off", MIDI number),
            (seconds, "bend", semitones), (seconds, "level", dB beside the usual loudness), (seconds, "program", of
            General MIDI) or (seconds, "quiet"), each with the part that it is of, such as a channel of MIDI; 0 where
            it has none.
        seconds: from its beginning to its end, where keys that are still down go up.

    Raises:
        NotesError: no note is in it, or it is longer than 20 minutes.
    """

    events: tuple[Event, ...]
    seconds: float

    def __post_init__(self):
        if not self.n_notes:
            raise NotesError(NOTHING)
        if self.seconds > MOST_SECONDS:
            raise NotesError(f"This is longer than {MOST_SECONDS / 60:g} minutes. Play less.")

    @classmethod
    def of_notes(cls, notes: Sequence[Note]) -> "Performance":
        """Written notes as if they had been played. Raises NotesError where there is none."""
        return cls(tuple(events_of(notes)), float(max((note.stop_s for note in notes), default=0)))

    @classmethod
    def of_midi(cls, path: str | Path) -> "Performance":
        """What a MIDI or MusicXML file plays, all but the drums. Raises NotesError where it cannot be read."""
        events = tuple(read_score(path))
        return cls(events, events[-1][0])

    @property
    def n_notes(self) -> int:
        """How many keys were struck."""
        return sum(kind == "on" for _, kind, *_ in self.events)

    def by_player(self, player: Callable[[int], str]) -> dict[str, "Performance"]:
        """What each player plays, who is told by the program of a part; a key goes up where it went down."""
        programs, struck, players = defaultdict[int | None, int](int), dict[tuple, str](), list[str | None]()
        for _, kind, values, part in map(parted, self.events):
            if kind == "program":
                programs[part] = values[0]
            elif kind == "on":
                struck[values[0], part] = player(programs[part])
            players.append(struck.get((values[0], part)) if kind in ("on", "off") else None)
        own = lambda name: (event for event, its in zip(self.events, players, strict=True) if its in (None, name))
        return {name: Performance(tuple(own(name)), self.seconds) for name in dict.fromkeys(filter(None, players))}

    def lines(self) -> list["Performance"]:
        """Lines of one note at a time, which together are all of it; a melody is one line.

        Where more than eight notes sound, as many as play live, the oldest make room, and a warning says so.
        """
        lines, n_cut = lines_of(self.events, MOST_LINES)
        if n_cut:
            warn_user(f"More than {MOST_LINES} notes sound at a time: {n_cut} of {self.n_notes} end early.")
        # The first one lasts to the end, the others up to their last notes: many a line has a few notes only.
        melody, *others = lines
        shorter = [_up_to_last_key(line) for line in others]
        return [Performance(tuple(melody), self.seconds), *(Performance(tuple(line), line[-1][0]) for line in shorter)]

    def features(self, model: DDSPModel, take: Take | Articulation | None = None) -> Features:
        """Pitch and loudness of one voice, frame by frame, bends and levels too: the newest note that sounds.

        Frame k is at sample k * hop_length. What happens at or before it counts from frame k + 1 on, as in a stream.

        Returns:
            `Features` without phase, with the articulation of the take or, without one, the usual one. Their MFCCs are
            0 and mean nothing: play them with `envelope=False`. Levels are those of the recordings, see `lift_db`.
        """
        config, solo, waiting = model.config, Solo(model, take), deque(self._ended)
        f0_hz, loudness_db, age_s, lifted_db = list[float](), list[float](), list[float](), lift_db(model)
        while waiting or solo.voices:
            sample = len(f0_hz) * config.hop_length
            loudness_db.append(max(solo.frame() - lifted_db, MIN_DB))
            f0_hz.append(solo.f0_hz)
            age_s.append(solo.newest.age_s if solo.newest else 0.0)
            while waiting and round(waiting[0][0] * config.sample_rate) <= sample:
                solo.obey(*waiting.popleft()[1:])
            if solo.begins:  # at its own pitch, to which nothing glides
                f0_hz[-1], age_s[-1] = solo.f0_hz, 0.0
        first_hz = next(filter(None, f0_hz))
        return Features(
            f0_hz=torch.tensor([hz or first_hz for hz in f0_hz]),
            loudness_db=torch.tensor(loudness_db),
            mfcc=torch.zeros(len(f0_hz), config.n_mfcc),
            voiced=torch.tensor(loudness_db) > MIN_DB,
            phase=None,
            n_samples=(len(f0_hz) - 1) * config.hop_length,
            sample_rate=config.sample_rate,
            hop_length=config.hop_length,
            age_s=torch.tensor(age_s),
        )

    def take(self, model: DDSPModel, take: Take) -> Take:
        """One voice of it as a phrase to grow, for `grow` and `GrowthPanel`; `take` is of the model's recording."""
        features = self.features(model, take)
        return Take(features, model.controls(features, envelope=False), take.ceiling_db, room=take.room)

    def render(self, model: DDSPModel, take: Take | None = None, *, n_voices: int = 8, seed: int = 0) -> torch.Tensor:
        """[n_samples] all voices of it, as they were heard, to the end of the last release."""
        synthesizer = StreamingSynthesizer(model, take, n_voices=n_voices, seed=seed)
        return torch.cat(list(blocks_of(synthesizer, self._ended, model.config.hop_length)))

    def save_midi(self, path: str | Path) -> Path:
        """Write a MIDI file, with the limits of `write_midi`. Raises NotesError where the place cannot be written."""
        return write_midi(path, {"Played": self.events})

    @property
    def _ended(self) -> tuple[Event, ...]:
        return (*self.events, (self.seconds, "quiet"))


def _up_to_last_key(line: list[Event]) -> list[Event]:
    last = max(i for i, (_, kind, *_) in enumerate(line) if kind in ("on", "off"))
    return line[: last + 1] if line[last][1] == "off" else line


def draw(notes: list[Note], model: DDSPModel, take: Take | None = None) -> Features:
    """Written notes as pitch and loudness, frame by frame: those of `Performance.features`."""
    return Performance.of_notes(notes).features(model, take)

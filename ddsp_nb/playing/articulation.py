"""The shape of a note, measured on the recording: how it begins, sinks and ends (notebook 06, "Play it")."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ddsp_nb.analysis.background import floor_db
from ddsp_nb.analysis.features import Features
from ddsp_nb.training.take import Take

# From which a note rises and to which it falls: what is softer is hidden by the noise of most recordings.
RISE_DB = 40.0
# Of notes whose recording does not tell: a bow's or a breath's.
ATTACK_S, DECAY_DB_PER_S, RELEASE_S = 0.04, 2.0, 0.08
# After the attack, in which a held note sinks. Then it keeps its level, so that no key that is held is forgotten.
SINKING_S = 3.0

# Below the level of a note, where its attack ends and its release begins.
PLATEAU_DB = 3.0
# Shorter ones are no notes, or have no plateau.
SHORTEST_NOTE_S = 0.15
# The lower end is near what the 46 ms window of loudness can tell.
ATTACK_RANGE_S = (0.01, 0.5)
# At least as much as usual: a phrase in one breath does not sink, but no single note stays as it began.
DECAY_RANGE_DB_PER_S = (DECAY_DB_PER_S, 30.0)
RELEASE_RANGE_S = (0.03, 2.0)
# Of an edge; where there is less, the recording was cut within the note.
LEAST_RISE_DB = 10.0
# Of the decay of its room: a release that slow is what was left of the room, not the instrument's.
SHARE_OF_ROOM = 0.4
# Of a note's levels: a swell's peak does not count, its plateau does.
LEVEL_QUANTILE = 0.8


@dataclass(frozen=True)
class Articulation:
    """How notes begin and end.

    Attributes:
        attack_s: in which a note rises to its level.
        decay_db_per_s: by which it sinks after its attack, for 3 s, while its key is held.
        release_s: in which it falls by 40 dB when its key goes up.
    """

    attack_s: float = ATTACK_S
    decay_db_per_s: float = DECAY_DB_PER_S
    release_s: float = RELEASE_S

    def rise_db(self, held_s: float) -> float:
        """Level of the attack, -40 to 0 dB: power grows evenly, so that fast notes of a slow bow are heard, too."""
        return max(10 * math.log10(min(max(held_s / self.attack_s, 1e-9), 1.0)), -RISE_DB)

    def level_db(self, held_s: float, released_s: float = 0.0) -> float:
        """Level of a note beside the one it was struck with, dB; below -40 dB a released note is silent.

        Args:
            held_s: since its key went down, or for how long it was held.
            released_s: since its key went up.
        """
        sunk_db = self.decay_db_per_s * min(max(held_s - self.attack_s, 0.0), SINKING_S)
        return self.rise_db(held_s) - sunk_db - RISE_DB * released_s / self.release_s

    @classmethod
    def of(cls, take: "Take | Articulation | None") -> "Articulation":
        """That of a take, measured where it does not say; one that is known stays; usual values without one."""
        if not isinstance(take, Take):
            return take or cls()
        if take.shape:
            return cls(*take.shape)
        found = cls.measured(take.features)
        slow = take.room is not None and found.release_s * 60 / RISE_DB > SHARE_OF_ROOM * take.room.rt60_s
        return replace(found, release_s=RELEASE_S) if slow else found

    @classmethod
    def measured(cls, features: Features) -> "Articulation":
        """Medians over the notes between rests of a recording; usual values where it has no such note."""
        hop_s = features.hop_length / features.sample_rate
        level_db = features.loudness_db.cpu().numpy()
        least_db = max(level_db.max() - RISE_DB, floor_db(level_db, features.voiced.cpu().numpy(), hop_s))
        notes_db = [level_db[span] for span in _stretches(level_db > least_db) if len(span) * hop_s >= SHORTEST_NOTE_S]
        return cls(*shape_of(notes_db, hop_s))


def shape_of(notes_db: list[np.ndarray], hop_s: float) -> tuple[float, float, float]:
    """Attack, decay and release as in `Articulation`: medians over notes, each [n_frames] dB from begin to end."""
    return (
        _median([_edge_s(note_db, hop_s) for note_db in notes_db], ATTACK_S, ATTACK_RANGE_S),
        _median([_decay(note_db, hop_s) for note_db in notes_db], DECAY_DB_PER_S, DECAY_RANGE_DB_PER_S),
        _median([_edge_s(note_db[::-1], hop_s) for note_db in notes_db], RELEASE_S, RELEASE_RANGE_S),
    )


def _stretches(sounding: np.ndarray) -> list[np.ndarray]:
    """Frames of each stretch in which a note sounds."""
    frames = np.flatnonzero(sounding)
    return np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)


def _edge(note_db: np.ndarray) -> tuple[int, float]:
    """Frames in which a note rises to its plateau, and by how many dB; of its end, where it is turned around."""
    n_frames = int(np.argmax(note_db >= np.quantile(note_db, LEVEL_QUANTILE) - PLATEAU_DB))
    return n_frames, note_db[n_frames] - note_db[0]


def _edge_s(note_db: np.ndarray, hop_s: float) -> float | None:
    """Seconds for 40 dB at the slope of an edge; None where the recording was cut."""
    n_frames, rise_db = _edge(note_db)
    return hop_s * n_frames * RISE_DB / rise_db if rise_db >= LEAST_RISE_DB else None


def _decay(note_db: np.ndarray, hop_s: float) -> float | None:
    """dB a second by which the plateau of a whole note sinks; None where it was cut or is too short to tell."""
    (n_rise, rise_db), (n_fall, fall_db) = _edge(note_db), _edge(note_db[::-1])
    plateau_db = note_db[n_rise : len(note_db) - n_fall]
    if min(rise_db, fall_db) < LEAST_RISE_DB or len(plateau_db) * hop_s < SHORTEST_NOTE_S:
        return None
    return -np.polyfit(hop_s * np.arange(len(plateau_db)), plateau_db, 1)[0]


def _median(values: list[float | None], usual: float, limits: tuple[float, float]) -> float:
    known = [value for value in values if value is not None]
    return float(np.clip(np.median(known), *limits)) if known else usual

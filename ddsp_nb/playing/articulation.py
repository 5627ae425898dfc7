"""How fast the instrument begins and ends its notes, measured on its recording."""

from dataclasses import dataclass

import numpy as np

from ddsp_nb.analysis.features import Features
from ddsp_nb.playing.score import ATTACK_S, RELEASE_S, RISE_DB

PLATEAU_DB = 3.0  # below the level of a note, where its attack ends and its release begins
SHORTEST_NOTE_S = 0.15  # shorter ones are no notes, or have no plateau
ATTACK_RANGE_S = (0.01, 0.5)  # the lower end is near what the 46 ms window of loudness can tell
RELEASE_RANGE_S = (0.03, 2.0)
LEAST_RISE_DB = 10.0  # of an edge; where there is less, the recording was cut within the note
LEVEL_QUANTILE = 0.8  # of a note's levels: a swell's peak does not count, its plateau does


@dataclass(frozen=True)
class Articulation:
    """Seconds in which a note rises by 40 dB, and in which it falls by 40 dB when it is released."""

    attack_s: float = ATTACK_S
    release_s: float = RELEASE_S

    @classmethod
    def of(cls, features: Features) -> "Articulation":
        """Medians over the recording's notes between rests; the usual ones where there is no such note."""
        level_db, hop_s = features.loudness_db.cpu().numpy(), features.hop_length / features.sample_rate
        spans = [span for span in _sounding(level_db) if len(span) * hop_s >= SHORTEST_NOTE_S]
        attacks = _edges([level_db[span] for span in spans], hop_s)
        releases = _edges([level_db[span[::-1]] for span in spans], hop_s)
        return cls(
            float(np.clip(np.median(attacks), *ATTACK_RANGE_S)) if attacks else ATTACK_S,
            float(np.clip(np.median(releases), *RELEASE_RANGE_S)) if releases else RELEASE_S,
        )


def _sounding(level_db: np.ndarray) -> list[np.ndarray]:
    """Frames of each stretch within 40 dB of the loudest frame."""
    frames = np.flatnonzero(level_db > level_db.max() - RISE_DB)
    return np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)


def _edges(notes_db: list[np.ndarray], hop_s: float) -> list[float]:
    """Seconds for 40 dB at the slope with which the levels of each note rise to its plateau; cut edges do not count."""
    seconds = []
    for level_db in notes_db:
        plateau_db = np.quantile(level_db, LEVEL_QUANTILE) - PLATEAU_DB
        n_frames = int(np.argmax(level_db >= plateau_db))
        rise_db = level_db[n_frames] - level_db[0]
        if rise_db >= LEAST_RISE_DB:
            seconds.append(hop_s * n_frames * RISE_DB / rise_db)
    return seconds

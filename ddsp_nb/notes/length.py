"""Lengths as musicians write them: note values, at a tempo. Light to import."""

import re
from fractions import Fraction

NOTE_VALUE = re.compile(r"(\d{1,3})/(1|2|4|8|16|32|64|128)([.t]?)")  # 1/4, 3/16, 1/4. and 1/8t
BEAT = Fraction(1, 4)  # of a whole note: the beat is a quarter note
STRETCHES = {"": Fraction(1), ".": Fraction(3, 2), "t": Fraction(2, 3)}  # plain, dotted, and three in the time of two
USUAL_BPM, SLOWEST_BPM, FASTEST_BPM = 120.0, 20, 400


def beats_of(note: str) -> Fraction | None:
    """Beats of a note value: 1/4, 3/16, 1/4. (dotted) or 1/8t (triplet); None where it is none."""
    value = NOTE_VALUE.fullmatch(note.strip())
    if value is None or int(value[1]) == 0:
        return None
    return Fraction(int(value[1]), int(value[2])) * STRETCHES[value[3]] / BEAT

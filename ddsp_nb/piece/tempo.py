"""Tempo of a piece, and note values as lengths of time (notebook 05, "How do you keep time"). Light to import."""

from dataclasses import dataclass, replace
from fractions import Fraction
from reprlib import repr as short

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan, exact
from ddsp_nb.growth.settings import Curve, check_settings, setting
from ddsp_nb.notes.note import BEAT, FASTEST_BPM, SLOWEST_BPM, STRETCHES, USUAL_BPM, beats_of
from ddsp_nb.piece.typed import parse_number, parse_numbers

COMMON = [f"{n}/{d}{mark}" for n in (1, 2, 3, 4, 5, 7) for mark in STRETCHES for d in (1, 2, 4, 8, 16, 32, 64)]
# Parts of a whole note into which 64ths and their triplets go; and how far from one, in such parts, a drawn length may
# lie whose edges were moved to whole samples.
FINEST, NEAR = 192, 0.05
# Relative difference of two lengths that nobody hears.
SAME = 1e-6


@dataclass(frozen=True)
class Tempo:
    """How fast a piece is, in beats, which are quarter notes. Raises GrowthError for a value outside its range."""

    bpm: float = setting(USUAL_BPM, "Beats a minute; a beat is a quarter note.", low=SLOWEST_BPM, high=FASTEST_BPM)
    beats_per_bar: int = setting(4, "Beats of a bar.", low=1, high=16)

    def __post_init__(self):
        check_settings(self)
        object.__setattr__(self, "bpm", float(self.bpm))  # 96 and 96.0 have the same sidecar

    @property
    def beats_per_s(self) -> Fraction:
        """Exact beats a second."""
        return exact(self.bpm) / 60

    def seconds(self, note: str) -> float:
        """Length of a note value: 1/4, 3/16, 1/4. (dotted) or 1/8t (triplet).

        Raises GrowthError where it is no note value; a number without a slash is none.
        """
        beats = beats_of(note)
        if beats is None:
            raise GrowthError(f"{short(note)} is no note value. Use 1/4, 3/16, 1/4. (dotted) or 1/8t (triplet).")
        return float(beats / self.beats_per_s)

    def note_value(self, seconds: float) -> str | None:
        """The simplest common note value of that length, None where there is none."""
        return next((n for n in COMMON if abs(self.seconds(n) - seconds) <= SAME * seconds), None)

    def snapped(self, seconds: float, before: "Tempo | None" = None) -> float:
        """A length as the note value that it nearly is, else as it is; of the tempo `before` where that was another."""
        notes = exact(seconds) * (before or self).beats_per_s * BEAT
        parts = round(notes * FINEST)
        if parts and abs(notes * FINEST - parts) < NEAR:
            notes = Fraction(parts, FINEST)
        return float(notes / BEAT / self.beats_per_s)

    def retimed(self, plan: GrowthPlan, before: "Tempo") -> GrowthPlan:
        """A plan whose lengths are note values at the tempo `before`, as it is at this one."""
        move = lambda length_s: self.snapped(length_s, before)
        each = lambda curve_s: tuple(map(move, curve_s)) if isinstance(curve_s, tuple) else move(curve_s)
        lengths_s, silences_s = each(plan.stage_duration_s), each(plan.silence_duration_s)
        return replace(plan, stage_duration_s=lengths_s, silence_duration_s=silences_s)

    def in_words(self, lengths_s: Curve) -> str:
        """Lengths as note values with commas between them, or as seconds where there are none."""
        lengths_s = lengths_s if isinstance(lengths_s, tuple) else (lengths_s,)
        return ", ".join(self.note_value(length_s) or f"{length_s:g}" for length_s in lengths_s)


def parse_length(text: str, tempo: Tempo) -> float:
    """Seconds of a number such as 0.5, which is seconds already, or of a note value such as 1/8.

    Raises GrowthError where it is neither, or more than one.
    """
    if "/" in text and "," not in text:
        return tempo.seconds(text)
    try:
        return parse_number(text)
    except GrowthError as error:
        raise GrowthError(f"{short(text)} is not one length. Use seconds such as 0.5 or a note such as 1/8.") from error


def parse_lengths(text: str, tempo: Tempo) -> tuple[float, ...]:
    """Seconds of numbers and note values with commas between them. Raises GrowthError where one is neither."""
    return tuple(s for part in text.split(",") for s in ([tempo.seconds(part)] if "/" in part else parse_numbers(part)))

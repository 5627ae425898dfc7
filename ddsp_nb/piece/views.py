"""A plan in musicians' words, there and back: paces, slots, swells (notebook 05, "Your turn"). Light to import."""

from collections.abc import Sequence
from dataclasses import replace

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import SETTINGS, GrowthPlan
from ddsp_nb.growth.settings import Curve
from ddsp_nb.growth.timbre import Timbre, weights_of

SHAPES = STEADY, CRESCENDO, DIMINUENDO, SWELL = "steady", "crescendo", "diminuendo", "swell"


def towards(first: float, pace: float) -> Curve:
    """A length for all stages, or where pace is not 1 the curve from it to `pace` times as much."""
    return first if pace == 1 else (first, first * pace)


def pace_of(plan: GrowthPlan) -> float | None:
    """How many times as long the last stage is as the first, silences alike; None where the curves are others."""
    curves = [c if isinstance(c, tuple) else (c,) for c in (plan.stage_duration_s, plan.silence_duration_s)]
    pace = curves[0][-1] / curves[0][0]
    wanted = [towards(points[0], pace) for points in curves]
    return pace if wanted == [plan.stage_duration_s, plan.silence_duration_s] else None


def silence_of(plan: GrowthPlan) -> float:
    """Silence after the first stage, s; there is none where stages overlap."""
    silence_s = plan.silence_duration_s
    return 0.0 if plan.crossfade_s else silence_s[0] if isinstance(silence_s, tuple) else silence_s


def slots_of(plan: GrowthPlan) -> Curve:
    """Stages with the silence that belongs to them: what a musician calls the length of a note, s."""
    lengths_s, silence_s = plan.stage_duration_s, silence_of(plan)
    if isinstance(lengths_s, tuple):
        return tuple(length_s + silence_s for length_s in lengths_s)
    return lengths_s + silence_s


def with_slots(plan: GrowthPlan, slots_s: Curve, silence_s: float) -> GrowthPlan:
    """The plan whose stages are silent for the last `silence_s` of their slots.

    Raises GrowthError where nothing would be left of a stage.
    """
    silence_s = 0.0 if plan.crossfade_s else silence_s
    lengths_s = tuple(slot - silence_s for slot in (slots_s if isinstance(slots_s, tuple) else (slots_s,)))
    if min(lengths_s) < SETTINGS["stage_duration_s"].metadata["low"]:
        raise GrowthError("The silence fills a whole stage; choose a shorter one, or longer stages.")
    lengths = lengths_s if isinstance(slots_s, tuple) else lengths_s[0]
    return replace(plan, stage_duration_s=lengths, silence_duration_s=silence_s)


def ends_of(timbre: Timbre) -> tuple[str, str] | None:
    """From which instrument to which a timbre goes; None where there are more than two."""
    names = list(weights_of(timbre))
    return (names[0], names[-1]) if len(names) <= 2 else None


def between(first: str, last: str, shares: Sequence[float] = (0, 1)) -> Timbre:
    """From one instrument to another, by a curve of the last one's shares."""
    if first == last:
        return first
    steps = tuple(f"{first}:{1 - share:g} {last}:{share:g}" for share in shares)
    return (first, last) if tuple(shares) == (0, 1) else steps


def swing(shape: str, depth_db: float) -> Curve:
    """Loudness through the stages, dB: one of `SHAPES`, by depth_db."""
    if shape == STEADY:
        return 0.0
    return {CRESCENDO: (-depth_db, 0.0), DIMINUENDO: (0.0, -depth_db), SWELL: (-depth_db, 0.0, -depth_db)}[shape]


def swing_of(loudness_db: Curve) -> tuple[str, float] | None:
    """Shape and depth of a loudness, None where it has another shape."""
    depth_db = -min(loudness_db) if isinstance(loudness_db, tuple) else 0.0
    return next(((shape, depth_db) for shape in SHAPES if swing(shape, depth_db) == loudness_db), None)

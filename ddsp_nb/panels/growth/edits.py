"""What hands draw on the score, as another plan: what was drawn is then written in it, stage by stage."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.plan import RULE, SETTINGS, GrowthPlan
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.growth.settings import MOST_STAGES
from ddsp_nb.growth.tuning import WORDS
from ddsp_nb.notes.pitch import parse_pitches
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.piece.views import between, ends_of, silence_of

# With such noise no stage differs from another, so it stays when they are moved.
ALL_OR_NOTHING = ("every", "none")
# Samples: both ends of a stage lie on whole ones on the score, so a length that nobody drew may be one off.
ROUNDING = 1.5
CHANGED = "The score has changed meanwhile; draw again."


def edited(schedule: Schedule, edit: dict, tempo: Tempo | None) -> GrowthPlan:
    """The plan of a schedule after something was drawn on its score.

    Args:
        schedule: that was drawn on.
        edit: what the page tells: one of `partials`, `bands` (strings of 0 and 1, one a stage), `lengths_s`,
            `levels_db`, `sustains`, `harmonises`, `shares` of what the timbre becomes (a number a stage), `pitches` (a
            word a stage), `order` (old places of the stages, in their new order), `run_on` (the last stage before the
            rule goes on).
        tempo: of lengths that are note values; None where they are seconds.

    Raises:
        GrowthError: the page tells something that cannot be drawn.
    """
    if "order" in edit:
        return _rearranged(schedule, edit["order"])
    if "run_on" in edit:
        return _run_on(schedule, edit["run_on"])
    plan = schedule.plan
    for name, drawn in edit.items():
        if name not in _DRAWN or not isinstance(drawn, list) or len(drawn) != len(schedule.stages):
            raise GrowthError(CHANGED)
        plan = _DRAWN[name](plan, drawn, schedule, tempo)
    return plan


def _growing(plan, schedule):
    """The same stages as a plan that does not shrink: it is written from the first to the last."""
    if not plan.shrinking:
        return plan
    return replace(plan, shrinking=False, stages=_sets(schedule.masks), noise_stages=_sets(schedule.noise_masks))


def _lengths(plan, drawn, schedule, tempo):
    """Lengths that were not drawn stay as they are; others are whole milliseconds, or the note values they are near."""
    silence_s, planned = silence_of(plan), plan.durations_s(len(drawn))
    near_s = ROUNDING / schedule.sample_rate
    tidy = lambda length: tempo.snapped(length + silence_s) - silence_s if tempo else round(length, 3)
    lengths = [now if abs(now - length) < near_s else tidy(length) for now, length in zip(planned, drawn, strict=True)]
    return replace(plan, stage_duration_s=_within("stage_duration_s", lengths))


def _shares(plan, drawn, *_):
    first, last = ends_of(plan.timbre) or (None, None)
    if first == last:
        raise GrowthError("Choose two instruments, the first and the last, before you draw between them.")
    return replace(plan, timbre=between(first, last, [min(max(float(share), 0.0), 1.0) for share in drawn]))


_DRAWN: dict[str, Callable[[GrowthPlan, list, Schedule, Tempo | None], GrowthPlan]] = {
    "partials": lambda plan, drawn, schedule, _: replace(_growing(plan, schedule), stages=_each(drawn)),
    "bands": lambda plan, drawn, schedule, _: replace(_growing(plan, schedule), noise_stages=_each(drawn)),
    "lengths_s": _lengths,
    "levels_db": lambda plan, drawn, *_: replace(plan, loudness_db=_within("loudness_db", drawn)),
    "sustains": lambda plan, drawn, *_: replace(plan, adsr=replace(plan.adsr, sustain=_within("sustain", drawn))),
    "harmonises": lambda plan, drawn, *_: replace(plan, harmonise=_within("harmonise", drawn)),
    "shares": _shares,
    "pitches": lambda plan, drawn, *_: replace(plan, pitch=parse_pitches(drawn, words=WORDS)),
}


def _rearranged(schedule: Schedule, order: list[int]) -> GrowthPlan:
    """Everything that belongs to a stage goes where the stage goes; what is the same in all stages stays as it is."""
    plan, n = schedule.plan, len(schedule.stages)
    if not isinstance(order, list) or not 1 <= len(order) <= MOST_STAGES or not all(i in range(n) for i in order):
        raise GrowthError(CHANGED)
    moved = lambda values: tuple(values[i] for i in order)
    curve_of = lambda points: moved(curve(points, n)) if isinstance(points, tuple) else points
    changes: dict[str, Any] = {"stages": moved(_sets(schedule.masks)), "n_stages": len(order), "shrinking": False}
    if plan.noise not in ALL_OR_NOTHING:
        changes["noise_stages"] = moved(_sets(schedule.noise_masks))
    if isinstance(plan.stage_duration_s, tuple):
        changes["stage_duration_s"] = moved(plan.durations_s(n))
    if isinstance(plan.pitch, tuple):
        changes["pitch"] = moved([stage.pitch for stage in schedule.stages])
    if len({stage.timbre for stage in schedule.stages}) > 1:
        changes["timbre"] = moved([stage.timbre for stage in schedule.stages])
    adsr = replace(plan.adsr, sustain=curve_of(plan.adsr.sustain))
    changes |= {name: curve_of(getattr(plan, name)) for name in ("loudness_db", "harmonise")}
    return replace(plan, adsr=adsr, **changes)


def _run_on(schedule: Schedule, last: int) -> GrowthPlan:
    """Stages stay as they are up to that one, and from there the rule goes on; from the last one for as many again."""
    n, plan = len(schedule.stages), _growing(schedule.plan, schedule)
    if last not in range(n):
        raise GrowthError(CHANGED)
    n_stages = n if last < n - 1 else min(2 * n, MOST_STAGES)
    stages, noise = _sets(schedule.masks[: last + 1]), _sets(schedule.noise_masks[: last + 1])
    plan = replace(plan, noise_stages=noise) if plan.has_noise_rule else plan
    return replace(plan, strategy=RULE, stages=stages, n_stages=n_stages)


def _within(name, values):
    """Numbers, each moved into the range of a setting."""
    low, high = SETTINGS[name].metadata["low"], SETTINGS[name].metadata["high"]
    return tuple(min(max(float(value), low), high) for value in values)


def _each(rows):
    """Numbers, from 1 on, of what is on in each string of 0 and 1."""
    return tuple(tuple(i for i, on in enumerate(bits, 1) if on == "1") for bits in rows)


def _sets(masks):
    """What is on in each row of [n_stages, n] of 0 and 1, by number."""
    return tuple(tuple((mask.nonzero()[:, 0] + 1).tolist()) for mask in masks)

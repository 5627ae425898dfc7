"""What hands draw on the score, as values of the knobs: the plan then holds it as written."""

from fractions import Fraction

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.plan import SETTINGS, WRITTEN, stages_in_words
from ddsp_nb.growth.presets import BEATS, NOTES
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.growth.settings import MOST_STAGES
from ddsp_nb.growth.tempo import Tempo

FINEST = 64  # parts of a whole note in which drawn lengths are written
NEAR = 0.02  # of such a part, to be taken for it
ALL_OR_NOTHING = ("every", "none")  # what noise may be where no stage differs from another


def edited(values: dict, edit: dict, schedule: Schedule, tempo: Tempo) -> dict:
    """Values after something was drawn on the score of a schedule.

    Args:
        values: of the knobs.
        edit: what the page tells: one of `partials`, `bands` (strings of 0 and 1, one a stage), `lengths_s`,
            `levels_db`, `sustains` (a number a stage), `order` (old places of the stages, in their new order).
        schedule: that the values lead to.
        tempo: of the piece.

    Raises:
        GrowthError: the page tells something that cannot be drawn.
    """
    if "order" in edit:
        return values | _rearranged(values, edit["order"], schedule, tempo)
    changed: dict = {}
    n = len(schedule.stages)
    for name, drawn in edit.items():
        if name not in _DRAWN or not isinstance(drawn, list) or len(drawn) != n:
            raise GrowthError("The score has changed meanwhile; draw again.")
        changed |= _DRAWN[name](values, drawn, schedule, tempo)
    return values | changed


def _partials(values, drawn, schedule, _):
    others = _bands(values, _words(schedule.noise_masks), schedule, _) if values["shrinking"] else {}
    return others | {"strategy": WRITTEN, "stages": _as_text(drawn), "shrinking": False}


def _bands(values, drawn, schedule, _):
    others = (
        {"strategy": WRITTEN, "stages": _as_text(_words(schedule.masks)), "shrinking": False}
        if values["shrinking"]
        else {}
    )
    return others | {"noise": WRITTEN, "bands": _as_text(drawn)}


def _lengths(values, drawn, schedule, tempo):
    low, high = SETTINGS["stage_duration_s"].metadata["low"], SETTINGS["stage_duration_s"].metadata["high"]
    lengths_s = [min(max(float(length), low), high) for length in drawn]
    if values["timing"] == BEATS:  # the note value reaches to the next stage
        silence_s = _silence_s(schedule)
        return {"lengths": ", ".join(_note(length + silence_s, tempo) for length in lengths_s)}
    return {"lengths": ", ".join(f"{length:.3f}".rstrip("0") for length in lengths_s)}


def _levels(_, drawn, *__):
    low, high = SETTINGS["loudness_db"].metadata["low"], SETTINGS["loudness_db"].metadata["high"]
    return {"levels": ", ".join(f"{min(max(float(level), low), high):g}" for level in drawn)}


def _sustains(_, drawn, *__):
    return {"sustains": ", ".join(f"{min(max(float(level), 0), 1):g}" for level in drawn)}


_DRAWN = {
    "partials": _partials,
    "bands": _bands,
    "lengths_s": _lengths,
    "levels_db": _levels,
    "sustains": _sustains,
}


def _rearranged(values, order, schedule, tempo):
    """Everything that belongs to a stage goes where the stage goes; what is the same in all stages stays a knob."""
    n = len(schedule.stages)
    if not isinstance(order, list) or not 1 <= len(order) <= MOST_STAGES or not all(i in range(n) for i in order):
        raise GrowthError("The score has changed meanwhile; draw again.")
    moved = lambda items: [items[i] for i in order]
    plan, rate = schedule.plan, schedule.sample_rate
    changed = {"strategy": WRITTEN, "stages": _as_text(moved(_words(schedule.masks))), "shrinking": False}
    if values["noise"] not in ALL_OR_NOTHING:
        changed |= {"noise": WRITTEN, "bands": _as_text(moved(_words(schedule.noise_masks)))}
    for name, each, text in (
        ("lengths_s", [len(stage) / rate for stage in schedule.stages], "lengths"),
        ("levels_db", [stage.level_db for stage in schedule.stages], "levels"),
        ("sustains", curve(plan.adsr.sustain, n), "sustains"),
    ):
        if len(set(each)) > 1 or values[text]:
            changed |= _DRAWN[name](values, moved(each), schedule, tempo)
    if values["pitch"] == NOTES:
        changed["notes"] = ", ".join(_pitch_in_words(stage.pitch) for stage in moved(schedule.stages))
    return changed


def _silence_s(schedule):
    silence = schedule.plan.silence_duration_s
    return 0.0 if schedule.plan.crossfade_s else silence[0] if isinstance(silence, tuple) else silence


def _note(seconds, tempo):
    """The note value or the triplet that is so long, but for what rounding to samples leaves; else the seconds."""
    for mark, share in (("", 1.0), ("t", 1.5)):
        parts = seconds * float(tempo.beats_per_s) * FINEST / 4 * share
        if round(parts) and abs(parts - round(parts)) < NEAR:
            value = Fraction(round(parts), FINEST)
            return f"{value.numerator}/{value.denominator}{mark}"
    return f"{seconds:.3f}".rstrip("0")


def _words(masks):
    """Strings of 0 and 1, one a stage."""
    return ["".join("1" if on else "0" for on in mask) for mask in masks.bool().tolist()]


def _as_text(drawn):
    """Stages as they are typed, from strings of 0 and 1."""
    return stages_in_words(tuple(tuple(i + 1 for i, on in enumerate(stage) if on == "1") for stage in drawn))


def _pitch_in_words(pitch):
    return f"{pitch:g}Hz" if isinstance(pitch, float) else pitch

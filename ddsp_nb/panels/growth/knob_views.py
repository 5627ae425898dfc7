"""Where knobs stand for a layer, and the layer after one was turned: knobs are views of one `GrowthPlan`.

Most show a field of plan, ADSR or layer. Some show a field together, such as the list of strategies and the line in
which stages are written; then it is read from all of them. A line for drawn values counts where it is not empty.
"""

from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any

from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.automaton import RULES
from ddsp_nb.growth.plan import RULE, WRITTEN
from ddsp_nb.growth.timbre import shares_of
from ddsp_nb.growth.tuning import HELD, PHRASE, WORDS
from ddsp_nb.notes.pitch import parse_melody
from ddsp_nb.panels.growth.voice import Voice
from ddsp_nb.piece import views
from ddsp_nb.piece.layers import PLACE
from ddsp_nb.piece.tempo import Tempo, parse_lengths
from ddsp_nb.piece.typed import parse_numbers, parse_ratios, parse_sets, parse_stages, parse_timbre, stages_in_words

SHARED = {"tempo_bpm": "bpm", "beats_per_bar": "beats_per_bar"}  # knobs of the tempo, which all layers share
# Knobs that show a field as it is, whatever the others are.
OF_ADSR = ("attack_s", "decay_s", "release_s")
PLAIN = ("strategy", "shrinking", "noise", "inharmonicity", "loudness_as", *OF_ADSR, "plays", *PLACE)
# Choices in the lists of pitches and ratios: what is typed in the line below.
NOTES, OWN = "notes", "own"
STAGE_NOTES = {
    "1/1": "whole",
    "1/2": "half",
    "3/8": "dotted quarter",
    "1/4": "quarter",
    "3/16": "dotted eighth",
    "1/8": "eighth",
    "1/8t": "eighth triplet",
    "1/16": "sixteenth",
    "1/32": "thirty-second",
}
NO_SILENCE = "0"
SILENCE_NOTES = (NO_SILENCE, "1/64", "1/32", "1/16", "1/8", "1/4")
PACES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
# The knob of a crescendo ends here; a deeper one is shown as a drawn curve.
DEEPEST_DB = 48
# Rounding: a length that is so near to a note value is that note value.
SAME_S = 1e-6


def read(voice: Voice, tempo: Tempo) -> dict[str, Any]:
    """Where every knob stands for a voice; None for those that have nothing to say of it."""
    plan, adsr = voice.plan, voice.plan.adsr
    swung = views.swing_of(plan.loudness_db)
    if swung and swung[0] != views.STEADY and not 1 <= swung[1] <= DEEPEST_DB:
        swung = None
    typed_pitch, typed_ratios = plan.pitch not in (PHRASE, HELD), not isinstance(plan.ratios, str)
    by_rule = plan.strategy == RULE or plan.has_noise_rule
    drawn_sustain, drawn_harmonise = (isinstance(values, tuple) for values in (adsr.sustain, plan.harmonise))
    says = {  # knobs that show a field as it is, and whether it counts
        **dict.fromkeys(PLAIN, True),
        **dict.fromkeys(("neighbours", "rule_chance"), by_rule),
        **dict.fromkeys(("noise_strategy", "noise_order"), plan.noise == "bands"),
        **dict.fromkeys(("phrase", "rests"), plan.pitch == PHRASE),
        "n_stages": plan.strategy in ("linear", RULE),
        "order": plan.strategy != WRITTEN or any(isinstance(stage, int) for stage in plan.stages or ()),
        "seed": "random" in (plan.order, plan.noise_order) or (by_rule and plan.rule_chance > 0),
        "sustain": not drawn_sustain,
        "harmonise": not drawn_harmonise,
    }
    fields = vars(plan) | vars(adsr) | vars(voice)
    plain = {name: fields[name] if counts else None for name, counts in says.items()}
    worded = {
        "rule": (plan.rule if plan.rule in RULES else OWN) if by_rule else None,
        "rule_number": str(plan.rule) if by_rule and plan.rule not in RULES else None,
        "stages": stages_in_words(plan.stages or ()) if plan.strategy in (RULE, WRITTEN) else None,
        "bands": stages_in_words(plan.noise_stages) if plan.noise_stages else None,
        "pitch": NOTES if typed_pitch else plan.pitch,
        "notes": in_words(plan.melody, "Hz") if typed_pitch else None,
        "ratios": OWN if typed_ratios else plan.ratios,
        "own_ratios": in_words(plan.ratios) if typed_ratios else None,
        "harmonises": in_words(plan.harmonise) if drawn_harmonise else None,
        "sustains": in_words(adsr.sustain) if drawn_sustain else None,
        "loudness": swung and swung[0],
        "depth_db": swung[1] if swung and swung[0] != views.STEADY else None,
        "levels": None if swung else in_words(plan.loudness_db),
    }
    return plain | worded | _read_time(voice, tempo) | _read_timbre(plan.timbre)


def _read_timbre(timbre):
    first, last = views.ends_of(timbre) or (None, None)
    points = timbre if isinstance(timbre, tuple) else (timbre,)
    straight = first is not None and timbre == views.between(first, last)
    return {"timbre_first": first, "timbre_last": last, "timbres": None if straight else ", ".join(points)}


def _read_time(voice, tempo):
    plan, in_notes, silence_s = voice.plan, voice.in_notes, views.silence_of(voice.plan)
    drawn = isinstance(plan.stage_duration_s, tuple) if in_notes else views.pace_of(plan) not in PACES
    words = (tempo.in_words(views.slots_of(plan)) if in_notes else in_words(plan.stage_duration_s)) if drawn else None
    by_note, by_slider = in_notes and not drawn, not in_notes and not drawn
    return {
        "timing": in_notes,
        "tempo_bpm": tempo.bpm if in_notes else None,
        "beats_per_bar": tempo.beats_per_bar if in_notes else None,
        "stage_note": _note_named(views.slots_of(plan), STAGE_NOTES, tempo) if by_note else None,
        "silence_note": _note_named(silence_s, SILENCE_NOTES, tempo) if in_notes and not plan.crossfade_s else None,
        "lengths": words,
        "stage_duration_s": curve(plan.stage_duration_s, 1)[0] if by_slider else None,
        "pace": views.pace_of(plan) if by_slider else None,
        "crossfade_s": plan.crossfade_s,
        "silence_duration_s": None if in_notes or plan.crossfade_s else curve(plan.silence_duration_s, 1)[0],
    }


def write(name: str, voice: Voice, tempo: Tempo, shown: dict[str, Any]) -> Voice:
    """A voice after the knob of that name was turned; `shown` tells where all knobs stand.

    Raises WorkbookError where what was typed makes no plan.
    """
    if name in _WRITE:
        return _WRITE[name](voice, tempo, shown)
    return replace(voice, **{name: shown[name]}) if hasattr(voice, name) else voice.planned(**{name: shown[name]})


def _partials(voice, _, shown):
    """A rule runs on from the stages that were written before it."""
    strategy, before, typed = shown["strategy"], voice.plan, shown["stages"].strip()
    stages = before.stages if strategy == RULE else None
    if strategy == WRITTEN or before.strategy == strategy == RULE:
        stages = parse_stages(typed or "1") if typed or strategy == WRITTEN else None
    return voice.planned(strategy=strategy, stages=stages)


def _noise(voice, _, shown):
    noise, strategy = shown["noise"], shown["noise_strategy"]
    written = noise == WRITTEN or ((noise, strategy) == ("bands", RULE) and voice.plan.noise_stages)
    sets = parse_sets(shown["bands"]) if written else None
    return voice.planned(noise=noise, noise_strategy=strategy, noise_stages=sets)


def _time(voice, tempo, shown):
    """In notes, stage and silence make up the note value together."""
    drawn = parse_lengths(shown["lengths"], tempo) if shown["lengths"].strip() else None
    voice = replace(voice.planned(crossfade_s=shown["crossfade_s"]), in_notes=shown["timing"])
    if voice.in_notes:
        slots_s = drawn or tempo.seconds(shown["stage_note"])
        return replace(voice, plan=views.with_slots(voice.plan, slots_s, _note_s(shown["silence_note"], tempo)))
    pace = 1 if drawn else shown["pace"]
    lengths_s, silence_s = (views.towards(shown[name], pace) for name in ("stage_duration_s", "silence_duration_s"))
    return voice.planned(stage_duration_s=drawn or lengths_s, silence_duration_s=silence_s)


def _listed(setting, own, line, parse):
    """Of a setting: what is chosen in its list, or of one's own what is written in a line."""
    value = lambda shown: parse(shown[line]) if shown[setting] == own else shown[setting]
    return lambda voice, _, shown: voice.planned(**{setting: value(shown)})


def _drawn(setting, line, undrawn, parse=parse_numbers):
    """Of a setting: what is written in its line, else what `undrawn` makes of the other knobs."""
    value = lambda shown: parse(shown[line]) if shown[line].strip() else undrawn(shown)
    return lambda voice, _, shown: voice.planned(**{setting: value(shown)})


def _timbre_ends(voice, _, shown):
    """What was drawn between two instruments goes on between two others."""
    first, last = shown["timbre_first"], shown["timbre_last"]
    before, points = views.ends_of(voice.plan.timbre), voice.plan.timbre
    drawn = isinstance(points, tuple) and before != points and before
    shares = [stage.get(before[1], 0) for stage in shares_of(points, len(points))] if drawn else (0, 1)
    return voice.planned(timbre=views.between(first, last, shares))


_swung = lambda shown: views.swing(shown["loudness"], shown["depth_db"])
_ends = lambda shown: views.between(shown["timbre_first"], shown["timbre_last"])
_TIME = ("timing", "stage_note", "silence_note", "lengths", "stage_duration_s", "pace", "crossfade_s")
_WRITE = {
    **dict.fromkeys(("strategy", "stages"), _partials),
    **dict.fromkeys(("rule", "rule_number"), _listed("rule", OWN, "rule_number", str.strip)),
    **dict.fromkeys(("noise", "noise_strategy", "bands"), _noise),
    **dict.fromkeys((*_TIME, "silence_duration_s"), _time),
    **dict.fromkeys(("pitch", "notes"), _listed("pitch", NOTES, "notes", partial(parse_melody, words=WORDS))),
    **dict.fromkeys(("ratios", "own_ratios"), _listed("ratios", OWN, "own_ratios", parse_ratios)),
    **dict.fromkeys(("sustain", "sustains"), _drawn("sustain", "sustains", itemgetter("sustain"))),
    **dict.fromkeys(("harmonise", "harmonises"), _drawn("harmonise", "harmonises", itemgetter("harmonise"))),
    **dict.fromkeys(("timbre_first", "timbre_last"), _timbre_ends),
    "timbres": _drawn("timbre", "timbres", _ends, parse_timbre),
    **dict.fromkeys(("loudness", "depth_db", "levels"), _drawn("loudness_db", "levels", _swung)),
}


def _note_s(note, tempo):
    return 0.0 if note == NO_SILENCE else tempo.seconds(note)


def _note_named(seconds, notes, tempo):
    return next((note for note in notes if abs(_note_s(note, tempo) - seconds) < SAME_S), None)


def in_words(values, unit=""):
    """Numbers with commas between them, and names as they are."""
    values = values if isinstance(values, tuple) else (values,)
    return ", ".join(value if isinstance(value, str) else f"{value:g}{unit}" for value in values)

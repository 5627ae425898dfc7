"""Where knobs stand for a layer, and the layer after one was turned: knobs are views of one `GrowthPlan`.

Most show a field of plan, ADSR or layer. Some show a field together, such as the list of strategies and the line in
which stages are written; then it is read from all of them. A line for drawn values counts where it is not empty.
"""

from dataclasses import replace
from typing import Any

from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.plan import WRITTEN
from ddsp_nb.growth.timbre import shares_of
from ddsp_nb.growth.tuning import HELD, PHRASE, WORDS
from ddsp_nb.notes.pitch import parse_melody
from ddsp_nb.panels.growth.voice import Voice
from ddsp_nb.piece.tempo import Tempo, parse_lengths
from ddsp_nb.piece.typed import parse_numbers, parse_sets, parse_stages, parse_timbre, stages_in_words
from ddsp_nb.piece.views import (
    STEADY,
    between,
    ends_of,
    pace_of,
    silence_of,
    slots_of,
    swing,
    swing_of,
    towards,
    with_slots,
)

SHARED = {"tempo_bpm": "bpm", "beats_per_bar": "beats_per_bar"}  # knobs of the tempo, which all layers share
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
    swung, typed_pitch, typed_ratios = _swing(plan), plan.pitch not in (PHRASE, HELD), not isinstance(plan.ratios, str)
    ordered = plan.stages is None or any(isinstance(stage, int) for stage in plan.stages)
    shuffled = "random" in (plan.order, plan.noise_order)
    in_bands = plan.noise == "bands"
    drawn_sustain = isinstance(adsr.sustain, tuple)
    return _read_time(voice, tempo) | {
        "strategy": plan.strategy,
        "n_stages": plan.n_stages if plan.strategy == "linear" else None,
        "stages": stages_in_words(plan.stages) if plan.stages else None,
        "order": plan.order if ordered else None,
        "shrinking": plan.shrinking,
        "seed": voice.seed if shuffled else None,
        "noise": plan.noise,
        "noise_strategy": plan.noise_strategy if in_bands else None,
        "noise_order": plan.noise_order if in_bands else None,
        "bands": stages_in_words(plan.noise_stages) if plan.noise_stages else None,
        "pitch": NOTES if typed_pitch else plan.pitch,
        "phrase": plan.phrase if plan.pitch == PHRASE else None,
        "rests": plan.rests if plan.pitch == PHRASE else None,
        "notes": _in_words(plan.melody, "Hz") if typed_pitch else None,
        "ratios": OWN if typed_ratios else plan.ratios,
        "own_ratios": _in_words(plan.ratios) if typed_ratios else None,
        "inharmonicity": plan.inharmonicity,
        "attack_s": adsr.attack_s,
        "decay_s": adsr.decay_s,
        "sustain": None if drawn_sustain else adsr.sustain,
        "sustains": _in_words(adsr.sustain) if drawn_sustain else None,
        "release_s": adsr.release_s,
        "loudness": swung and swung[0],
        "depth_db": swung[1] if swung and swung[0] != STEADY else None,
        "levels": None if swung else _in_words(plan.loudness_db),
        "plays": voice.plays,
        **_read_timbre(plan.timbre),
        "delay_s": voice.delay_s,
        "gain_db": voice.gain_db,
        "pan": voice.pan,
    }


def _read_timbre(timbre):
    first, last = ends_of(timbre) or (None, None)
    points = timbre if isinstance(timbre, tuple) else (timbre,)
    straight = first is not None and timbre == between(first, last)
    return {"timbre_first": first, "timbre_last": last, "timbres": None if straight else ", ".join(points)}


def _read_time(voice, tempo):
    plan, in_notes = voice.plan, voice.in_notes
    drawn = isinstance(plan.stage_duration_s, tuple) if in_notes else pace_of(plan) not in PACES
    words = (tempo.in_words(slots_of(plan)) if in_notes else _in_words(plan.stage_duration_s)) if drawn else None
    by_note, by_slider = in_notes and not drawn, not in_notes and not drawn
    return {
        "timing": in_notes,
        "tempo_bpm": tempo.bpm,
        "beats_per_bar": tempo.beats_per_bar,
        "stage_note": _note_named(slots_of(plan), STAGE_NOTES, tempo) if by_note else None,
        "silence_note": _note_named(silence_of(plan), SILENCE_NOTES, tempo)
        if in_notes and not plan.crossfade_s
        else None,
        "lengths": words,
        "stage_duration_s": curve(plan.stage_duration_s, 1)[0] if by_slider else None,
        "pace": pace_of(plan) if by_slider else None,
        "crossfade_s": plan.crossfade_s,
        "silence_duration_s": None if in_notes or plan.crossfade_s else curve(plan.silence_duration_s, 1)[0],
    }


def write(name: str, voice: Voice, tempo: Tempo, shown: dict[str, Any]) -> Voice:
    """A voice after the knob of that name was turned; `shown` tells where all knobs stand.

    Raises:
        WorkbookError: what was typed makes no plan.
    """
    if name in _WRITE:
        return _WRITE[name](voice, tempo, shown)
    return replace(voice, **{name: shown[name]}) if hasattr(voice, name) else voice.planned(**{name: shown[name]})


def _partials(voice, _, shown):
    stages = parse_stages(shown["stages"]) if shown["strategy"] == WRITTEN else None
    return voice.planned(strategy=shown["strategy"], stages=stages)


def _noise(voice, _, shown):
    sets = parse_sets(shown["bands"]) if shown["noise"] == WRITTEN else None
    return voice.planned(noise=shown["noise"], noise_stages=sets)


def _time(voice, tempo, shown):
    """In notes, stage and silence make up the note value together."""
    drawn = parse_lengths(shown["lengths"], tempo) if shown["lengths"].strip() else None
    voice = replace(voice.planned(crossfade_s=shown["crossfade_s"]), in_notes=shown["timing"])
    if voice.in_notes:
        slots_s = drawn or tempo.seconds(shown["stage_note"])
        return replace(voice, plan=with_slots(voice.plan, slots_s, _note_s(shown["silence_note"], tempo)))
    pace = 1 if drawn else shown["pace"]
    lengths_s = drawn or towards(shown["stage_duration_s"], pace)
    return voice.planned(stage_duration_s=lengths_s, silence_duration_s=towards(shown["silence_duration_s"], pace))


def _pitch(voice, _, shown):
    typed = shown["pitch"] == NOTES
    return voice.planned(pitch=parse_melody(shown["notes"], words=WORDS) if typed else shown["pitch"])


def _ratios(voice, _, shown):
    return voice.planned(ratios=parse_numbers(shown["own_ratios"]) if shown["ratios"] == OWN else shown["ratios"])


def _sustain(voice, _, shown):
    return voice.planned(sustain=parse_numbers(shown["sustains"]) if shown["sustains"].strip() else shown["sustain"])


def _loudness(voice, _, shown):
    drawn = parse_numbers(shown["levels"]) if shown["levels"].strip() else None
    return voice.planned(loudness_db=drawn or swing(shown["loudness"], shown["depth_db"]))


def _timbres(voice, _, shown):
    drawn = shown["timbres"].strip()
    return voice.planned(timbre=parse_timbre(drawn) if drawn else between(shown["timbre_first"], shown["timbre_last"]))


def _timbre_ends(voice, _, shown):
    """What was drawn between two instruments goes on between two others."""
    first, last = shown["timbre_first"], shown["timbre_last"]
    before, points = ends_of(voice.plan.timbre), voice.plan.timbre
    drawn = isinstance(points, tuple) and before != points and before
    shares = [stage.get(before[1], 0) for stage in shares_of(points, len(points))] if drawn else (0, 1)
    return voice.planned(timbre=between(first, last, shares))


_TIME = ("timing", "stage_note", "silence_note", "lengths", "stage_duration_s", "pace", "crossfade_s")
_WRITE = {
    **dict.fromkeys(("strategy", "stages"), _partials),
    **dict.fromkeys(("noise", "bands"), _noise),
    **dict.fromkeys((*_TIME, "silence_duration_s"), _time),
    **dict.fromkeys(("pitch", "notes"), _pitch),
    **dict.fromkeys(("ratios", "own_ratios"), _ratios),
    **dict.fromkeys(("sustain", "sustains"), _sustain),
    **dict.fromkeys(("timbre_first", "timbre_last"), _timbre_ends),
    "timbres": _timbres,
    **dict.fromkeys(("loudness", "depth_db", "levels"), _loudness),
}


def _swing(plan):
    """Shape and depth of the loudness, None where it is drawn."""
    found = swing_of(plan.loudness_db)
    return found if found is None or found[0] == STEADY or 1 <= found[1] <= DEEPEST_DB else None


def _note_s(note, tempo):
    return 0.0 if note == NO_SILENCE else tempo.seconds(note)


def _note_named(seconds, notes, tempo):
    return next((note for note in notes if abs(_note_s(note, tempo) - seconds) < SAME_S), None)


def _in_words(values, unit=""):
    """Numbers with commas between them, and names as they are."""
    values = values if isinstance(values, tuple) else (values,)
    return ", ".join(value if isinstance(value, str) else f"{value:g}{unit}" for value in values)

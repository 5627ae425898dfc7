"""What each knob says of a layer, and the layer after it was turned: knobs are views of one `GrowthPlan`.

Most show a field of plan, ADSR or layer. Some show a field together, such as the list of strategies and the line in
which stages are written; then it is read from all of them. A line for drawn values counts where it is not empty.
"""

from dataclasses import replace
from typing import Any

from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.plan import WRITTEN
from ddsp_nb.growth.tempo import Tempo, parse_lengths
from ddsp_nb.growth.tuning import HELD, PHRASE
from ddsp_nb.growth.typed import parse_numbers, parse_sets, parse_stages, stages_in_words
from ddsp_nb.growth.views import STEADY, pace_of, silence_of, slots_of, swing, swing_of, towards, with_slots
from ddsp_nb.notes.pitch import parse_melody
from ddsp_nb.panels.growth.voice import Voice

SHARED = {"tempo_bpm": "bpm", "beats_per_bar": "beats_per_bar"}  # knobs of the tempo, which all layers share
DRAWN = ("lengths", "sustains", "levels")  # lines for what was drawn
NOTES, OWN = "notes", "own"  # of the lists of pitches and ratios: what is typed below
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
DEEPEST_DB = 48  # of the knob of a crescendo; deeper ones are shown as drawn
SAME_S = 1e-6  # by which note values may differ


def read(name: str, voice: Voice, tempo: Tempo) -> Any:
    """What a knob that counts says of a voice."""
    if name in SHARED:
        return getattr(tempo, SHARED[name])
    if name in _READ:
        return _READ[name](voice, tempo)
    return next(getattr(owner, name) for owner in (voice, voice.plan, voice.plan.adsr) if hasattr(owner, name))


def write(name: str, voice: Voice, tempo: Tempo, shown: dict[str, Any]) -> Voice:
    """A voice after a knob was turned.

    Args:
        name: of the knob.
        voice: as it was.
        tempo: of the piece.
        shown: where all knobs stand.

    Raises:
        WorkbookError: what was typed makes no plan.
    """
    if name in SHARED:
        return voice
    if name in _WRITE:
        return _WRITE[name](voice, tempo, shown)
    return replace(voice, **{name: shown[name]}) if hasattr(voice, name) else voice.planned(**{name: shown[name]})


def counts(name: str, voice: Voice) -> bool:
    """Whether a knob has something to say of a voice."""
    return name not in _COUNTS or _COUNTS[name](voice)


def _partials(voice, _, shown):
    stages = parse_stages(shown["stages"]) if shown["strategy"] == WRITTEN else None
    return voice.planned(strategy=shown["strategy"], stages=stages)


def _noise(voice, _, shown):
    sets = parse_sets(shown["bands"]) if shown["noise"] == WRITTEN else None
    return voice.planned(noise=shown["noise"], noise_stages=sets)


def _times(voice, tempo, shown):
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
    return voice.planned(pitch=parse_melody(shown["notes"]) if shown["pitch"] == NOTES else shown["pitch"])


def _ratios(voice, _, shown):
    return voice.planned(ratios=parse_numbers(shown["own_ratios"]) if shown["ratios"] == OWN else shown["ratios"])


def _sustain(voice, _, shown):
    return voice.planned(sustain=parse_numbers(shown["sustains"]) if shown["sustains"].strip() else shown["sustain"])


def _loudness(voice, _, shown):
    drawn = parse_numbers(shown["levels"]) if shown["levels"].strip() else None
    return voice.planned(loudness_db=drawn or swing(shown["loudness"], shown["depth_db"]))


_TIMES = ("timing", "stage_note", "silence_note", "lengths", "stage_duration_s", "pace", "crossfade_s")
_WRITE = {
    **dict.fromkeys(("strategy", "stages"), _partials),
    **dict.fromkeys(("noise", "bands"), _noise),
    **dict.fromkeys((*_TIMES, "silence_duration_s"), _times),
    **dict.fromkeys(("pitch", "notes"), _pitch),
    **dict.fromkeys(("ratios", "own_ratios"), _ratios),
    **dict.fromkeys(("sustain", "sustains"), _sustain),
    **dict.fromkeys(("loudness", "depth_db", "levels"), _loudness),
}


def _lengths_drawn(voice):
    return isinstance(voice.plan.stage_duration_s, tuple) if voice.in_notes else pace_of(voice.plan) not in PACES


def _swing(voice):
    """Shape and depth of the loudness, None where it is drawn."""
    found = swing_of(voice.plan.loudness_db)
    return found if found is None or found[0] == STEADY or 1 <= found[1] <= DEEPEST_DB else None


def _pitch_typed(voice):
    return voice.plan.pitch not in (PHRASE, HELD)


def _ratios_typed(voice):
    return not isinstance(voice.plan.ratios, str)


def _note_s(note, tempo):
    return 0.0 if note == NO_SILENCE else tempo.seconds(note)


def _note_named(seconds, notes, tempo):
    return next((note for note in notes if abs(_note_s(note, tempo) - seconds) < SAME_S), None)


def _listed(values):
    values = values if isinstance(values, tuple) else (values,)
    return ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)


def _in_hz(pitch):
    return pitch if isinstance(pitch, str) else f"{pitch:g}Hz"


_READ = {
    "stages": lambda voice, _: stages_in_words(voice.plan.stages),
    "bands": lambda voice, _: stages_in_words(voice.plan.noise_stages),
    "timing": lambda voice, _: voice.in_notes,
    "stage_note": lambda voice, tempo: _note_named(slots_of(voice.plan), STAGE_NOTES, tempo),
    "silence_note": lambda voice, tempo: _note_named(silence_of(voice.plan), SILENCE_NOTES, tempo),
    "lengths": lambda voice, tempo: (
        tempo.in_words(slots_of(voice.plan)) if voice.in_notes else _listed(voice.plan.stage_duration_s)
    ),
    "stage_duration_s": lambda voice, _: curve(voice.plan.stage_duration_s, 1)[0],
    "silence_duration_s": lambda voice, _: curve(voice.plan.silence_duration_s, 1)[0],
    "pace": lambda voice, _: pace_of(voice.plan),
    "pitch": lambda voice, _: NOTES if _pitch_typed(voice) else voice.plan.pitch,
    "notes": lambda voice, _: ", ".join(map(_in_hz, voice.plan.melody)),
    "ratios": lambda voice, _: OWN if _ratios_typed(voice) else voice.plan.ratios,
    "own_ratios": lambda voice, _: _listed(voice.plan.ratios),
    "sustains": lambda voice, _: _listed(voice.plan.adsr.sustain),
    "loudness": lambda voice, _: _swing(voice)[0],
    "depth_db": lambda voice, _: _swing(voice)[1],
    "levels": lambda voice, _: _listed(voice.plan.loudness_db),
}
_COUNTS = {
    "n_stages": lambda voice: voice.plan.strategy == "linear",
    "stages": lambda voice: voice.plan.strategy == WRITTEN,
    "order": lambda voice: voice.plan.stages is None or any(isinstance(stage, int) for stage in voice.plan.stages),
    "seed": lambda voice: "random" in (voice.plan.order, voice.plan.noise_order),
    "stage_note": lambda voice: voice.in_notes and not _lengths_drawn(voice),
    "silence_note": lambda voice: voice.in_notes and not voice.plan.crossfade_s,
    "lengths": _lengths_drawn,
    "stage_duration_s": lambda voice: not (voice.in_notes or _lengths_drawn(voice)),
    "pace": lambda voice: not (voice.in_notes or _lengths_drawn(voice)),
    "silence_duration_s": lambda voice: not (voice.in_notes or voice.plan.crossfade_s),
    "noise_strategy": lambda voice: voice.plan.noise == "bands",
    "noise_order": lambda voice: voice.plan.noise == "bands",
    "bands": lambda voice: voice.plan.noise == WRITTEN,
    "phrase": lambda voice: voice.plan.pitch == PHRASE,
    "notes": _pitch_typed,
    "own_ratios": _ratios_typed,
    "sustain": lambda voice: not isinstance(voice.plan.adsr.sustain, tuple),
    "sustains": lambda voice: isinstance(voice.plan.adsr.sustain, tuple),
    "loudness": lambda voice: _swing(voice) is not None,
    "depth_db": lambda voice: (_swing(voice) or (STEADY,))[0] != STEADY,
    "levels": lambda voice: _swing(voice) is None,
}

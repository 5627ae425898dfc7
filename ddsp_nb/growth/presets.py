"""A growth in musicians' words: plain values that knobs, drawn curves and files share, and the plan that they make.

Light to import. A value of text that is not empty was drawn, and stands before the knob that it is drawn for.
"""

from dataclasses import fields
from typing import Any

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.adsr import ADSR
from ddsp_nb.growth.plan import SETTINGS, WRITTEN, GrowthPlan, parse_numbers, parse_sets, parse_stages
from ddsp_nb.growth.tempo import Tempo, parse_length, parse_lengths
from ddsp_nb.notes.pitch import parse_melody

STEADY, CRESCENDO, DIMINUENDO, SWELL = "steady", "crescendo", "diminuendo", "swell"
NOTES, OWN = "notes", "own"
SECONDS, BEATS = "seconds", "beats"
DEFAULTS: dict[str, Any] = {name: setting.default for name, setting in SETTINGS.items() if name != "loudness_db"} | {
    "stages": "1, 4, 9, 16, 25",
    "bands": "0/1-64",
    "timing": SECONDS,
    "stage_note": "1/4",  # from the beginning of a stage to that of the next
    "silence_note": "1/16",  # of it
    "pace": 1.0,  # of the last stage: how many times as long as the first
    "lengths": "",
    "notes": "A3, C4, E4",
    "own_ratios": "1, 2.1, 3.3, 4.6",
    "loudness": STEADY,
    "depth_db": 24.0,
    "levels": "",
    "sustains": "",
}
SHORT = {"attack_s": 0.01, "decay_s": 0.02, "release_s": 0.04}
STRUCK = {"attack_s": 0.003, "decay_s": 1.0, "sustain": 0.15, "release_s": 0.7}
PRESETS: dict[str, dict[str, Any]] = {
    "First sine to full sound": {},
    "Odd partials, then even": {"strategy": "linear", "n_stages": 12, "order": "odd", "pitch": "held"},
    "Loudest partials first": {"strategy": "primes", "order": "loudest", "stage_duration_s": 0.4},
    "Breath first": {
        "strategy": "exponential",
        "noise": "every",
        "loudness": CRESCENDO,
        "depth_db": 12.0,
        "stage_duration_s": 1.0,
    },
    "Accelerating swarm": {
        "strategy": "linear",
        "n_stages": 32,
        "order": "loudest",  # a shuffled one begins with what nobody hears
        "stage_duration_s": 0.8,
        "silence_duration_s": 0.1,
        "pace": 1 / 8,
        "noise": "bands",
    }
    | SHORT,
    "Dissolve": {"shrinking": True, "crossfade_s": 0.5, "stage_duration_s": 1.2, "noise": "bands", "release_s": 1.0},
    "Bell": {"pitch": NOTES, "notes": "A4", "inharmonicity": 0.004, "noise": "none", "stage_duration_s": 1.8} | STRUCK,
    "Melody unfolding": {
        "pitch": NOTES,
        "notes": "A3, C4, E4, A4",
        "strategy": "primes",
        "order": "loudest",
        "noise": "every",
    },
    "Pulse": {
        "strategy": "linear",
        "n_stages": 16,
        "order": "loudest",
        "timing": BEATS,
        "stage_note": "1/8",
        "silence_note": "1/32",
        "pitch": NOTES,
        "notes": "A3, A3, E4, A3, C4, A3, E4, G4",
        "noise": "bands",
    }
    | SHORT,
}


def plan_from_values(values: dict, tempo: Tempo | None = None) -> GrowthPlan:
    """The plan that values with the names of `DEFAULTS` describe, at a tempo.

    Raises:
        GrowthError: they describe none; the message says which field to change.
    """
    plain = {f.name: values[f.name] for f in fields(GrowthPlan) if f.name in values}
    lengths_s, silence_s = _times(values, tempo or Tempo())
    envelope = {f.name: values[f.name] for f in fields(ADSR)}
    if values["sustains"]:
        envelope["sustain"] = parse_numbers(values["sustains"])
    made = dict(
        stages=parse_stages(values["stages"]) if values["strategy"] == WRITTEN else None,
        noise_stages=parse_sets(values["bands"]) if values["noise"] == WRITTEN else None,
        stage_duration_s=lengths_s,
        silence_duration_s=silence_s,
        adsr=ADSR(**envelope),
        loudness_db=parse_numbers(values["levels"])
        if values["levels"]
        else _loudness(values["loudness"], values["depth_db"]),
        pitch=parse_melody(values["notes"]) if values["pitch"] == NOTES else values["pitch"],
        ratios=parse_numbers(values["own_ratios"]) if values["ratios"] == OWN else values["ratios"],
    )
    return GrowthPlan(**plain | made)


def preset_named(values: dict, presets: dict[str, dict]) -> str | None:
    """Name of the preset that the values are, None where they are somebody's own."""
    values = {name: values[name] for name in DEFAULTS}  # the seed is nobody's preset
    return next((name for name, preset in presets.items() if DEFAULTS | preset == values), None)


def _times(values, tempo):
    """Length of the stages and of the silence between them, s. In beats the two make up the note value together."""
    pace = values["pace"]
    if values["timing"] == SECONDS:
        if values["lengths"]:
            return parse_lengths(values["lengths"], tempo), values["silence_duration_s"]
        return _towards(values["stage_duration_s"], pace), _towards(values["silence_duration_s"], pace)
    text = values["lengths"] or values["stage_note"]
    slots_s = parse_lengths(text, tempo)
    silence_s = (
        0.0 if values["crossfade_s"] or values["silence_note"] == "0" else parse_length(values["silence_note"], tempo)
    )
    lengths_s = tuple(slot_s - silence_s for slot_s in slots_s)
    if min(lengths_s) < SETTINGS["stage_duration_s"].metadata["low"]:
        raise GrowthError("The silence fills a whole stage; choose a shorter one, or longer stages.")
    return lengths_s if values["lengths"] else lengths_s[0], silence_s


def _towards(first, pace):
    """A length, or the curve from it to `pace` times as much."""
    return first if pace == 1 else (first, first * pace)


def _loudness(curve, depth_db):
    return {
        STEADY: 0.0,
        CRESCENDO: (-depth_db, 0.0),
        DIMINUENDO: (0.0, -depth_db),
        SWELL: (-depth_db, 0.0, -depth_db),
    }[curve]

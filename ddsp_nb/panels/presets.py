"""What the knobs of the growth panel stand for: plain values with musicians' words, and the plan that they make."""

from dataclasses import fields

from ddsp_nb.growth.envelope import ADSR
from ddsp_nb.growth.plan import SETTINGS, WRITTEN, GrowthPlan, parse_numbers, parse_stages
from ddsp_nb.growth.tuning import parse_melody

STEADY, CRESCENDO, DIMINUENDO, SWELL = "steady", "crescendo", "diminuendo", "swell"
NOTES, OWN = "notes", "own"
DEFAULTS = {name: setting.default for name, setting in SETTINGS.items() if name != "loudness_db"} | {
    "stages": "1, 4, 9, 16, 25",
    "pace": 1.0,  # of the last stage: how many times as long as the first
    "notes": "A3, C4, E4",
    "own_ratios": "1, 2.1, 3.3, 4.6",
    "loudness": STEADY,
    "depth_db": 24.0,
}
SHORT = {"attack_s": 0.01, "decay_s": 0.02, "release_s": 0.04}
STRUCK = {"attack_s": 0.003, "decay_s": 1.0, "sustain": 0.15, "release_s": 0.7}
PRESETS = {
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
}


def plan_from_values(values: dict) -> GrowthPlan:
    """The plan that values with the names of `DEFAULTS` describe.

    Raises:
        GrowthError: they describe none; the message says which field to change.
    """
    plain = {f.name: values[f.name] for f in fields(GrowthPlan) if f.name in values}
    made = dict(
        stages=parse_stages(values["stages"]) if values["strategy"] == WRITTEN else None,
        stage_duration_s=_towards(values["stage_duration_s"], values["pace"]),
        silence_duration_s=_towards(values["silence_duration_s"], values["pace"]),
        adsr=ADSR(**{f.name: values[f.name] for f in fields(ADSR)}),
        loudness_db=_loudness(values["loudness"], values["depth_db"]),
        pitch=parse_melody(values["notes"]) if values["pitch"] == NOTES else values["pitch"],
        ratios=parse_numbers(values["own_ratios"]) if values["ratios"] == OWN else values["ratios"],
    )
    return GrowthPlan(**plain | made)


def preset_named(values: dict) -> str | None:
    """Name of the preset that the values are, None where they are somebody's own."""
    values = {name: values[name] for name in DEFAULTS}  # the seed is nobody's preset
    return next((name for name, preset in PRESETS.items() if DEFAULTS | preset == values), None)


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

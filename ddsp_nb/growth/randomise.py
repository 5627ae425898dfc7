"""Growths nobody has thought of: values drawn by chance, as a whole or a group of them. Light to import."""

import random
from collections.abc import Iterable
from typing import Any

from ddsp_nb.growth.plan import BAND_ORDERS, ORDERS, STRATEGIES
from ddsp_nb.growth.presets import BEATS, CRESCENDO, DEFAULTS, DIMINUENDO, NOTES, SECONDS, STEADY, SWELL
from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.growth.tuning import TABLES
from ddsp_nb.notes.pitch import midi_name

MIDDLE = 62  # MIDI note around which melodies lie: D4
PENTATONIC = (-12, -10, -8, -5, -3, 0, 2, 4, 7, 9, 12)  # semitones from the middle; no two of them clash
MOST_NOTES = 8
GROUPS = {
    "Partials": ("strategy", "n_stages", "order", "shrinking"),
    "Time": ("timing", "stage_duration_s", "silence_duration_s", "pace", "crossfade_s", "stage_note", "silence_note"),
    "Noise": ("noise", "noise_strategy", "noise_order"),
    "Pitch": ("pitch", "phrase", "notes", "ratios", "inharmonicity"),
    "Envelope": ("attack_s", "decay_s", "sustain", "release_s"),
    "Loudness": ("loudness", "depth_db"),
}
DRAWN = {"Time": ("lengths",), "Envelope": ("sustains",), "Loudness": ("levels",)}  # which would hide what chance chose


def random_values(seed: int, groups: Iterable[str] = tuple(GROUPS), middle: int = MIDDLE) -> dict[str, Any]:
    """Values of some groups of knobs; the same seed gives the same values for a group, whatever the others are.

    Args:
        seed: from 0.
        groups: names from `GROUPS`.
        middle: MIDI note around which a melody lies.
    """
    values: dict[str, Any] = {"seed": seed % (LARGEST_SEED + 1)}
    for group in groups:
        chance = random.Random(f"{group} {seed}")
        values |= {name: draw(chance, middle) for name, draw in _DRAW.items() if name in GROUPS[group]}
        values |= {name: DEFAULTS[name] for name in DRAWN.get(group, ())}
    return values


def _between(low, high, digits=2):
    """A number on a scale on which halves and doubles are equally likely."""
    return lambda chance, _: round(low * (high / low) ** chance.random(), digits)


def _one_of(*choices, weights=None):
    return lambda chance, _: chance.choices(choices, weights)[0]


def _melody(chance, middle):
    notes = chance.choices(PENTATONIC, k=chance.randint(2, MOST_NOTES))
    return ", ".join(midi_name(middle + step) for step in notes)


_DRAW = {
    "strategy": _one_of(*STRATEGIES),
    "n_stages": lambda chance, _: chance.randint(4, 24),
    "order": _one_of(*ORDERS),
    "shrinking": _one_of(False, True, weights=(4, 1)),
    "timing": _one_of(SECONDS, BEATS),
    "stage_duration_s": _between(0.15, 1.5),
    "silence_duration_s": _one_of(0.0, 0.05, 0.1, 0.2, 0.4),
    "pace": _one_of(1 / 4, 1 / 2, 1.0, 2.0, 4.0, weights=(1, 2, 4, 2, 1)),
    "crossfade_s": _one_of(0.0, 0.1, 0.4, weights=(3, 1, 1)),
    "stage_note": _one_of("1/2", "1/4", "1/8", "3/16", "1/16"),
    "silence_note": _one_of("0", "1/64", "1/32"),
    "noise": _one_of("last", "every", "bands", "none"),
    "noise_strategy": _one_of(*STRATEGIES),
    "noise_order": _one_of(*BAND_ORDERS),
    "pitch": _one_of("phrase", "held", NOTES),
    "phrase": _one_of("unfold", "repeat"),
    "notes": _melody,
    "ratios": _one_of(*TABLES, weights=(8, *[1] * (len(TABLES) - 1))),
    "inharmonicity": _one_of(0.0, 0.001, 0.004, weights=(4, 1, 1)),
    "attack_s": _between(0.003, 0.3, 3),
    "decay_s": _between(0.02, 1.0),
    "sustain": lambda chance, _: round(chance.uniform(0.1, 1.0), 2),
    "release_s": _between(0.02, 0.6),
    "loudness": _one_of(STEADY, CRESCENDO, DIMINUENDO, SWELL),
    "depth_db": lambda chance, _: float(chance.randint(6, 24)),
}

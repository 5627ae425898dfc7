"""Plans drawn by chance, as a whole or a group of settings (notebook 05, "Your turn"). Light to import."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from ddsp_nb.growth.adsr import ADSR
from ddsp_nb.growth.automaton import RULES
from ddsp_nb.growth.plan import BAND_ORDERS, NOTE_ORDERS, RULE, STRATEGIES, GrowthPlan
from ddsp_nb.growth.tuning import HELD, PHRASE, TABLES
from ddsp_nb.notes.pitch import midi_name
from ddsp_nb.piece.presets import WRITTEN_AT, Preset
from ddsp_nb.piece.views import SHAPES, between, swing, towards, with_slots
from ddsp_nb.training.morph import OWN

MIDDLE = 62  # MIDI note around which melodies lie: D4
PENTATONIC = (-12, -10, -8, -5, -3, 0, 2, 4, 7, 9, 12)  # semitones from the middle; no two of them clash
MOST_NOTES = 8
# What a growth becomes, as often as it stays itself.
OTHERS = ("violin", "cello", "flute", "oboe", "clarinet", "alto sax", "trumpet", "french horn", "nylon guitar")


def random_preset(seed: int, groups: Iterable[str] = (), start: Preset | None = None) -> Preset:
    """A preset with some groups of settings drawn by chance, or all of them; `start` gives the others.

    The same seed gives the same settings of a group, whatever the others are.
    """
    preset = start or Preset(GrowthPlan())
    for group in groups or GROUPS:
        preset = GROUPS[group](Random(f"{group} {seed}"), preset)
    return preset


def _partials(chance, preset):
    return preset.planned(
        stages=None,
        strategy=_one_of(chance, *STRATEGIES, RULE),
        n_stages=chance.randint(4, 24),
        order=_one_of(chance, *NOTE_ORDERS),
        shrinking=_one_of(chance, False, True, weights=(4, 1)),
        rule=_one_of(chance, *RULES),
        neighbours=_one_of(chance, "next", "next, 2", "2, 3/2", "2, 3/2, 5/4"),
    )


def _time(chance, preset):
    in_notes, length_s = _one_of(chance, False, True), _between(chance, 0.15, 1.5)
    silence_s = _one_of(chance, 0.0, 0.05, 0.1, 0.2, 0.4)
    pace = _one_of(chance, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, weights=(1, 2, 4, 2, 1))
    plan = replace(preset.plan, crossfade_s=_one_of(chance, 0.0, 0.1, 0.4, weights=(3, 1, 1)))
    note, rest = _one_of(chance, "1/2", "1/4", "1/8", "3/16", "1/16"), _one_of(chance, None, "1/64", "1/32")
    if in_notes:
        plan = with_slots(plan, WRITTEN_AT.seconds(note), WRITTEN_AT.seconds(rest) if rest else 0.0)
    else:
        plan = replace(plan, stage_duration_s=towards(length_s, pace), silence_duration_s=towards(silence_s, pace))
    return Preset(plan, in_notes)


def _noise(chance, preset):
    return preset.planned(
        noise_stages=None,
        noise=_one_of(chance, "last", "every", "bands", "none"),
        noise_strategy=_one_of(chance, *STRATEGIES, RULE),
        noise_order=_one_of(chance, *BAND_ORDERS),
    )


def _pitch(chance, preset):
    pitch, phrase = _one_of(chance, PHRASE, HELD, None), _one_of(chance, "unfold", "repeat")
    steps = chance.choices(PENTATONIC, k=chance.randint(2, MOST_NOTES))
    return preset.planned(
        pitch=pitch or tuple(midi_name(MIDDLE + step) for step in steps),
        phrase=phrase,
        ratios=_one_of(chance, *TABLES, weights=(8, *[1] * (len(TABLES) - 1))),
        inharmonicity=_one_of(chance, 0.0, 0.001, 0.004, weights=(4, 1, 1)),
    )


def _timbre(chance, preset):
    draw = lambda: _one_of(chance, OWN, *OTHERS, weights=(len(OTHERS), *[1] * len(OTHERS)))
    return preset.planned(timbre=between(draw(), draw()))


def _adsr(chance, preset):
    attack_s, decay_s = _between(chance, 0.003, 0.3, 3), _between(chance, 0.02, 1.0)
    sustain, release_s = round(chance.uniform(0.1, 1.0), 2), _between(chance, 0.02, 0.6)
    return preset.planned(adsr=ADSR(attack_s, decay_s, sustain, release_s))


def _loudness(chance, preset):
    return preset.planned(loudness_db=swing(_one_of(chance, *SHAPES), float(chance.randint(6, 24))))


GROUPS = {
    "Partials": _partials,
    "Time": _time,
    "Noise": _noise,
    "Pitch": _pitch,
    "Timbre": _timbre,
    "ADSR": _adsr,
    "Loudness": _loudness,
}


def _between(chance, low, high, digits=2):
    """A number on a scale on which halves and doubles are equally likely."""
    return round(low * (high / low) ** chance.random(), digits)


def _one_of(chance, *choices, weights=None):
    return chance.choices(choices, weights)[0]

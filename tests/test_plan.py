"""Plans: what sounds in which stage, and that a plan is plain data that strangers cannot abuse."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from ddsp_nb import ADSR, GrowthPlan, WorkbookError
from ddsp_nb.growth.masks import noise_masks, partial_masks
from ddsp_nb.growth.plan import BAND_ORDERS, ORDERS, STRATEGIES
from ddsp_nb.growth.tuning import TABLES, ratio_table
from ddsp_nb.notes.pitch import parse_melody, pitch_hz
from ddsp_nb.piece.typed import parse_numbers, parse_stages, stages_in_words


def entering(plan, n, **levels):
    """Numbers of the partials that each stage adds."""
    masks = partial_masks(plan, n, **levels)
    before = torch.cat([torch.zeros(1, n), masks[:-1]])
    return [(row.nonzero()[:, 0] + 1).tolist() for row in masks - before]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_stage_adds_and_the_last_is_complete(strategy):
    levels = torch.rand(64, generator=torch.Generator().manual_seed(1)) + 0.1
    levels[40:] = 1e-7  # never heard
    for order in ORDERS:
        masks = partial_masks(GrowthPlan(strategy, order=order), 64, levels=levels)
        assert all((b >= a).all() and b.sum() > a.sum() for a, b in pairwise(masks)), order
        assert torch.equal(masks[-1], (levels > 1e-4).float()), order
        assert masks[0].sum() == 1, order
        backwards = partial_masks(GrowthPlan(strategy, order=order, shrinking=True), 64, levels=levels)
        assert torch.equal(backwards, masks.flip(0)), order


def test_counts_are_distinct_rising_and_complete_at_the_end():
    for strategy, n_harmonics in product(STRATEGIES, (1, 2, 3, 7, 32, 64, 100)):
        masks = partial_masks(GrowthPlan(strategy), n_harmonics)
        counts = GrowthPlan(strategy).counts(n_harmonics)
        assert counts == masks.sum(1).int().tolist()
        assert counts == sorted(set(counts)) and counts[-1] == n_harmonics
        assert all((mask[:n] == 1).all() and (mask[n:] == 0).all() for mask, n in zip(masks, counts, strict=True))


def test_strategies_grow_64_partials_as_they_are_named():
    assert GrowthPlan("linear").counts(64) == [1, 10, 19, 28, 37, 46, 55, 64]
    assert GrowthPlan("exponential").counts(64) == [1, 2, 4, 8, 16, 32, 64]
    assert GrowthPlan("fibonacci").counts(64) == [1, 2, 3, 5, 8, 13, 21, 34, 55, 64]
    for n_stages in (1, 2, 5, 64, 500):
        counts = GrowthPlan("linear", n_stages=n_stages).counts(64)
        assert len(counts) == min(n_stages, 64) and counts[-1] == 64


@pytest.mark.parametrize(
    ("order", "first"),
    [
        ("low", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("high", [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("odd", [1, 3, 5, 7, 9, 2, 4, 6, 8, 10]),
        ("octaves", [1, 2, 4, 8, 3, 5, 6, 7, 9, 10]),
        ("loudest", [3, 9, 1, 2, 4, 5, 6, 7, 8, 10]),
    ],
)
def test_partials_enter_in_the_order_named(order, first):
    levels = torch.tensor([0.5, 0.4, 2.0, 0.4, 0.3, 0.2, 0.2, 0.2, 0.9, 0.1])
    plan = GrowthPlan("linear", n_stages=10, order=order)
    assert [k for (k,) in entering(plan, 10, levels=levels)] == first


def test_random_order_is_the_seeds():
    plan = GrowthPlan("linear", n_stages=32, order="random")
    first, again, other = (entering(plan, 32, seed=seed) for seed in (3, 3, 4))
    assert first == again != other
    assert first != entering(replace(plan, order="low"), 32)


def test_primes_are_primes_and_end_complete():
    assert GrowthPlan("primes").counts(32) == [1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 32]
    assert GrowthPlan("primes").counts(31)[-2:] == [29, 31]


def test_written_stages_are_played_as_written():
    plan = GrowthPlan(stages=[[5], 2, [1, 8]])
    assert partial_masks(plan, 8).int().tolist() == [
        [0, 0, 0, 0, 1, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 1],
    ]
    assert plan.counts(8) == [1, 2, 2]
    assert partial_masks(GrowthPlan(stages=[99]), 8).sum() == 8
    with pytest.raises(WorkbookError, match="no partial 9: the instrument has 8"):
        partial_masks(GrowthPlan(stages=[[9]]), 8)


def test_bands_enter_over_all_the_stages():
    for order, n_stages in product(BAND_ORDERS, (1, 2, 7, 64, 100)):
        plan = GrowthPlan(noise="bands", noise_strategy="fibonacci", noise_order=order)
        masks = noise_masks(plan, 64, n_stages)
        assert masks.shape == (n_stages, 64)
        assert all((b >= a).all() for a, b in pairwise(masks))
        assert masks[-1].all() and (n_stages == 1 or masks[0].sum() == 1)


def test_written_noise_is_played_as_written_and_its_last_set_goes_on():
    plan = GrowthPlan(noise_stages=[[2, 3], [], [1]])
    assert plan.noise == "written"
    assert noise_masks(plan, 3, 5).int().tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]
    assert noise_masks(plan, 3, 2).int().tolist() == [[0, 1, 1], [0, 0, 0]]
    with pytest.raises(WorkbookError, match="no band 3: the instrument has 2"):
        noise_masks(plan, 2, 3)


def test_a_written_stage_may_be_breath_alone():
    plan = GrowthPlan(stages=[[], [1, 3]])
    assert partial_masks(plan, 3).int().tolist() == [[0, 0, 0], [1, 0, 1]]
    assert plan.counts(3) == [0, 2]


def test_noise_belongs_to_the_complete_stage():
    assert noise_masks(GrowthPlan(), 4, 3).amax(1).tolist() == [0, 0, 1]
    assert noise_masks(GrowthPlan(shrinking=True), 4, 3).amax(1).tolist() == [1, 0, 0]


def test_a_curve_leads_from_the_first_stage_to_the_last():
    plan = GrowthPlan(stage_duration_s=(0.8, 0.1), silence_duration_s=(0.0, 0.3))
    assert plan.durations_s(4) == pytest.approx([0.8, 0.4, 0.2, 0.1])  # equal ratios: it accelerates
    edges = plan.edges(4, 1000)
    assert [stop - start for start, stop in edges] == [800, 400, 200, 100]
    assert [b[0] - a[1] for a, b in pairwise(edges)] == [0, 100, 200]
    written = GrowthPlan(stage_duration_s=(0.3, 0.9, 0.5))
    assert written.durations_s(3) == pytest.approx([0.3, 0.9, 0.5])


def test_a_beat_stays_on_its_grid_after_any_number_of_stages():
    """A sixteenth at 130 beats a minute is no whole number of samples."""
    duration_s, rate = 60 / 130 / 4, 44_100
    plan = GrowthPlan(stages=[1] * 1000, stage_duration_s=duration_s, silence_duration_s=0)
    grid = [k * duration_s * rate for k in range(1001)]
    edges = plan.edges(1000, rate)
    assert max(abs(start - at) for (start, _), at in zip(edges, grid, strict=False)) <= 0.5001
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    assert max(stop - start for start, stop in edges) <= plan.longest(rate)


def test_a_crossfade_overlaps_and_never_takes_more_than_half_a_stage():
    edges = GrowthPlan(crossfade_s=0.1, stage_duration_s=0.5).edges(3, 1000)
    assert edges == [(0, 500), (400, 900), (800, 1300)]
    assert GrowthPlan(crossfade_s=1.0, stage_duration_s=0.5).overlap_s(3) == 0.25


@pytest.mark.parametrize(
    "plan",
    [
        GrowthPlan(),
        GrowthPlan(stages=[[1], [1, 3]], stage_duration_s=[1, 0.1], pitch=["A3", 220.5], ratios=[1, 2.1], adsr=ADSR(0)),
        GrowthPlan("primes", shrinking=True, order="random", noise="bands", loudness_db=(-20, 0), inharmonicity=0.001),
        GrowthPlan(stages=[[], [1]], noise_stages=[[1, 2], []], adsr=ADSR(sustain=[0.9, 0.2])),
    ],
)
def test_a_plan_survives_json(plan):
    again = GrowthPlan.from_dict(json.loads(json.dumps(asdict(plan))))
    assert again == plan
    assert hash(again) == hash(plan)


NAN = float("nan")
STRANGE = {  # values that no plan can have, by name
    "speed": [3],
    "adsr": [[1, 2], *({"attack_s": v} for v in ("1", -0.1, [0.1, 0.2])), {"attack": 3}, {"release_s": float("inf")}],
    "adsr ": [{"sustain": v} for v in (1.5, [], [0.5, 2], NAN)],
    "strategy": [["linear"], "written", "sideways"],
    "n_stages": [True, 1e400, 2.0, 0],
    "stages": [[], {"1": 2}, [[[1]]], [0], [[0]], [1.5], [[1, 1]], [1] * 5000],
    "noise": ["written", "x" * 10_000, 0],
    "noise_stages": [[], [1], [[0]], [[1, 1]], "1/2"],
    "order": [None],
    "shrinking": [1],
    "stage_duration_s": [[], [1, "2"], 10**400, 0, NAN],
    "silence_duration_s": [None, -0.1],
    "crossfade_s": [[1]],
    "loudness_db": [NAN],
    "pitch": [None, "", [], [["A3"]], "A9999", "A" * 10_000, "B12", 10**400, -440],
    "ratios": ["x" * 10_000, 3, [], [1, 0], {"1": 1}, "golden"],
    "inharmonicity": ["much", 0.2],
}


def test_a_plan_from_a_stranger_is_refused_in_one_line():
    for name, values in STRANGE.items():
        for value in values:
            with pytest.raises(WorkbookError) as error:
                GrowthPlan.from_dict({name.strip(): value})
            assert "\n" not in str(error.value) and len(str(error.value)) < 1000, (name, value)


def test_a_number_out_of_range_is_told_the_range():
    with pytest.raises(WorkbookError, match=r"^Stage duration: use numbers from 0\.02 to 600 s\.$"):
        GrowthPlan(stage_duration_s=(1.0, 0.01))
    with pytest.raises(WorkbookError, match=r"^Stages: use whole numbers from 1 to 1024\.$"):
        GrowthPlan(n_stages=2.5)


def test_typed_text_becomes_values_or_an_error():
    assert parse_stages("1,4,9") == (1, 4, 9) and parse_stages("1/1+3") == ((1,), (1, 3))
    assert parse_numbers("0.5, 0.1") == (0.5, 0.1) and parse_melody("A4, 330") == ("A4", 330.0)
    for parse, text in product((parse_stages, parse_numbers), ("", "1,,2", "nan", "1;2")):
        with pytest.raises(WorkbookError):
            parse(text)
    for text in ("0, 3", "1+/2", "8-1", "0-3", "1-600", "1-2-3", "-1", "1-8,12", "0+1"):
        with pytest.raises(WorkbookError):
            parse_stages(text)


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("1,4,9", (1, 4, 9)),
        ("8", (8,)),
        ("1-8+12/1-16", ((*range(1, 9), 12), tuple(range(1, 17)))),
        ("0/1-2/5", ((), (1, 2), (5,))),
        ("0", ((),)),
        ("5-5", ((5,),)),
        ("1+3", ((1, 3),)),
    ],
)
def test_stages_are_written_and_read_in_the_same_words(text, stages):
    assert parse_stages(text) == stages and stages_in_words(stages) == text
    GrowthPlan(stages=stages)


@pytest.mark.parametrize(
    ("text", "pitches"),
    [
        ("a3 c4 e4", (220, 261.626, 329.628)),
        ("A3,C4", (220, 261.626)),
        (" Bb4;  F♯2 ", (466.164, 92.499)),
        ("c#' a''", (277.183, 880)),
        ("60Hz 64.5 hz", (60, 64.5)),
        ("F##4 Fx4 F𝄪4", 3 * (391.995,)),
        ("Bbb3; B𝄫3, bb3", (220, 220, 233.082)),
        ("c″ C₄ A−1", (523.251, 261.626, 13.75)),
        ("110 220 440", (110, 220, 440)),
    ],
)
def test_notes_are_read_as_musicians_type_them(text, pitches):
    assert [pitch_hz(pitch) for pitch in parse_melody(text)] == pytest.approx(pitches, rel=1e-5)


def test_numbers_that_may_be_midi_are_asked_about():
    with pytest.raises(
        WorkbookError, match=r"^Are these MIDI notes or Hz\? Write C4 E4 G4 for the notes, or 60Hz 64Hz 67Hz\.$"
    ):
        parse_melody("60 64 67")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("H4", "a German H4 is B4 here"),
        ("Bb C4", "no octave, as Bb4 has"),
        ("A4 69", "Write A4 for the notes, or 69Hz"),
    ],
)
def test_what_may_be_meant_otherwise_is_said(text, words):
    with pytest.raises(WorkbookError, match=words):
        parse_melody(text)


def test_an_error_offers_only_what_is_possible_there():
    for plan in (False, True):
        with pytest.raises(WorkbookError, match="is no note") as error:
            GrowthPlan(pitch="X4") if plan else parse_melody("X4")
        assert ("“held”" in str(error.value)) == plan


def test_the_plan_needs_no_heavy_package():
    modules = "ddsp_nb.piece.presets, ddsp_nb.piece.randomise, ddsp_nb.piece.layers, ddsp_nb.cli.main"
    code = f"import sys, {modules}; print(*{{'torch', 'numpy', 'scipy'}} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_notes_have_their_frequencies():
    known = {"A4": 440, "A3": 220, "C#4": 277.183, "Db4": 277.183, "Bb2": 116.541, 333: 333}
    assert [pitch_hz(note) for note in known] == pytest.approx(list(known.values()), rel=1e-5)


def test_tables_move_partials_to_their_scale():
    assert ratio_table("harmonic", 0, 8) is None
    cents = lambda name: 1200 * np.log2(ratio_table(name, 0, 64).numpy())
    for name, grid in (("equal", 100), ("quarter-tones", 50), ("whole-tones", 200)):
        assert np.abs(cents(name) / grid - np.round(cents(name) / grid)).max() < 1e-9
        assert np.abs(cents(name) - 1200 * np.log2(np.arange(1, 65))).max() <= grid / 2
    just = ratio_table("just", 0, 16)
    assert just[[0, 1, 2, 3, 4, 5, 7]].tolist() == [1, 2, 3, 4, 5, 6, 8]
    assert just[6].item() == pytest.approx(7.2)  # the seventh partial becomes a 9/5
    assert ratio_table((1, 2.5), 0, 4).tolist() == [1, 2.5, 3, 4]
    stiff = ratio_table("harmonic", 0.001, 10)
    assert stiff[0] == 1 and stiff[9].item() == pytest.approx(10 * np.sqrt(1.1 / 1.001))
    assert set(TABLES) == {"harmonic", "just", "equal", "quarter-tones", "whole-tones"}

"""Growth by rule: what cells do, and that a piece grown by them is what the rule says, to the ear and from its text."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import pad

from ddsp_nb import GrowthPlan, Source, WorkbookError, grow, teach_rule
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth import learned_rule
from ddsp_nb.growth.automaton import RULES, parse_neighbours, rule_number
from ddsp_nb.growth.masks import neighbour_table, noise_masks, partial_masks
from ddsp_nb.growth.schedule import make_schedule
from ddsp_nb.panels.growth.edits import edited
from ddsp_nb.piece.sidecar import parse_sidecar, regrow, sidecar_of

HELD = GrowthPlan("rule", 6, pitch="held", stage_duration_s=0.2, silence_duration_s=0.0)


def sets(masks):
    """Numbers of what is on in each stage."""
    return [(row.nonzero()[:, 0] + 1).tolist() for row in masks]


def grown(n=16, n_stages=6, **settings):
    return sets(partial_masks(GrowthPlan("rule", n_stages, **settings), n))


def test_neighbours_are_beside_each_other_or_an_interval_apart():
    beside = lambda neighbours, hz=range(1, 17): sets(neighbour_table(torch.tensor(hz), neighbours))
    assert beside("next")[:2] == [[2], [1, 3]] and beside("+2")[4] == [3, 7]
    assert beside("2")[:4] == [[2], [1, 4], [6], [2, 8]]
    assert beside("3/2")[5] == [4, 9] and beside("2, 3/2")[5] == [3, 4, 9, 12] and beside("1.5")[6] == []
    bell_hz = [100, 201, 240, 297, 405]  # an octave of 9 cents too much, and others that miss by less than 50
    assert beside("2,3/2", bell_hz) == [[2], [1, 4, 5], [], [2], [2]]


def test_rules_are_numbered_as_wolfram_does():
    assert rule_number("fractal", "next") == 12 and rule_number(46, "next") == rule_number("bloom", "next") == 46
    life = rule_number(224, "next,+2,+3,+4")
    assert life == 4**3 + 2 * 4**2 + 2 * 4**3  # born by three, survives with two or three
    history = partial_masks(GrowthPlan("rule", 32, rule="fractal", stages=((33,),)), 65).int()
    for before, after in pairwise(history):  # rule 90: each is the sum of its neighbours, modulo 2
        assert torch.equal(after, (pad(before, (1, 0))[:-1] + pad(before, (0, 1))[1:]) % 2)


def test_rules_fill_rest_oscillate_and_die_out():
    assert grown() == [list(range(1, n + 1)) for n in range(1, 7)]
    assert grown(rule="blink") == [[1], [2], [1, 3], [2, 4], [1, 3, 5], [2, 4, 6]]
    assert grown(neighbours="2,3/2", n_stages=4) == [[1], [1, 2], [1, 2, 3, 4], [1, 2, 3, 4, 6, 8]]
    assert grown(5, rule="wither") == [[1, 2, 3, 4, 5], [2, 3, 4], [3], [], [], []]
    assert grown(order="odd", n_stages=3) == [[1], [1, 3], [1, 3, 5]]  # beside each other is as they enter
    with pytest.raises(GrowthError, match="partial_masks"):
        HELD.counts(16)
    for rule in RULES:
        plan = GrowthPlan("rule", 6, rule=rule, neighbours="next,2")
        assert torch.equal(partial_masks(replace(plan, shrinking=True), 16), partial_masks(plan, 16).flip(0))


def test_chance_is_the_seeds_and_painted_stages_stay():
    plan = GrowthPlan("rule", 12, stages=((3,), (1, 9)), rule_chance=0.5, neighbours="next,2")
    first, again, other = (partial_masks(plan, 16, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert sets(first)[:2] == [[3], [1, 9]] and len(first) == 12
    # Running on from a later stage of its own history is the same history.
    painted = replace(plan, stages=tuple(map(tuple, sets(first)[:7])))
    assert torch.equal(partial_masks(painted, 16, seed=1), first)


def test_what_nobody_hears_stays_off_and_parts_no_neighbours():
    levels = torch.ones(8)
    levels[2:4] = 1e-6
    plan = GrowthPlan("rule", 4, stages=((1, 3),))
    assert sets(partial_masks(plan, 8, levels=levels)) == [[1], [1, 2], [1, 2, 5], [1, 2, 5, 6]]


def test_bands_grow_by_the_same_rule():
    plan = GrowthPlan(noise="bands", noise_strategy="rule", rule="blink")
    assert sets(noise_masks(plan, 8, 4)) == [[1], [2], [1, 3], [2, 4]]
    painted = replace(plan, noise_stages=((5,),))
    assert painted.noise == "bands" and sets(noise_masks(painted, 8, 3)) == [[5], [4, 6], [3, 5, 7]]


def test_a_growth_by_rule_is_heard_and_rendered_again(trained, take):
    plan = replace(HELD, rule="swarm", neighbours="2, 3/2", rule_chance=0.2, noise="bands", noise_strategy="rule")
    growth = grow(trained, take, plan, seed=4)
    certificate = growth.certificate()
    assert certificate.passed, certificate.faults
    assert len({tuple(mask.tolist()) for mask in growth.schedule.masks}) == 6
    sidecar = parse_sidecar(sidecar_of(growth).to_json())
    assert sidecar.composition.layers[0].plan == plan
    assert torch.equal(regrow(sidecar, Source(trained, take)).audio, growth.audio)


def test_the_end_of_a_rule_is_told_and_is_silent_where_it_dies(trained, take):
    said = lambda **settings: " ".join(make_schedule(trained, take, replace(HELD, n_stages=40, **settings)).remarks)
    assert "From stage 7 on nothing changes." in said(neighbours="next,2")
    assert "on nothing" not in said(rule="blink", neighbours="next,2")
    dying = replace(HELD, rule="0", stages=((1, 2, 3),), noise="none")
    growth = grow(trained, take, dying)
    assert "From stage 2 on nothing sounds." in growth.remarks
    assert growth.stage_audio(0).abs().max() > 0.1 and not growth.stage_audio(1).any()


def test_the_score_runs_on_from_what_was_painted(trained, take):
    schedule = make_schedule(trained, take, replace(HELD, neighbours="next"))
    drawn = ["".join("01"[k == 0 or (i, k) == (2, 7)] for k in range(32)) for i in range(6)]
    painted = edited(schedule, {"partials": drawn}, None)
    assert sets(make_schedule(trained, take, painted).masks) == [[1], [1], [1, 8], [1], [1], [1]]
    ran = edited(make_schedule(trained, take, painted), {"run_on": 2}, None)
    found = sets(make_schedule(trained, take, ran).masks)
    assert found == [[1], [1], [1, 8], [1, 2, 7, 8, 9], [1, 2, 3, 6, 7, 8, 9, 10], [*range(1, 12)]]
    further = edited(make_schedule(trained, take, ran), {"run_on": 5}, None)
    assert further.n_stages == 12 and sets(make_schedule(trained, take, further).masks)[:6] == found
    with pytest.raises(WorkbookError, match="draw again"):
        edited(schedule, {"run_on": 6}, None)


def test_a_rule_is_taught_a_spectrum_reaches_it_from_one_partial_and_heals(monkeypatch):
    monkeypatch.setattr(learned_rule, "N_ROUNDS", 250)
    levels = 10 ** (torch.tensor([0, -14, -6, -20, -12, -26, -18, -32, -24, -38, -30, -44]) / 20)
    before = torch.get_rng_state()
    rule = teach_rule(levels)
    assert torch.equal(torch.get_rng_state(), before) and sum(w.numel() for w in rule.parameters()) < 1000
    grown = rule.run(120, erase={60: [3, 4, 5, 6]})
    off_db = 20 * (grown.clamp(min=1e-3) / levels).log10().abs().mean(1)
    assert not grown[0, 2:].any() and not grown[59, 2:6].any()  # only neighbours of the first; what was erased
    assert off_db[58] < 3 < 10 < off_db[59] and off_db[-1] < 6
    octaves = rule.run(1, seed_partials=(12,))[0].nonzero()[:, 0] + 1
    assert set(octaves.tolist()) <= {6, 11, 12}


@settings(max_examples=40)
@given(st.text(max_size=12) | st.none() | st.integers(), st.text(max_size=8) | st.integers())
def test_what_is_no_rule_is_refused_in_words(neighbours, rule):
    for make in (lambda: parse_neighbours(neighbours), lambda: GrowthPlan("rule", rule=rule, neighbours="next")):
        try:
            make()
        except GrowthError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("neighbours", ["", "1", "0/0", "next,,2", "+0", "1e999999999", "2," * 9, "1/2", "1.0"])
def test_neighbours_that_are_none(neighbours):
    with pytest.raises(GrowthError, match="use 1 to 8 of next"):
        GrowthPlan("rule", neighbours=neighbours)


@pytest.mark.parametrize("rule", [64, -1, "life", True, 2.0, "9" * 5000, (1,), "٣"])
def test_rules_that_are_none(rule):
    with pytest.raises(GrowthError, match="a number from 0 to 63"):
        GrowthPlan("rule", rule=rule)


def test_a_rule_cannot_learn_silence():
    with pytest.raises(GrowthError, match="All levels are 0"):
        teach_rule(torch.zeros(4))

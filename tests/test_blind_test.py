"""The blind test without a browser: what is asked, what is kept from the page, and what a score is worth."""

import numpy as np
import pytest
import torch
from scipy.stats import binom

from ddsp_nb import WorkbookError
from ddsp_nb.panels import BlindTest
from ddsp_nb.panels.blind_test import by_chance, verdict
from ddsp_nb.sound.loudness import integrated_lufs

RATE = 16_000
T = np.arange(RATE) / RATE
SOUNDS = {"low": 0.1 * np.sin(2 * np.pi * 440 * T), "high": 0.3 * np.sin(2 * np.pi * 660 * T[: RATE // 2])}


@pytest.fixture
def sent(monkeypatch):
    messages = []
    monkeypatch.setattr(BlindTest, "send", lambda self, content, buffers=(): messages.append((content, buffers)))
    return messages


def answer(test, x, trial=None):
    now = len(test.right) if trial is None else trial
    test._handle_custom_msg({"type": "answer", "trial": now, "x": x, "playing": True}, [])


def test_chance_is_that_of_a_coin():
    for n in (5, 12, 16):
        for k in range(n + 1):
            assert by_chance(k, n) == pytest.approx(binom.sf(k - 1, n, 0.5), rel=1e-12)
    assert "in 4 % of" in verdict(12, 16) and "you heard a difference" in verdict(12, 16)
    assert "in 11 % of" in verdict(11, 16) and "does not show" in verdict(11, 16)
    assert "less than 1 %" in verdict(16, 16) and "in 100 % of" in verdict(0, 16)


def test_a_seed_is_an_order_and_both_sounds_come():
    orders = [BlindTest(SOUNDS, RATE, n_trials=16, seed=seed)._order.tolist() for seed in (3, 3, 4)]
    assert orders[0] == orders[1] != orders[2]
    assert set(orders[0]) == {"A", "B"}


def test_x_is_one_of_two_that_are_equally_loud_and_long():
    test = BlindTest(SOUNDS, RATE)
    a, b, x = (test.sounds[name] for name in "ABX")
    assert len(a) == len(b) == RATE // 2
    lufs = [integrated_lufs(torch.from_numpy(sound), RATE) for sound in (a, b)]
    assert lufs[0] == pytest.approx(lufs[1], abs=0.1)
    assert max(abs(a).max(), abs(b).max()) == pytest.approx(0.9, abs=1e-3)
    assert np.array_equal(x, test.sounds[test._order[0]])
    assert -10 < test.gain_db < -9 and f"B {test.gain_db:.1f} dB" in test._message["blind"]["words"]
    short = {name: sound[: RATE // 4] for name, sound in SOUNDS.items()}  # too short to have a loudness
    for loud in (BlindTest(SOUNDS, RATE, match_loudness=False), BlindTest(short, RATE)):
        assert abs(loud.sounds["B"]).max() == pytest.approx(3 * abs(loud.sounds["A"]).max(), rel=1e-2)
        assert "as given" in loud._message["blind"]["words"]


def test_the_page_is_told_the_same_whatever_x_is(sent):
    tests = [BlindTest(SOUNDS, RATE, seed=seed) for seed in range(8)]
    assert {test._order[0] for test in tests} == {"A", "B"}
    for test in tests:
        test._handle_custom_msg({"type": "ready"}, [])
    assert all(content == sent[0][0] and len(buffers) == 3 for content, buffers in sent)
    states = [{key: value for key, value in test.get_state().items() if key != "layout"} for test in tests]
    assert all(state == states[0] for state in states)
    assert "low, high" in repr(tests[0])


def test_answers_are_counted_once_and_a_new_seed_forgets_them(sent):
    test = BlindTest(SOUNDS, RATE, n_trials=4)
    for x in test._order[:3]:
        answer(test, x)
    answer(test, test._order[0], trial=0)  # of a page that was slower
    assert test.right == [True] * 3 and sent[-1][0]["play"]
    answer(test, {"A": "B", "B": "A"}[test._order[3]])
    blind = sent[-1][0]["blind"]
    assert blind["over"] and "3 of 4 right" in blind["question"] and "31 %" in blind["question"]
    assert "play" not in sent[-1][0]
    answer(test, "A")
    assert len(test.right) == 4
    test._handle_custom_msg({"type": "anew"}, [])
    assert (test.seed, test.right) == (1, []) and "Trial 1 of 4" in sent[-1][0]["blind"]["question"]


def test_two_sounds_are_asked_for():
    with pytest.raises(WorkbookError, match="two"):
        BlindTest({"one": T}, RATE)

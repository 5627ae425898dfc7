"""Partials as lines in a real JupyterLab: a click sounds one and nothing else; bands are painted whole."""

import numpy as np
import pytest

from browser.hearing import loudest_hz, stages
from browser.looks import NAMELESS, wrong_looks
from browser.notebook_page import PLAYER

pytestmark = pytest.mark.notebook("tracks")

RATE = 44_100
BELL_HZ = (310, 640, 1111, 1160, 3300)
# Pixels in the page of a partial's line, in the middle of its time.
LINE = """(canvas, hz) => {
    const [low, high] = [310 / 1.2, 3300 * 1.2], {left, top, width, height} = canvas.getBoundingClientRect();
    const up = Math.log2(hz / low) / Math.log2(high / low);
    return [left + 36 + (width - 48) / 2, top + height - 20 - up * (height - 30)];
}"""


@pytest.fixture
def view(page):
    root = page.page.locator(".ddsp").filter(has=page.page.locator("canvas.tracks")).first
    root.scroll_into_view_if_needed()
    root.locator("canvas").focus()
    root.locator("canvas").press("Escape")
    page.wait_for_words(page.page.locator(PLAYER).first, "5 of 5")
    return root


def line(view, hz):
    return view.locator("canvas").evaluate(LINE, hz)


def heard(page, words):
    """What sounds of each partial, dB, in what plays once the player says these words."""
    player = page.page.locator(PLAYER).first
    page.wait_for_words(player, words)
    sound = page.sound(player)[RATE // 2 :]
    level = np.abs(np.fft.rfft(sound * np.blackman(len(sound))))
    bins = [round(hz * len(sound) / RATE) for hz in BELL_HZ]
    levels = np.array([level[at - 3 : at + 4].max() for at in bins])
    return 20 * np.log10(levels / levels.max() + 1e-9)


def test_a_click_sounds_one_partial_and_nothing_else(page, view):
    page.page.mouse.click(*line(view, 1111))
    levels_db = heard(page, "1 of 5 partials, raised by 40 dB")
    assert levels_db[2] > -1e-6 and np.delete(levels_db, 2).max() < -80
    page.wait_for_words(view, "Partial 3 of 5: 1111.0 Hz (C♯6 +4 ct), 3.584 × 310 Hz, −43 dB")
    # From where it begins.
    assert page.page.locator(PLAYER).first.evaluate("player => player.playback.position()") > 0.2
    view.get_by_role("button", name="Hear: all others").click()
    levels_db = heard(page, "4 of 5")
    assert levels_db[2] < -60 and levels_db[[0, 1, 3, 4]].min() > -20


def test_several_are_chosen_by_a_drag_by_shift_and_by_keys(page, view):
    page.page.mouse.move(*line(view, 640))
    page.page.mouse.down()
    page.page.mouse.move(*line(view, 310), steps=5)
    page.page.mouse.up()
    assert (heard(page, "2 of 5") > -60).tolist() == [True, True, False, False, False]
    page.page.keyboard.down("Shift")
    page.page.mouse.click(*line(view, 3300))
    page.page.keyboard.up("Shift")
    assert (heard(page, "3 of 5") > -60).tolist() == [True, True, False, False, True]
    for _ in range(2):
        view.locator("canvas").press("ArrowDown")
    page.wait_for_words(view, "Partial 1 of 5")
    assert (heard(page, "1 of 5") > -60).tolist() == [True, False, False, False, False]


def test_the_slider_leaves_the_strongest_as_the_kernel_renders_them(page, view):
    slider = view.get_by_role("slider", name="Of the strongest")
    for _ in range(3):
        slider.press("ArrowLeft")
    assert (heard(page, "2 of 5") > -60).tolist() == [False, True, False, True, False]
    page.wait_for_value("view.strongest", 2)
    wanted = np.array(page.value("view.sound(2)[:9000].tolist()"))
    assert np.abs(page.sound(page.page.locator(PLAYER).first)[:9000] - wanted).max() < 1e-6
    for _ in range(3):
        slider.press("ArrowRight")


def test_a_critical_band_is_painted_as_one(page, view):
    panel = page.output_with("Start anew")
    page.do("from ddsp_nb import GrowthPlan\npanel.plan = GrowthPlan(stages=((1,), (2, 5)), noise='none')")
    score = panel.locator(".ddsp.score")
    page.wait_for(score, "score => score.score.stages.length === 2")
    score.get_by_role("button", name="Paint bands").click()
    place = "root => { const { geometry: g, stages: [s] } = root.score, [y, h] = g.row('partials', 3);"
    x, y = score.evaluate(place + "return [g.x((s.start + s.stop) / 2), y + h / 2]; }")
    score.locator("canvas").click(position={"x": x, "y": y})
    page.wait_for_value("panel.plan.stages", [[1, 3, 4], [2, 5]])
    panel.get_by_role("button", name="Render and play").click()
    first, *_ = stages(page.sound(page.page.locator(PLAYER).last), RATE)
    assert min(abs(loudest_hz(first, RATE) - hz) for hz in BELL_HZ) < 2


@pytest.mark.parametrize("width_px", [600, 1100])
def test_words_are_whole_and_controls_have_names(page, view, width_px):
    assert wrong_looks(page, [view], width_px) == [] and view.evaluate(NAMELESS) == []

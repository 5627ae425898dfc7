"""The growth panel: every control moves the map, and what is heard and exported is what was planned."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from browser.hearing import loudest_hz, partials_db, stages
from browser.notebook_page import PLAYER

KERNEL_SIDE = (Path(__file__).parent / "kernel_side.py").read_text()
# Controls of what is heard: the map of partials need not change with them, the plan must.
HEARD = {"pitch", "notes", "ratios", "own_ratios", "inharmonicity"}
HELD = {"strategy": "fibonacci", "order": "odd", "pitch": "held", "noise": "none", "stage_duration_s": 0.6}
FIRST = 12  # partials looked for: an instrument has none of those that lie above Nyquist in its recording
ABSENT_DB = -70.0  # below the loudest partial of the piece
MOST_TABS = 60
FOCUSED = """() => {
    const {tagName, role, innerText} = document.activeElement;
    return tagName + ' ' + role + ' ' + (tagName === 'BUTTON' ? innerText : '');
}"""


CUT_OFF = """panel => {
    const edge = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect().right;
    const words = e => getComputedStyle(e).display !== 'inline' && e.scrollWidth > e.clientWidth + 1;
    return [...panel.querySelectorAll('.widget-label, button, select, canvas, img, input')]
        .filter(e => e.offsetParent && (e.getBoundingClientRect().right > edge + 1 || (e.innerText && words(e))))
        .map(e => e.tagName + ' ' + e.innerText);
}"""


@pytest.fixture
def page(notebook):
    page = notebook("growth")
    page.do(f"{KERNEL_SIDE}\nput_back()")
    page.page.get_by_role("button", name="Render and play").scroll_into_view_if_needed()
    return page


@pytest.fixture
def panel(page):
    return page.output_with("Render and play")


def shown(page, panel):
    """Pictures on the page, once they are those that the kernel holds."""
    digests = page.value("digests()")
    page.wait_for_digests(panel, digests)
    return digests


def shown_anew(page, panel, before):
    """The same, once they are others than before: a callback may still be at work when its value has arrived."""
    page.wait_for_value(f"digests() != {before!r}", True)
    return shown(page, panel)


def turn(page, panel, name):
    """Give a control other values until the map follows, or the plan where that is enough; whether it did."""
    before, plan = shown(page, panel), page.value("plan_in_words()")
    for value in page.value(f"list(map(repr, other_values({name!r})))"):
        page.do(f"controls[{name!r}].value = {value}")
        if shown(page, panel) != before or (name in HEARD and page.value("plan_in_words()") != plan):
            return True
    return False


def press(panel, name):
    panel.get_by_role("button", name=re.compile(rf"\b{name}$")).click()  # an icon may stand before it


def render(page, panel, press=lambda panel: press(panel, "Render and play")):
    """Press the button; the sound that the page then plays, and its sample rate."""
    player = panel.locator(PLAYER)
    page.mark(player)
    press(panel)
    page.wait_for_sound(player)
    page.wait_for_words(panel, "Rendered")
    return page.sound(player), page.value("the_panel.growth.sample_rate")


def description(page, name):
    return page.value(f"controls[{name!r}].description")


def slider(page, panel, name):
    label = page.page.get_by_text(description(page, name), exact=True)
    return panel.locator(".widget-slider").filter(has=label)


def test_every_control_changes_the_map(page, panel):
    names = page.value("list(controls)")
    assert len(names) >= 9
    for name in names:
        assert page.value(f"offer({name!r})"), name
        assert turn(page, panel, name), name
        assert "unexpected" not in panel.inner_text()


@pytest.mark.parametrize("width", [600, 800, 1100, 1500])
def test_the_panel_fits_the_page_and_no_label_is_cut_off(page, panel, width):
    page.do("the_panel.render()")  # all there is to see
    page.page.set_viewport_size({"width": width, "height": 1000})
    page.page.wait_for_timeout(300)  # the page lays itself out
    assert panel.evaluate(CUT_OFF) == []
    page.page.set_viewport_size({"width": 1400, "height": 1000})


def test_controls_turned_by_hand(page, panel):
    first = shown(page, panel)
    choice = panel.get_by_label(description(page, "strategy"), exact=True)
    page.do("before = controls['strategy'].value")
    choice.select_option(index=page.value("0 if controls['strategy'].index else 1"))
    page.wait_for_value("controls['strategy'].value != before", True)
    second = shown_anew(page, panel, first)

    length = slider(page, panel, "stage_duration_s")
    length.locator(".widget-readout").fill("1.2")
    page.page.keyboard.press("Enter")
    page.wait_for_value("controls['stage_duration_s'].value", 1.2)
    third = shown_anew(page, panel, second)

    length.get_by_role("slider").focus()
    page.page.keyboard.press("ArrowRight")
    page.wait_for_value("controls['stage_duration_s'].value > 1.2", True)
    shown_anew(page, panel, third)


def test_what_the_page_plays_is_the_plan(page, panel):
    for name, value in HELD.items():
        page.do(f"controls[{name!r}].value = {value!r}")
    sound, rate = render(page, panel)
    masks = np.array(page.value("[stage.mask.tolist() for stage in the_panel.growth.stages]"), bool)[:, :FIRST]
    assert len(sound) == page.value("len(the_panel.growth.audio)")
    heard = stages(sound, rate)
    assert len(heard) == len(masks) >= 5
    assert masks[0].tolist() == [True] + [False] * (FIRST - 1) and not masks[1][1]  # odd ones first
    f0_hz = loudest_hz(heard[0], rate)
    assert FIRST * f0_hz < rate / 2
    levels_db = np.array([partials_db(stage, rate, f0_hz, FIRST) for stage in heard])
    assert levels_db[~masks].max() < levels_db.max() + ABSENT_DB < levels_db[masks].min()


def test_exported_files_are_what_the_page_plays(page, panel, lab):
    folder = lab.notebooks / "output"
    before = set(folder.iterdir())
    page.do("controls['stage_duration_s'].value = 0.55")
    sound, _ = render(page, panel)
    press(panel, "Export")
    page.wait_for_words(panel, "Written")
    new = set(folder.iterdir()) - before
    (piece,) = (path for path in new if path.suffix in (".wav", ".flac"))
    read, rate = sf.read(piece)
    np.testing.assert_allclose(read, sound, atol=2**-14)
    assert len(stages(read, rate)) == page.value("len(the_panel.growth.stages)")

    content = piece.read_bytes()
    page.do("controls['stage_duration_s'].value = 0.3")
    render(page, panel)
    press(panel, "Export")
    page.wait_for_words(panel, "exists", "Written")
    assert piece.read_bytes() == content  # nobody has asked to replace it


def test_undo_and_redo_bring_plan_and_map_back(page, panel):
    page.do("controls['stage_duration_s'].value = 0.65")
    before, plan = shown(page, panel), page.value("plan_in_words()")
    page.do("controls['stage_duration_s'].value = 0.75")
    after = shown(page, panel)
    press(panel, "Undo")
    assert shown_anew(page, panel, after) == before and page.value("plan_in_words()") == plan
    press(panel, "Redo")
    assert shown_anew(page, panel, before) == after


def test_a_and_b_play_the_last_two_pieces(page, panel):
    pieces = {}
    for seconds in (0.4, 0.7):
        page.do(f"controls['stage_duration_s'].value = {seconds}")
        sound, _ = render(page, panel)
        pieces[re.search(r"Rendered as ([AB])", panel.inner_text())[1]] = sound, seconds
    assert set(pieces) == {"A", "B"}
    letter, (sound, seconds) = min(pieces.items(), key=lambda piece: piece[1][1])  # not the one that is held
    again, _ = render(page, panel, press=lambda panel: press(panel, letter))
    np.testing.assert_array_equal(again, sound)
    assert page.value("controls['stage_duration_s'].value") == seconds


def test_every_preset_makes_a_plan_of_its_own(page, panel):
    choice = panel.get_by_label("Start from", exact=True)
    plans = []
    for i in range(choice.locator("option").count() - 1):  # the last one stands for a plan of one's own
        choice.select_option(index=i)
        page.wait_for_value("the_panel.preset.index", i)
        page.wait_for_words(panel, "Press “Render and play”", "Rendered as")
        plans.append(page.value("plan_in_words()"))
    assert len(set(plans)) == len(plans) > 5 and not any(plan.startswith("none") for plan in plans)


def test_measure_tells_whether_silence_is_silent(page, panel):
    page.do("controls['stage_duration_s'].value = 0.3")
    render(page, panel)
    press(panel, "Measure")
    assert "silent partials at -" in page.wait_for_words(panel, "Passed", "Not passed")


def test_an_error_in_a_callback_is_said_in_the_panel(page, panel):
    page.do("keep = the_panel.instrument; the_panel.instrument = None")
    press(panel, "Render and play")
    page.wait_for_words(panel, "went wrong")
    page.do("the_panel.instrument = keep; controls['stage_duration_s'].value = 0.35")
    render(page, panel)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_reaches_controls_and_button(page, panel, key):
    page.do(f"controls['stage_duration_s'].value = {0.25 if key == 'Enter' else 0.45}")
    panel.get_by_label(description(page, "strategy"), exact=True).focus()
    passed = []
    while not passed or "Render and play" not in passed[-1]:
        page.page.keyboard.press("Tab")
        passed.append(page.page.evaluate(FOCUSED))
        assert len(passed) < MOST_TABS, passed
    assert sum("INPUT" in place or "slider" in place or "SELECT" in place for place in passed) > 5, passed
    sound, _ = render(page, panel, press=lambda _: page.page.keyboard.press(key))
    assert abs(sound).max() > 0.05

"""The growth panel of notebook 05: every control moves the map, and what is heard and exported is what was planned."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hearing import ABSENT_DB, level_db, range_hz, stages

KERNEL_SIDE = (Path(__file__).parent / "kernel_side.py").read_text()
# Controls of what is heard: the map of partials need not change with them, the plan must.
HEARD = {"pitch", "notes", "ratios", "own_ratios", "stretch"}
MOST_TABS = 60
FOCUSED = """() => {
    const {tagName, role, innerText} = document.activeElement;
    return tagName + ' ' + role + ' ' + (tagName === 'BUTTON' ? innerText : '');
}"""


@pytest.fixture
def page(notebook):
    page = notebook("05_growth")
    page.do(KERNEL_SIDE)
    page.page.get_by_role("button", name="Render and play").scroll_into_view_if_needed()
    yield page
    page.do("put_back()")


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
    """Give a control other values until the map follows; which of map and plan have followed."""
    before, followed = (shown(page, panel), page.value("plan_in_words()")), set()
    for value in page.value(f"list(map(repr, other_values({name!r})))"):
        page.do(f"old = controls[{name!r}].value; controls[{name!r}].value = {value}")
        now = shown(page, panel), page.value("plan_in_words()")
        followed |= {what for what, a, b in zip(("map", "plan"), before, now, strict=True) if a != b}
        page.do(f"controls[{name!r}].value = old")
        if "map" in followed:
            break
    return followed


def press(panel, name):
    panel.get_by_role("button", name=re.compile(rf"\b{name}$")).click()  # an icon may stand before it


def render(page, panel, press=lambda panel: press(panel, "Render and play")):
    """Press the button; the sound that the page then plays, and its sample rate."""
    player = panel.locator("audio")
    before = player.get_attribute("src")
    press(panel)
    page.wait_for_sound(player, before)
    page.wait_for_words(panel, "Rendered")
    rate = page.value("the_panel.growth.sample_rate")
    return page.sound(player, rate), rate


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
        followed = turn(page, panel, name)
        assert followed & ({"map", "plan"} if name in HEARD else {"map"}), name
        assert "unexpected" not in panel.inner_text()
        page.do("put_back()")


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
    page.do("controls['stage_duration_s'].value = 0.6")
    sound, rate = render(page, panel)
    counts = page.value("[stage.n_harmonics for stage in the_panel.growth.stages]")
    assert len(sound) == page.value("len(the_panel.growth.audio)")
    heard = stages(sound, rate)
    assert len(heard) == len(counts) >= 5 and counts[0] == 1
    loudest = max(level_db(stage, rate) for stage in heard)
    low_hz, high_hz = range_hz(heard[0], rate, loudest + ABSENT_DB)
    for stage, count in list(zip(heard, counts, strict=True))[:-1]:  # the last one has noise everywhere
        top_hz = range_hz(stage, rate, loudest + ABSENT_DB)[1]
        assert top_hz < (count + 0.4) * high_hz, count  # no partial above those that are on
        assert top_hz > (count - 1) * low_hz or top_hz > 10_000, count  # and the highest of them is there


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

"""The growth panel: the score is drawn by hand, and what is heard and exported is what was drawn."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from browser.hearing import loudest_hz, partials_db, stages
from browser.notebook_page import PLAYER

KERNEL_SIDE = (Path(__file__).parent / "kernel_side.py").read_text()
HELD = {"strategy": "fibonacci", "order": "odd", "pitch": "held", "noise": "none", "stage_duration_s": 0.6}
FIRST = 12  # partials looked for: an instrument has none of those that lie above Nyquist in its recording
ABSENT_DB = -70.0  # below the loudest partial of the piece
MOST_TABS = 80
SCORE = ".ddsp.score"
FOCUSED = "() => document.activeElement.innerText || document.activeElement.getAttribute('aria-label') || ''"
# Middle of a place on the map in the page: of a stage in an area, at a share of its height or at its end.
PLACE = """(root, [area, i, share, end]) => {
    const { geometry, stages } = root.score, [top, bottom] = geometry[area];
    const x = geometry.x(end ? stages[i].stop : (stages[i].start + stages[i].stop) / 2);
    return [x, bottom - share * (bottom - top)];
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
    page.page.get_by_role("button", name="Write to disk").scroll_into_view_if_needed()
    return page


@pytest.fixture
def panel(page):
    return page.output_with("Write to disk")


@pytest.fixture
def score(page, panel):
    """The map, once it is the one that the kernel shows."""
    root = panel.locator(SCORE)
    arrived(page, root)
    return root


def arrived(page, score):
    """Wait until the page shows the kernel's score."""
    version = page.value("the_panel.score.score['version']")
    page.wait_for(score, f"root => root.score.score.version >= {version} && root.score.geometry && !root.score.frame")


def at(score, area, stage, share=0.5, *, end=False):
    """Place on the map, as `position` of a click."""
    x, y = score.evaluate(PLACE, [area, stage, share, end])
    return {"x": x, "y": y}


def drag(page, score, *places):
    canvas = score.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for i, place in enumerate(places):
        page.page.mouse.move(box["x"] + place["x"], box["y"] + place["y"], steps=6)
        if i == 0:
            page.page.mouse.down()
    page.page.mouse.up()


def press(panel, name):
    panel.get_by_role("button", name=re.compile(rf"{name}$")).first.click()  # an icon may stand before it


def play(page, panel, score):
    """Press play; the sound that the page then plays, and its sample rate."""
    player = panel.locator(PLAYER)
    page.mark(player)
    score.get_by_role("button", name="Render and play").click()
    page.wait_for_sound(player)
    page.wait_for_words(panel, "Rendered")
    return page.sound(player), page.value("the_panel.piece.sample_rate")


def position(panel):
    return panel.locator(PLAYER).evaluate("player => player.playback.position()")


def running(panel):
    return panel.locator(PLAYER).evaluate("player => player.playback.running")


@pytest.mark.parametrize("width", [600, 800, 1100, 1500])
def test_the_panel_fits_the_page_and_no_label_is_cut_off(page, panel, score, width):
    page.page.set_viewport_size({"width": width, "height": 1000})
    page.page.wait_for_timeout(300)  # the page lays itself out
    assert panel.evaluate(CUT_OFF) == []
    page.page.set_viewport_size({"width": 1400, "height": 1000})


def test_a_knob_turned_by_hand_changes_the_map(page, panel, score):
    before = score.evaluate("root => root.score.stages.length")
    panel.get_by_label("Partials grow", exact=True).select_option(index=3)
    page.wait_for(score, f"root => root.score.stages.length !== {before}")
    slider = panel.locator(".widget-slider").filter(has=page.page.get_by_text("Stage length (s)", exact=True))
    slider.locator(".widget-readout").fill("1.2")
    page.page.keyboard.press("Enter")
    page.wait_for(score, "root => Math.abs(root.score.stages[0].stop - 1.2) < 1e-3")


def test_what_the_page_plays_is_the_plan(page, panel, score):
    for name, value in HELD.items():
        page.do(f"controls[{name!r}].value = {value!r}")
    sound, rate = play(page, panel, score)
    masks = np.array(page.value("[stage.mask.tolist() for stage in the_panel.growth.stages]"), bool)[:, :FIRST]
    assert len(sound) == page.value("the_panel.piece.n_samples")
    heard = stages(sound, rate)
    assert len(heard) == len(masks) >= 5
    assert masks[0].tolist() == [True] + [False] * (FIRST - 1) and not masks[1][1]  # odd ones first
    f0_hz = loudest_hz(heard[0], rate)
    assert FIRST * f0_hz < rate / 2
    levels_db = np.array([partials_db(stage, rate, f0_hz, FIRST) for stage in heard])
    assert levels_db[~masks].max() < levels_db.max() + ABSENT_DB < levels_db[masks].min()


def test_a_piece_composed_by_mouse_is_what_its_files_hold(page, panel, score, tmp_path):
    panel.get_by_label("Start from", exact=True).select_option("Loudest partials first")
    page.wait_for_value("the_panel.preset.value", "Loudest partials first")
    arrived(page, score)
    score.get_by_role("button", name="Paint").click()
    score.locator("canvas").click(position=at(score, "partials", 1, 0.99))  # the highest partial, in stage 2
    page.wait_for_value("the_panel.plan.strategy", "written")
    arrived(page, score)
    n = page.value("len(the_panel.score.score['stages'])")
    length = page.value(f"the_panel.plan.durations_s({n})[2]")
    end, next_end = at(score, "partials", 2, end=True), at(score, "partials", 3, end=True)
    drag(page, score, end, next_end)  # stage 3 becomes longer
    page.wait_for_value(f"the_panel.plan.durations_s({n})[2] > {length}", True)
    arrived(page, score)
    drag(page, score, at(score, "lane", 0, 0.3), at(score, "lane", n - 1, 0.95))  # a crescendo
    page.wait_for_value("bool(controls['levels'].value)", True)
    levels = page.value("the_panel.plan.loudness_db")
    assert levels == sorted(levels) and levels[0] < levels[-1] - 20
    panel.get_by_label("Lengths", exact=True).select_option("in notes, at a tempo")
    panel.get_by_role("button", name="+ Layer").click()
    page.wait_for_value("len(the_panel.layers)", 2)
    sound, _ = play(page, panel, score)
    with page.page.expect_download() as download:
        panel.get_by_role("button", name="Download all as zip").click()
    download.value.save_as(tmp_path / "piece.zip")
    with zipfile.ZipFile(tmp_path / "piece.zip") as file:
        file.extractall(tmp_path)
        names = set(file.namelist())
    assert {"growth.wav", "growth.json", "growth.mid", "growth_layer_1_harmonic.wav"} <= names
    read, _ = sf.read(tmp_path / "growth.wav")
    np.testing.assert_allclose(read, sound, atol=2**-14)
    page.do("from ddsp_nb import export, read_sidecar, regrow")
    page.do(f"again = regrow(read_sidecar({str(tmp_path / 'growth.json')!r}), (model, take))")
    page.do(f"export(again, {str(tmp_path / 'again.wav')!r})")
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "growth.wav").read_bytes()


def test_a_click_plays_a_stage_and_a_loop_goes_on_with_what_is_turned(page, panel, score):
    play(page, panel, score)
    score.get_by_role("button", name="Listen").click()
    first, second = score.evaluate("root => root.score.stages.slice(0, 2)")
    score.locator("canvas").click(position=at(score, "partials", 1))
    page.wait_for(panel.locator(PLAYER), "player => player.playback.running")
    assert first["stop"] < position(panel) <= second["stop"]
    page.wait_for(panel.locator(PLAYER), "player => !player.playback.running")  # once
    score.get_by_role("button", name="Loop").click()
    page.wait_for(panel.locator(PLAYER), "player => player.playback.running && player.playback.loop")
    score.get_by_label("Hear changes at once").check()
    page.do("controls['stage_duration_s'].value = 0.3")
    page.wait_for(panel.locator(PLAYER), "player => player.playback.position() && player.playback.loop[1] < 1")
    stop = page.page.get_by_role("button", name="Stop the sound")
    stop.click()
    assert not running(panel)
    stop.wait_for(state="detached")
    score.get_by_label("Hear changes at once").uncheck()
    score.get_by_role("button", name="Loop").click()


def test_everything_on_the_map_by_keys_and_taken_back(page, panel, score):
    canvas = score.locator("canvas")
    n = score.evaluate("root => root.score.stages.length")
    plan = page.value("repr(the_panel.plan)")
    keys = (
        ("ArrowRight", None), ("t", "the_panel.plan.strategy == 'written'"), ("+", "bool(controls['lengths'].value)"),
        ("PageDown", "bool(controls['levels'].value)"), ("d", f"len(the_panel.plan.stages) == {n + 1}"),
        ("Delete", f"len(the_panel.plan.stages) == {n}"), ("Shift+ArrowRight", None),
    )  # fmt: skip
    for key, reached in keys:
        canvas.press(key)
        if reached:
            page.wait_for_value(reached, True)
            arrived(page, score)
    assert "Stage" in score.locator(".words").inner_text()
    for _ in range(6):
        canvas.press("Control+z")
    page.wait_for_value("repr(the_panel.plan)", plan)


def test_pinned_renders_are_compared_at_the_same_position(page, panel, score):
    first, _ = play(page, panel, score)
    page.do("the_panel.renders_box.buttons['Pin or unpin'](); controls['order'].value = 'high'")
    second, _ = play(page, panel, score)
    player = panel.locator(PLAYER)
    names = page.value("list(the_panel.player.sounds)")
    assert len(names) == 2
    player.get_by_role("button", name=names[1], exact=True).click()
    np.testing.assert_array_equal(page.sound(player), first)
    player.get_by_role("button", name=names[0], exact=True).click()
    np.testing.assert_array_equal(page.sound(player), second)
    page.do("the_panel.renders_box.buttons['Discard']()")


def test_an_error_in_a_callback_is_said_in_the_panel(page, panel, score):
    page.do("keep = the_panel.instruments; the_panel.instruments = None")
    score.get_by_role("button", name="Render and play").click()
    page.wait_for_words(panel, "went wrong")
    page.do("the_panel.instruments = keep; controls['stage_duration_s'].value = 0.35")
    play(page, panel, score)


def test_the_keyboard_reaches_controls_and_button(page, panel, score):
    page.do("controls['stage_duration_s'].value = 0.25")
    score.get_by_role("button", name="Render and play").focus()
    passed = []
    while not passed or "Write to disk" not in passed[-1]:
        page.page.keyboard.press("Tab")
        passed.append(page.page.evaluate(FOCUSED))
        assert len(passed) < MOST_TABS, passed
    assert any("Map of the stages" in place for place in passed), passed
    assert {"☝ Listen", "✎ Paint"} <= set(passed)


def test_a_timbre_drawn_by_mouse_is_what_sounds(page, panel, score):
    for name, value in HELD.items():
        page.do(f"controls[{name!r}].value = {value!r}")
    page.do("controls['timbre_last'].value = 'trumpet'; controls['timbre_first'].value = 'flute'")
    arrived(page, score)
    n = page.value("len(the_panel.score.score['stages'])")
    score.get_by_label("Curve that is drawn below the map").select_option("timbre")
    drag(page, score, at(score, "lane", 0, 0.98), at(score, "lane", n - 1, 0.02))  # back from the trumpet to the flute
    page.wait_for_value("bool(controls['timbres'].value)", True)
    arrived(page, score)
    shares = page.value("[stage['share'] for stage in the_panel.score.score['stages']]")
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.9 and shares[-1] < 0.1
    canvas = score.locator("canvas")
    canvas.press("End")
    canvas.press("PageUp")
    page.wait_for_value(f"the_panel.score.score['stages'][-1]['share'] > {shares[-1]}", True)
    arrived(page, score)
    canvas.press("Control+z")
    page.wait_for_value("[stage['share'] for stage in the_panel.score.score['stages']]", shares)
    arrived(page, score)
    sound, _ = play(page, panel, score)
    assert len(sound) == page.value("the_panel.piece.n_samples")
    timbres = page.value("[stage.timbre for stage in the_panel.growth.stages]")
    assert timbres[0].startswith("flute:0.0") and "trumpet:0.0" in timbres[-1], timbres
    assert page.value("the_panel.growth.certificate().passed")

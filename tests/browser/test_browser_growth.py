"""The growth panel: the score is drawn by hand, and what is heard and exported is what was drawn."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from browser.hearing import loudest_hz, partials_db, stages
from browser.notebook_page import PLAYER

pytestmark = pytest.mark.notebook("growth")

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
    return [...panel.querySelectorAll('label, button, select, canvas, img, input')]
        .filter(e => e.offsetParent && (e.getBoundingClientRect().right > edge + 1 || (e.innerText && words(e))))
        .map(e => e.tagName + ' ' + e.innerText);
}"""


# Where a player begins, kept, since a short stage may be over before one looks.
WATCH = """player => {
    const {playback} = player;
    player.begun = [];
    playback.watchers.add(() => playback.running && player.begun.push(playback.position()));
}"""


@pytest.fixture
def page(page):
    page.do(f"{KERNEL_SIDE}\nput_back()")
    page.page.get_by_role("button", name="Start anew").scroll_into_view_if_needed()
    return page


@pytest.fixture
def panel(page):
    return page.output_with("Start anew")


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


def running(panel):
    return panel.locator(PLAYER).evaluate("player => player.playback.running")


def knobs(panel):
    """The board of all knobs."""
    return panel.locator(".ddsp.board").filter(has_text="Partials grow")


def test_score_and_knobs_fill_one_screen(page, panel, score):
    page.resize(1280, 800)
    seen = page.page.locator(".jp-WindowedPanel-outer").bounding_box()
    for lengths in ("in notes, at a tempo", "in seconds"):
        panel.get_by_label("Lengths", exact=True).select_option(lengths)
        page.wait_for_value("the_panel.voice.in_notes", lengths != "in seconds")
        arrived(page, score)
        top, below = panel.bounding_box()["y"], knobs(panel).bounding_box()
        assert below["y"] + below["height"] - top <= seen["height"], lengths
    page.resize(1400)
    assert panel.locator(PLAYER).get_by_role("button", name="Play").count() == 0


@pytest.mark.parametrize("width", [600, 800, 1100, 1500])
def test_the_panel_fits_the_page_and_no_label_is_cut_off(page, panel, score, width):
    page.resize(width)
    assert panel.evaluate(CUT_OFF) == []
    page.resize(1400)


def test_a_knob_turned_by_hand_changes_the_map(page, panel, score):
    before = score.evaluate("root => root.score.stages.length")
    panel.get_by_label("Partials grow", exact=True).select_option(index=3)
    page.wait_for(score, f"root => root.score.stages.length !== {before}")
    panel.get_by_role("slider", name="Stage length (s)").fill("1.2")
    page.wait_for(score, "root => Math.abs(root.score.stages[0].stop - 1.2) < 1e-3")


def test_what_a_hand_turns_is_seen_on_its_way_and_one_step_to_take_back(page, panel, score):
    slider = panel.get_by_role("slider", name="Stage length (s)")
    slider.scroll_into_view_if_needed()
    # Words under the map come and go, and nothing moves away.
    score.locator("canvas").click(position=at(score, "lane", 2))
    page.wait_for_value("the_panel.score.can_undo", True)
    arrived(page, score)
    plan, box = page.value("repr(the_panel.plan)"), slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + 0.1 * box["width"], y)
    page.page.mouse.down()
    for share in (0.2, 0.4):
        before = score.evaluate("root => root.score.stages[0].stop")
        page.page.mouse.move(box["x"] + share * box["width"], y)
        page.wait_for(score, f"root => root.score.stages[0].stop > {before}")
    page.page.mouse.up()
    page.wait_for_value("controls['stage_duration_s'].held", False)
    slider.press("Control+z")
    page.wait_for_value("repr(the_panel.plan)", plan)
    slider.fill("3")
    slider.dblclick()
    page.wait_for_value("the_panel.plan.stage_duration_s", 0.5)


def test_what_belongs_to_a_stage_is_turned_beside_the_map(page, panel, score):
    def write(field, words, told, values):
        control = score.get_by_label(field, exact=True)
        control.fill(words)
        control.press("Enter")
        page.wait_for_value(f"[stage[{told!r}] for stage in the_panel.score.score['stages']][1:4]", values)
        arrived(page, score)

    score.get_by_label("Stage", exact=True).fill("3")
    score.get_by_label("Stage", exact=True).press("Enter")
    write("Loudness (dB)", "-9", "level_db", [0, -9, 0])
    write("Sustain", "0.4", "sustain", [0.9, 0.4, 0.9])
    write("Plays", "C5", "pitch", ["phrase", "C5", "phrase"])
    assert not score.get_by_label("Timbre", exact=True).is_visible()
    page.do("controls['timbre_last'].value = 'flute'; controls['timbre_first'].value = 'oboe'")
    arrived(page, score)
    write("Timbre", "1", "share", [0.167, 1, 0.5])
    begins = page.value("[stage['start'] for stage in the_panel.score.score['stages']]")
    begins[3:] = [start + 0.75 for start in begins[3:]]
    write("Length (s)", "1.25", "start", pytest.approx(begins[1:4], abs=1e-3))


def test_lengths_in_seconds_know_no_bars_also_after_a_preset_that_has_some(page, panel, score):
    tempo = [panel.get_by_label("Beats a minute", exact=True), score.get_by_label("Grid to which edges snap, in notes")]
    for name, counted in (("Pulse", True), ("Bell", False)):
        panel.get_by_label("Start from", exact=True).select_option(name)
        page.wait_for_value("the_panel.voice.in_notes", counted)
        page.wait_for(
            score, f"root => Boolean(root.score.score.grid_s && root.score.score.bar_s) === {str(counted).lower()}"
        )
        for control in tempo:
            control.wait_for(state="visible" if counted else "hidden")


def test_play_after_a_change_never_plays_what_was_there_before(page, panel, score, ear):
    def silence():
        page.do("the_panel.player.pause()")
        page.wait_for(panel.locator(PLAYER), "player => !player.playback.running")
        ear.forget()

    old, _ = play(page, panel, score)
    silence()
    page.do("import time; quick = the_panel._schedule")
    page.do("the_panel._schedule = lambda i: (time.sleep(0.3), quick(i))[1]")
    panel.get_by_label("They enter", exact=True).select_option("high to low")
    score.get_by_role("button", name="Play").click()
    ear.wait_for_start()
    new = page.sound(panel.locator(PLAYER))
    assert not np.array_equal(old, new) and np.array_equal(ear.started()[0], new)
    silence()
    score.get_by_role("button", name="Undo").click()
    score.get_by_role("button", name="Play").click()
    ear.wait_for_start()
    page.do("the_panel._schedule = quick")
    assert np.array_equal(ear.started()[0], old)


def test_a_file_is_told_beside_its_button_and_as_it_was_named(page, panel, score):
    panel.get_by_label("replace existing files").check()
    write = panel.get_by_role("button", name="Write to disk")
    write.click()
    said = panel.get_by_text("Written: output/growth.wav, with growth.json beside it")
    said.wait_for()
    assert 0 < said.bounding_box()["y"] - write.bounding_box()["y"] < 60


def test_in_a_full_window_all_goes_on(page, panel, score):
    button = score.get_by_role("button", name="full window")
    button.click()
    score.get_by_role("button", name="Leave full window").wait_for()
    page.page.wait_for_function("() => document.fullscreenElement?.querySelector('.ddsp.score')")
    panel.get_by_label("Start from", exact=True).select_option("Bell")
    page.wait_for_value("the_panel.plan.pitch", ["A4"])
    arrived(page, score)
    panel.locator(PLAYER).evaluate("player => player.playback.setLoop([0, 1])")  # until it is stopped
    play(page, panel, score)
    page.page.get_by_role("button", name="Stop the sound").click()
    panel.locator(PLAYER).evaluate("player => player.playback.setLoop(null)")
    button.click()
    page.page.wait_for_function("() => !document.fullscreenElement")


def test_what_was_composed_is_there_after_a_restart_with_its_steps(page, panel, score):
    panel.get_by_label("Start from", exact=True).select_option("Pulse")
    panel.get_by_role("button", name="+ Layer").click()
    page.wait_for_value("len(the_panel.layers)", 2)
    panel.get_by_label("They enter", exact=True).select_option("shuffled")
    panel.get_by_label("Shuffle no.").fill("7")
    panel.get_by_label("Shuffle no.").press("Enter")
    page.wait_for_value("the_panel.voice.seed", 7)
    arrived(page, score)
    sound, _ = play(page, panel, score)
    state = "[repr(the_panel.sketch), the_panel.selected, the_panel.held.number]"
    composed = page.value(state)
    page.restart_and_run_all()
    page.do(KERNEL_SIDE)
    page.wait_for_value(state, composed)
    np.testing.assert_array_equal(page.sound(panel.locator(PLAYER)), sound)
    for undone in ("the_panel.voice.seed == 0", "the_panel.plan.order == 'low'", "len(the_panel.layers) == 1"):
        score.get_by_role("button", name="Undo").click()
        page.wait_for_value(undone, True)
    assert page.value("the_panel.preset.value") == "Pulse"
    panel.get_by_role("button", name="Start anew").click()
    page.wait_for_value("the_panel.preset.value", "First sine to full sound")
    score.get_by_role("button", name="Undo").click()
    page.wait_for_value("the_panel.preset.value", "Pulse")


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


def test_a_piece_rings_on_in_the_room_of_a_file(page, panel, score, tmp_path):
    dry, rate = play(page, panel, score)
    impulse = np.random.default_rng(0).normal(size=rate) * 10 ** (-3 * np.arange(rate) / rate / 0.5) / 30
    impulse[0] = 1
    sf.write(tmp_path / "cave.wav", impulse, rate, subtype="FLOAT")
    player = panel.locator(PLAYER)
    page.mark(player)
    press(panel, "Room")
    with page.page.expect_file_chooser() as chooser:
        press(panel, "Your own room")
    chooser.value.set_files(tmp_path / "cave.wav")
    page.wait_for_sound(player)
    wet = page.sound(player)
    assert panel.get_by_role("combobox", name="Room").locator("option:checked").inner_text() == "cave"
    assert 0.3 < (len(wet) - len(dry)) / rate < 1 and abs(wet[len(dry) :]).max() > 1e-3
    page.mark(player)
    panel.get_by_role("combobox", name="Room").select_option("none")
    page.wait_for_sound(player)
    assert np.array_equal(page.sound(player), dry)
    press(panel, "Export")


def test_a_click_plays_a_stage_and_a_loop_goes_on_with_what_is_turned(page, panel, score):
    play(page, panel, score)
    score.get_by_role("button", name="Listen").click()
    first, second = score.evaluate("root => root.score.stages.slice(0, 2)")
    player = panel.locator(PLAYER)
    player.evaluate(WATCH)
    score.locator("canvas").click(position=at(score, "partials", 1))
    page.wait_for(player, "player => player.begun.length > 0")
    assert first["stop"] < player.evaluate("player => player.begun[0]") < second["stop"]
    page.wait_for(player, "player => !player.playback.running")  # once
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


def test_a_rule_runs_on_from_what_was_painted(page, panel, score):
    told = "[stage['partials'][:8] for stage in the_panel.score.score['stages']]"
    panel.get_by_label("Partials grow", exact=True).select_option("by a rule, as cells do")
    panel.get_by_label("Rule", exact=True).select_option("blink")
    page.wait_for_value("the_panel.plan.rule", "blink")
    arrived(page, score)
    grown, rows = page.value(told), score.evaluate("root => root.score.score.n_partials")
    assert grown[:4] == ["10000000", "01000000", "10100000", "01010000"]
    score.get_by_role("button", name="Paint").click()
    score.locator("canvas").click(position=at(score, "partials", 1, 5.5 / rows))
    page.wait_for_value(f"{told}[1]", "01000100")
    arrived(page, score)
    assert page.value(told)[2:] == grown[2:]  # until it is let go
    score.get_by_role("button", name="Let it run on").click()
    page.wait_for_value(f"{told}[:4]", ["10000000", "01000100", "10101010", "01010101"])
    score.locator("canvas").press("Control+z")
    page.wait_for_value(f"{told}[2:]", grown[2:])


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
        if "Map of the stages" in passed[-1]:
            assert score.locator(".words").inner_text().startswith("Keys:")
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

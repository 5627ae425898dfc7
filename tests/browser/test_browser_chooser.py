"""The current recording: a file of a reader's own, the microphone, and what goes wrong with them."""

import json

import numpy as np
import pytest
import soundfile as sf

from browser.lab_server import ROOT
from browser.looks import NAMELESS, wrong_looks

pytestmark = pytest.mark.notebook("players")

RATE = 22_050
RECORDED_S = 2.0
NO_MICROPHONE = "error => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', error); }; }"


@pytest.fixture
def panel(page):
    return page.output_with("Choose a file")


@pytest.fixture
def whistle(tmp_path):
    """A second of a tone of 440 Hz, as a reader may have it."""
    seconds = np.arange(RATE) / RATE
    tone = sum(0.2 / k * np.sin(2 * np.pi * 440 * k * seconds) for k in range(1, 6))
    sf.write(tmp_path / "whistle.wav", tone, RATE)
    return tmp_path / "whistle.wav"


@pytest.fixture
def memo(tmp_path):
    """Three minutes as a phone has them: 8 s of nothing, then the violin again and again."""
    violin, rate = sf.read(ROOT / "data/violin.flac")
    phrase = np.r_[violin, np.zeros(rate // 2)][::2]
    memo = np.concatenate([np.zeros(8 * RATE), np.tile(phrase, 27)])[: 180 * RATE]
    sf.write(tmp_path / "memo.wav", memo, RATE)
    return tmp_path / "memo.wav"


def hand_in(page, panel, path, words):
    """Choose a file as a reader does; returns what the panel says, once these words are in it."""
    with page.page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(path)
    return page.wait_for_words(panel, words)


def choose(panel, name):
    """Choose a recording in the list, as a hand does."""
    chosen = panel.get_by_label("Recording")
    chosen.select_option(next(words for words in chosen.inner_text().split("\n") if words.startswith(name)))


def test_a_clip_is_judged_kept_and_current_from_then_on(page, panel, whistle, lab, tmp_path):
    words = hand_in(page, panel, whistle, "It suits")
    assert "whistle" in words and "440" in words and "It suits" in words
    workspace = lab.notebooks / "my"
    assert json.loads((workspace / "current.json").read_text()) == {"name": "whistle"}
    sound, rate = sf.read(workspace / "recordings/whistle.flac")
    assert len(sound) == pytest.approx(rate, abs=2) and abs(np.fft.rfft(sound)).argmax() == 440
    assert page.value("chooser.recording.name") == "whistle"
    page.do("from ddsp_nb.store.workspace import Workspace")
    assert page.value("Workspace().current.name") == "whistle"  # in any notebook
    (tmp_path / "empty.wav").touch()
    assert "empty.wav" in hand_in(page, panel, tmp_path / "empty.wav", "did not work")
    assert page.value("chooser.recording.name") == "whistle"


def test_the_microphone_is_recorded_listened_to_and_kept(page, panel, lab):
    panel.get_by_role("button", name="Record").click()
    page.wait_for_words(panel, f"Recording: {RECORDED_S:.1f} s")
    panel.get_by_role("button", name="Stop").click()
    panel.get_by_role("button", name="Keep").click()
    page.wait_for_words(panel, "my recording")
    page.wait_for_value("chooser.recording.name[:12]", "my recording")
    audio, rate = sf.read(page.value("str(chooser.recording.path.resolve())"))
    assert len(audio) / rate >= RECORDED_S and abs(audio).max() > 0.01  # the browser's own beeps


@pytest.mark.parametrize(
    ("error", "words"), [("NotAllowedError", "may not use the microphone"), ("NotFoundError", "No microphone")]
)
def test_without_a_microphone_a_sentence_says_what_to_do(page, panel, error, words):
    before = page.page.evaluate_handle("() => navigator.mediaDevices.getUserMedia")
    page.page.evaluate(NO_MICROPHONE, error)
    panel.get_by_role("button", name="Record").click()
    page.wait_for_words(panel, words)
    assert panel.get_by_role("button", name="Record").is_enabled()
    page.page.evaluate("own => { navigator.mediaDevices.getUserMedia = own; }", before)


def drag(page, canvas, from_s, to_s, whole_s=180):
    """Drag the pointer from one time of an overview to another."""
    box = canvas.bounding_box()
    place = lambda seconds: (box["x"] + seconds / whole_s * box["width"], box["y"] + box["height"] / 3)
    page.page.mouse.move(*place(from_s))
    page.page.mouse.down()
    page.page.mouse.move(*place((from_s + to_s) / 2))
    page.page.mouse.move(*place(to_s))
    page.page.mouse.up()


def test_of_a_long_file_a_part_is_used_that_is_dragged_moved_and_typed(page, panel, memo):
    hand_in(page, panel, memo, "It is 3:00 long; from 0:08 to 0:3")
    overview = panel.get_by_role("slider", name="Stretch that is used")
    overview.scroll_into_view_if_needed()
    chosen = lambda: page.value("list(chooser.recording.stretch_s)")

    drag(page, overview, 60, 80)
    page.wait_for_words(panel, "from 1:00 to 1:20 is used")
    assert chosen() == pytest.approx([60, 80], abs=0.2)
    page.do("from ddsp_nb.store.workspace import Workspace")
    # What the other notebooks load, once all their cells run again.
    sound = "Workspace().current.audio(16_000)"
    assert page.value(f"len({sound}) / 16_000") == pytest.approx(20, abs=0.4)
    page.wait_for_words(panel, "20.0 s,")

    drag(page, overview, 80, 90)  # its end
    page.wait_for_words(panel, "from 1:00 to 1:30 is used")
    drag(page, overview, 75, 95)  # all of it
    page.wait_for_words(panel, "from 1:20 to 1:50 is used")
    overview.press("ArrowRight")
    overview.press("Shift+PageDown")
    page.wait_for_words(panel, "from 1:21 to 1:41 is used")
    assert "1:21 to 1:41 of 3:00" in overview.get_attribute("aria-valuetext")
    panel.get_by_label("From, in seconds").fill("95")
    panel.get_by_label("From, in seconds").press("Enter")
    page.wait_for_words(panel, "from 1:35 to 1:41 is used")
    assert chosen()[0] == 95
    panel.get_by_label("From, in seconds").fill("120")
    panel.get_by_label("From, in seconds").press("Tab")
    page.wait_for_words(panel, "from 2:00 to 2:06 is used")
    panel.get_by_label("learn from all of it").check()
    page.wait_for_words(panel, "learns from all of it")
    assert page.value("chooser.recording.learn_all")

    panel.get_by_role("button", name="Listen").last.click()
    panel.get_by_role("button", name="Pause").click()
    picker = panel.locator(".ddsp").nth(2)
    assert not picker.evaluate(NAMELESS)
    assert not any(wrong_looks(page, [picker], width_px) for width_px in (620, 1000, 1320))
    choose(panel, "violin")
    page.wait_for_words(panel, "work on “violin”")
    assert not overview.is_visible()


def test_silence_is_not_chosen(page, panel, memo):
    hand_in(page, panel, memo, "It is 3:00 long")
    before = page.value("list(chooser.recording.stretch_s)")
    overview = panel.get_by_role("slider", name="Stretch that is used")
    drag(page, overview, 1, 6)
    page.wait_for_words(panel, "silent")
    assert page.value("list(chooser.recording.stretch_s)") == before
    assert float(overview.get_attribute("aria-valuenow")) == before[0]


# Two notebooks, two kernels, one workspace
two_notebooks = pytest.mark.notebook("players", "shared")


@pytest.fixture
def shared(notebook):
    """A notebook that was made of the violin."""
    shared = notebook("shared")
    shared.do("chooser.workspace.choose('violin')")
    shared.run_all()
    return shared


@pytest.fixture
def there(shared):
    """Its panel."""
    return shared.output_with("Choose a file")


@two_notebooks
def test_what_is_chosen_in_one_notebook_is_said_in_the_other_which_follows_at_a_click(
    page, panel, whistle, shared, there, tmp_path
):
    notice = shared.page.locator(".notice")
    assert not notice.is_visible()
    hand_in(page, panel, whistle.rename(tmp_path / "reed.wav"), "It suits")
    shared.wait_for_words(there, "work on “reed”")
    notice.get_by_text("This notebook still shows “violin”.").wait_for()
    # In sight from all of it, also from its end.
    assert notice.evaluate("bar => bar.getBoundingClientRect().bottom <= innerHeight && !bar.closest('.jp-Cell')")
    assert shared.value("recording.name") == "violin" and shared.value("chooser.workspace.current.name") == "reed"

    # What was chosen elsewhere is no hindrance to choosing it again.
    choose(there, "violin")
    page.wait_for_words(panel, "work on “violin”")
    notice.wait_for(state="hidden")
    choose(panel, "reed")
    shared.wait_for_words(there, "work on “reed”")

    notice.get_by_role("button", name="Run all cells").click()
    shared.wait_for_value("recording.name", "reed")
    notice.wait_for(state="hidden")
    assert shared.page.get_by_role("dialog").count() == 0


@two_notebooks
def test_a_model_that_another_notebook_trains_is_seen_here(page, panel, whistle, shared, there, tmp_path):
    hand_in(page, panel, whistle.rename(tmp_path / "horn.wav"), "It suits")
    shared.wait_for_words(there, "work on “horn”. It has no model yet")
    page.do("load_or_train(chooser.recording.model_path, chooser.recording, config, epochs=1)")
    shared.wait_for_words(there, "work on “horn”. It has a model, trained on 20")
    assert "trained" in there.get_by_label("Recording").locator("option:checked").inner_text()


@two_notebooks
def test_a_recording_is_renamed_and_deleted_for_all_notebooks(page, panel, whistle, shared, there, lab, tmp_path):
    assert not panel.get_by_role("button", name="Delete …").is_visible()  # it comes with the workbook
    hand_in(page, panel, whistle.rename(tmp_path / "pipe.wav"), "It suits")
    panel.get_by_label("Rename").fill("Свирель 口笛")
    panel.get_by_label("Rename").press("Enter")
    shared.wait_for_words(there, "work on “Свирель 口笛”")
    assert (lab.notebooks / "my/recordings/Свирель 口笛.flac").exists()

    there.get_by_role("button", name="Delete …").click()
    shared.wait_for_words(there, "Delete “Свирель 口笛”, with its models")
    board = there.locator(".board").first
    assert board.evaluate(NAMELESS) == [] and wrong_looks(shared, [board], 700) == []
    there.get_by_role("button", name="Keep it").click()
    there.get_by_role("button", name="Delete it").wait_for(state="hidden")
    there.get_by_role("button", name="Delete …").click()
    there.get_by_role("button", name="Delete it").click()
    page.wait_for_words(panel, "work on “violin”")
    assert not (lab.notebooks / "my/recordings/Свирель 口笛.flac").exists()

"""The current recording: a file of a reader's own, the microphone, and what goes wrong with them."""

import json

import numpy as np
import pytest
import soundfile as sf

RATE = 22_050
RECORDED_S = 2.0
NO_MICROPHONE = "error => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', error); }; }"


@pytest.fixture
def page(notebook):
    return notebook("players")


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


def hand_in(page, panel, path, words):
    """Choose a file as a reader does; returns what the panel says, once these words are in it."""
    with page.page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(path)
    return page.wait_for_words(panel, words)


def test_a_clip_is_judged_kept_and_current_from_then_on(page, panel, whistle, lab, tmp_path):
    words = hand_in(page, panel, whistle, "whistle:")
    assert "440" in words and "It suits" in words
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
    panel.get_by_role("button", name="● Record").click()
    page.wait_for_words(panel, f"Recording: {RECORDED_S:.1f} s")
    panel.get_by_role("button", name="■ Stop").click()
    panel.get_by_role("button", name="✓ Keep").click()
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
    panel.get_by_role("button", name="● Record").click()
    page.wait_for_words(panel, words)
    assert panel.get_by_role("button", name="● Record").is_enabled()
    page.page.evaluate("own => { navigator.mediaDevices.getUserMedia = own; }", before)

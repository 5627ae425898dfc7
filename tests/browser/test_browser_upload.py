"""The upload panel, with files of a reader's own: a good one, and some that are none."""

import numpy as np
import pytest
import soundfile as sf

RATE = 22_050


@pytest.fixture
def page(notebook):
    return notebook("players")


@pytest.fixture
def panel(page):
    return page.output_with("Your clip")


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
        panel.get_by_role("button", name="Your clip").click()
    chooser.value.set_files(path)
    return page.wait_for_words(panel, words)


def test_a_clip_is_analysed_and_played(page, panel, whistle):
    assert "440" in hand_in(page, panel, whistle, "whistle.wav:")
    rate = page.value("config.sample_rate")
    sound = page.sound(panel.locator("audio"), rate)
    assert len(sound) == rate and abs(np.fft.rfft(sound)).argmax() == 440
    assert panel.locator("audio").is_visible() and panel.locator("img").is_visible()
    assert page.value("panel.features.f0_hz.median().item()") == pytest.approx(440, abs=1)


@pytest.mark.parametrize("content", [b"", b"no sound at all"])
def test_a_broken_file_is_explained_and_the_last_clip_stays(page, panel, whistle, tmp_path, content):
    hand_in(page, panel, whistle, "whistle.wav:")
    held = page.pictures(panel)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(content)
    words = hand_in(page, panel, broken, "did not work")
    assert "broken.wav" in words and "Traceback" not in words
    assert page.pictures(panel) == held and page.value("len(panel.audio)") == page.value("config.sample_rate")
    assert "440" in hand_in(page, panel, whistle, "whistle.wav:")  # the panel lives

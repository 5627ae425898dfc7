"""The training panel, with the mouse: start, listen, stop, go on."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from browser.notebook_page import PLAYER
from ddsp_nb import AnalysedRecording, Corpus, load_audio, load_model

pytestmark = pytest.mark.notebook("training")

PANEL = """
    from ddsp_nb.store.run_file import RunFile
    other_path = "output/another/model.pt"
    RunFile(other_path).remove()  # what an earlier test stopped
    torch.manual_seed(seed)
    another = TrainingPanel(DDSPModel(config), corpus, take, path=other_path, seed=seed, epochs=100_000)
    another
"""
AGAIN = re.compile("Start|Resume")


@pytest.fixture
def page(page):
    page.append(PANEL)  # a training that only Stop can end
    return page


@pytest.fixture
def panel(page):
    page.page.get_by_text("Ready: 100000 epochs").wait_for()
    yield page.output_with("Listen now")
    page.do("another.stop()\nawait another.finished()")


def press(panel, name):
    panel.get_by_role("button", name=name).click()


def test_start_listen_stop_and_go_on(page, panel, lab, ear):
    start, stop = panel.get_by_role("button", name=AGAIN), panel.get_by_role("button", name="Stop")
    assert start.is_enabled() and stop.is_disabled()
    start.click()
    page.wait_for_words(panel, "Epoch 1 ", "Epoch 2 ", "Epoch 3 ")
    assert stop.is_enabled() and start.is_disabled()

    player = panel.locator(PLAYER)
    ear.forget()
    press(panel, "Listen now")
    ear.wait_for_start()
    page.wait_for(player, "player => player.playback.now === 'Now'")
    assert "Epoch" in panel.inner_text() and stop.is_enabled()  # it trains on
    target, first, now = page.sounds(player).values()
    assert len(target) == len(first) == len(now) == page.value("len(corpus.example.audio)") and abs(now).max() > 0.05
    np.testing.assert_array_equal(target, page.value("corpus.example.audio.tolist()"))

    press(panel, "Stop")
    page.wait_for_words(panel, "Stopped")
    # The words come first, then the buttons.
    expect(start).to_be_enabled()
    expect(stop).to_be_disabled()
    assert player.evaluate("player => player.playback.running || player.playback.at === 0")  # Stop silences nothing
    checkpoint = lab.notebooks / "output/another/model.pt"
    model, _ = load_model(checkpoint)
    page.wait_for_value("'Now' in another.versions", True)
    kept = page.sounds(player)["Now"]
    audio = load_audio(lab.notebooks.parent / "data" / "violin.flac", model.config.sample_rate)
    recording = AnalysedRecording.of("violin", audio, model.config)
    example = Corpus.of([recording], model.config).example.features
    np.testing.assert_allclose(model(example).audio.clamp(-1, 1), kept, atol=2e-3)  # in another process

    written = checkpoint.stat().st_mtime_ns
    assert start.inner_text().strip() == "Resume" and (lab.notebooks / "output/another/model.run.pt").is_file()
    start.click()
    page.wait_for_words(panel, "Epoch ")
    page.wait_for_pictures(panel)  # the curves appear while it trains
    assert panel.locator("img").count() == 1 and stop.is_enabled()
    press(panel, "Stop")
    page.wait_for_words(panel, "Stopped")
    assert checkpoint.stat().st_mtime_ns > written
    load_model(checkpoint)

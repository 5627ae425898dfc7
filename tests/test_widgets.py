"""Sound in the page; the training panel driven without a browser: buttons clicked, sound decoded."""

import asyncio
import io
import threading
import time

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import AudioError, Config, DDSPModel, load_audio, load_model
from ddsp_nb.panels.training_panel import TrainingPanel
from ddsp_nb.panels.widgets import Throttle, in_words, player, wav_bytes
from ddsp_nb.training.fit import load_or_train

CONFIG = Config(sample_rate=16_000, hidden_size=32, n_harmonics=16, n_bands=16)


@pytest.fixture(scope="module")
def recording(request, study):
    audio = load_audio(request.config.rootpath / "data/violin.flac", CONFIG.sample_rate, duration_s=1.5)
    return (audio, *study(audio, CONFIG))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return DDSPModel(CONFIG)


@pytest.fixture
def panel(model, recording, tmp_path):
    panel = TrainingPanel(model, *recording[2:], epochs=3, path=tmp_path / "model.pt")
    yield panel
    panel.stop()


def decode(widget):
    """Sound and sample rate of what a player holds."""
    return sf.read(io.BytesIO(widget.value))


def is_picture(widget):
    return bytes(widget.value).startswith(b"\x89PNG")


def wait_for(condition, seconds=30):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.01)


def long_run(panel):
    """Start a run that only Stop can end."""
    panel.job.epochs = 100_000
    panel.start_button.click()
    wait_for(lambda: panel.history)


# Sound in the page


def test_player_is_seeded_with_silence():
    sound, rate = decode(player(16_000))
    assert rate == 16_000 and len(sound) > 0 and not sound.any()


def test_wav_keeps_levels_and_clips_only_overs():
    sound, _ = sf.read(io.BytesIO(wav_bytes(torch.tensor([0.25, -0.5, 2.0, -2.0]), 16_000)))
    np.testing.assert_allclose(sound, [0.25, -0.5, 1, -1], atol=1e-4)


def test_throttle_skips_what_is_not_due():
    calls, throttle = [], Throttle()
    for i in range(3):
        throttle(calls.append, i)
    assert calls == [0]


def test_our_errors_speak_for_themselves_and_others_say_what_they_are():
    assert in_words(AudioError("Record it louder.")) == "Record it louder."
    assert "ZeroDivisionError" in in_words(ZeroDivisionError("division by zero"))


# Training


def test_training_fills_the_panel_and_saves_the_model(panel, recording):
    panel.start_button.click()
    panel.join()
    assert [p.epoch for p in panel.history] == [1, 2, 3] and panel.bar.value == 3
    assert is_picture(panel.curves) and is_picture(panel.spectrograms)
    assert "Finished after 3 epochs" in panel.status.value and "saved" in panel.status.value
    sound, rate = decode(panel.player)
    example = recording[2].example
    assert len(sound) == len(example.audio) and rate == CONFIG.sample_rate
    loaded, take = load_model(panel.path)
    assert torch.equal(loaded(example.features).audio, panel.job.model(example.features).audio)
    assert torch.equal(take.render(CONFIG).audio, recording[3].render(CONFIG).audio)
    assert panel.stop_button.disabled and not panel.start_button.disabled


def test_stop_ends_the_run_and_keeps_the_best_model(panel):
    long_run(panel)
    assert panel.start_button.disabled and not panel.stop_button.disabled
    panel.stop_button.click()
    panel.join()
    assert "Stopped" in panel.status.value and panel.path.is_file() and not panel.job.running


def test_a_second_start_goes_on_without_losing_ground(panel):
    for _ in range(2):
        panel.start_button.click()
        panel.join()
    assert [p.epoch for p in panel.history] == [1, 2, 3, 4, 5, 6]
    assert panel.history[-1].best_loss <= panel.history[2].best_loss + 0.05  # the noise differs from run to run


def test_start_while_running_changes_nothing(panel):
    long_run(panel)
    thread = panel.job._thread
    panel.start_button.click()
    assert panel.job._thread is thread


def test_listen_before_and_during_training(panel, recording):
    panel.listen_button.click()
    untrained, _ = decode(panel.player)
    assert len(untrained) == len(recording[2].example.audio)
    long_run(panel)
    held = panel.player.value
    panel.listen_button.click()
    wait_for(lambda: panel.player.value != held)


def test_an_error_is_shown_in_words_and_raised_by_join(panel, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    panel.path = tmp_path / "file" / "model.pt"
    panel.start_button.click()
    with pytest.raises(ValueError, match="cannot be written"):
        panel.join()
    assert "cannot be written" in panel.status.value and not panel.start_button.disabled
    panel.path = None
    panel.start_button.click()  # the panel still works
    panel.join()
    assert "Finished" in panel.status.value


def test_finished_waits_like_join(panel):
    panel.start_button.click()
    asyncio.run(panel.finished())
    assert len(panel.history) == 3


def test_interrupting_the_wait_stops_the_run(panel, monkeypatch):
    long_run(panel)
    monkeypatch.setattr(threading.Thread, "join", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        panel.join()
    wait_for(lambda: not panel.job.running)


def test_join_before_any_start_returns(panel):
    panel.join()


# A model that is ready


def test_trained_model_trains_once_and_then_loads(tmp_path, recording):
    path, audio_path = tmp_path / "model.pt", tmp_path / "violin.wav"
    sf.write(audio_path, recording[0].numpy(), CONFIG.sample_rate)
    first, take = load_or_train(path, audio_path, CONFIG, epochs=1)
    stamp = path.stat().st_mtime_ns
    second, _ = load_or_train(path, "missing.wav", CONFIG)
    assert path.stat().st_mtime_ns == stamp
    assert torch.equal(first(take.features).audio, second(take.features).audio)

"""The panels, driven without a browser: values set, buttons clicked, what the player holds decoded."""

import asyncio
import io
import threading
import time

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import ADSR, AudioError, Config, DDSPModel, FeatureExtractor, load_audio, load_model, train
from ddsp_nb.growth_panel import GrowthPanel
from ddsp_nb.ready import trained_model
from ddsp_nb.training_panel import TrainingPanel
from ddsp_nb.widgets import Pace, in_words, player, wav_bytes

CONFIG = Config(sample_rate=16_000, hidden_size=32, n_harmonics=16, n_bands=16)


@pytest.fixture(scope="module")
def recording(request):
    audio = load_audio(request.config.rootpath / "data/violin.flac", CONFIG.sample_rate, duration_s=1.5)
    return FeatureExtractor(CONFIG)(audio), audio


@pytest.fixture
def model():
    torch.manual_seed(0)
    return DDSPModel(CONFIG)


@pytest.fixture(scope="module")
def trained(recording):
    torch.manual_seed(0)
    model = DDSPModel(CONFIG)
    for _ in train(model, *recording, epochs=2, device="cpu"):
        pass
    return model


@pytest.fixture
def panel(model, recording, tmp_path):
    panel = TrainingPanel(model, *recording, epochs=3, path=tmp_path / "model.pt")
    yield panel
    panel.stop()


@pytest.fixture
def grower(trained, recording, tmp_path):
    panel = GrowthPanel(trained, recording[0])
    panel.file_name.value = str(tmp_path / "piece.wav")
    return panel


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


def test_pace_skips_what_is_not_due():
    calls, pace = [], Pace()
    for i in range(3):
        pace(calls.append, i)
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
    assert len(sound) == len(recording[1]) and rate == CONFIG.sample_rate
    loaded, features = load_model(panel.path)
    assert torch.equal(loaded(features).audio, panel.job.model(recording[0]).audio)
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
    assert len(untrained) == len(recording[1])
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


# Growth


def test_controls_make_the_plan(grower):
    grower.controls["strategy"].value = "linear"
    grower.controls["n_stages"].value = 3
    grower.controls["attack_s"].value = 0.1
    assert (grower.plan.strategy, grower.plan.n_stages) == ("linear", 3)
    assert grower.plan.adsr == ADSR(attack_s=0.1)


def test_a_control_redraws_the_map_at_once(grower):
    before = grower.stage_map.value
    grower.controls["strategy"].value = "exponential"
    assert is_picture(grower.stage_map) and grower.stage_map.value != before
    assert "5 stages, 3.3 s, from 1 to 16 partials" in grower.status.value  # all 16 of a note near 440 Hz fit


def test_the_number_of_stages_is_offered_only_where_it_counts(grower):
    assert grower.controls["n_stages"].disabled
    grower.controls["strategy"].value = "linear"
    assert not grower.controls["n_stages"].disabled


def test_render_fills_player_and_spectrogram(grower):
    grower.controls["stage_duration_s"].value = 0.4
    grower.render_button.click()
    sound, rate = decode(grower.player)
    n_stages = len(grower.growth.stages)
    assert len(sound) / rate == pytest.approx(n_stages * 0.6 - 0.2, abs=1e-3)
    assert is_picture(grower.spectrogram) and "Rendered" in grower.status.value


def test_picture_and_player_of_another_piece_are_hidden(grower):
    shown = lambda: {w.layout.visibility for w in (grower.player, grower.spectrogram)}
    assert shown() == {"hidden"}
    grower.render_button.click()
    assert shown() == {"visible"}
    grower.controls["noise"].value = "every"
    assert shown() == {"hidden"} and grower.growth is None


def test_partials_that_are_off_are_absent_from_the_player(grower, recording):
    grower.controls["noise"].value = "none"
    grower.render_button.click()
    sound, rate = decode(grower.player)
    stage = grower.growth.stages[0]
    first = sound[stage.start : stage.stop] * np.blackman(stage.stop - stage.start)
    spectrum = np.abs(np.fft.rfft(first))
    frequency_hz = np.fft.rfftfreq(len(first), 1 / rate)
    f0_hz = frequency_hz[spectrum.argmax()]
    above = spectrum[frequency_hz > 1.5 * f0_hz]
    assert 400 < f0_hz < 900 and above.max() < 1e-3 * spectrum.max()


def test_an_error_leaves_the_panel_alive(grower, monkeypatch):
    monkeypatch.setattr("ddsp_nb.growth_panel.grow", lambda *_, **__: 1 / 0)
    grower.render_button.click()
    assert "ZeroDivisionError" in grower.status.value
    monkeypatch.undo()
    grower.render_button.click()
    assert "Rendered" in grower.status.value


def test_a_plan_that_cannot_be_made_is_explained(grower):
    grower.controls["stage_duration_s"].min = 0
    grower.controls["stage_duration_s"].value = 0
    assert "0.02 to 600 s" in grower.status.value


def test_export_writes_the_piece_and_does_not_overwrite(grower, tmp_path):
    grower.export_button.click()
    path = tmp_path / "piece.wav"
    sound, rate = sf.read(path)
    assert rate == CONFIG.sample_rate and len(sound) == len(grower.growth.audio)
    grower.controls["strategy"].value = "exponential"
    grower.export_button.click()
    assert "exists already" in grower.status.value and len(sf.read(path)[0]) == len(sound)
    grower.replace_box.value = True
    grower.export_button.click()
    assert "Written" in grower.status.value and len(sf.read(path)[0]) < len(sound)


@pytest.mark.parametrize("name", ["", "piece.mp3", "."])
def test_export_explains_names_it_cannot_write(grower, name):
    grower.file_name.value = name
    grower.export_button.click()
    assert "cannot" in grower.status.value and "WAV" in grower.status.value.upper()


# A model that is ready


def test_trained_model_trains_once_and_then_loads(tmp_path, recording):
    path, audio_path = tmp_path / "model.pt", tmp_path / "violin.wav"
    sf.write(audio_path, recording[1].numpy(), CONFIG.sample_rate)
    first, features = trained_model(path, audio_path, CONFIG, epochs=1)
    stamp = path.stat().st_mtime_ns
    second, _ = trained_model(path, "missing.wav", CONFIG)
    assert path.stat().st_mtime_ns == stamp
    assert torch.equal(first(features).audio, second(features).audio)

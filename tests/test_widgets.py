"""Sound in the page; the training panel driven without a browser: buttons clicked, sound decoded."""

import asyncio
import os
import re
import shutil
import subprocess
import threading
import time

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import AudioError, Config, DDSPModel, load_audio, load_model
from ddsp_nb.panels import Drawbars, FirstGrowth, FirstInstrument, FirstMelody, Player, compare, page, play
from ddsp_nb.panels.keyboard.weights import WASM
from ddsp_nb.panels.training_panel import TrainingPanel, time_left
from ddsp_nb.panels.widgets import Throttle, in_words
from ddsp_nb.store.fit import load_or_train
from ddsp_nb.training.train import Epoch

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


def wait_for(condition, seconds=30):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end, "waited in vain"
        time.sleep(0.01)


def long_run(panel):
    """Start a run that only Stop can end."""
    panel.knobs["epochs"].value = 100_000
    panel.start_button.click()
    wait_for(lambda: panel.history)


def test_one_line_stands_above_a_training_and_each_knob_says_what_to_try(panel):
    said = [each for each in panel.children[0].controls if each.kind == "words" and each is not panel.status]
    (words,) = (each.value for each in said)
    assert len(words) < 120 and not any(knob.tip in words for knob in panel.knobs.values())
    assert len({knob.tip for knob in panel.knobs.values()} - {None, ""}) == len(panel.knobs) == 4


# What runs in the page


@pytest.mark.skipif(not shutil.which("npx"), reason="npm is not installed, which brings the compiler")
def test_the_network_of_the_page_is_what_its_source_compiles_to(tmp_path):
    source = shutil.copy(WASM.with_suffix(".ts"), tmp_path)
    command = re.search("^// +(npx .*)", (tmp_path / "network.ts").read_text(), re.MULTILINE)[1]
    compiler = subprocess.run(command.split(), cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if compiler.returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{source}: {compiler.stderr[-500:]}")
    assert (tmp_path / "network.wasm").read_bytes() == WASM.read_bytes()


# Sound in the page


def test_a_player_sends_what_it_was_given_when_it_is_asked_for(monkeypatch):
    sent = []
    monkeypatch.setattr(Player, "send", lambda self, content, buffers=(): sent.append((content, buffers)))
    sound = torch.tensor([0.25, -0.5, 0.1])
    player = Player({"a": sound, "b": 2 * sound}, 16_000, marks=[(0.1, "1")])
    assert not sent and repr(player) == "Player(a, b)"
    player._heard(player, {"type": "ready"}, [])
    ((content, buffers),) = sent
    assert content["names"] == ["a", "b"] and content["rate"] == 16_000 and content["marks"] == [[0.1, "1"]]
    assert [np.frombuffer(b, "<f4").tolist() for b in buffers] == [sound.tolist(), (2 * sound).tolist()]


def test_sounds_that_are_compared_have_one_gain(monkeypatch):
    shown = []
    monkeypatch.setattr("ddsp_nb.panels.listen.display", shown.append)
    compare({"loud": torch.tensor([0.0, 0.5]), "soft": torch.tensor([0.05, 0.0])}, 16_000)
    play(torch.tensor([0.5, -2.0]), 16_000, "over")
    first, second = (player.sounds for player in shown)
    assert abs(first["loud"]).max() == pytest.approx(0.9) and abs(first["soft"]).max() == pytest.approx(0.09)
    assert abs(second["over"]).max() == 1


@pytest.mark.filterwarnings("error")
def test_what_a_cell_shows_leaves_a_still_that_is_small_and_of_its_options(monkeypatch, recording):
    published = []
    monkeypatch.setattr(page, "publish_display_data", lambda data, *_: published.append(data))
    audio, features, *_ = recording
    looks = ({}, {"pitches": {"pitch": features}}, {"log": True, "n_fft": 512}, {"n_fft": 512}, {"waveform": True})
    for look in looks:
        Player({"violin <1>": audio}, CONFIG.sample_rate, max_hz=4000, **look)._ipython_display_()
    views, stills = published[::2], [data["text/html"] for data in published[1::2]]
    # The view first, so that it waits for no picture.
    assert all("application/vnd.jupyter.widget-view+json" in view for view in views)
    assert len(set(stills)) == len(looks) and max(map(len, stills)) < 80_000
    assert all('alt="Player(violin &lt;1&gt;)" src="data:image/png;base64,' in still for still in stills)
    Drawbars()._ipython_display_()
    assert "<img" not in published[-1]["text/html"] and "To play, run the notebook" in published[-1]["text/html"]


def test_throttle_skips_what_is_not_due():
    calls, throttle = [], Throttle()
    for i in range(3):
        throttle(calls.append, i)
    assert calls == [0]


def test_our_errors_speak_for_themselves_and_others_say_what_they_are():
    assert in_words(AudioError("Record it louder.")) == "Record it louder."
    assert "ZeroDivisionError" in in_words(ZeroDivisionError("division by zero"))


def test_a_click_chooses_an_instrument_and_growth_and_melody_go_on_with_it(monkeypatch):
    shown = []
    monkeypatch.setattr(Player, "send", lambda self, content, buffers=(): shown.append((self, content)))
    first = FirstInstrument()
    growth, melody = FirstGrowth(first), FirstMelody(first)
    before = [player.sounds[name] for player, name in ((first.player, "both"), (melody.player, "the melody"))]
    shown.clear()
    first.buttons["flute"].click()
    assert [player for player, _ in shown] == [first.player, growth.player, melody.player]  # the first sounds at once
    assert [bool(content.get("play")) for _, content in shown] == [True, False, False]
    assert "flute" in first.status.value and "flute" in growth.status.value
    assert [name for name, button in first.buttons.items() if button.value] == ["flute"]
    sound, rate = first.player.sounds["both"], first.player.sample_rate
    spectrum = np.abs(np.fft.rfft(sound[: round(0.28 * rate)] * np.hanning(round(0.28 * rate)), 1 << 17))
    partials = [spectrum[round(k * 261.63 * (1 << 17) / rate)] for k in (0.5, 1, 1.5)]
    assert partials[1] > 30 * max(partials[0], partials[2]), "the phrase begins with C4"
    assert not np.array_equal(sound, before[0]) and 0.05 < abs(sound).max() < 1
    assert not np.array_equal(melody.player.sounds["the melody"], before[1])
    melody.notes.value = "H4:1"
    assert "H4" in melody.status.value


# Training


def test_training_fills_the_panel_and_saves_the_model(panel, recording, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    panel.join()  # nothing is there to wait for
    panel.start_button.click()
    asyncio.run(panel.finished())
    assert [p.epoch for p in panel.history] == [1, 2, 3] and panel.bar.value == 3
    assert panel.curves.value.startswith("data:image/png;base64,iVBOR")
    assert "Finished after 3 epochs" in panel.status.value and "saved as model.pt" in panel.status.value
    example = recording[2].example
    target, first, now = panel.player.sounds.values()
    assert np.array_equal(target, example.audio) and len(first) == len(now) == len(target)
    assert not np.array_equal(first, now) and np.array_equal(now, panel.job.model(example.features).audio.clamp(-1, 1))
    loaded, take = load_model(panel.path)
    assert torch.equal(loaded(example.features).audio, panel.job.model(example.features).audio)
    assert torch.equal(take.render(CONFIG).audio, recording[3].render(CONFIG).audio)
    assert panel.stop_button.disabled and not panel.start_button.disabled


def test_stop_ends_the_run_and_keeps_the_best_model(panel):
    long_run(panel)
    assert panel.start_button.disabled and not panel.stop_button.disabled
    thread = panel.job._thread
    panel.start()
    assert panel.job._thread is thread  # one run at a time
    panel.stop_button.click()
    panel.join()
    assert "Stopped" in panel.status.value and panel.path.is_file() and not panel.job.running


def test_listen_before_and_during_training(panel, recording):
    panel.listen_button.click()
    untrained = panel.player.sounds["Now"]
    assert len(untrained) == len(recording[2].example.audio)
    long_run(panel)
    held = panel.player.sounds["Now"]
    panel.listen_button.click()
    wait_for(lambda: not np.array_equal(panel.player.sounds["Now"], held))


def test_a_second_start_loses_no_ground_and_begin_anew_forgets_what_was_learned(panel):
    fresh = {name: weight.clone() for name, weight in panel.job.model.state_dict().items()}
    panel.knobs["epochs"].value, panel.knobs["learning_rate"].value = 2, 3e-3
    for _ in range(2):
        panel.start_button.click()
        panel.join()
    assert [p.epoch for p in panel.history] == [1, 2, 3, 4] and panel.job.settings["learning_rate"] == 3e-3
    assert panel.history[-1].best_loss <= panel.history[1].best_loss + 0.05  # the noise differs from run to run
    assert panel.knobs["start"].disabled
    panel.anew_button.click()
    assert not panel.history and list(panel.player.sounds) == ["Target"] and not panel.knobs["start"].disabled
    assert all(torch.equal(weight, fresh[name]) for name, weight in panel.job.model.state_dict().items())


def test_the_time_left_follows_the_pace_of_the_last_epochs():
    epoch = lambda i, seconds: Epoch(i, 20, 1.0, None, 1.0, seconds, 0)
    history = [epoch(1, 10.0), *(epoch(i, 10.0 + 2 * (i - 1)) for i in range(2, 11))]
    assert time_left(history) == "about 20 s"
    assert time_left(history[:1]) == "about 3 min"


def test_an_error_is_shown_in_words_and_raised_by_join(panel, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    panel.path = tmp_path / "file" / "model.pt"
    panel.start_button.click()
    with pytest.raises(ValueError, match="cannot be written"):
        panel.join()
    assert "cannot be written" in panel.status.value and not panel.start_button.disabled
    panel.take = None
    panel.start_button.click()  # the panel still works
    panel.join()
    assert "Finished" in panel.status.value


def test_interrupting_the_wait_stops_the_run(panel, monkeypatch):
    long_run(panel)
    monkeypatch.setattr(threading.Thread, "join", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        panel.join()
    wait_for(lambda: not panel.job.running)


# A model that is ready


def test_trained_model_trains_once_and_then_loads(tmp_path, recording):
    path, audio_path = tmp_path / "model.pt", tmp_path / "violin.wav"
    sf.write(audio_path, recording[0].numpy(), CONFIG.sample_rate)
    first, take = load_or_train(path, audio_path, CONFIG, epochs=1)
    second, _ = load_or_train(path, "missing.wav", CONFIG)
    assert torch.equal(first(take.features).audio, second(take.features).audio)

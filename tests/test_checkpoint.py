"""Checkpoints: a model comes back as it was; nothing in a stranger's file runs or takes memory, and damage is seen."""

import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import fields, replace

import pytest
import torch

from ddsp_nb import CheckpointError, Config, Controls, DDSPModel, Features, Take, load_model, save_model
from ddsp_nb.piece.digests import take_sha256
from ddsp_nb.store import tensor_file

TINY = Config(sample_rate=8_000, hop_length=64, hidden_size=4, n_harmonics=2, n_bands=2, n_mfcc=2, n_layers=1)
N_SAMPLES = 1_000


@pytest.fixture
def saved(tmp_path, trained, take):
    """The checkpoint of a real model, alone in a folder."""
    (tmp_path / "models").mkdir()
    return save_model(tmp_path / "models" / "model.pt", trained, take)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The smallest valid checkpoint."""
    n_frames = TINY.n_frames(N_SAMPLES)
    frames = torch.arange(n_frames)
    parts = (440.0 + frames, -20.0 - frames, torch.ones(n_frames, 2), frames > 3, frames.double())
    features = Features(*parts, n_samples=N_SAMPLES, sample_rate=8_000, hop_length=64, age_s=frames / 125)
    controls = Controls.of_coefficients(torch.ones(n_frames, 4), torch.full((n_frames, 2), 0.5))
    return save_model(tmp_path_factory.mktemp("good") / "good.pt", DDSPModel(TINY), Take(features, controls, 20.0))


def refused(path, saying=""):
    with pytest.raises(CheckpointError) as error:
        load_model(path)
    message = str(error.value)
    assert "\n" not in message and path.name in message and saying in message
    assert message.endswith((".", "`."))


# A model comes back as it was


def test_reloaded_model_and_take_make_bitwise_the_same_sound(saved, trained, take):
    model, remembered = load_model(saved)
    features = take.features
    assert model.config == trained.config and remembered.ceiling_db == take.ceiling_db
    for field in fields(features):
        was, now = getattr(features, field.name), getattr(remembered.features, field.name)
        assert torch.equal(was, now) and was.dtype == now.dtype if torch.is_tensor(was) else was == now
    assert torch.equal(model(remembered.features, seed=3).audio, trained(features, seed=3).audio)
    assert torch.equal(remembered.render(model.config).audio, take.render(trained.config).audio)


def test_a_take_keeps_its_room_and_one_without_stays_without(saved, tmp_path, trained, take, hall):
    assert load_model(saved)[1].room is None
    _, remembered = load_model(save_model(tmp_path / "hall.pt", trained, replace(take, room=hall)))
    assert torch.equal(remembered.room.impulse, hall.impulse) and remembered.room.sample_rate == hall.sample_rate
    assert take_sha256(remembered) == take_sha256(replace(take, room=hall)) != take_sha256(take)


def test_features_without_phase_are_kept_too(tmp_path, trained, take):
    drawn = replace(take, features=take.features.transpose(3))
    _, remembered = load_model(save_model(tmp_path / "drawn.pt", trained, drawn))
    assert remembered.features.phase is None
    assert torch.equal(remembered.render(trained.config).audio, drawn.render(trained.config).audio)


def test_second_save_replaces_the_first(saved, trained, take):
    save_model(saved, trained, louder(take))
    assert load_model(saved)[1].controls.amplitudes.max() > take.controls.amplitudes.max()
    assert os.listdir(saved.parent) == [saved.name]


def louder(take):
    return replace(take, controls=take.controls.scaled(torch.full((len(take.features),), 2.0)))


# What cannot be written leaves what was there


def test_full_disk_leaves_the_old_checkpoint(saved, trained, take, full_disk):
    before = saved.read_bytes()
    with full_disk(), pytest.raises(CheckpointError) as error:
        save_model(saved, trained, louder(take))
    assert "\n" not in str(error.value) and saved.name in str(error.value)
    assert saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]


def test_a_model_with_numbers_that_are_not_finite_is_not_saved(saved, trained, take):
    before, broken = saved.read_bytes(), DDSPModel(trained.config)
    with torch.no_grad():
        broken.network.noise_head[3].bias.fill_(float("nan"))
    with pytest.raises(CheckpointError, match=r"bias has values that are not finite; nothing was written"):
        save_model(saved, broken, take)
    assert saved.read_bytes() == before


# Damage is seen


def test_missing_checkpoint_says_how_to_train_one(tmp_path):
    refused(tmp_path / "nowhere.pt", "train")


def test_cut_at_any_length_it_is_refused(good, tmp_path):
    content, path = good.read_bytes(), tmp_path / "cut.pt"
    for length in [*range(0, len(content), len(content) // 48), len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path)


def test_other_peoples_files_are_refused(tmp_path, data):
    path = tmp_path / "foreign.pt"
    for content in (b"no checkpoint\n" * 99, bytes(range(256)) * 40, b"PK\x03\x04" + bytes(500)):
        path.write_bytes(content)
        refused(path)
    path.write_bytes((data / "violin.flac").read_bytes())
    refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("document.xml", "<words/>")
    refused(path)
    for content in ({}, [1, 2], torch.zeros(3), {"format": "other"}, torch.nn.Linear(3, 3).state_dict()):
        torch.save(content, path)
        refused(path)
    tensor_file.write(path, "checkpoint", {"weights": torch.nn.Linear(3, 3).state_dict()})
    refused(path)
    tensor_file.write(path, "run", {})
    refused(path, "not a ddsp_nb checkpoint of format")


def test_another_format_is_refused_in_one_line(good, tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_file, "FORMAT", 999)
    tensor_file.write(tmp_path / "newer.pt", "checkpoint", {"config": {}})
    monkeypatch.undo()
    refused(tmp_path / "newer.pt", "format 1, which this version reads")


# Nothing in it runs, and no lie about sizes takes memory


class Runs:
    """Unpickled with code allowed, it makes a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


def test_code_is_not_run_wherever_it_hides(tmp_path):
    crater, path = tmp_path / "crater", tmp_path / "bomb.pt"
    bomb = Runs(open, str(crater), "w")
    for archive in (True, False):
        torch.save({"config": bomb}, path, _use_new_zipfile_serialization=archive)
        refused(path)
    path.write_bytes(pickle.dumps(bomb))
    refused(path)
    assert not crater.exists()
    pickle.loads(path.read_bytes()).close()
    assert crater.exists()  # the bomb was real


LOAD = """
import resource, sys
import ddsp_nb
ddsp_nb.load_model(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        ddsp_nb.load_model(path)
        print("loaded", path)
    except ddsp_nb.CheckpointError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
HUGE = dict(hidden_size=4_096, n_layers=8, n_harmonics=512, n_bands=512, n_mfcc=128)


def test_lies_about_sizes_are_refused_before_memory_is_taken(good, tmp_path):
    pytest.importorskip("resource")
    content = tensor_file.read(good, "checkpoint")
    content["features"]["n_samples"] = 10**15
    tensor_file.write(tmp_path / "samples.pt", "checkpoint", content)
    content = tensor_file.read(good, "checkpoint")
    content["config"].update(HUGE)
    tensor_file.write(tmp_path / "settings.pt", "checkpoint", content)
    header = good.read_bytes()[8:].replace(b'"shape":[4]', b'"shape":[9]')
    (tmp_path / "header.pt").write_bytes(good.read_bytes()[:8] + header)
    command = [sys.executable, "-c", LOAD, good, *tmp_path.iterdir()]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 30_000  # kB, and nothing was loaded


# Parts that contradict each other

UNFIT = {
    "a frame less": (lambda c: c["features"].update(f0_hz=c["features"]["f0_hz"][1:]), "f0_hz is"),
    "half precision": (lambda c: c["features"].update(f0_hz=c["features"]["f0_hz"].half()), "float16"),
    "pitch NaN": (lambda c: c["features"]["f0_hz"].fill_(float("nan")), "f0_hz has values"),
    "pitch above Nyquist": (lambda c: c["features"]["f0_hz"].fill_(5e3), "a pitch outside"),
    "loudness 1e30": (lambda c: c["features"]["loudness_db"].fill_(1e30), "a loudness outside"),
    "another hop": (lambda c: c["features"].update(hop_length=128), "hop"),
    "one feature too many": (lambda c: c["features"].update(colour=1), "other features"),
    "a string for a tensor": (lambda c: c["features"].update(f0_hz="440"), "no tensor"),
    "a shorter take": (
        lambda c: c["take"].update(coefficients=c["take"]["coefficients"][1:]),
        "coefficients is",
    ),
    "a room of half precision": (lambda c: c["take"].update(room=torch.ones(9).half()), "room is torch.float16"),
    "a room of an hour": (lambda c: c["take"].update(room=torch.ones(8_000 * 21)), "room is"),
    "a room of nothing": (lambda c: c["take"].update(room=torch.ones(0)), "room is"),
    "a room that is NaN": (lambda c: c["take"].update(room=torch.tensor([1, float("nan")])), "room has values"),
    "a room that roars": (lambda c: c["take"].update(room=torch.tensor([1, 1e30])), "a room out"),
    "a room without a direct sound": (lambda c: c["take"].update(room=torch.zeros(9)), "a room out"),
    "a room in words": (lambda c: c["take"].update(room="hall"), "room is no tensor"),
    "half a take": (lambda c: c["take"].pop("noise_magnitudes"), "other take"),
    "a weight NaN": (lambda c: c["weights"]["octave_quantiles"].fill_(float("nan")), "octave_quantiles has values"),
    "a weight missing": (lambda c: c["weights"].pop("octave_quantiles"), "other weights"),
    "inputs without spread": (lambda c: c["weights"]["network.input_std"].zero_(), "without spread"),
    "an unknown setting": (lambda c: c["config"].update(colour="red"), "colour"),
    "FFT sizes of nothing": (lambda c: c["config"].update(fft_sizes=None), "do not fit"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_parts_that_contradict_each_other_are_refused(good, tmp_path, name):
    change, saying = UNFIT[name]
    change(content := tensor_file.read(good, "checkpoint"))
    tensor_file.write(tmp_path / "unfit.pt", "checkpoint", content)
    refused(tmp_path / "unfit.pt", saying)

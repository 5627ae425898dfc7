"""Checkpoints: a model comes back as it was, and a strange file neither runs nor crashes."""

import os
import pickle
from dataclasses import fields

import pytest
import torch

from ddsp_nb import CheckpointError, load_model, save_model


@pytest.fixture
def saved(tmp_path, trained, features):
    return save_model(tmp_path / "model.pt", trained, features)


def refused(path):
    with pytest.raises(CheckpointError) as error:
        load_model(path)
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_reloaded_model_makes_bitwise_the_same_sound(saved, trained, features):
    model, remembered = load_model(saved)
    assert model.config == trained.config
    assert torch.equal(model(remembered, seed=3).audio, trained(features, seed=3).audio)


def test_reloaded_features_are_the_same(saved, features):
    _, remembered = load_model(saved)
    for field in fields(features):
        was, now = getattr(features, field.name), getattr(remembered, field.name)
        assert torch.equal(was, now) and was.dtype == now.dtype if torch.is_tensor(was) else was == now


def test_features_without_phase_are_kept_too(tmp_path, trained, features):
    drawn = features.transpose(3)
    model, remembered = load_model(save_model(tmp_path / "drawn.pt", trained, drawn))
    assert remembered.phase is None
    assert torch.equal(model(remembered).audio, trained(drawn).audio)


def test_file_holds_plain_data_only(saved):
    content = torch.load(saved, weights_only=True)
    assert content["config"]["n_harmonics"] == 32
    assert all(torch.is_tensor(w) for w in content["weights"].values())


def test_second_save_replaces_the_first(saved, trained, features):
    save_model(saved, trained, features.transpose(2))
    _, remembered = load_model(saved)
    assert torch.allclose(remembered.f0_hz, features.transpose(2).f0_hz)
    assert os.listdir(saved.parent) == [saved.name]


def test_missing_checkpoint_says_how_to_train_one(tmp_path):
    assert "train" in refused(tmp_path / "nowhere.pt")


@pytest.mark.parametrize("content", [b"", b"no checkpoint\n" * 99, bytes(range(256)) * 40, b"PK\x03\x04" + bytes(500)])
def test_garbage_is_refused(tmp_path, content):
    path = tmp_path / "garbage.pt"
    path.write_bytes(content)
    refused(path)


def test_sound_file_is_refused(tmp_path, data):
    path = tmp_path / "violin.pt"
    path.write_bytes((data / "violin.flac").read_bytes())
    refused(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_truncated_checkpoint_is_refused(saved, share):
    saved.write_bytes(saved.read_bytes()[: int(saved.stat().st_size * share)])
    refused(saved)


class Bomb:
    """Unpickled with code allowed, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "write", [lambda x, f: f.write_bytes(pickle.dumps(x, protocol=2)), torch.save], ids=["pickle", "torch"]
)
def test_code_in_a_foreign_file_is_not_run(tmp_path, write):
    path, crater = tmp_path / "foreign.pt", tmp_path / "crater"
    write({"format": "ddsp_nb", "version": 1, "weights": Bomb(crater)}, path)
    refused(path)
    assert not crater.exists()
    torch.load(path, weights_only=False) if write is torch.save else pickle.loads(path.read_bytes())
    assert crater.exists()  # the bomb was real


@pytest.mark.parametrize(
    "content",
    [{}, [1, 2], torch.zeros(3), {"format": "other"}, {"format": "ddsp_nb"}, {"format": "ddsp_nb", "version": 1}],
    ids=["empty", "list", "tensor", "other format", "no version", "no parts"],
)
def test_other_torch_files_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    refused(tmp_path / "other.pt")


def changed(path, **changes):
    torch.save(torch.load(path, weights_only=True) | changes, path)
    return path


def test_newer_version_is_told_apart(saved):
    assert "newer" in refused(changed(saved, version=999))


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"sample_rate": 16_000, "hidden_size": 65}},
        {"config": {"sample_rate": -1}},
        {"config": {"colour": "red"}},
        {"weights": {}},
        {"features": {}},
        {"version": "one"},
        {"config": 7},
        {"weights": 7},
        {"features": None},
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(saved, changes):
    refused(changed(saved, **changes))


def test_full_disk_leaves_the_old_checkpoint(saved, trained, features, full_disk):
    before = saved.read_bytes()
    with full_disk(), pytest.raises(CheckpointError) as error:
        save_model(saved, trained, features.transpose(1))
    assert "\n" not in str(error.value)
    assert saved.name in str(error.value)
    assert saved.read_bytes() == before
    assert os.listdir(saved.parent) == [saved.name]


def test_place_below_a_file_is_refused(tmp_path, trained, features):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_model(tmp_path / "file" / "model.pt", trained, features)


def test_a_checkpoint_of_version_1_still_loads(saved, trained, features):
    content = torch.load(saved, weights_only=True)
    content["weights"]["synthesizer.loudest"] = content["weights"].pop("synthesizer.max_amplitude")
    torch.save(content | {"version": 1}, saved)
    model, _ = load_model(saved)
    assert torch.equal(model(features).audio, trained(features).audio)

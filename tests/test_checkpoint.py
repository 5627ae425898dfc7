"""Checkpoints: a model comes back as it was; nothing in a stranger's file runs or takes memory, and damage is seen."""

import os
import pickle
import random
import subprocess
import sys
import zipfile
from dataclasses import fields

import pytest
import torch

from ddsp_nb import CheckpointError, Config, DDSPModel, Features, load_model, save_model
from ddsp_nb.training import tensor_file, version_1

TINY = Config(sample_rate=8_000, hop_length=64, hidden_size=4, n_harmonics=2, n_bands=2, n_mfcc=2, n_layers=1)
N_SAMPLES = 1_000


@pytest.fixture
def saved(tmp_path, trained, features):
    """The checkpoint of a real model, alone in a folder."""
    (tmp_path / "models").mkdir()
    return save_model(tmp_path / "models" / "model.pt", trained, features)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The smallest valid checkpoint."""
    n_frames = TINY.n_frames(N_SAMPLES)
    frames = torch.arange(n_frames)
    parts = (440.0 + frames, -20.0 - frames, torch.ones(n_frames, 2), frames > 3, frames.double())
    features = Features(*parts, n_samples=N_SAMPLES, sample_rate=8_000, hop_length=64)
    return save_model(tmp_path_factory.mktemp("good") / "good.pt", DDSPModel(TINY), features)


def refused(path, saying=""):
    with pytest.raises(CheckpointError) as error:
        load_model(path)
    message = str(error.value)
    assert "\n" not in message and path.name in message and saying in message
    assert message.endswith((".", "`."))


def as_version_1(path):
    """What version 1 wrote for the model in a checkpoint."""
    content = tensor_file.read(path) | {"version": 1}
    names = {new: old for old, new in version_1.RENAMED.items()}
    weights = {n: weight for n, weight in content["weights"].items() if not n.startswith("instrument.")}
    return content | {"weights": {names.get(name, name): weight for name, weight in weights.items()}}


# A model comes back as it was


def test_reloaded_model_makes_bitwise_the_same_sound_from_the_same_features(saved, trained, features):
    model, remembered = load_model(saved)
    assert model.config == trained.config
    for field in fields(features):
        was, now = getattr(features, field.name), getattr(remembered, field.name)
        assert torch.equal(was, now) and was.dtype == now.dtype if torch.is_tensor(was) else was == now
    assert torch.equal(model(remembered, seed=3).audio, trained(features, seed=3).audio)


def test_features_without_phase_are_kept_too(tmp_path, trained, features):
    drawn = features.transpose(3)
    model, remembered = load_model(save_model(tmp_path / "drawn.pt", trained, drawn))
    assert remembered.phase is None
    assert torch.equal(model(remembered).audio, trained(drawn).audio)


def test_a_checkpoint_of_version_1_still_loads(tmp_path, saved, trained, features):
    torch.save(as_version_1(saved), tmp_path / "old.pt")
    model, remembered = load_model(tmp_path / "old.pt")
    assert torch.equal(model(remembered).audio, trained(features).audio)
    shared = DDSPModel(trained.config).instrument.state_dict()  # it had no instrument, and gets what all have
    assert all(torch.equal(weight, shared[name]) for name, weight in model.instrument.state_dict().items())


def test_a_checkpoint_keeps_its_instrument(saved, trained, features):
    assert torch.equal(load_model(saved)[0].perform(features).audio, trained.perform(features).audio)


def test_the_same_model_is_the_same_file_under_any_name(tmp_path, saved, trained, features):
    assert save_model(tmp_path / "b c.safetensors", trained, features).read_bytes() == saved.read_bytes()


def test_second_save_replaces_the_first(saved, trained, features):
    save_model(saved, trained, features.transpose(2))
    assert load_model(saved)[1].semitones == 2
    assert os.listdir(saved.parent) == [saved.name]


# What cannot be written leaves what was there


def test_full_disk_leaves_the_old_checkpoint(saved, trained, features, full_disk):
    before = saved.read_bytes()
    with full_disk(), pytest.raises(CheckpointError) as error:
        save_model(saved, trained, features.transpose(1))
    assert "\n" not in str(error.value) and saved.name in str(error.value)
    assert saved.read_bytes() == before and os.listdir(saved.parent) == [saved.name]


def test_place_below_a_file_is_refused(tmp_path, trained, features):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_model(tmp_path / "file" / "model.pt", trained, features)


def test_a_model_with_numbers_that_are_not_finite_is_not_saved(saved, trained, features):
    before, broken = saved.read_bytes(), DDSPModel(trained.config)
    with torch.no_grad():
        broken.mix_logit.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="mix_logit has values that are not finite; nothing was written"):
        save_model(saved, broken, features)
    assert saved.read_bytes() == before


# Damage is seen


def test_missing_checkpoint_says_how_to_train_one(tmp_path):
    refused(tmp_path / "nowhere.pt", "train")


def test_cut_at_any_length_it_is_refused(good, tmp_path):
    content, path = good.read_bytes(), tmp_path / "cut.pt"
    for length in [*range(0, len(content), len(content) // 48), len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path)


@pytest.mark.parametrize("version", [1, 2])
def test_a_flipped_bit_is_refused_or_changes_nothing(good, tmp_path, version):
    path, chance, n_refused = tmp_path / "flipped.pt", random.Random(0), 0
    torch.save(as_version_1(good), path) if version == 1 else path.write_bytes(good.read_bytes())
    content, weights = path.read_bytes(), load_model(path)[0].state_dict()
    for _ in range(200):
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            model, _ = load_model(path)
        except CheckpointError as error:
            n_refused += "\n" not in str(error)
        else:
            assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    assert n_refused > 50


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
    path.write_bytes(tensor_file.to_bytes({"weights": torch.nn.Linear(3, 3).state_dict()}))
    refused(path)


# Nothing in it runs, and no lie about sizes takes memory


class Runs:
    """Unpickled with code allowed, it makes a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


def test_code_is_not_run_wherever_it_hides(good, tmp_path):
    crater, path = tmp_path / "crater", tmp_path / "bomb.pt"
    bomb = Runs(open, str(crater), "w")
    for part in ("format", "version", "config", "weights", "features", "more"):
        for archive in (True, False):
            torch.save(as_version_1(good) | {part: bomb}, path, _use_new_zipfile_serialization=archive)
            refused(path)
    path.write_bytes(pickle.dumps(bomb))
    refused(path)
    assert not crater.exists()
    pickle.loads(path.read_bytes()).close()
    assert crater.exists()  # the bomb was real


@pytest.mark.parametrize(
    "call", [(bytearray, 10**11), (torch.Tensor, 10**10), (torch.nn.Parameter,), (torch.Size, (3,))], ids=str
)
def test_calls_that_pytorch_would_allow_are_refused_too(good, tmp_path, call):
    torch.save(as_version_1(good) | {"more": Runs(*call)}, tmp_path / "more.pt")
    refused(tmp_path / "more.pt", "damaged")


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
FRAMES = 2_000_000_000


def stretched(config):
    """Weights of the shapes of a config, each one number repeated by a stride of 0."""
    with torch.device("meta"):
        shapes = {name: weight.shape for name, weight in DDSPModel(config).state_dict().items()}
    return {name: torch.ones(1).expand(shape) if len(shape) else torch.ones(()) for name, shape in shapes.items()}


LIES = {  # of version 1: safetensors knows no strides, and no tensors that are nowhere or sparse
    "settings": lambda c: c["config"].update(HUGE),
    "strides": lambda c: (c["config"].update(HUGE), c["weights"].update(stretched(Config(**c["config"] | HUGE)))),
    "all frames": lambda c: c["features"].update(
        {k: v[:1].expand(FRAMES, *v.shape[1:]) for k, v in c["features"].items() if torch.is_tensor(v)},
        n_samples=(FRAMES - 1) * 64,
    ),
    "samples": lambda c: c["features"].update(n_samples=10**15),
    "meta": lambda c: c["weights"].update(mix_logit=torch.zeros(10**12, device="meta")),
    "sparse": lambda c: c["features"].update(f0_hz=torch.sparse_coo_tensor(size=(10**9,), check_invariants=False)),
}


def test_lies_about_sizes_are_refused_before_memory_is_taken(good, tmp_path):
    pytest.importorskip("resource")
    for name, change in LIES.items():
        change(content := as_version_1(good))
        torch.save(content, tmp_path / f"{name}.pt")
    compressed = zipfile.ZipFile(tmp_path / "compressed.pt", "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "settings.pt") as old, compressed as new:
        for name in old.namelist():
            new.writestr(name, bytes(300_000_000) if name.endswith("data/0") else old.read(name))
    content = tensor_file.read(good)
    content["config"].update(HUGE)
    (tmp_path / "version 2.pt").write_bytes(tensor_file.to_bytes(content))
    header = good.read_bytes()[8:].replace(b'"shape":[4]', b'"shape":[9]')
    (tmp_path / "header.pt").write_bytes(good.read_bytes()[:8] + header)
    assert all(path.stat().st_size < 1_000_000 for path in tmp_path.iterdir())
    command = [sys.executable, "-c", LOAD, good, *tmp_path.iterdir()]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 30_000  # kB, and nothing was loaded


# Parts that contradict each other

UNFIT = {
    "a frame less": (lambda c: c["features"].update(f0_hz=c["features"]["f0_hz"][1:]), "f0_hz is"),
    "other MFCCs": (lambda c: c["features"].update(mfcc=c["features"]["mfcc"][:, :1]), "mfcc is"),
    "half precision": (lambda c: c["features"].update(f0_hz=c["features"]["f0_hz"].half()), "float16"),
    "pitch NaN": (lambda c: c["features"]["f0_hz"].fill_(float("nan")), "f0_hz has values"),
    "pitch 0": (lambda c: c["features"]["f0_hz"].zero_(), "a pitch outside"),
    "pitch above Nyquist": (lambda c: c["features"]["f0_hz"].fill_(5e3), "a pitch outside"),
    "loudness 1e30": (lambda c: c["features"]["loudness_db"].fill_(1e30), "a loudness outside"),
    "more samples than frames": (lambda c: c["features"].update(n_samples=N_SAMPLES + 64), "f0_hz is"),
    "true samples": (lambda c: c["features"].update(n_samples=True), "samples"),
    "another hop": (lambda c: c["features"].update(hop_length=128), "hop"),
    "transposed by NaN": (lambda c: c["features"].update(semitones=float("nan")), "semitones"),
    "one feature too many": (lambda c: c["features"].update(colour=1), "other features"),
    "a string for a tensor": (lambda c: c["features"].update(f0_hz="440"), "no tensor"),
    "no features": (lambda c: c.update(features=None), "do not fit"),
    "a weight NaN": (lambda c: c["weights"]["mix_logit"].fill_(float("nan")), "mix_logit has values"),
    "a weight missing": (lambda c: c["weights"].pop("mix_logit"), "other weights"),
    "inputs without spread": (lambda c: c["weights"]["synthesizer.input_std"].zero_(), "without spread"),
    "a layer more": (lambda c: c["config"].update(n_layers=2), "other weights"),
    "settings out of range": (lambda c: c["config"].update(sample_rate=-1), "sample_rate"),
    "an unknown setting": (lambda c: c["config"].update(colour="red"), "colour"),
    "a pitch range in words": (lambda c: c["config"].update(f0_min_hz="low"), "do not fit"),
    "FFT sizes of nothing": (lambda c: c["config"].update(fft_sizes=None), "do not fit"),
    "no settings": (lambda c: c.update(config=7), "do not fit"),
    "another format": (lambda c: c.update(format="ddsp_nb run"), "not a ddsp_nb checkpoint"),
    "a version that is true": (lambda c: c.update(version=True), "no version"),
    "a newer version": (lambda c: c.update(version=999), "newer"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_parts_that_contradict_each_other_are_refused(good, tmp_path, name):
    change, saying = UNFIT[name]
    change(content := tensor_file.read(good))
    (tmp_path / "unfit.pt").write_bytes(tensor_file.to_bytes(content))
    refused(tmp_path / "unfit.pt", saying)

"""Checkpoints from strangers: nothing in one runs, lies about sizes take no memory, damage is seen."""

import io
import pickle
import random
import subprocess
import sys
import zipfile

import pytest
import torch

from ddsp_nb import CheckpointError, Config, DDSPModel, Features, load_model, save_model

TINY = Config(sample_rate=8_000, hop_length=64, hidden_size=4, n_harmonics=2, n_bands=2, n_mfcc=2, n_layers=1)
N_SAMPLES = 1_000


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Path of the smallest valid checkpoint."""
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


def rewritten(good, path, change):
    """A checkpoint whose content `change` has altered."""
    content = torch.load(good, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


def test_cut_at_any_length_it_is_refused(good, tmp_path):
    content, path = good.read_bytes(), tmp_path / "cut.pt"
    for length in [*range(0, len(content), len(content) // 48), len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path)


def test_a_flipped_bit_is_refused_or_changes_nothing(good, tmp_path):
    content, path, chance, n_refused = good.read_bytes(), tmp_path / "flipped.pt", random.Random(0), 0
    weights = load_model(good)[0].state_dict()
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


def member(good, ending, replace):
    """The archive with one member replaced, its checksums right."""
    file = io.BytesIO()
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, replace(old.read(name)) if name.endswith(ending) else old.read(name))
    return file.getvalue()


def test_an_archive_made_anew_is_fine(good, tmp_path):
    (tmp_path / "same.pt").write_bytes(member(good, "data.pkl", lambda content: content))
    load_model(tmp_path / "same.pt")  # so that the refusals below are for their reasons


class Runs:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("legacy", [False, True])
def test_code_is_not_run_wherever_it_hides(good, tmp_path, legacy):
    crater, path = tmp_path / "crater", tmp_path / "bomb.pt"
    for part in ("format", "version", "config", "weights", "features", "more"):
        content = torch.load(good, weights_only=True) | {part: Runs(open, str(crater), "w")}
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        refused(path)
    path.write_bytes(pickle.dumps(Runs(open, str(crater), "w")))
    refused(path)
    assert not crater.exists()
    pickle.loads(path.read_bytes()).close()
    assert crater.exists()  # the bomb was real


@pytest.mark.parametrize(
    "call", [(bytearray, 10**11), (torch.Tensor, 10**10), (torch.nn.Parameter,), (torch.Size, (3,))], ids=str
)
def test_calls_that_pytorch_would_allow_are_refused_too(good, tmp_path, call):
    torch.save(torch.load(good, weights_only=True) | {"more": Runs(*call)}, tmp_path / "more.pt")
    refused(tmp_path / "more.pt")


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


def stretched(config):
    """Weights of the shapes of a config, each one number repeated by a stride of 0."""
    with torch.device("meta"):
        shapes = {name: weight.shape for name, weight in DDSPModel(config).state_dict().items()}
    return {name: torch.ones(1).expand(shape) if len(shape) else torch.ones(()) for name, shape in shapes.items()}


def compressed(good, path):
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, bytes(300_000_000) if name.endswith("data/0") else old.read(name))


def test_lies_about_sizes_are_refused_before_memory_is_taken(good, tmp_path):
    pytest.importorskip("resource")
    frames = 2_000_000_000
    lies = {
        "settings": lambda c: c["config"].update(HUGE),
        "beyond": lambda c: c["config"].update(hidden_size=10**9),
        "strides": lambda c: (c["config"].update(HUGE), c["weights"].update(stretched(Config(**c["config"] | HUGE)))),
        "frames": lambda c: c["features"].update(f0_hz=torch.full((1,), 440.0).expand(frames)),
        "all frames": lambda c: c["features"].update(
            {k: v[:1].expand(frames, *v.shape[1:]) for k, v in c["features"].items() if torch.is_tensor(v)},
            n_samples=(frames - 1) * 64,
        ),
        "samples": lambda c: c["features"].update(n_samples=10**15),
        "meta": lambda c: c["weights"].update(mix_logit=torch.zeros(10**12, device="meta")),
        "sparse": lambda c: c["features"].update(f0_hz=torch.sparse_coo_tensor(size=(10**9,), check_invariants=False)),
    }
    paths = [rewritten(good, tmp_path / f"{name}.pt", change) for name, change in lies.items()]
    compressed(good, tmp_path / "compressed.pt")
    assert all(path.stat().st_size < 1_000_000 for path in tmp_path.iterdir())
    command = [sys.executable, "-c", LOAD, good, *paths, tmp_path / "compressed.pt"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 30_000  # kB, and nothing was loaded


def nothing_finite(features, name):
    features[name] = torch.full_like(features[name], float("nan"))


UNFIT = {
    "a frame less": lambda c: c["features"].update(f0_hz=c["features"]["f0_hz"][1:]),
    "other MFCCs": lambda c: c["features"].update(mfcc=torch.ones(len(c["features"]["f0_hz"]), 3)),
    "half precision": lambda c: c["features"].update(f0_hz=c["features"]["f0_hz"].half()),
    "phase in float32": lambda c: c["features"].update(phase=c["features"]["phase"].float()),
    "voicing in floats": lambda c: c["features"].update(voiced=c["features"]["voiced"].float()),
    "pitch NaN": lambda c: nothing_finite(c["features"], "f0_hz"),
    "phase NaN": lambda c: nothing_finite(c["features"], "phase"),
    "loudness NaN": lambda c: nothing_finite(c["features"], "loudness_db"),
    "pitch 0": lambda c: c["features"]["f0_hz"].zero_(),
    "pitch above Nyquist": lambda c: c["features"]["f0_hz"].fill_(5e3),
    "loudness 1e30": lambda c: c["features"]["loudness_db"].fill_(1e30),
    "more samples than frames": lambda c: c["features"].update(n_samples=N_SAMPLES + 64),
    "no samples": lambda c: c["features"].update(n_samples=0),
    "true samples": lambda c: c["features"].update(n_samples=True),
    "another rate": lambda c: c["features"].update(sample_rate=16_000),
    "another hop": lambda c: c["features"].update(hop_length=128),
    "transposed beyond hearing": lambda c: c["features"].update(semitones=1e9),
    "transposed by NaN": lambda c: c["features"].update(semitones=float("nan")),
    "one feature too many": lambda c: c["features"].update(colour=torch.ones(3)),
    "a string for a tensor": lambda c: c["features"].update(f0_hz="440"),
    "a weight NaN": lambda c: c["weights"]["mix_logit"].fill_(float("nan")),
    "a weight in float64": lambda c: c["weights"].update(mix_logit=torch.zeros((), dtype=torch.float64)),
    "a weight missing": lambda c: c["weights"].pop("mix_logit"),
    "inputs without spread": lambda c: c["weights"]["synthesizer.input_std"].zero_(),
    "a layer more": lambda c: c["config"].update(n_layers=2),
    "a pitch range in words": lambda c: c["config"].update(f0_min_hz="low"),
    "a pitch range of NaN": lambda c: c["config"].update(f0_min_hz=float("nan")),
    "a mix in a tensor": lambda c: c["config"].update(harmonic_mix=torch.tensor([0.5, 0.5])),
    "FFT sizes of nothing": lambda c: c["config"].update(fft_sizes=None),
    "a version that is true": lambda c: c.update(version=True),
    "version 0": lambda c: c.update(version=0),
}


@pytest.mark.parametrize("name", UNFIT)
def test_parts_that_contradict_each_other_are_refused(good, tmp_path, name):
    refused(rewritten(good, tmp_path / "unfit.pt", UNFIT[name]))


@pytest.mark.parametrize(("name", "saying"), [("a weight NaN", "mix_logit has values"), ("another hop", "hop")])
def test_the_refusal_says_what_is_wrong(good, tmp_path, name, saying):
    refused(rewritten(good, tmp_path / "unfit.pt", UNFIT[name]), saying)


def test_other_peoples_files_are_refused(good, tmp_path):
    path = tmp_path / "foreign.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("document.xml", "<words/>")
    refused(path)
    torch.save(torch.nn.Linear(3, 3).state_dict(), path)
    refused(path)
    torch.save(torch.nn.Linear(3, 3), path)
    refused(path)

"""Throw damaged files at everything that reads files: `python -m tests.fuzz --seconds 600`.

A target is a corpus of small valid files and a function from a file to the name of what happened; an input that
makes it raise anything but its own one-line error, take much memory or time, or end the process, is a finding.
Inputs are tried in child processes, each of which is limited in memory and writes down what it is about to try.
"""

import argparse
import io
import json
import os
import random
import resource
import shutil
import signal
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile as sf
import torch

from ddsp_nb import (
    AudioError,
    CheckpointError,
    Composition,
    Config,
    Controls,
    Corpus,
    DDSPModel,
    Features,
    GrowthError,
    GrowthPlan,
    Layer,
    Source,
    Take,
    Tempo,
    compose,
    load_audio,
    load_model,
    save_model,
    train,
)
from ddsp_nb.growth.layers import MOST_LAYERS
from ddsp_nb.growth.sidecar import parse_sidecar, read_sidecar, sidecar_of
from ddsp_nb.training import tensor_file, version_1, version_3
from ddsp_nb.training.run_file import RunFile
from tests.phone import RECORDINGS, encoded

RATE, N_SAMPLES = 8_000, 1_200
TINY = Config(sample_rate=RATE, hop_length=64, hidden_size=4, n_harmonics=2, n_bands=2, n_mfcc=2, n_layers=1)
MEMORY_BYTES, ALARM_S = 1 << 30, 20  # beyond what the process has already, and for one input
EDGES = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


@dataclass(frozen=True)
class Target:
    """What is fuzzed: `corpus` makes valid files, `attempt` reads one and may raise nothing but `refusal`."""

    corpus: Callable[[], dict]
    attempt: Callable[[Path], str]
    refusal: type


def short_note() -> np.ndarray:
    """[N_SAMPLES] float64 of an A4 with some noise."""
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(N_SAMPLES) / RATE)
    return tone + 0.01 * np.random.default_rng(0).standard_normal(N_SAMPLES)


def sound_files() -> dict:
    """A short note in every format and subtype that libsndfile writes."""
    note, files = short_note(), {}
    for file_format in sorted(set(sf.available_formats()) - {"RAW", "SD2", "XI"}):
        for subtype in sorted(
            set(sf.available_subtypes(file_format)) - {"DWVW_12", "DWVW_16", "DWVW_24"}
        ):  # no seeking in those
            for channels in (1, 2):
                file = io.BytesIO()
                try:
                    sf.write(file, np.stack([note] * channels, 1), RATE, format=file_format, subtype=subtype)
                except (sf.SoundFileError, ValueError, TypeError):  # some are for one channel, or other rates
                    continue
                files[f"{file_format}.{subtype}.{channels}"] = file.getvalue()
    return files


def phone_files() -> dict:
    """A short note as phones record it, in one channel and, where there may be more, in two."""
    files = {}
    for name, codec in RECORDINGS.items():
        for channels in (1,) if codec == "libopencore_amrnb" else (1, 2):
            files[f"{channels}.{name}"] = encoded(np.stack([short_note()] * channels, 1), RATE, name, codec)
    return files


def try_sound(path: Path) -> str:
    sound = load_audio(path, 16_000)
    assert sound.ndim == 1 and sound.dtype == torch.float32 and bool(sound.isfinite().all())
    assert sound.abs().max() <= 1000
    return "sound"


@cache
def tiny_model() -> DDSPModel:
    torch.manual_seed(0)
    return DDSPModel(TINY)


@cache
def checkpoints() -> dict:
    """A model of the smallest size with two kinds of features: with a phase and without."""
    n_frames, files = TINY.n_frames(N_SAMPLES), {}
    frames = torch.arange(n_frames)
    for name, phase in (("phase", frames.double()), ("drawn", None)):
        parts = (440.0 + frames, -20.0 - frames / 10, torch.ones(n_frames, 2), frames > 3, phase)
        with tempfile.TemporaryDirectory() as folder:
            features = Features(*parts, n_samples=N_SAMPLES, sample_rate=RATE, hop_length=64)
            controls = Controls.of_coefficients(torch.ones(n_frames, 4), torch.full((n_frames, 2), 0.5))
            take = Take(features, controls, 20.0)
            files[name] = save_model(Path(folder) / "m.pt", tiny_model(), take).read_bytes()
    return files


def try_checkpoint(path: Path) -> str:
    """What is damaged and still loads is damaged where it says nothing: checksums guard the rest."""
    model, take = load_model(path)
    original = tiny_model().state_dict()
    assert model.config == TINY and take.features.n_samples == N_SAMPLES
    assert all(torch.equal(weight, original[name]) for name, weight in model.state_dict().items())
    return "model"


@cache
def old_checkpoints() -> dict:
    """The same models as version 1 wrote them."""
    files, names = {}, {new: old for old, new in version_1.RENAMED.items()}
    for kind, content in checkpoints().items():
        with tempfile.TemporaryDirectory() as folder:
            (path := Path(folder) / "m.pt").write_bytes(content)
            old = tensor_file.read(path) | {"version": 1}
        del old["take"]
        memory = version_3.Memory(TINY).state_dict().items()
        weights = {f"synthesizer.{name}": weight for name, weight in memory} | {"mix_logit": torch.zeros(())}
        old["weights"] = {names.get(name, name): weight for name, weight in weights.items()}
        torch.save(old, file := io.BytesIO())
        files[kind] = file.getvalue()
    return files


def pickles() -> dict:
    """The pickles of old checkpoints, which their checksums would guard."""
    files = old_checkpoints().items()
    return {name: zipfile.ZipFile(io.BytesIO(content)).read("archive/data.pkl") for name, content in files}


def try_pickle(path: Path) -> str:
    """Put a pickle back into an archive of good checksums, so that it is read to the end."""
    template, archive_path = io.BytesIO(next(iter(old_checkpoints().values()))), path.with_suffix(".pt")
    with zipfile.ZipFile(template) as old, zipfile.ZipFile(archive_path, "w") as new:
        for name in old.namelist():
            new.writestr(name, path.read_bytes() if name.endswith("data.pkl") else old.read(name))
    model, take = load_model(archive_path)
    assert all(weight.isfinite().all() for weight in model.state_dict().values())
    assert take.features.f0_hz.isfinite().all() and sum(p.numel() for p in model.parameters()) < 100_000
    return "model"


def headers() -> dict:
    """The plain values of checkpoints, which their checksum would guard."""
    return {name: json.dumps(plain_of(content)).encode() for name, content in checkpoints().items()}


def plain_of(content: bytes) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / "m.pt").write_bytes(content)
        return tensor_file.without_tensors(tensor_file.read(path))


def try_header(path: Path) -> str:
    """Put plain values beside the tensors of a checkpoint, under a good checksum, so that they are read to the end."""
    with tempfile.TemporaryDirectory() as folder:
        (good := Path(folder) / "m.pt").write_bytes(checkpoints()["phase"])
        content = tensor_file.read(good)
    plain = with_tensors(plain_values(path), content)
    path.with_suffix(".pt").write_bytes(tensor_file.to_bytes(plain))
    model, take = load_model(path.with_suffix(".pt"))
    assert sum(p.numel() for p in model.parameters()) < 100_000 and take.features.f0_hz.isfinite().all()
    return "model"


def plain_values(path: Path) -> dict:
    """The JSON table in a damaged file; without one there is nothing to put anywhere."""
    try:
        plain = json.loads(path.read_bytes())
        assert isinstance(plain, dict)
    except (AssertionError, ValueError, RecursionError) as error:
        raise CheckpointError("not even the plain values of a file can be read") from error
    return plain


def with_tensors(plain: dict, content: dict) -> dict:
    """Plain values of a file with the tensors of another, wherever its tables are still tables."""
    whole = dict(plain)
    for name, value in content.items():
        if torch.is_tensor(value):
            whole[name] = value
        elif isinstance(value, dict) and isinstance(plain.get(name), dict):
            whole[name] = with_tensors(plain[name], value)
    return whole


@cache
def runs() -> dict:
    """A training run of the smallest size after one epoch."""
    sound = 0.1 * torch.sin(torch.arange(N_SAMPLES) * 0.3)
    with tempfile.TemporaryDirectory() as folder:
        run_file = RunFile(Path(folder) / "m.pt")
        features = read_checkpoint(checkpoints()["phase"])[1].features
        corpus = Corpus.of_recording(features, sound, TINY)
        progress = next(train(tiny_model_of_its_own(), corpus, epochs=3))
        run_file.keep(progress, TINY, now=True)
        return {"run": run_file.path.read_bytes()}


def tiny_model_of_its_own() -> DDSPModel:
    model = DDSPModel(TINY)
    model.load_state_dict(tiny_model().state_dict())
    return model


def read_checkpoint(content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / "m.pt").write_bytes(content)
        return load_model(path)


def try_run(path: Path) -> str:
    """Put plain values beside the tensors of a run, under a good checksum, so that they are read to the end."""
    run_file = RunFile(path.with_name("fuzzed.pt"))
    run_file.path.write_bytes(runs()["run"])
    content = tensor_file.read(run_file.path)
    run_file.path.write_bytes(tensor_file.to_bytes(with_tensors(plain_values(path), content)))
    config, state = run_file.load()
    assert sum(weights.numel() for weights in state.weights.values()) < 100_000
    assert 0 <= state.epoch <= state.epochs and isinstance(config, Config)
    return "run"


def run_headers() -> dict:
    return {name: json.dumps(plain_of(content)).encode() for name, content in runs().items()}


@cache
def sidecars() -> dict:
    """Sidecars of some plans, alone and as layers beside a recording."""
    model, take = read_checkpoint(checkpoints()["phase"])
    plans = (
        GrowthPlan(stage_duration_s=0.1),
        GrowthPlan(stages=((1,), (), (1, 2)), noise_stages=((), (1,)), pitch=("A3", 220.5), loudness_db=(-6.0, 0.0)),
        GrowthPlan(strategy="linear", n_stages=2, ratios=(1.0, 2.1), inharmonicity=0.01, crossfade_s=0.02),
    )
    layers = [Layer(plan, seed=i, delay_s=i / 10, pan=i / 2) for i, plan in enumerate(plans)]
    source = Source(model, take, torch.zeros(N_SAMPLES))
    alone = [compose(Composition((layer,)), [source]) for layer in layers]
    together = compose(Composition((*layers, Layer(None, gain_db=-6.0)), Tempo(96.0, 3)), [source])
    texts = [sidecar_of(piece).to_json() for piece in (*alone, together)]
    return {str(i): text.encode() for i, text in enumerate(texts)}


def try_sidecar(path: Path) -> str:
    sidecar = read_sidecar(path)
    assert 1 <= len(sidecar.composition.layers) == len(sidecar.origins) <= MOST_LAYERS
    for layer in sidecar.composition.layers:
        assert layer.plan is None or GrowthPlan.from_dict(asdict(layer.plan)) == layer.plan
        assert layer.seed >= 0 and 0 <= layer.delay_s <= 600
    assert parse_sidecar(sidecar.to_json()) == sidecar
    return "sidecar"


TARGETS = {
    "sound": Target(sound_files, try_sound, AudioError),
    "phone": Target(phone_files, try_sound, AudioError),
    "checkpoint": Target(checkpoints, try_checkpoint, CheckpointError),
    "pickle": Target(pickles, try_pickle, CheckpointError),
    "header": Target(headers, try_header, CheckpointError),
    "run": Target(run_headers, try_run, CheckpointError),
    "sidecar": Target(sidecars, try_sidecar, GrowthError),
}


def mutated(files: list, chance: random.Random) -> bytes:
    """One of the files with one to eight damages: flips, numbers at the edge, cuts, repeats, pieces of another."""
    content = bytearray(chance.choice(files))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        damage(content, chance, files)
    return bytes(content)


def damage(content: bytearray, chance: random.Random, files: list) -> None:
    """Do one kind of damage, more often than not to the header."""
    end = min(len(content), chance.choice((64, 256, 4096, len(content))))
    at, length = chance.randrange(end + 1), chance.choice((1, 2, 4, 8, 64, 1024))
    kind = chance.randrange(7)
    if kind == 0 and at < len(content):
        content[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        content[at : at + length] = chance.randbytes(length)
    elif kind in (2, 3):
        width = chance.choice((1, 2, 4, 8))
        number = (chance.choice(EDGES) % 256**width).to_bytes(width, chance.choice(("little", "big")))
        content[at : at + width] = number
    elif kind == 4:
        del content[at if chance.random() < 0.5 else -length :]
    elif kind == 5:
        content[at:at] = content[at : at + length] * chance.choice((1, 1, 50))
    else:
        other = chance.choice(files)
        start = chance.randrange(len(other) + 1)
        content[at : at + length] = other[start : start + length]


def outcome(target: Target, path: Path) -> str:
    """What an input does: the name of its success, "refused", or "BUG ..." with what was raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return target.attempt(path)
    except target.refusal as error:
        return "refused" if "\n" not in str(error) and len(str(error)) > 20 else "BUG unclear refusal"
    except Exception as error:
        return f"BUG {type(error).__name__}: {str(error)[:80]}"


def child(target: Target, files: list, folder: Path, seed: int, end: float, most: int) -> None:
    """Try inputs until the time or their number is up, a line of `log` for each; never returns."""
    with open(os.devnull, "w") as nowhere:
        for stream in (1, 2):  # decoders print what they think of an input
            os.dup2(nowhere.fileno(), stream)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES,) * 2)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    chance, path = random.Random(seed), folder / "input"
    with open(folder / "log", "a") as log:
        for _ in range(most):
            if time.monotonic() > end:
                break
            path.write_bytes(mutated(files, chance))
            signal.alarm(ALARM_S)
            what = outcome(target, path)
            log.write(what + "\n")
            log.flush()
            if what.startswith("BUG"):
                shutil.copy(path, folder / f"finding-{seed}-{log.tell()}")
    os._exit(0)


def campaign(name: str, folder: Path, *, seconds: float, most: int = 10**9, seed: int = 0) -> Counter:
    """Fuzz one target for a time or a number of inputs; counts of outcomes, findings left in the folder."""
    target, end, counts = TARGETS[name], time.monotonic() + seconds, Counter()
    files = list(target.corpus().values())
    while time.monotonic() < end and counts.total() < most:
        (folder / "log").write_text("")
        pid = os.fork() or child(target, files, folder, seed, end, most - counts.total())
        _, status = os.waitpid(pid, 0)
        counts.update((folder / "log").read_text().splitlines())
        if status:  # killed by a signal: a crash, or the alarm
            counts[f"BUG ended by {signal.Signals(os.WTERMSIG(status)).name}"] += 1
            shutil.copy(folder / "input", folder / f"finding-{seed}-ended")
        seed += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="time for all targets together")
    parser.add_argument("--targets", nargs="+", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, default=Path("artifacts/fuzz"), help="where findings are kept")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bugs = 0
    for name in arguments.targets:
        (folder := arguments.folder / name).mkdir(parents=True, exist_ok=True)
        seconds = arguments.seconds / len(arguments.targets)
        counts = campaign(name, folder, seconds=seconds, seed=arguments.seed)
        print(f"{name}: {counts.total()} inputs, seed {arguments.seed}", flush=True)
        for what, count in counts.most_common():
            print(f"  {count:8d} {what}", flush=True)
        bugs += sum(count for what, count in counts.items() if what.startswith("BUG"))
    raise SystemExit(bool(bugs))


if __name__ == "__main__":
    main()

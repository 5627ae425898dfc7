"""Files that a stranger, a bad disk or a cut download has damaged: each is read, or refused in one line.

`make fuzz N=100000` tries as many damaged sound files. A decoder that crashes, hangs or takes all memory ends the run;
the file is then in pytest's temporary folder.
"""

import io
import json
import os
import random
import signal
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import (
    AudioError,
    CheckpointError,
    Composition,
    Config,
    DDSPModel,
    GrowthError,
    GrowthPlan,
    Layer,
    Source,
    Tempo,
    compose,
    load_audio,
    load_model,
    save_model,
)
from ddsp_nb.piece.sidecar import read_sidecar, sidecar_of
from ddsp_nb.store import tensor_file
from ddsp_nb.store.checkpoint import KIND
from tests.phone import RECORDINGS, encoded

resource = pytest.importorskip("resource", reason="limits of POSIX")

N_DAMAGED = int(os.environ.get("N_DAMAGED", 200))
RATE, N_SAMPLES = 8_000, 1_200
MEMORY_BYTES, HANGS_S = 1 << 30, 20
EDGES = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]
# What a plain value of a file may have become.
ODD_VALUES = [None, True, -1, 10**9, 1e300, float("nan"), "x" * 100, [[]], {}]
NOTE = 0.4 * np.sin(2 * np.pi * 440 * np.arange(N_SAMPLES) / RATE)[:, None]


@contextmanager
def limited():
    """Neither 1 GB more than the process has nor 20 s."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, before[1]))
    signal.alarm(HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, before)


def outcome(read, path, refusal):
    """Whether a file is "read" or "refused"; any exception but a refusal of one line is a fault."""
    with warnings.catch_warnings(), limited():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except refusal as error:
            assert "\n" not in str(error) and len(str(error)) > 20
            return "refused"
    return "read"


def sound_files():
    """A short note in every format and subtype that libsndfile writes."""
    for file_format in sorted(set(sf.available_formats()) - {"RAW", "SD2", "XI"}):
        # There is no seeking in DWVW.
        for subtype in sorted(s for s in sf.available_subtypes(file_format) if not s.startswith("DWVW")):
            for channels in (1, 2):
                file = io.BytesIO()
                try:
                    sf.write(file, np.repeat(NOTE, channels, 1), RATE, format=file_format, subtype=subtype)
                except (sf.SoundFileError, ValueError, TypeError):  # some are for one channel, or other rates
                    continue
                yield file.getvalue()
                if file_format in ("WAV", "RF64"):
                    yield from unfinished(file.getvalue())


def unfinished(content):
    """A WAV file as a recorder leaves it that crashes, and as BW64."""
    at = content.index(b"data") + 4
    for size in (0, 0xFFFFFFFF, 100):
        yield content[:4] + bytes(4) + content[8:at] + size.to_bytes(4, "little") + content[at + 4 :]
    yield b"BW64" + content[4:]


def phone_files():
    """A short note as phones record it."""
    return (encoded(NOTE, RATE, name, codec) for name, codec in RECORDINGS.items())


def damaged(files, chance):
    """One of the files with one to eight damages: flips, numbers at the edge, cuts, repeats, pieces of another."""
    content = bytearray(chance.choice(files))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        # More often than not in the header.
        at = chance.randrange(min(len(content), chance.choice((64, 256, 4096, len(content)))) + 1)
        length, width = chance.choice((1, 2, 4, 8, 64, 1024)), chance.choice((1, 2, 4, 8))
        other = chance.choice(files)
        start = chance.randrange(len(other) + 1)
        number = (chance.choice(EDGES) % 256**width).to_bytes(width, chance.choice(("little", "big")))
        flipped = bytes(byte ^ 1 << chance.randrange(8) for byte in content[at : at + 1])
        piece = chance.choice((chance.randbytes(length), number, number, other[start : start + length], flipped, b""))
        end = at + chance.choice((0, len(piece), len(piece), len(piece), 8, len(content)))
        content[at:end] = piece * chance.choice((1, 1, 1, 1, 1, 50))
    return bytes(content)


def try_sound(path):
    sound = load_audio(path, 16_000)
    assert sound.ndim == 1 and sound.dtype == torch.float32 and sound.isfinite().all() and sound.abs().max() <= 1000


@pytest.mark.parametrize("corpus", [sound_files, phone_files])
def test_damaged_sounds_are_read_or_refused(tmp_path, corpus):
    files, path, outcomes = list(corpus()), tmp_path / "damaged", []
    for i in range(N_DAMAGED):
        path.write_bytes(damaged(files, random.Random(f"{N_DAMAGED} {i}")))
        outcomes.append(outcome(try_sound, path, AudioError))
    assert min(map(outcomes.count, ("read", "refused"))) > N_DAMAGED / 10


@pytest.fixture(scope="module")
def tiny(study):
    """A model of the smallest size, and its take of a short note."""
    config = Config(sample_rate=RATE, hop_length=64, hidden_size=4, n_harmonics=2, n_bands=2, n_mfcc=2, n_layers=1)
    return DDSPModel(config), study(torch.from_numpy(NOTE[:, 0]).float(), config)[2]


def odd(content):
    """Nested tables and lists with each plain value replaced by each odd one in turn."""
    for place, value in content.items() if isinstance(content, dict) else enumerate(content):
        inside = odd(value) if isinstance(value, dict | list) else ()
        for replacement in (*inside, *([] if torch.is_tensor(value) else ODD_VALUES)):
            changed = content.copy()
            changed[place] = replacement
            yield changed


def test_a_model_with_any_odd_value_is_read_or_refused(tmp_path, tiny):
    path, outcomes = save_model(tmp_path / "model.pt", *tiny), []
    for content in odd(tensor_file.read(path, KIND)):
        # The checksum is that of the damaged content, so that it is read to the end.
        tensor_file.write(path, KIND, content)
        outcomes.append(outcome(load_model, path, CheckpointError))
    assert outcomes.count("refused") > 0.9 * len(outcomes) > 150


def test_a_sidecar_with_any_odd_value_is_read_or_refused(tmp_path, tiny):
    plan = GrowthPlan(stages=((1,), (), (1, 2)), noise_stages=((), (1,)), pitch=("A3", 220.5), loudness_db=(-6.0, 0.0))
    path, outcomes = tmp_path / "piece.json", []
    piece = compose(
        Composition((Layer(plan), Layer(None, gain_db=-6.0)), Tempo(96.0, 3)), [Source(*tiny, torch.zeros(N_SAMPLES))]
    )
    for content in odd(json.loads(sidecar_of(piece).to_json())):
        path.write_text(json.dumps(content))
        outcomes.append(outcome(read_sidecar, path, GrowthError))
    assert outcomes.count("refused") > 0.8 * len(outcomes) > 300

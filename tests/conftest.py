"""What the tests share: real recordings, one small trained model, and sounds of known truth."""

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, Room, analyse, load_audio, record_take, train
from ddsp_nb.synthesis.room import N_BANDS

# Read where librosa is first used. Compiling takes longer than all that is computed with it; the result is kept apart
# from the optimised one of users.
os.environ["NUMBA_OPT"] = "0"
os.environ["NUMBA_CACHE_DIR"] = str(Path(__file__).parent.parent / ".pytest_cache" / "numba")
torch.set_num_threads(1)
DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="session")
def data():
    """Folder of the recordings."""
    return DATA


@pytest.fixture(scope="session")
def small_config():
    """An instrument that trains in a second."""
    return Config(sample_rate=16_000, hidden_size=64, n_harmonics=32)


@pytest.fixture(scope="session")
def clip(small_config):
    """Two seconds of the violin at the small instrument's sample rate."""
    return load_audio(DATA / "violin.flac", small_config.sample_rate, duration_s=2)


@pytest.fixture(scope="session")
def recording(small_config, clip):
    """`clip`, analysed."""
    return AnalysedRecording.of("violin", clip, small_config)


@pytest.fixture(scope="session")
def features(recording):
    """Features of `clip`."""
    return recording.features


@pytest.fixture(scope="session")
def take(small_config, recording):
    """The take of `clip`."""
    return record_take(recording, small_config)


@pytest.fixture(scope="session")
def retake(small_config, recording):
    """Maker of the take that `clip` would be with some of its features changed."""

    def make(**changes):
        changed = replace(recording.features, **changes)
        analysis = analyse(changed, recording.audio, small_config)
        return record_take(replace(recording, features=changed, analysis=analysis), small_config, partials="harmonic")

    return make


@pytest.fixture(scope="session")
def corpus(small_config, recording):
    """The clip to learn from; nothing is held out."""
    return Corpus.of([recording], small_config, 0)


@pytest.fixture(scope="session")
def trained(small_config, corpus):
    """The small instrument, taught the clip. Read it only."""
    torch.manual_seed(0)
    model = DDSPModel(small_config)
    for _ in train(model, corpus, epochs=8, seed=0):
        pass
    return model


@pytest.fixture(scope="session")
def study():
    """Analyse a sound: its features, a corpus in which all of it is heard, and its take."""

    def make(audio, config, holdout=0):
        recording = AnalysedRecording.of("sound", audio, config)
        return recording.features, Corpus.of([recording], config, holdout), record_take(recording, config)

    return make


@pytest.fixture(scope="session")
def sawtooth():
    """Maker of band-limited sawtooths: f0_hz, a number or one per sample, to [n_samples] float32."""

    def make(f0_hz, seconds, sample_rate=44_100, harmonics=None, level=0.2):
        f0_hz = np.broadcast_to(np.asarray(f0_hz, float), (round(seconds * sample_rate),))
        cycles = np.concatenate([[0], np.cumsum(f0_hz)[:-1]]) / sample_rate
        highest = int(0.45 * sample_rate / f0_hz.max())
        partials = [np.sin(2 * np.pi * ((k * cycles) % 1)) / k for k in harmonics or range(1, min(highest, 40) + 1)]
        return torch.from_numpy(level * sum(partials)).float()

    return make


@pytest.fixture(scope="session")
def hall(small_config):
    """A room for the small instrument, of 0.4 s and as loud as its direct sound."""
    return Room.of_bands(torch.full((N_BANDS,), -12.0), torch.full((N_BANDS,), 0.4), small_config.sample_rate)


@pytest.fixture
def cuda():
    """A card. Without one a test is skipped; it fails where DDSP_NB_REQUIRE_CUDA is 1, as no card was found."""
    if not torch.cuda.is_available():
        needed = os.environ.get("DDSP_NB_REQUIRE_CUDA") == "1"
        (pytest.fail if needed else pytest.skip)("PyTorch finds no CUDA card here")
    return "cuda"


@pytest.fixture
def full_disk():
    """Context in which no file can grow beyond 20 kB, as on a disk that is full."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def limited(n_bytes=20_000):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited

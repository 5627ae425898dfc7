"""Pretraining on a handful of frames: it learns, goes on where it stopped, and what it writes is a family."""

import pytest
import torch

from ddsp_nb import Config, load_audio
from ddsp_nb.training import family, instrument
from ddsp_nb.training.family import Family
from ddsp_nb.training.instrument import Targets
from ddsp_nb.training.model import N_QUANTILES
from tests.benchmarks.pretrain import __main__ as pretrain
from tests.benchmarks.pretrain.material import RATES_HZ, Sounds

NAMES = ["fluid reed", "musescore reed", "recorded reed"]


@pytest.fixture(scope="module")
def sounds(data, study):
    """Three instruments at both sample rates: a second of a flute each."""
    at_rates = []
    for rate in RATES_HZ:
        config = Config(sample_rate=rate)
        targets = study(load_audio(data / "flute.flac", rate, duration_s=1), config)[1].heard[0].targets
        at_rates.append(Targets.joined([targets] * len(NAMES)))
    count = [torch.full((len(NAMES),), len(targets) // len(NAMES)) for targets in at_rates]
    first = [n.cumsum(0) - n for n in count]
    quantiles = torch.zeros(len(NAMES), N_QUANTILES)
    shape = torch.tensor([[0.01, 2.0, 0.1]]).expand(len(NAMES), -1)
    return Sounds(NAMES, at_rates, first, count, quantiles, quantiles - 20, shape)


def test_it_learns_and_goes_on_where_it_stopped(sounds, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "KEPT_EVERY", 4)
    whole = pretrain.School(sounds, seed=0)
    before = whole.loss(0, torch.Generator().manual_seed(9)).item()
    pretrain.learn(whole, 8, tmp_path / "whole.partial")
    assert whole.loss(0, torch.Generator().manual_seed(9)).item() < before
    stopped, kept = pretrain.School(sounds, seed=0), tmp_path / "stopped.partial"
    losses, loss = iter(range(6)), stopped.loss
    stopped.loss = lambda *args: next(losses, None) is not None and loss(*args)
    with pytest.raises(AttributeError):  # it stops as a machine does, between two steps that are kept
        pretrain.learn(stopped, 8, kept)
    resumed = pretrain.School(sounds, seed=0)
    pretrain.learn(resumed, 8, kept)
    assert torch.equal(resumed.codes, whole.codes)


def test_what_it_writes_is_a_family(sounds, tmp_path, monkeypatch):
    school, output = pretrain.School(sounds, seed=0), tmp_path / "weights.safetensors"
    pretrain.write(school, output)
    for module in (instrument, family):
        monkeypatch.setattr(module, "SHARED_WEIGHTS", output)
    Family.shipped.cache_clear()
    try:
        members = Family.shipped()
        # The second font is learned, and is no instrument of its own.
        assert list(members) == ["reed", "recorded reed"]
        assert torch.equal(members["recorded reed"].code, school.codes[2 * pretrain.colours.N].detach().half().float())
    finally:
        Family.shipped.cache_clear()


def test_a_filter_moves_levels_envelope_and_loudness_together(sounds):
    """An instrument through a filter is still itself: the envelope read at its partials moves as they do."""
    school = pretrain.School(sounds, seed=0)
    targets = sounds.targets[0][20:24].to(torch.float32)
    each = torch.full((4,), pretrain.colours.N + 1)
    moved = school.colours(targets, each, 0, torch.zeros(4))
    queries = school.instruments[0].queries
    read = [queries.at_partials(x.inputs)[0][:, :20] for x in (targets, moved)]
    by_envelope, by_levels = read[1] - read[0], (moved.log_amplitudes - targets.log_amplitudes)[:, :20]
    assert by_levels.abs().mean() > 0.1
    assert (by_envelope - by_levels).abs().mean() < 0.3 * by_levels.abs().mean()
    plain = school.colours(targets, each * 0, 0, torch.zeros(4))
    assert torch.allclose(plain.inputs, targets.inputs, atol=1e-4)

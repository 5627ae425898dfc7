"""The loss: what is 0, what is 0.69, and what never becomes infinite."""

import math

import pytest
import torch

from ddsp_nb import Config, MultiScaleSpectralLoss, load_audio

LOSS = MultiScaleSpectralLoss(Config())
SPECTRAL = MultiScaleSpectralLoss(Config(waveform_weight=0.0))


def noise(seed, n_samples=44_100, level=1.0):
    return level * torch.randn(1, n_samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def violin(data):
    return load_audio(data / "violin.flac", duration_s=1)[None]


def test_is_zero_on_identity_only(violin):
    assert LOSS(violin, violin).item() == LOSS(violin[0], violin[0]).item() == 0  # with a batch or without
    assert LOSS(violin + 1e-3 * noise(0), violin).item() > 0.01


@pytest.mark.parametrize("level", [1.0, 0.1])
def test_independent_noises_are_ln_2_apart(level):
    a, b = noise(0, level=level), noise(1, level=level)
    assert SPECTRAL(a, b).item() == pytest.approx(math.log(2), abs=0.03)


def test_waveform_is_part_of_it():
    sound = noise(0)  # turned over it has the same spectrum
    assert SPECTRAL(-sound, sound).item() == pytest.approx(0, abs=1e-6)
    assert LOSS(-sound, sound).item() == pytest.approx(0.1 * 2 * sound.abs().mean().item(), rel=1e-3)


def test_hears_a_missing_partial():
    t = torch.arange(44_100) / 44_100
    partials = torch.stack([0.3 / k * torch.sin(2 * torch.pi * 440 * k * t) for k in (1, 2, 3)])
    whole = partials.sum(0)[None] + noise(0, level=1e-4)
    one, two = whole - partials[2], whole - partials[1] - partials[2]
    assert 0.005 < LOSS(one, whole) < LOSS(two, whole)


@pytest.mark.parametrize(("sound", "target"), [("silence", "noise"), ("noise", "silence"), ("silence", "silence")])
def test_digital_silence_is_finite_in_value_and_gradient(sound, target):
    sounds = {"silence": torch.zeros(1, 8192), "noise": noise(0, 8192)}
    audio = sounds[sound].clone().requires_grad_()
    loss = LOSS(audio, sounds[target])
    loss.backward()
    assert loss.isfinite()
    assert audio.grad.isfinite().all()
    assert loss.item() < 20


def test_silence_does_not_dominate():
    """24-bit dither in the silent half of a clip weighs less than half the level of its sound."""
    clip = noise(0, 32_768, level=0.3)
    clip[:, 16_384:] = 0
    dither, quieter = clip + 1e-7 * noise(1, 32_768), clip * 0.5
    assert LOSS(dither, clip) < LOSS(quieter, clip)

"""The loss: what is 0, what is 0.69, and what never becomes infinite."""

import math

import pytest
import torch

from ddsp_nb import Config, MultiScaleSpectralLoss, load_audio
from ddsp_nb.training.losses import HeardLoss

LOSS = MultiScaleSpectralLoss(Config())
HEARD = HeardLoss(Config())
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


@pytest.mark.parametrize(
    ("unheard", "heard"),
    [((1100, -30), (3000, -30)), ((1100, -40), (500, -40)), ((19_000, -40), (4000, -40))],
    ids=["beside a tone", "above it, and below", "too high"],
)
def test_as_loud_as_heard_what_a_tone_covers_counts_less_than_what_it_does_not(unheard, heard):
    t = torch.arange(22_050) / 44_100
    tone = lambda hz, db: 10 ** (db / 20) * torch.sin(2 * torch.pi * hz * t)
    loud = tone(1000, -10)
    covered, free = (HEARD(loud + tone(hz, db - 10), loud).item() for hz, db in (unheard, heard))
    assert covered < 0.1 * free
    assert HEARD(loud, loud) == 0


def test_as_loud_as_heard_missing_partials_and_silence_count(violin):
    assert HEARD(torch.zeros_like(violin), violin) > HEARD(0.5 * violin, violin) > HEARD(0.9 * violin, violin) > 0.02
    silent = torch.zeros(1, 8192, requires_grad=True)
    HEARD(silent, torch.zeros(1, 8192)).backward()
    assert silent.grad.isfinite().all()


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

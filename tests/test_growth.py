"""Growth, measured in the sound: a partial is absent before its stage and keeps its level after it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from ddsp_nb import (
    ADSR,
    AnalysedRecording,
    Config,
    ConfigError,
    Controls,
    DDSPModel,
    GrowthPlan,
    Take,
    grow,
    record_take,
)
from ddsp_nb.synthesis.controls import low_crest_directions
from ddsp_nb.synthesis.oscillator import harmonic_basis

STRATEGIES = ("linear", "exponential", "fibonacci")
F0_HZ, PERIOD = 200.0, 80  # a whole number of samples at 16 kHz, so partials lie on FFT bins
STEADY = slice(1280, 1280 + 64 * PERIOD)  # of a stage, between decay and release


@pytest.fixture(scope="module")
def organ(small_config, features):
    """A take of known sound: one note, amplitudes 0.3 / k that never change."""
    n, k = len(features), torch.arange(1, small_config.n_harmonics + 1)
    note = replace(
        features,
        f0_hz=torch.full((n,), F0_HZ),
        loudness_db=features.loudness_db[n // 2].expand(n),
        mfcc=features.mfcc[n // 2].expand(n, -1),
        voiced=torch.ones(n, dtype=torch.bool),
        phase=None,
    )
    directions = low_crest_directions(len(k)).expand(n, -1, 2)
    return Take(note, Controls((0.3 / k).expand(n, -1), directions, torch.full((n, small_config.n_bands), 0.01)), 99.0)


def partial_levels_db(sound, n_harmonics):
    """Level of each partial of F0_HZ by a Blackman-Harris FFT, dB of a full-scale sine."""
    x = 2 * np.pi * np.arange(len(sound)) / len(sound)
    window = 0.35875 - 0.48829 * np.cos(x) + 0.14128 * np.cos(2 * x) - 0.01168 * np.cos(3 * x)
    magnitude = np.abs(np.fft.rfft(sound.double().numpy() * window)) * 2 / window.sum()
    return 20 * np.log10(magnitude[64 : 64 * n_harmonics + 1 : 64] + 1e-12)


def stage_levels_db(growth, n_harmonics=32):
    return np.stack([partial_levels_db(growth.stage_audio(i)[STEADY], n_harmonics) for i in range(len(growth.stages))])


def unscaled(growth, i):
    return growth.stage_audio(i) / growth.gain


def test_a_partial_is_absent_before_its_stage_and_keeps_its_level_after(trained, organ):
    growth = grow(trained, organ, GrowthPlan(noise="none"))
    levels = stage_levels_db(growth)
    peak_db = 20 * np.log10(growth.audio.abs().max().item())
    assert (levels[-1] > peak_db - 40).all()
    for level, stage in zip(levels, growth.stages, strict=True):
        n = stage.n_harmonics
        assert (level[n:] < peak_db - 80).all()
        assert np.abs(level - levels[-1])[:n].max() < 0.1


def measured_partials_db(sounds, basis):
    """Level of each partial in [n_sounds, n_hops * hop] sounds, by least squares hop by hop on its exact phase.

    A partial may move linearly within a hop, so that what is measured is the sound and not the method's own leak.
    """
    n_hops, hop, width = basis.shape
    u = torch.arange(hop, dtype=torch.float64)[:, None] / hop
    moving = torch.cat([basis * (1 - u), basis * u], -1)
    found = torch.linalg.lstsq(moving, sounds.view(-1, n_hops, hop).permute(1, 2, 0).double()).solution
    power = found.square().unflatten(1, (4, width // 2)).sum((0, 1)).T  # [n_sounds, n_partials]
    return 10 * torch.log10(power / power.max() + 1e-20)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_learned_partial_is_absent_before_its_stage_and_keeps_its_level_after(trained, take, strategy):
    adsr = ADSR(0, 0, 1.0, 0)
    plan = GrowthPlan(strategy, n_stages=6, noise="none", stage_duration_s=0.384, adsr=adsr, phrase="repeat")
    growth = grow(trained, take, plan)
    sounds = torch.stack([unscaled(growth, i) for i in range(len(growth.stages))])[:, 512:-512]
    stretches = take.render(trained.config).harmonic.unfold(0, sounds.shape[1], 512)
    first = (stretches - sounds[-1]).square().sum(1).argmin().item()  # the stretch that was chosen
    frames = slice(first, first + sounds.shape[1] // 512 + 1)
    n_partials = int(7900 / take.features.f0_hz[frames].max())  # the others are above Nyquist
    stretch = take.features[frames]
    basis = harmonic_basis(stretch.f0_hz, stretch.phase, n_partials, trained.config).mT.double()
    levels = measured_partials_db(sounds, basis)
    assert n_partials >= 10
    assert (levels[-1] > -60).all()
    for level, stage in zip(levels, growth.stages, strict=True):
        n = stage.n_harmonics
        assert (level[n:] < -80).all()
        assert (level - levels[-1])[:n].abs().max() < 0.1


def test_levels_are_those_of_the_model(trained, organ):
    growth = grow(trained, organ, GrowthPlan(noise="none", adsr=ADSR(sustain=1.0)))
    wanted = 20 * np.log10(growth.gain * 0.3 / np.arange(1, 33))
    assert np.abs(stage_levels_db(growth)[-1] - wanted).max() < 0.1


def test_complete_stage_is_the_take_itself(trained, take):
    """The last stage, without its ADSR, is a stretch of the recording as the take has it."""
    plan = GrowthPlan(noise="none", stage_duration_s=0.4, phrase="repeat")
    growth = grow(trained, take, plan)
    middle, length = slice(1200, 4800), len(growth.stage_audio(0))
    stage = (unscaled(growth, -1) / plan.adsr(length, 16_000).clamp(min=1e-6))[middle]
    whole = take.render(trained.config).harmonic
    stretches = whole.unfold(0, length, 512)[:, middle]
    error = (stretches - stage).square().sum(1).min() / stage.square().sum()
    assert error < 1e-4


def test_one_gain_serves_the_whole_piece(trained, organ):
    fibonacci = grow(trained, organ, GrowthPlan(noise="none"))
    linear = grow(trained, organ, GrowthPlan(strategy="linear", n_stages=4, noise="none"))
    only_last = grow(trained, organ, GrowthPlan(strategy="linear", n_stages=1, noise="none"))
    assert torch.allclose(unscaled(fibonacci, 0), unscaled(linear, 0), atol=1e-5)
    for other in (linear, only_last):
        assert torch.allclose(unscaled(fibonacci, -1), unscaled(other, -1), atol=1e-5)
    assert fibonacci.audio.abs().max().item() == pytest.approx(0.9, abs=1e-4)
    assert fibonacci.stage_audio(0).abs().max() < 0.8 * fibonacci.stage_audio(-1).abs().max()


@pytest.mark.parametrize(("noise", "stages"), [("none", []), ("last", [-1]), ("every", [0, 1, 2, 3])])
def test_noise_sounds_in_the_stages_that_the_plan_names(trained, organ, noise, stages):
    plan = GrowthPlan(strategy="linear", n_stages=4, noise=noise)
    growth, bare = grow(trained, organ, plan), grow(trained, organ, replace(plan, noise="none"))
    added = [(unscaled(growth, i) - unscaled(bare, i)).abs().max().item() for i in range(4)]
    noisy = [i % 4 for i in stages]
    assert all((x > 1e-3) == (i in noisy) for i, x in enumerate(added))
    assert all(x < 1e-5 for i, x in enumerate(added) if i not in noisy)


def test_noise_is_seeded(trained, organ):
    plan = GrowthPlan(noise="every", strategy="linear", n_stages=2)
    assert torch.equal(grow(trained, organ, plan, seed=1).audio, grow(trained, organ, plan, seed=1).audio)
    assert not torch.equal(grow(trained, organ, plan, seed=1).audio, grow(trained, organ, plan, seed=2).audio)


def test_silence_between_stages_is_exact_and_as_long_as_asked(trained, take):
    growth = grow(trained, take, GrowthPlan(stage_duration_s=0.3, silence_duration_s=0.15, noise="every"))
    for stage, following in pairwise(growth.stages):
        assert (growth.audio[stage.stop : following.start] == 0).all()
        assert following.start - stage.stop == 2400
    assert all(stage.stop - stage.start == 4800 for stage in growth.stages)
    assert all(growth.stage_audio(i).abs().max() > 1e-3 for i in range(len(growth.stages)))
    assert growth.stages[0].start == 0
    assert growth.stages[-1].stop == len(growth.audio)


def test_stage_longer_than_the_recording_sounds_to_its_end(trained, organ):
    seconds = 7.0
    growth = grow(trained, organ, GrowthPlan(strategy="linear", n_stages=2, stage_duration_s=seconds, noise="none"))
    sound = growth.stage_audio(0)
    assert len(sound) == round(seconds * 16_000)
    level = sound[4000:-4000].unfold(0, 800, 800).square().mean(1).sqrt()
    assert level.min() > 0.95 * level.max()
    own = 2 * np.pi * F0_HZ / 16_000
    assert sound[4000:-4000].diff().abs().max() < sound[4000:-4000].abs().max() * own * 1.05


def test_silent_start_of_a_recording_is_not_what_grows(trained, take, retake):
    """Half of the recording has no voice: stages come from the other half, there and back."""
    voiced = take.features.voiced.clone()
    voiced[: len(voiced) // 2] = False
    growth = grow(trained, retake(voiced=voiced), GrowthPlan(noise="none"))
    sound = growth.stage_audio(0)[1000:-1500].unfold(0, 500, 500)
    assert sound.square().mean(1).sqrt().min() > 0.02


def test_growing_does_not_change_model_or_features(trained, take):
    weights = {k: v.clone() for k, v in trained.state_dict().items()}
    pitch = take.features.f0_hz.clone()
    grow(trained, take, GrowthPlan(n_stages=2, strategy="linear"))
    assert all(torch.equal(v, weights[k]) for k, v in trained.state_dict().items())
    assert torch.equal(take.features.f0_hz, pitch)


def test_default_plan_works_at_other_sample_rates(sawtooth):
    config = Config(sample_rate=22_050, hidden_size=16, n_harmonics=8)
    sound = sawtooth(300, 1.0, 22_050)
    growth = grow(DDSPModel(config), record_take(AnalysedRecording.of("sawtooth", sound, config), config))
    assert len(growth.stages) == 5  # 1, 2, 3, 5, 8
    assert growth.sample_rate == 22_050
    assert growth.stages[0].stop == 11_025


def test_adsr_has_the_shape_of_its_name():
    sustain = 0.5
    gains = ADSR(0.1, 0.2, sustain, 0.25)(1001, 1000)
    assert gains[0] == 0
    assert gains[50].item() == pytest.approx(0.5, abs=1e-6)
    assert gains[100].item() == pytest.approx(1, abs=1e-6)
    assert gains[200].item() == pytest.approx((1 + sustain) / 2, abs=1e-6)
    assert torch.allclose(gains[300:750], torch.tensor(sustain), atol=1e-6)
    assert gains[875].item() == pytest.approx(sustain / 2, abs=1e-6)
    assert gains[1000] == 0
    assert gains.diff().abs().max() <= 0.01 + 1e-6


def test_adsr_shrinks_in_proportion_in_a_short_stage():
    n_samples = 55
    adsr = ADSR(0.1, 0.2, 0.5, 0.25)  # 550 samples at 1 kHz
    short, whole = adsr(n_samples, 1000), adsr(550, 1000)
    places = torch.linspace(0, 0.999, 30)
    at = lambda gains: gains[(places * len(gains)).long()]
    assert (at(short) - at(whole)).abs().max() < 10 / n_samples * 0.6
    assert short.max() > 0.85
    assert short[0] == 0
    assert short[-1] == 0


def test_adsr_without_times_is_finite_and_at_most_1():
    for n_samples in (1, 2, 100):
        gains = ADSR(0, 0, 1.0, 0)(n_samples, 1000)
        assert gains.isfinite().all() and ((gains >= 0) & (gains <= 1)).all()
    assert (gains[1:-1] == 1).all()


def test_features_of_another_config_are_refused(trained, take):
    with pytest.raises(ConfigError):
        grow(trained, replace(take, features=replace(take.features, sample_rate=44_100)))

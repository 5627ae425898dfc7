"""The certificate passes what is right, for every strategy and order, and finds what is wrong."""

from dataclasses import replace
from itertools import cycle

import pytest
import torch

from ddsp_nb import ADSR, GrowthPlan, grow
from ddsp_nb.growth.plan import BAND_ORDERS, ORDERS, STRATEGIES


@pytest.fixture
def growing(trained, take):
    """Grow the small violin by a plan."""
    return lambda *args, **settings: grow(trained, take, GrowthPlan(*args, **settings))


@pytest.mark.parametrize(("strategy", "order"), list(zip(cycle(STRATEGIES), ORDERS, strict=False)))
def test_every_strategy_and_order_is_certified(growing, strategy, order):
    noise_order = order if order in BAND_ORDERS else "low"
    growth = growing(strategy, order=order, noise="bands", noise_strategy=strategy, noise_order=noise_order)
    certificate = growth.certificate()
    assert certificate.passed, str(certificate)
    measured = {name: certificate.worst(name) for name in ("silent_partial_db", "silent_band_db", "partial_change_db")}
    assert None not in measured.values()
    assert "Passed." in str(certificate)


@pytest.mark.parametrize(
    "settings",
    [
        {"crossfade_s": 0.1},
        {"crossfade_s": 0.1, "pitch": "held", "noise": "bands"},
        {"pitch": ("A3", "E5", "held"), "loudness_db": (-20, 0)},
        {"pitch": 311.0, "stage_duration_s": (0.8, 0.2), "silence_duration_s": 0},
        {"ratios": "just", "order": "random"},
        {"inharmonicity": 0.002, "noise": "every"},
        {"shrinking": True, "noise": "none", "adsr": ADSR(0.3, 0.3, 0.2, 0.3)},
        {"stages": ((2, 4), (2,), (1,)), "stage_duration_s": (0.4, 0.03, 0.4), "noise": "bands"},
        {"stages": ((2, 4), (1, 2, 4), (1, 3)), "adsr": ADSR(0.01, 0.3, 0.0, 0.1)},
    ],
    ids=str,
)
def test_other_plans_are_certified(growing, settings):
    certificate = growing(**settings).certificate()
    assert certificate.passed, str(certificate)
    assert certificate.worst("silent_partial_db") is not None


def tampered(growth, stem, sound):
    """The growth with something added to one of its stems."""
    return replace(growth, **{stem: getattr(growth, stem) + sound})


def track(growth, k, level_db, stages):
    """Sine on partial k in some stages, so many dB beside the loudest partial of the piece."""
    schedule, sound = growth.schedule, torch.zeros_like(growth.audio)
    voice, rate = schedule.tracks["held", "own", 0.0], growth.sample_rate
    hz = torch.nn.functional.interpolate(voice.f0_hz[None, None].double(), scale_factor=512, mode="linear")[0, 0, 256:]
    sine = torch.sin(2 * torch.pi * k * (hz / rate).cumsum(0))
    loudest = voice.controls.amplitudes.square().mean(0).sqrt().max() * growth.gain
    for i in stages:
        stage = growth.stages[i]
        n = min(len(stage), len(sine))
        sound[stage.start : stage.start + n] = (
            sine[:n] * loudest * 10 ** (level_db / 20) * schedule.gains(i)[:n]
        ).float()
    return sound


@pytest.mark.parametrize(("level_db", "passes"), [(-90, True), (-70, False)])
def test_a_partial_that_should_be_silent_is_found_at_its_level(growing, level_db, passes):
    growth = growing("linear", n_stages=4, pitch="held", noise="none")
    certificate = tampered(growth, "harmonic", track(growth, 9, level_db, [0])).certificate()
    assert certificate.stages[0].silent_partial_db == pytest.approx(level_db, abs=1.5)
    assert certificate.passed == passes
    assert passes or (len(certificate.faults) == 1 and "Stage 1: a partial that should be silent" in str(certificate))


@pytest.mark.parametrize(("change_db", "passes"), [(0.05, True), (0.2, False)])
def test_a_stage_that_changes_its_level_is_found(growing, change_db, passes):
    growth = growing("linear", n_stages=4, noise="none")
    stage, louder = growth.stages[2], 10 ** (change_db / 20) - 1
    extra = torch.zeros_like(growth.audio)
    extra[stage.start : stage.stop] = growth.harmonic[stage.start : stage.stop] * louder
    certificate = tampered(growth, "harmonic", extra).certificate()
    assert certificate.stages[2].partial_change_db == pytest.approx(change_db, abs=0.01)
    assert certificate.passed == passes
    assert passes or "Stage 3: a partial changes its level by 0.20 dB." in certificate.faults


def test_noise_that_leaks_into_a_silent_band_is_found(growing):
    growth = growing("linear", n_stages=4, noise="bands", noise_order="high")
    white = torch.randn(len(growth.noise), generator=torch.Generator().manual_seed(0))
    stage = growth.stages[1]
    white[: stage.start], white[stage.stop :] = 0, 0
    certificate = tampered(growth, "noise", 0.01 * growth.noise.abs().max() * white).certificate()
    assert any(fault.startswith("Stage 2: a noise band that should be silent") for fault in certificate.faults)
    assert certificate.stages[1].silent_band_db > -80 > certificate.stages[0].silent_band_db


def test_a_click_is_found(growing):
    growth = growing("linear", n_stages=3, noise="none")
    click = torch.zeros_like(growth.audio)
    click[growth.stages[1].stop - 1] = 0.05
    certificate = tampered(growth, "harmonic", click).certificate()
    assert any(fault.startswith("Stage 2: its edge jumps by") for fault in certificate.faults)
    cut = growing("linear", n_stages=3, noise="none", adsr=ADSR(0, 0, 1.0, 0)).certificate()
    assert not cut.passed and all("edge jumps" in fault for fault in cut.faults)


def test_partials_too_near_to_tell_apart_raise_no_alarm(growing):
    growth = growing(stages=([1, 3], [1, 2, 3]), pitch=300.0, ratios=(1, 1.01, 2), noise="none")
    certificate = growth.certificate()
    assert certificate.passed, str(certificate)
    assert certificate.worst("silent_partial_db") < -100


def test_partials_of_one_pitch_raise_no_alarm(growing):
    """Of 3 and 4 on the same track only their sum can be told; a fault in it is one."""
    growth = growing(stages=([1, 3], [1, 3, 4]), pitch=300.0, ratios=(1, 2, 3, 3), noise="none")
    assert growth.certificate().passed, str(growth.certificate())
    louder = tampered(growth, "harmonic", 0.05 * growth.harmonic)
    assert not louder.certificate().passed


def test_stages_too_short_to_measure_are_named(growing):
    certificate = growing("linear", n_stages=3, stage_duration_s=0.05, noise="bands").certificate()
    assert certificate.passed
    assert "No partial could be measured in stage 1, 2, 3." in str(certificate)


def test_a_change_of_a_band_of_noise_is_found(growing):
    growth = growing("linear", n_stages=3, noise="every")
    certificate = tampered(growth, "noise", 0.05 * growth.noise).certificate()
    assert certificate.worst("band_change_db") == pytest.approx(0.42, abs=0.01)
    assert certificate.faults[0] == "Stage 1: a noise band changes its level by 0.42 dB."


def test_a_leak_in_one_moment_of_a_long_stage_is_found(growing):
    growth = growing(stages=((1,), (1, 2, 3)), pitch="held", noise="none", stage_duration_s=6.0)
    leak = track(growth, 3, -60, [0])
    leak[: len(leak) // 3] = 0
    assert growth.certificate().passed and not tampered(growth, "harmonic", leak).certificate().passed

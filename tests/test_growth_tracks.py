"""Growth of partials that are no multiples of a pitch, measured in the sound of a bell whose partials are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddsp_nb import ADSR, CheckpointError, GrowthError, GrowthPlan, Source, grow, load_model, save_model
from ddsp_nb.analysis.features import FeatureExtractor
from ddsp_nb.growth.track import sounding_hz
from ddsp_nb.piece.compose import Piece
from ddsp_nb.piece.sidecar import parse_sidecar, regrow, sidecar_of
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.oscillator import render_partials
from ddsp_nb.training.take import Take

# Of a bell: hum, two that beat, tierce, quint, nominal; how loud, how long they ring, and when they begin.
HZ = torch.tensor([262.0, 523.0, 525.0, 622.0, 784.0, 1047.0])
LEVELS = torch.tensor([0.10, 0.08, 0.05, 0.12, 0.04, 0.02])
FADES_S = torch.tensor([3.0, 1.5, 1.4, 0.4, 0.3, 0.2])
BIRTHS_S = torch.tensor([0.0, 0.0, 0.0, 0.1, 0.0, 0.5])
FLAT = ADSR(0.02, 0, 1.0, 0.02)
WHOLE = dict(noise="none", adsr=FLAT, silence_duration_s=0.0)
RATE, SECONDS = 16_000, 3.0


@pytest.fixture(scope="module")
def bell(small_config):
    """The take of the bell, without noise."""
    config = small_config
    t = torch.arange(config.n_frames(round(SECONDS * RATE)))[:, None] * config.hop_length / RATE
    amplitudes = LEVELS * torch.exp(-(t - BIRTHS_S) / FADES_S) * (t >= BIRTHS_S)
    coefficients = torch.cat([amplitudes, torch.zeros_like(amplitudes)], 1)
    hz = HZ.expand(len(t), -1).contiguous()
    sound = render_partials(hz, coefficients, config)
    controls = Controls.of_coefficients(coefficients, torch.zeros(len(t), config.n_bands))
    return Take(FeatureExtractor(config)(sound), controls, 60.0, hz=hz)


@pytest.fixture(scope="module")
def growing(trained, bell):
    """Grow the bell by a plan."""
    return lambda seed=0, **settings: grow(trained, bell, GrowthPlan(**WHOLE | settings), seed)


def level_db(sound, hz):
    """dB of a sine at hz in [n_samples] that fades slowly."""
    sound = sound.double().numpy() * np.blackman(len(sound))
    wave = np.exp(-2j * np.pi * hz / RATE * np.arange(len(sound)))
    return 20 * np.log10(abs(sound @ wave) / np.blackman(len(sound)).sum() * 2 + 1e-12)


def sets(growth):
    return [tuple((stage.mask.nonzero()[:, 0] + 1).tolist()) for stage in growth.stages]


def test_partials_sound_where_they_are_and_silent_ones_are_silent(growing, bell, trained):
    growth = growing(stages=((1,), (1, 4), tuple(range(1, 7))), stage_duration_s=0.9)
    first, second = growth.stage_audio(0), growth.stage_audio(1)
    assert level_db(first, 262) > -25 and level_db(second, 622) > -40
    assert max(level_db(first, hz) for hz in (523, 622, 784, 1047)) < level_db(first, 262) - 80
    certificate = growth.certificate()
    assert certificate.passed, str(certificate)
    # All of them are the recording.
    growth = growing(stages=((*range(1, 7),),), stage_duration_s=2.5, adsr=ADSR(0, 0, 1.0, 0))
    sound, played = bell.render(trained.config).audio, growth.stage_audio(0) / growth.gain
    np.testing.assert_allclose(played[:-1], sound[: len(played) - 1], atol=2e-6)


@pytest.mark.parametrize(
    ("order", "first"), [("low", 1), ("high", 6), ("loudest", 4), ("longest", 1), ("birth", 1), ("octaves", 1)]
)
def test_partials_enter_in_the_order_that_is_asked_for(growing, order, first):
    growth = growing(order=order, strategy="linear", n_stages=6, stage_duration_s=0.1)
    entered = [
        *sets(growth)[0],
        *(next(iter({*b} - {*a})) for a, b in zip(sets(growth), sets(growth)[1:], strict=False)),
    ]
    assert entered[0] == first and sorted(entered) == [1, 2, 3, 4, 5, 6]
    if order == "longest":
        assert entered == [1, 2, 3, 4, 5, 6]
    if order == "birth":
        assert entered[-2:] == [4, 6]


def test_a_note_is_the_whole_bell_moved(growing, bell):
    growth = growing(stages=(6, 6), pitch=("held", 524.0), stage_duration_s=1.0)
    own, moved = growth.stage_audio(0), growth.stage_audio(1)
    ratio = 524.0 / sounding_hz(bell)
    for hz in HZ[:1].tolist():
        assert abs(level_db(own, hz) - level_db(moved, hz * ratio)) < 0.5


def test_harmonise_moves_partials_to_multiples_and_to_a_scale_and_keeps_levels(growing):
    settings = dict(stages=(6,) * 3, pitch=200.0, stage_duration_s=1.2, crossfade_s=0.0)
    tracks = growing(harmonise=(0, 0.5, 1), **settings).schedule.tracks
    start, half, end = (tracks[200.0, "own", share].own_hz[0].double() for share in (0.0, 0.5, 1.0))
    multiples = end / 200
    np.testing.assert_allclose(multiples, multiples.round(), atol=1e-4)
    np.testing.assert_allclose(half.log(), (start.log() + end.log()) / 2, atol=1e-5)
    growth = growing(harmonise=(0, 1), **settings | {"stages": (6, 6)})
    assert abs(level_db(growth.stage_audio(0), start[0].item()) - level_db(growth.stage_audio(1), end[0].item())) < 0.5
    assert growth.certificate().passed
    just = growing(harmonise=1, ratios="just", **settings).schedule.tracks[200.0, "own", 1.0].own_hz[0]
    steps = np.log2(just.numpy() / 200) % 1
    allowed = np.log2([1, 16 / 15, 9 / 8, 6 / 5, 5 / 4, 4 / 3, 45 / 32, 3 / 2, 8 / 5, 5 / 3, 9 / 5, 15 / 8, 2])
    assert np.abs(steps[:, None] - allowed).min(1).max() < 1e-4


def test_a_bell_is_struck_anew_where_it_has_faded_and_cross_fades_do_not_click(growing):
    growth = growing(stages=(6,) * 4, stage_duration_s=2.0, crossfade_s=0.1)
    sound = growth.audio[: round(5.5 * RATE)].unfold(0, 800, 800).square().mean(1).sqrt()
    after = sound[round(2.0 * RATE / 800) :]
    assert after.max() > 3 * sound[round(2.5 * RATE / 800)] and growth.certificate().passed


def test_tracks_are_the_same_after_a_file_and_a_sidecar(growing, trained, bell, tmp_path):
    path = save_model(tmp_path / "bell.pt", trained, replace(bell, controls=halved(bell.controls)))
    model, take = load_model(path)
    assert torch.equal(take.hz, bell.hz)
    growth = grow(model, take, GrowthPlan(order="longest", harmonise=(0, 1), crossfade_s=0.05))
    again = regrow(parse_sidecar(sidecar_of(Piece.of(growth)).to_json()), Source(model, take))
    assert torch.equal(again.audio, growth.audio)
    with pytest.raises(CheckpointError, match="nothing was written"):
        save_model(tmp_path / "wrong.pt", trained, replace(take, hz=take.hz * 40))
    assert not (tmp_path / "wrong.pt").exists()


def halved(controls):
    return Controls.of_coefficients(controls.coefficients().half().float(), controls.noise_magnitudes)


def test_other_timbres_are_refused(growing):
    with pytest.raises(GrowthError, match="Use the timbre"):
        growing(timbre=("own", "flute"))

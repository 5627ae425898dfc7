"""The model: its parts, its seed, and what it refuses."""

from dataclasses import replace

import pytest
import torch

from ddsp_nb import Config, ConfigError, DDSPModel, FeatureExtractor, WorkbookWarning, draw
from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.notes.note import Note
from ddsp_nb.training import model as model_module


@pytest.fixture
def fresh(small_config):
    torch.manual_seed(0)
    return DDSPModel(small_config)


def test_default_network_has_about_three_million_parameters():
    model = DDSPModel(Config())
    assert 2.5e6 < model.n_parameters < 3.6e6
    assert model.n_parameters == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_sound_is_the_sum_of_its_parts_and_as_long_as_the_recording(trained, features):
    sound = trained(features)
    assert torch.allclose(sound.audio, sound.harmonic + sound.noise, atol=1e-7)
    assert {len(sound.audio), len(sound.harmonic), len(sound.noise)} == {features.n_samples}
    assert sound.harmonic.abs().max() > 0.01
    assert sound.noise.abs().max() > 1e-5


def test_same_seed_same_sound_other_seed_other_noise(trained, features):
    a, again, b = trained(features, seed=1), trained(features, seed=1), trained(features, seed=2)
    assert torch.equal(a.audio, again.audio)
    assert torch.equal(a.harmonic, b.harmonic)
    assert not torch.equal(a.noise, b.noise)


def test_before_training_the_network_adds_nothing_to_the_instrument(fresh, features):
    amplitudes, gains, _ = fresh.network(features.inputs()[None])
    expected, bands = fresh.network.instrument(features.inputs())
    level = torch.exp(NEPERS_PER_DB * features.loudness_db)[:, None]
    assert torch.allclose(amplitudes[0], (level * expected.exp()).clamp(min=1e-8), rtol=1e-3, atol=1e-7)
    assert torch.allclose(gains[0], (level * bands.exp()).clamp(1e-8, 0.99), rtol=1e-3, atol=1e-7)


def test_harmonics_are_silent_where_unvoiced(trained, features):
    voiced = features.voiced.clone()
    voiced[20:41] = False
    sound = trained(replace(features, voiced=voiced))
    hop = features.hop_length
    assert (sound.harmonic[20 * hop : 40 * hop] == 0).all()
    assert (sound.noise[20 * hop : 40 * hop] != 0).any()
    assert sound.harmonic[: 19 * hop].abs().max() > 0.01


@pytest.mark.parametrize("f0_hz", [200.0, 500.0])
def test_harmonics_are_at_multiples_of_the_pitch_of_the_features(trained, features, f0_hz):
    held = replace(features, f0_hz=torch.full_like(features.f0_hz, f0_hz), phase=None)
    sound = trained(held).harmonic[8000:24_000]
    spectrum = torch.fft.rfft(sound * torch.hann_window(len(sound))).abs().square()
    harmonic_number = torch.fft.rfftfreq(len(sound), 1 / features.sample_rate) / f0_hz
    near = (harmonic_number - harmonic_number.round()).abs() < 0.1
    assert spectrum[near].sum() > 100 * spectrum[~near].sum()


@pytest.mark.parametrize(
    "change", [{"sample_rate": 22_050}, {"hop_length": 256}, {"n_mfcc": 20}], ids=lambda c: next(iter(c))
)
def test_features_of_another_config_are_refused(trained, small_config, clip, change):
    other = FeatureExtractor(replace(small_config, **change))(clip)
    with pytest.raises(ConfigError, match="extract them with") as error:
        trained(other)
    assert "\n" not in str(error.value)


def test_what_was_heard_travels_with_the_weights(fresh, features):
    inputs = features.inputs()[features.voiced]
    fresh.hear(inputs)
    assert torch.allclose(fresh.network.input_mean, inputs.mean(0), atol=1e-4)
    assert torch.allclose(fresh.network.input_std, inputs.std(0), rtol=1e-3)
    assert fresh.octave_quantiles[50].item() == pytest.approx(inputs[:, 0].median().item(), abs=0.02)
    other = DDSPModel(fresh.config)
    other.load_state_dict(fresh.state_dict())
    assert torch.equal(other.loudness_quantiles_db, fresh.loudness_quantiles_db)
    assert torch.equal(other(features).audio, fresh(features).audio)


def test_a_long_performance_is_played_as_a_short_one_is(trained, features, monkeypatch):
    """Long ones are asked for and rendered in stretches: no seam is heard, in timbre, phase or loudness."""
    whole = trained(features, seed=1)
    monkeypatch.setattr(model_module, "STRETCH_FRAMES", 20)
    monkeypatch.setattr(model_module, "FRAMES_AT_ONCE", 40)
    parts = trained(features, seed=1)
    for name in ("harmonic", "noise"):
        assert torch.allclose(getattr(parts, name), getattr(whole, name), atol=1e-4), name


def test_a_loudness_that_cannot_be_played_is_told(trained, features):
    beyond = replace(features, f0_hz=torch.full_like(features.f0_hz, 7_990.0), loudness_db=torch.zeros(len(features)))
    with pytest.warns(WorkbookWarning, match="softer than asked"):
        trained(replace(beyond, voiced=torch.zeros_like(features.voiced)))


@pytest.mark.parametrize(
    ("note_s", "rest_s", "velocity"),
    [(0.25, 0.1, 96), (0.05, 0.0, 127), (0.05, 0.1, 64), (0.1, 0.0, 1), (0.1, 0.2, 127), (0.2, 0.0, 40)],
)
@pytest.mark.parametrize("steps", [(0, 2, 4, 5, 7, 9), (0,) * 6])
def test_short_notes_are_no_lack_of_power(trained, recwarn, note_s, rest_s, velocity, steps):
    """Their attacks are asked for within the window that measures loudness, where nothing can follow."""
    begins_s = [i * (note_s + rest_s) for i in range(len(steps))]
    notes = [Note(at_s, at_s + note_s, 69 + step, velocity) for at_s, step in zip(begins_s, steps, strict=True)]
    trained(draw(notes, trained), envelope=False)
    assert not [warning for warning in recwarn if "softer than asked" in str(warning.message)]

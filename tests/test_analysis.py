"""Analysis by least squares: it finds the partials of a sound that was made of them."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from ddsp_nb import Config, FeatureExtractor, Features, HarmonicOscillator, load_audio
from ddsp_nb.analysis.decompose import analyse, snr_db
from ddsp_nb.analysis.least_squares import assemble, overlap_add, solve_block_tridiagonal
from ddsp_nb.synthesis.noise import band_centres_hz
from ddsp_nb.synthesis.oscillator import integrate_pitch

CONFIG = Config(sample_rate=16_000, n_harmonics=12)


def known(n_frames=64, config=CONFIG, seed=0):
    """A made-up performance: its features and coefficients, and the sound of both."""
    rng = np.random.default_rng(seed)
    frames = np.arange(n_frames)
    f0_hz = torch.from_numpy(330 + 6 * np.sin(frames / 4)).float()
    swell = 1 + 0.3 * np.sin(frames[:, None] / 6 + rng.uniform(0, 6, 2 * config.n_harmonics))
    falling = np.tile(0.2 / np.arange(1, config.n_harmonics + 1), 2)
    coefficients = torch.from_numpy(swell * falling * rng.choice([-1, 1], 2 * config.n_harmonics)).float()
    features = Features(
        f0_hz=f0_hz,
        loudness_db=torch.full((n_frames,), -12.0),
        mfcc=torch.zeros(n_frames, config.n_mfcc),
        voiced=torch.ones(n_frames, dtype=torch.bool),
        phase=integrate_pitch(f0_hz, config),
        n_samples=(n_frames - 1) * config.hop_length,
        sample_rate=config.sample_rate,
        hop_length=config.hop_length,
    )
    sound = HarmonicOscillator(config).render(f0_hz, coefficients, phase=features.phase)
    return features, coefficients, sound


def test_known_coefficients_are_found():
    features, coefficients, sound = known()
    found = analyse(features, sound, CONFIG)
    assert found.snr_db > 45
    inner = slice(1, -1)  # the last frame is heard in one sample less
    error = (found.coefficients - coefficients)[inner]
    assert error.square().sum() < 1e-4 * coefficients[inner].square().sum()
    assert error.abs().max() < 0.01


def test_ceiling_is_the_level_of_what_the_sines_leave():
    features, _, sound = known()
    noise = torch.randn(len(sound), generator=torch.Generator().manual_seed(0))
    noise *= sound.square().mean().sqrt() / noise.square().mean().sqrt() * 0.1  # -20 dB
    found = analyse(features, sound + noise, CONFIG)
    assert 19.5 < found.snr_db < 22  # the sines also catch the noise that lies under them
    assert found.snr_db == pytest.approx(snr_db(sound + noise, found.harmonic[: len(sound)]), abs=0.01)


def test_noise_gains_have_the_level_of_the_residual():
    features, _, sound = known()
    noise = 0.02 * torch.randn(len(sound), generator=torch.Generator().manual_seed(0))
    found = analyse(features, sound + noise, CONFIG)
    high = band_centres_hz(CONFIG) > 5000  # above the highest partial, nothing is caught by the sines
    level_db = 20 * torch.log10(found.noise_magnitudes[5:-5, high])
    assert level_db.mean().item() == pytest.approx(20 * np.log10(0.02), abs=1)


def test_more_partials_never_lower_the_ceiling(data):
    audio = load_audio(data / "trumpet.flac", 16_000, duration_s=1.0)
    features = FeatureExtractor(Config(sample_rate=16_000))(audio)
    ceilings = [analyse(features, audio, replace(CONFIG, n_harmonics=n)).snr_db for n in (1, 3, 12)]
    assert all(b > a - 0.05 for a, b in itertools.pairwise(ceilings))
    assert ceilings[-1] > ceilings[0] + 6


def test_long_recording_has_no_seams():
    config = replace(CONFIG, hop_length=64, n_harmonics=4)
    features, _coefficients, sound = known(600, config)
    found = analyse(features, sound, config)
    error = (sound - found.harmonic[: len(sound)]).view(-1, 64)[2:-2].square().mean(1)
    assert error.max() < 1e-4 * sound.square().mean()
    assert found.snr_db > 45


def test_sound_above_nyquist_partials_is_finite():
    """High notes: most partials are masked, and their coefficients must not explode."""
    t = torch.arange(16_000, dtype=torch.float64) / 16_000
    tone = (0.3 * torch.sin(2 * torch.pi * 1500 * t)).float()
    features = FeatureExtractor(CONFIG)(tone)
    found = analyse(features, tone, CONFIG)
    assert found.coefficients.isfinite().all()
    assert found.coefficients.abs().max() < 1
    assert found.snr_db > 20


@pytest.mark.parametrize(("error", "wanted_db"), [(0.1, 20), (2.0, -6.02)])
def test_snr_is_in_db(error, wanted_db):
    target = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    assert snr_db(target, target * (1 + error)) == pytest.approx(wanted_db, abs=0.05)


def test_block_tridiagonal_systems_are_those_of_plain_least_squares():
    generator = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 5, 3, 20, generator=generator, dtype=torch.float64)
    sound = torch.randn(5, 20, 1, generator=generator, dtype=torch.float64)
    rhs = overlap_add(start @ sound, end @ sound)[..., 0]
    design = torch.zeros(5, 20, 6, 3, dtype=torch.float64)  # of each sample, by frame and unknown
    for hop in range(5):
        design[hop, :, hop], design[hop, :, hop + 1] = start[hop].T, end[hop].T
    wanted = torch.linalg.lstsq(design.reshape(100, 18), sound.reshape(100, 1)).solution.view(6, 3)
    assert torch.allclose(solve_block_tridiagonal(*assemble(start, end), rhs), wanted)

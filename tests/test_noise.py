"""The noise filterbank: level, spectrum and time of what the gains ask for."""

import numpy as np
import pytest
import torch

from ddsp_nb import Config, FilteredNoiseGenerator
from ddsp_nb.synthesis.noise import band_centres_hz, keep_bands

CONFIG = Config()
RATE, HOP = CONFIG.sample_rate, CONFIG.hop_length


def render(gains, seed=0, config=CONFIG):
    return FilteredNoiseGenerator(config)(gains, generator=torch.Generator().manual_seed(seed))


def power_spectrum(sound, n=4096):
    spectrum = torch.stft(sound, n, n // 2, window=torch.hann_window(n), return_complex=True).abs().square().mean(1)
    return spectrum, torch.fft.rfftfreq(n, 1 / RATE)


def level_db(sound):
    return 10 * torch.log10(sound.square().mean() + 1e-20)


@pytest.fixture(scope="module")
def white():
    return render(torch.ones(800, CONFIG.n_bands))


@pytest.mark.parametrize("sample_rate", [16_000, RATE, 48_000])
def test_gains_are_levels_and_none_is_silence(sample_rate):
    config = Config(sample_rate=sample_rate)
    sound = render(torch.full((400, config.n_bands), 0.5), config=config)
    assert sound.square().mean().sqrt().item() == pytest.approx(0.5, abs=0.01) and abs(sound.mean()) < 0.005
    assert (render(torch.zeros(20, config.n_bands), config=config) == 0).all()


@pytest.mark.parametrize("octave_hz", [60, 500, 4000, 15_000])
def test_unit_gains_are_flat(white, octave_hz):
    power, hz = power_spectrum(white)
    band = (hz > octave_hz / 2**0.5) & (hz < octave_hz * 2**0.5)
    assert abs(10 * torch.log10(power[band].mean() / power[10:-10].mean())) < 1


@pytest.mark.parametrize("band", [24, 48, 56])
def test_one_band_sounds_where_it_is_and_nowhere_else(band):
    gains = torch.zeros(400, CONFIG.n_bands)
    gains[:, band] = 1
    power, hz = power_spectrum(render(gains))
    centres = band_centres_hz(CONFIG)
    bin_hz = RATE / CONFIG.noise_n_fft  # the filterbank's own resolution, for low bands wider than a spacing
    low, high = centres[band - 2] - bin_hz, centres[band + 2] + bin_hz
    assert power[(hz > low) & (hz < high)].sum() / power.sum() > 0.9
    far = (hz < centres[band - 5] - 3 * bin_hz) | (hz > centres[min(band + 5, 63)] + 3 * bin_hz)
    assert power[far].max() / power.max() < 1e-4


def test_gains_change_in_time():
    gains = torch.zeros(81, CONFIG.n_bands)
    gains[41:] = 1
    sound = render(gains)
    assert (sound[: 39 * HOP].abs() < 1e-6).all()
    assert level_db(sound[43 * HOP :]).abs() < 0.5
    assert level_db(sound[42 * HOP : 43 * HOP]).abs() < 1.5  # at once, not averaged over the clip


def test_level_follows_a_ramp_in_db():
    wanted_db = torch.linspace(-60, 0, 241)
    gains = (10 ** (wanted_db / 20))[:, None].expand(-1, CONFIG.n_bands)
    sound = render(gains)
    for frame in range(8, 232, 8):  # a level of 16 hops around the frame
        level = level_db(sound[(frame - 8) * HOP : (frame + 8) * HOP])
        mean_power = 10 * torch.log10((gains[frame - 8 : frame + 8, 0] ** 2).mean())
        assert abs(level - mean_power) < 1


def test_same_seed_same_sound_other_seed_another():
    gains, state = torch.ones(40, CONFIG.n_bands), torch.get_rng_state()
    assert torch.equal(render(gains, 3), render(gains, 3))
    assert abs((render(gains, 3) * render(gains, 4)).mean()) < 0.05
    assert torch.equal(torch.get_rng_state(), state)
    a, b = FilteredNoiseGenerator(CONFIG)(gains.expand(2, -1, -1), generator=torch.Generator().manual_seed(0))
    assert a.shape == (39 * HOP,) and abs((a * b).mean()) < 0.05  # a batch is as many noises


def test_no_click_at_frame_edges():
    gains = torch.ones(800, CONFIG.n_bands)
    gains[:, 40:] = 0  # dull noise: a click would be bright
    sound = render(gains)
    sound = sound * torch.hann_window(len(sound))  # the ends of the clip are no frame edges
    bright = torch.fft.irfft(torch.fft.rfft(sound) * (torch.fft.rfftfreq(len(sound), 1 / RATE) > 8000))
    by_place = bright.view(-1, HOP).square().mean(0)  # within the hop
    assert by_place[[0, 1, -2, -1]].max() < 3 * by_place.mean()
    assert bright.square().mean() < 1e-8 * sound.square().mean()


def test_gradient_says_louder_where_the_target_is_louder():
    gains = torch.full((30, CONFIG.n_bands), 0.3, requires_grad=True)
    power, hz = power_spectrum(render(gains))
    (power[hz > 5000].sum() - power[hz < 2000].sum()).backward()
    assert gains.grad.isfinite().all()
    centres = band_centres_hz(CONFIG)
    assert (gains.grad[:, centres > 6000] > 0).float().mean() > 0.9
    middle = (centres > 200) & (centres < 1500)
    assert (gains.grad[:, middle] < 0).float().mean() > 0.9


@pytest.mark.parametrize("n_samples", [800, 44_100])
def test_bands_taken_one_by_one_add_up_to_the_noise(n_samples):
    white = torch.randn(n_samples, generator=torch.Generator().manual_seed(0))
    parts = keep_bands(white, torch.eye(CONFIG.n_bands), CONFIG)
    assert torch.allclose(parts.sum(0), white, atol=1e-5)
    assert torch.allclose(keep_bands(white, torch.ones(1, CONFIG.n_bands), CONFIG)[0], white, atol=1e-6)


def test_a_band_is_nothing_outside_its_territory():
    white = torch.randn(44_100, generator=torch.Generator().manual_seed(0))
    centres = band_centres_hz(CONFIG)
    mask = torch.zeros(1, CONFIG.n_bands)
    mask[0, 40] = 1
    sound = keep_bands(white, mask, CONFIG)[0].double().numpy()
    spectrum = np.abs(np.fft.rfft(sound * np.kaiser(len(sound), 20)))  # lines 1 Hz apart, main lobe of 7 Hz
    low, high = (centres[39] * centres[40]) ** 0.5, (centres[40] * centres[41]) ** 0.5
    outside = np.r_[spectrum[: int(low) - 10], spectrum[int(high) + 10 :]]
    assert 20 * np.log10(outside.max() / spectrum.max()) < -100

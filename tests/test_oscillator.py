"""The harmonic oscillator against exact arithmetic: pitch, Nyquist, drift, smoothness."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from ddsp_nb import Config, HarmonicOscillator
from ddsp_nb.synthesis.controls import Controls, low_crest_directions, lowest_crest_directions
from ddsp_nb.synthesis.oscillator import harmonic_basis, integrate_pitch, partial_basis

CONFIG = Config()
RATE, HOP = CONFIG.sample_rate, CONFIG.hop_length


def exact_cycles(f0_hz):
    """Cycles at every sample of a pitch that is linear between frames, float64, and its frequency in Hz."""
    u = np.arange(HOP) / HOP
    start, rise = f0_hz[:-1, None], np.diff(f0_hz)[:, None]
    before = np.concatenate([[0], np.cumsum((f0_hz[1:] + f0_hz[:-1]) / 2)])[:-1, None]
    cycles = (before + start * u + rise * u**2 / 2) * HOP / RATE
    return cycles.ravel(), (start + rise * u).ravel()


def naive(f0_hz, amplitudes, offsets, masked=True):
    """Σ a_k sin(k φ + θ_k) one harmonic at a time in float64; amplitudes are linear between frames."""
    cycles, frequency_hz = exact_cycles(np.asarray(f0_hz, float))
    frames, times = np.arange(len(f0_hz)), np.arange(len(cycles)) / HOP
    sound = np.zeros(len(cycles))
    for k in range(1, amplitudes.shape[1] + 1):
        angle = 2 * np.pi * ((k * cycles) % 1)
        level = np.interp(times, frames, amplitudes[:, k - 1])
        partial = level * np.sin(angle + offsets[k - 1])
        sound += partial * (k * frequency_hz < RATE / 2) if masked else partial
    return sound


def render(f0_hz, amplitudes, **options):
    f0_hz, amplitudes = (torch.as_tensor(np.asarray(x)).float() for x in (f0_hz, amplitudes))
    return HarmonicOscillator(CONFIG)(f0_hz, amplitudes, **options).double().numpy()


def spectrum_db(sound):
    """Level in dB of a full-scale sine, with a Blackman-Harris-like (4-term) window, and the bins' Hz."""
    n = len(sound)
    x = 2 * np.pi * np.arange(n) / n
    window = 0.35875 - 0.48829 * np.cos(x) + 0.14128 * np.cos(2 * x) - 0.01168 * np.cos(3 * x)
    magnitude = np.abs(np.fft.rfft(sound * window)) / window.sum() * 2
    return 20 * np.log10(magnitude + 1e-12), np.arange(n // 2 + 1) * RATE / n


def falling(n_frames, n_harmonics=64):
    return np.tile(1 / np.arange(1, n_harmonics + 1), (n_frames, 1))


GLIDES = {
    "constant": np.full(60, 123.4),
    "vibrato": 300 + 20 * np.sin(np.arange(60) / 3),
    "through Nyquist": np.geomspace(200, 800, 60),
    "leap": np.repeat([220.0, 660.0, 110.0], 20),
    "above Nyquist": np.full(60, 23_000.0),
}


@pytest.mark.parametrize("glide", GLIDES)
@pytest.mark.parametrize("turned", [False, True])
def test_agrees_with_a_naive_oscillator(glide, turned):
    f0_hz = GLIDES[glide].astype(np.float32).astype(float)
    rng = np.random.default_rng(0)
    amplitudes = (falling(60) * rng.uniform(0.2, 1, (60, 64))).astype(np.float32)
    offsets = rng.uniform(-3, 3, 64) if turned else np.zeros(64)
    wanted = naive(f0_hz, amplitudes, offsets)
    options = {"phase_offsets": torch.from_numpy(np.tile(offsets, (60, 1))).float()} if turned else {}
    assert np.abs(render(f0_hz, amplitudes, **options) - wanted).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("f0_hz", [690.0, 5000.0])
def test_nothing_folds_back_from_above_nyquist(f0_hz):
    f0_hz = np.full(40, f0_hz)
    partials_hz = f0_hz[0] * np.arange(1, 65)
    between = lambda hz: np.abs(hz[:, None] - partials_hz[partials_hz < RATE / 2]).min(1) > 50
    level_db, hz = spectrum_db(render(f0_hz, falling(40)))
    assert level_db[between(hz)].max() < -90
    folded_db, _ = spectrum_db(naive(f0_hz, falling(40), np.zeros(64), masked=False))
    assert folded_db[between(hz)].max() > -40  # without the mask this test would hear it


def test_phase_does_not_drift_in_an_hour():
    n_frames = 3600 * RATE // HOP
    f0 = torch.full((n_frames,), 440.1)
    cycles_per_hop = Fraction(f0[0].item()) * HOP / RATE  # exact, of the float32 that is stored
    cycles = integrate_pitch(f0, CONFIG).numpy() / (2 * np.pi)
    late = range(n_frames - 1000, n_frames)
    exact = np.array([float(n * cycles_per_hop % 1) for n in late])
    error = (cycles[late] - exact + 0.5) % 1 - 0.5
    assert np.abs(error).max() < 5e-5  # of a cycle; the 64th harmonic is off by 64 times as much
    steps = (f0[1:] * (2 * torch.pi * HOP / RATE)).cumsum(-1).double().numpy() / (2 * np.pi)
    float32_error = (steps[late.start - 1 :] - exact + 0.5) % 1 - 0.5
    assert np.abs(float32_error).max() > 0.02  # float32 would drift


def test_late_frames_sound_like_early_ones():
    f0_hz = np.full(3, 400 * RATE / (HOP * 100))  # a whole number of periods in a hop
    amplitudes = falling(3)
    early = render(f0_hz, amplitudes)
    cycles = round(f0_hz[0] * HOP / RATE) * 2**25 + np.arange(3) * f0_hz[0] * HOP / RATE
    late = render(f0_hz, amplitudes, phase=torch.from_numpy(2 * np.pi * cycles))
    assert np.abs(late - early).max() < 1e-3 * np.abs(early).max()


def test_a_batch_is_its_clips_one_by_one():
    f0_hz = torch.tensor([[220.0], [331.0]]).expand(2, 20)
    amplitudes = torch.rand(2, 20, 8, generator=torch.Generator().manual_seed(0))
    both = HarmonicOscillator(CONFIG)(f0_hz, amplitudes)
    for i in range(2):
        assert torch.equal(both[i], HarmonicOscillator(CONFIG)(f0_hz[i], amplitudes[i]))


def test_gradient_moves_amplitudes_towards_the_target():
    f0_hz = torch.full((12,), 300.0)
    target = HarmonicOscillator(CONFIG)(f0_hz, torch.tensor([0.5, 0.0, 0.2]).expand(12, 3))
    amplitudes = torch.full((12, 3), 0.3, requires_grad=True)
    (HarmonicOscillator(CONFIG)(f0_hz, amplitudes) - target).square().sum().backward()
    assert amplitudes.grad.isfinite().all()
    assert (amplitudes.grad.sign() == torch.tensor([-1, 1, 1])).all()
    silent = torch.ones(12, 2, requires_grad=True)
    HarmonicOscillator(CONFIG)(torch.full((12,), 15_000.0), silent).square().sum().backward()
    assert (silent.grad[..., 0] > 0).all() and (silent.grad[..., 1] == 0).all()  # 30 kHz is not heard


def test_ratios_in_place_of_whole_multiples_keep_their_phase_for_an_hour():
    n_frames = 3600 * RATE // HOP
    f0_hz, ratios = torch.full((n_frames,), 441.3), torch.tensor([1.0, 2.5, 3.0001, 60.0], dtype=torch.float64)
    phase = integrate_pitch(f0_hz, CONFIG)
    basis = partial_basis(f0_hz[-3:, None] * ratios, phase[-3:, None] * ratios, CONFIG)  # [2, 8, hop_length]
    n = torch.arange((n_frames - 3) * HOP, (n_frames - 1) * HOP, dtype=torch.float64)
    cycles = n * f0_hz[0].double() / RATE
    wanted = torch.sin(2 * torch.pi * torch.frac(cycles * ratios[:3, None]))
    sines = basis.transpose(0, 1).flatten(1)[:4]
    assert (sines[:3] - wanted).abs().max() < 1e-4
    assert (sines[3] == 0).all()  # 60 x 441 Hz lies above Nyquist


def test_whole_ratios_are_the_harmonics():
    f0_hz = torch.linspace(200, 300, 20)
    phase = integrate_pitch(f0_hz, CONFIG)
    table = torch.arange(1, 9, dtype=torch.float64)
    own = partial_basis(f0_hz[:, None] * table, phase[:, None] * table, CONFIG)
    assert (harmonic_basis(f0_hz, phase, 8, CONFIG) - own).abs().max() < 1e-5


def test_phases_are_chosen_for_what_is_played(take, small_config):
    """A violin peaks over 2 dB lower than with phases for any spectrum; a partial that is silent keeps a phase."""
    amplitudes = take.controls.amplitudes.clone()
    amplitudes[:, 7] = 0
    chosen, any_spectrum = lowest_crest_directions(amplitudes), low_crest_directions(small_config.n_harmonics)
    assert torch.allclose(chosen.norm(dim=-1), torch.ones(small_config.n_harmonics))

    def peak(directions):
        controls = Controls(amplitudes, directions.expand(len(amplitudes), -1, 2), take.controls.noise_magnitudes)
        sound = HarmonicOscillator(small_config).render(take.features.f0_hz, controls.coefficients())
        return sound.abs().max().item()

    assert peak(chosen) < 0.75 * peak(any_spectrum)
    for few in (amplitudes[:1], torch.zeros(2, 32), amplitudes[:, :1]):  # a frame, silence, a sine
        assert torch.allclose(lowest_crest_directions(few).norm(dim=-1), torch.ones(few.shape[1]))

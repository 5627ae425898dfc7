"""Move pitch and phase to where the partials fit the recording best: the last hundredths of a radian."""

from dataclasses import replace

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.least_squares import least_squares, solve_block_tridiagonal
from ddsp_nb.config import Config
from ddsp_nb.synthesis.oscillator import TWO_PI, HarmonicOscillator

N_STEPS = 2
N_PARTIALS = 16  # hold the energy that counts
DAMPING, STILLNESS = 0.1, 1e-3  # of a frame's own energy and of the mean: silent frames stay where they are
FEWEST_PERIODS = 2  # per hop: of slower notes a frame cannot tell phase from amplitude
LARGEST_STEP, LARGEST_SLOPE = 0.3, 0.03  # radians, and share of the pitch


@torch.no_grad()
def fit_phase(f0_hz: torch.Tensor, phase: torch.Tensor, voiced: torch.Tensor, audio: torch.Tensor, config: Config):
    """Two Gauss-Newton steps on pitch and phase of all frames together.

    In each, the least-squares sound of the first 16 partials is made linear in the fundamental's phase, which the
    Hermite cubic of the oscillator gives from phase and pitch of two frames; what the partials leave of the recording
    tells where it should move.

    Args:
        f0_hz: [n_frames] pitch, Hz.
        phase: [n_frames] of the fundamental, radians, float64.
        voiced: [n_frames] bool, where partials sound.
        audio: [n_samples] the recording, at most (n_frames - 1) * hop_length long.
        config: gives sample rate and hop.

    Returns:
        f0_hz [n_frames] and phase [n_frames], float64, moved by at most 3 % and 0.3 radians a step; frames that hold
        less than two periods stay as they are.
    """
    config = replace(config, n_harmonics=min(N_PARTIALS, config.n_harmonics))
    audio = F.pad(audio, (0, (len(f0_hz) - 1) * config.hop_length - len(audio)))
    for _ in range(N_STEPS):
        f0_hz, phase = step(f0_hz, phase, voiced, audio, config)
    return f0_hz, phase


def step(f0_hz, phase, voiced, audio, config):
    """One Gauss-Newton step."""
    periods = f0_hz * config.hop_length / config.sample_rate
    coefficients = least_squares(f0_hz, phase, voiced & (periods > FEWEST_PERIODS), audio, config)
    render = lambda c: HarmonicOscillator(config).render(f0_hz[None], c[None], phase=phase[None])[0]
    left = audio - render(coefficients)
    sine, cosine = coefficients.chunk(2, -1)
    k = torch.arange(1, config.n_harmonics + 1)
    slope = render(torch.cat([-k * cosine, k * sine], -1))  # of the sound, by the fundamental's phase
    own, next_one, right = normal_equations(left, slope, config.hop_length)
    energy = own.diagonal(dim1=1, dim2=2)
    energy += DAMPING * (energy + STILLNESS * energy.mean(0)) + torch.finfo(energy.dtype).tiny
    turn, bend = solve_block_tridiagonal(own, next_one, right[..., None])[..., 0].unbind(-1)
    f0_hz = f0_hz.double()
    bend_hz = bend * config.sample_rate / (config.hop_length * TWO_PI)
    largest_hz = LARGEST_SLOPE * f0_hz
    return f0_hz + bend_hz.clamp(-largest_hz, largest_hz), phase + turn.clamp(-LARGEST_STEP, LARGEST_STEP)


def normal_equations(left, slope, hop_length):
    """Blocks of the system for phase (radians) and pitch (radians per hop) of each frame, as for `least_squares`."""
    left, slope = (x.double().view(-1, hop_length) for x in (left, slope))
    u = torch.arange(hop_length, dtype=torch.float64) / hop_length
    hermite = torch.stack([2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u, 3 * u**2 - 2 * u**3, u**3 - u**2])
    products = (hermite[:, None] * hermite).flatten(0, 1)
    gram = (slope.square() @ products.T).unflatten(-1, (4, 4))  # [n_hops, 4, 4]
    toward = (slope * left) @ hermite.T  # [n_hops, 4]
    own = F.pad(gram[:, :2, :2], (0, 0, 0, 0, 0, 1)) + F.pad(gram[:, 2:, 2:], (0, 0, 0, 0, 1, 0))
    right = F.pad(toward[:, :2], (0, 0, 0, 1)) + F.pad(toward[:, 2:], (0, 0, 1, 0))
    return own, gram[:, :2, 2:], right

"""Start the network's heads from the analysed controls, so that training begins where the sound already is.

A GRU with random weights is a rich memory of its inputs; a linear read-out of such a memory can be solved for
instead of learned (echo state networks, Jaeger 2001). Each head's last layer is the weighted ridge regression
from what reaches it to the controls of `analysis.py`: one matrix solve instead of hundreds of training steps.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from ddsp_nb.analysis.decompose import Analysis
from ddsp_nb.analysis.features import Features
from ddsp_nb.training.model import DDSPModel

RIDGE = 1e-6  # relative to the mean diagonal of the normal equations
NOISE_RIDGE = 1e-3  # more, as gains measured on noise are noisy: a read-out that follows each of them is brittle
MIN_LEVEL = 1e-6  # linear; keeps logarithms finite
MAX_GAIN = 0.999  # linear; keeps the logit of a noise gain finite
MIN_WEIGHT = 1e-4  # of frames whose harmonics are silenced anyway
QUIET_WEIGHT = 0.02  # of a harmonic's silent moments, relative to its RMS level: they are heard too
MIN_LENGTH = 0.5  # of a predicted direction, whose target is a unit vector
N_ITERATIONS = 20  # in which the lengths of directions are set free
MAX_FRAMES = 4096  # of a long recording, evenly spaced, determine a read-out of 512 numbers
HEADROOM = 1.5  # a harmonic may become that much louder than it was in the recording


@torch.no_grad()
def start_heads(model: DDSPModel, features: Features, analysis: Analysis) -> None:
    """Solve the last layer of the three heads for the analysed controls of one recording, in place.

    Args:
        model: its GRU, normalisation and mix are taken as they are.
        features: of the recording.
        analysis: of the same recording.
    """
    net, device = model.synthesizer, model.device
    hidden = net.encode(features.inputs().to(device))[0]
    sine, cosine = (analysis.coefficients.to(device).double() / model.mix).chunk(2, -1)  # [n_frames, n_harmonics] each
    level = torch.hypot(sine, cosine)
    relative = level / (level.square().mean(0).sqrt() + MIN_LEVEL)
    net.max_amplitude.copy_(HEADROOM * level.amax(0) + MIN_LEVEL)
    log_level = inverse_softplus(level.clamp(min=MIN_LEVEL))
    directions = torch.stack([sine, cosine], -1) / (level[..., None] + 1e-12)
    gains = (analysis.noise_magnitudes.to(device).double() / (1 - model.mix)).clamp(MIN_LEVEL, MAX_GAIN)
    level_weight = torch.where(features.voiced.to(device)[:, None], relative + QUIET_WEIGHT, MIN_WEIGHT)
    phase_weight = relative.square() + MIN_WEIGHT
    if len(hidden) > MAX_FRAMES:
        frames = torch.linspace(0, len(hidden) - 1, MAX_FRAMES, device=device).long()
        hidden, log_level, level_weight = hidden[frames], log_level[frames], level_weight[frames]
        directions, phase_weight, gains = directions[frames], phase_weight[frames], gains[frames]

    x = read_out_inputs(net.amplitude_head, hidden)
    levels = [weighted_ridge(x, w)(y[:, None]) for y, w in zip(log_level.T, level_weight.T, strict=True)]
    set_read_out(net.amplitude_head, torch.cat(levels, -1))
    x = read_out_inputs(net.phase_head, hidden)
    phases = [fit_directions(x, d, w) for d, w in zip(directions.unbind(1), phase_weight.T, strict=True)]
    set_read_out(net.phase_head, torch.stack(phases, -1).flatten(1))
    x = read_out_inputs(net.noise_head, hidden)
    set_read_out(net.noise_head, weighted_ridge(x, torch.ones_like(x[:, 0]), NOISE_RIDGE)(torch.logit(gains)))


def read_out_inputs(head: nn.Sequential, hidden: torch.Tensor) -> torch.Tensor:
    """[n_frames, hidden_size + 1] what the last layer of a head reads, and a constant for its bias."""
    return F.pad(head[:-1](hidden).double(), (0, 1), value=1.0)


def set_read_out(head: nn.Sequential, solution: torch.Tensor) -> None:
    """Make [hidden_size + 1, n_outputs] the weights and bias of a head's last layer."""
    head[-1].weight.copy_(solution[:-1].T)
    head[-1].bias.copy_(solution[-1])


def weighted_ridge(
    x: torch.Tensor, weight: torch.Tensor, strength: float = RIDGE
) -> Callable[[torch.Tensor], torch.Tensor]:
    """A solver of argmin_b Σ weight (x b - y)² + strength |b|²: from y [n_frames, m] to b [n, m].

    Args:
        x: [n_frames, n].
        weight: [n_frames].
        strength: relative to the mean diagonal of the normal equations.
    """
    weighted = x * weight[:, None]
    gram = weighted.T @ x
    gram.diagonal().add_(strength * gram.diagonal().mean())
    factor = torch.linalg.cholesky(gram)
    return lambda y: torch.cholesky_solve(weighted.T @ y, factor)


def fit_directions(x: torch.Tensor, directions: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """b [n, 2] so that x b points along unit vectors [n_frames, 2], whatever its length above MIN_LENGTH.

    Each iteration gives the targets the length that the prediction has along them, which leaves the regression only
    directions to explain.
    """
    solve = weighted_ridge(x, weight)
    solution = solve(directions)
    for _ in range(N_ITERATIONS):
        length = ((x @ solution) * directions).sum(-1, keepdim=True).clamp(min=MIN_LENGTH)
        solution = solve(length * directions)
    return solution


def inverse_softplus(y: torch.Tensor) -> torch.Tensor:
    """x whose softplus, log(1 + eˣ), is y > 0."""
    return y + torch.log(-torch.expm1(-y))

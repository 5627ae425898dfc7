"""Start the network's heads from the analysed controls, so that training begins where the sound already is.

A GRU with random weights is a rich memory of its inputs; a linear read-out of such a memory can be solved for
instead of learned (echo state networks, Jaeger 2001). Each head's last layer is the weighted ridge regression
from what reaches it to the controls of `analysis.py`: one matrix solve instead of hundreds of training steps.
"""

import torch
from torch import nn

from ddsp_nb.analysis.decompose import Analysis
from ddsp_nb.analysis.features import Features
from ddsp_nb.training.model import DDSPModel

RIDGE, NOISE_RIDGE = 1e-6, 1e-3  # noise gains are measured on noise: a read-out that follows each is brittle
QUIETEST, LOUDEST = 1e-6, 0.999
HARDLY = 1e-4  # weight of frames whose harmonics are silenced anyway
QUIET_WEIGHT = 0.02  # of a harmonic's silent moments, relative to its RMS level: they are heard too
SHORTEST, TURNS = 0.5, 20  # of a predicted direction's length, and how often the lengths are set free
ENOUGH_FRAMES = 4096  # of a long recording, evenly spaced, determine a read-out of 512 numbers
HEADROOM = 1.5  # a harmonic may become that much louder than it was in the recording


@torch.no_grad()
def start_heads(model: DDSPModel, features: Features, analysis: Analysis) -> None:
    """Solve the last layer of the three heads for the analysed controls of one recording, in place.

    Args:
        model: its GRU, normalisation and mix are taken as they are.
        features: of the recording.
        analysis: of the same recording.
    """
    net, n_harmonics = model.synthesizer, model.config.n_harmonics
    device = model.mix_logit.device
    hidden = net.remember(features.inputs().to(device)[None])[0][0].double()
    coefficients, noise = analysis.coefficients.to(device).double(), analysis.noise_magnitudes.to(device).double()
    sine, cosine = (coefficients / model.mix).split(n_harmonics, -1)  # [n_frames, n_harmonics] each
    level = torch.hypot(sine, cosine)
    relative = level / (level.square().mean(0).sqrt() + QUIETEST)
    sounding = features.voiced.to(device)[:, None]
    net.max_amplitude.copy_(HEADROOM * level.amax(0) + QUIETEST)
    log_level = inverse_softplus(level.clamp(min=QUIETEST))
    solve(net.amplitude_head, hidden, log_level[..., None], torch.where(sounding, relative + QUIET_WEIGHT, HARDLY))
    directions = torch.stack([sine, cosine], -1) / (level[..., None] + 1e-12)
    solve(net.phase_head, hidden, directions, relative.square() + HARDLY, turns=TURNS)
    gains = (noise / (1 - model.mix)).clamp(QUIETEST, LOUDEST)
    solve(net.noise_head, hidden, torch.logit(gains)[:, None], torch.ones_like(gains[:, :1]), NOISE_RIDGE)


def solve(head: nn.Sequential, hidden, targets, weights, strength: float = RIDGE, turns: int = 0) -> None:
    """Set the last layer of `head` to weighted ridge regressions.

    Args:
        hidden: [n_frames, hidden_size] what the head reads.
        targets: [n_frames, n_groups, n] what it should say; its outputs are ordered [n, n_groups].
        weights: [n_frames, n_groups] importance of each frame.
        strength: of the ridge, relative to the mean of the diagonal.
        turns: of `ridge`, for targets of which only the direction counts.
    """
    *body, last = head
    if len(hidden) > ENOUGH_FRAMES:
        chosen = torch.linspace(0, len(hidden) - 1, ENOUGH_FRAMES, device=hidden.device).long()
        hidden, targets, weights = hidden[chosen], targets[chosen], weights[chosen]
    x = nn.functional.pad(nn.Sequential(*body)(hidden.float()).double(), (0, 1), value=1.0)  # a constant for the bias
    groups = zip(targets.unbind(1), weights.unbind(1), strict=True)
    solution = torch.stack([ridge(x, t, w, strength, turns) for t, w in groups], -1)  # [hidden_size + 1, n, n_groups]
    solution = solution.flatten(1).T
    last.weight.copy_(solution[:, :-1])
    last.bias.copy_(solution[:, -1])


def ridge(x, target, weight, strength, turns):
    """argmin_b Σ weight (x b - target)² + strength |b|²: [n_frames, n], [n_frames, m], [n_frames] -> [n, m].

    With `turns` the target is a unit vector whose length is free, above SHORTEST: each turn takes on the length that
    the prediction has along it, which leaves the regression only directions to explain.
    """
    weighted = x * weight[:, None]
    gram = weighted.T @ x
    gram.diagonal().add_(strength * gram.diagonal().mean())
    factor = torch.linalg.cholesky(gram)
    solution = torch.cholesky_solve(weighted.T @ target, factor)
    for _ in range(turns):
        length = ((x @ solution) * target).sum(-1, keepdim=True).clamp(min=SHORTEST)
        solution = torch.cholesky_solve(weighted.T @ (length * target), factor)
    return solution


def inverse_softplus(y):
    return y + torch.log(-torch.expm1(-y))

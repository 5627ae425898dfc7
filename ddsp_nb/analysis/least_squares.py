"""The harmonic part that is nearest to a recording, by least squares.

With pitch and phase known the harmonic part is linear in its coefficients. No basis is stored: products of sines are
sines of sums and differences (2 sin a sin b = cos(a-b) - cos(a+b)), so each block of the normal equations is put
together from the few numbers Σ w(n) e^(imφ(n)), m = 0 ... 2K. Frames couple to their neighbours only, which makes the
system block tridiagonal: one sweep there and one back solve it.
"""

import torch
from torch.nn import functional as F

from ddsp_nb.config import Config
from ddsp_nb.synthesis.oscillator import TWO_PI, interpolate_phase

RIDGE = 1e-4  # of a sounding partial's energy: keeps coefficients of silent partials small
HOPS_AT_ONCE = 16
STRETCH_HOPS, OVERLAP = 1024, 4  # that are solved together, and how much they share with their neighbours


@torch.no_grad()
def least_squares(f0_hz, phase, voiced, audio: torch.Tensor, config: Config) -> torch.Tensor:
    """Coefficients whose sound is nearest to a recording.

    Long recordings are solved in stretches that overlap by more than a frame's influence reaches.

    Args:
        f0_hz: [n_frames] pitch, Hz.
        phase: [n_frames] of the fundamental, radians, float64.
        voiced: [n_frames] bool; coefficients of other frames are zero.
        audio: [n_samples] the recording, at most (n_frames - 1) * hop_length long.
        config: gives sample rate, hop and number of harmonics.

    Returns:
        [n_frames, 2 * n_harmonics] coefficients of sin(kφ), then of cos(kφ).
    """
    n_hops, hop = len(f0_hz) - 1, config.hop_length
    sound = F.pad(audio, (0, n_hops * hop - len(audio))).view(n_hops, hop)
    coefficients = torch.zeros(n_hops + 1, 2 * config.n_harmonics)
    for start in range(0, n_hops, STRETCH_HOPS):
        first, last = max(0, start - OVERLAP), min(n_hops, start + STRETCH_HOPS + OVERLAP)
        track = (x[first : last + 1] for x in (f0_hz, phase, voiced))
        solution = solve_stretch(*track, sound[first:last], config)
        coefficients[start : last + 1] = solution[start - first :]
    return coefficients


def solve_stretch(f0_hz, phase, voiced, sound, config):
    """Coefficients [n_hops + 1, 2 * n_harmonics] of one stretch of sound [n_hops, hop_length]."""
    own, next_one, right = normal_equations(f0_hz, phase, sound, config)
    silent = ~audible_partials(f0_hz, voiced, config).repeat(1, 2)
    right[silent] = 0
    own.masked_fill_(silent[:, :, None] | silent[:, None, :], 0)
    next_one.masked_fill_(silent[:-1, :, None] | silent[1:, None, :], 0)
    own.diagonal(dim1=1, dim2=2).add_(RIDGE * config.hop_length).add_(silent)
    return solve_block_tridiagonal(own, next_one, right[..., None])[..., 0]


def audible_partials(f0_hz, voiced, config: Config) -> torch.Tensor:
    """[n_frames, n_harmonics] bool: voiced, and below Nyquist."""
    k = torch.arange(1, config.n_harmonics + 1)
    return voiced[:, None] & (f0_hz[:, None] * k < config.nyquist_hz)


def normal_equations(f0_hz, phase, sound, config):
    """Blocks of the system: own [n_frames, 2K, 2K], next_one [n_frames - 1, 2K, 2K], right side [n_frames, 2K]."""
    n_frames, n_harmonics, hop = len(f0_hz), config.n_harmonics, config.hop_length
    after = torch.arange(hop) / hop
    weights = torch.stack([(1 - after) ** 2, after * (1 - after), after**2])  # [3, hop]
    own = torch.zeros(n_frames, 2 * n_harmonics, 2 * n_harmonics)
    next_one, right = torch.zeros_like(own[1:]), torch.zeros(n_frames, 2 * n_harmonics)
    for start in range(0, n_frames - 1, HOPS_AT_ONCE):
        stop = min(start + HOPS_AT_ONCE, n_frames - 1)
        waves = multiples(
            f0_hz[start : stop + 1], phase[start : stop + 1], 2 * n_harmonics, config
        )  # [hops, hop, 2 * (2K + 1)]
        blocks = gram_blocks(weights @ waves, n_harmonics)  # [hops, 3, 2K, 2K]
        own[start:stop] += blocks[:, 0]
        next_one[start:stop] = blocks[:, 1]
        own[start + 1 : stop + 1] += blocks[:, 2]
        cosine, sine = waves.chunk(2, -1)
        basis = torch.cat([sine[..., 1 : n_harmonics + 1], cosine[..., 1 : n_harmonics + 1]], -1)
        here = sound[start:stop]
        ends = torch.stack([here * (1 - after), here * after], 1) @ basis  # [hops, 2, 2K]
        right[start:stop] += ends[:, 0]
        right[start + 1 : stop + 1] += ends[:, 1]
    return own, next_one, right


def multiples(f0_hz, phase, n_multiples, config):
    """cos(mφ), then sin(mφ), for m = 0 ... n_multiples: [n_hops, hop_length, 2 * (n_multiples + 1)]."""
    cycles, _ = interpolate_phase(f0_hz, phase, config)
    angle = torch.frac(cycles[..., None] * torch.arange(n_multiples + 1)).float() * TWO_PI
    return torch.cat([angle.cos(), angle.sin()], -1)


def gram_blocks(sums, n_harmonics):
    """[..., 2 * (2K + 1)] sums of cos(mφ), sin(mφ) to [..., 2K, 2K] inner products of sines and cosines."""
    cosine, sine = sums.chunk(2, -1)
    k = torch.arange(1, n_harmonics + 1)
    total, apart = k[:, None] + k, (k[:, None] - k).abs()
    sign = torch.sign(k[:, None] - k)
    sine_sine = cosine[..., apart] - cosine[..., total]
    cosine_cosine = cosine[..., apart] + cosine[..., total]
    sine_cosine = sine[..., total] + sign * sine[..., apart]
    top = torch.cat([sine_sine, sine_cosine], -1)
    bottom = torch.cat([sine_cosine.transpose(-1, -2), cosine_cosine], -1)
    return torch.cat([top, bottom], -2) / 2


def solve_block_tridiagonal(own, next_one, right):
    """Solve own[t] x[t] + next_one[t-1]ᵀ x[t-1] + next_one[t] x[t+1] = right[t] by block elimination.

    own [n, m, m], next_one [n - 1, m, m] and right [n, m, n_sides] give x [n, m, n_sides].
    """
    factors, right, width = [], list(right.unbind()), own.shape[-1]
    block = own[0]
    for t in range(len(own) - 1):
        factors.append(torch.linalg.cholesky(block))
        carried = torch.cholesky_solve(torch.cat([next_one[t], right[t]], 1), factors[t])
        block = own[t + 1] - next_one[t].T @ carried[:, :width]
        right[t + 1] = right[t + 1] - next_one[t].T @ carried[:, width:]
    solution = [torch.cholesky_solve(right[-1], torch.linalg.cholesky(block))]
    for t in range(len(own) - 2, -1, -1):
        solution.append(torch.cholesky_solve(right[t] - next_one[t] @ solution[-1], factors[t]))
    return torch.stack(solution[::-1])

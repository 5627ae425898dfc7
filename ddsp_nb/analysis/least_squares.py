"""The sines nearest to a recording, by least squares (notebook 02, "The amplitudes of a recording").

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
# Of a hop, below which neighbouring frames are held together; and how stiffly, beside the energy of a sounding partial.
# A bass's partials then move by 0.1 dB from frame to frame, not by 6, and the sound is as near to it as before.
LEAST_PERIODS, STIFFNESS = 1.2, 1e-3
HOPS_AT_ONCE = 16  # whose products are held in memory together
STRETCH_HOPS = 1024  # hops that are solved together
OVERLAP = 4  # hops that a stretch shares with its neighbours: a frame's influence reaches no further


@torch.no_grad()
def least_squares(
    f0_hz: torch.Tensor, phase: torch.Tensor, voiced: torch.Tensor, audio: torch.Tensor, config: Config
) -> torch.Tensor:
    """Coefficients whose sound is nearest to a recording.

    Long recordings are solved in stretches that overlap, so that memory does not grow with them.

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
        frames = slice(first, last + 1)
        solution = solve_stretch(f0_hz[frames], phase[frames], voiced[frames], sound[first:last], config)
        coefficients[start : last + 1] = solution[start - first :]
    return coefficients


def solve_stretch(
    f0_hz: torch.Tensor, phase: torch.Tensor, voiced: torch.Tensor, sound: torch.Tensor, config: Config
) -> torch.Tensor:
    """Coefficients [n_hops + 1, 2 * n_harmonics] of one stretch of sound [n_hops, hop_length]."""
    diag, off_diag, rhs = normal_equations(f0_hz, phase, sound, config)
    stiffen(diag, off_diag, f0_hz, config)
    k = torch.arange(1, config.n_harmonics + 1)
    silent = ~(voiced[:, None] & (f0_hz[:, None] * k < config.nyquist_hz)).repeat(1, 2)  # unvoiced, or beyond Nyquist
    rhs[silent] = 0
    diag.masked_fill_(silent[:, :, None] | silent[:, None, :], 0)
    off_diag.masked_fill_(silent[:-1, :, None] | silent[1:, None, :], 0)
    diag.diagonal(dim1=1, dim2=2).add_(RIDGE * config.hop_length).add_(silent)
    return solve_block_tridiagonal(diag, off_diag, rhs)


def stiffen(diag: torch.Tensor, off_diag: torch.Tensor, f0_hz: torch.Tensor, config: Config) -> None:
    """Hold coefficients of neighbouring frames together, in place, where a hop has too few periods to tell them apart.

    Else the partials of a low note would flutter from frame to frame: together they are the sound, alone each is none.
    """
    periods = (f0_hz[1:] + f0_hz[:-1]) / 2 * config.hop_length / config.sample_rate
    stiffness = (STIFFNESS * config.hop_length * (LEAST_PERIODS / periods - 1).clamp(min=0).square()).float()[:, None]
    diag.diagonal(dim1=1, dim2=2)[:-1].add_(stiffness)
    diag.diagonal(dim1=1, dim2=2)[1:].add_(stiffness)
    off_diag.diagonal(dim1=1, dim2=2).sub_(stiffness)


def normal_equations(
    f0_hz: torch.Tensor, phase: torch.Tensor, sound: torch.Tensor, config: Config
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """diag [n_frames, 2K, 2K], off_diag [n_hops, 2K, 2K] and rhs [n_frames, 2K] of the system, a few hops at a time."""
    n_hops, hop = sound.shape
    k = slice(1, config.n_harmonics + 1)
    after = torch.arange(hop) / hop
    weights = torch.stack([(1 - after) ** 2, after * (1 - after), after**2])  # [3, hop]
    diag = torch.zeros(n_hops + 1, 2 * config.n_harmonics, 2 * config.n_harmonics)
    off_diag, rhs = torch.zeros_like(diag[1:]), torch.zeros_like(diag[:, 0])
    for start in range(0, n_hops, HOPS_AT_ONCE):
        hops, frames = slice(start, start + HOPS_AT_ONCE), slice(start, start + HOPS_AT_ONCE + 1)
        waves = multiples(f0_hz[frames], phase[frames], 2 * config.n_harmonics, config)  # [hops, hop, 2 * (2K + 1)]
        blocks = gram_blocks(weights @ waves, config.n_harmonics)  # [hops, 3, 2K, 2K]
        off_diag[hops] = blocks[:, 1]
        overlap_add(blocks[:, 0], blocks[:, 2], out=diag[frames])
        cosine, sine = waves.chunk(2, -1)
        basis = torch.cat([sine[..., k], cosine[..., k]], -1)
        ends = torch.stack([sound[hops] * (1 - after), sound[hops] * after], 1) @ basis  # [hops, 2, 2K]
        overlap_add(ends[:, 0], ends[:, 1], out=rhs[frames])
    return diag, off_diag, rhs


def assemble(start: torch.Tensor, end: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocks of the normal equations of any basis: hop t sounds x[t] @ start[t] + x[t + 1] @ end[t].

    Args:
        start: [n_hops, width, hop_length] what each unknown of the frame where a hop starts adds to the hop's sound.
        end: [n_hops, width, hop_length] the same of the frame where it ends.

    Returns:
        diag [n_hops + 1, width, width] and off_diag [n_hops, width, width].
    """
    return overlap_add(start @ start.mT, end @ end.mT), start @ end.mT


def overlap_add(start: torch.Tensor, end: torch.Tensor, *, out: torch.Tensor | None = None) -> torch.Tensor:
    """Sum over hops for each frame: [n_hops, ...] for the frames where hops start and end, to [n_hops + 1, ...]."""
    out = start.new_zeros(len(start) + 1, *start.shape[1:]) if out is None else out
    out[:-1] += start
    out[1:] += end
    return out


def multiples(f0_hz: torch.Tensor, phase: torch.Tensor, n_multiples: int, config: Config) -> torch.Tensor:
    """cos(mφ), then sin(mφ), for m = 0 ... n_multiples: [n_hops, hop_length, 2 * (n_multiples + 1)]."""
    cycles, _ = interpolate_phase(f0_hz, phase, config)
    angle = torch.frac(cycles[..., None] * torch.arange(n_multiples + 1)).float() * TWO_PI
    return torch.cat([angle.cos(), angle.sin()], -1)


def gram_blocks(sums: torch.Tensor, n_harmonics: int) -> torch.Tensor:
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


def solve_block_tridiagonal(diag: torch.Tensor, off_diag: torch.Tensor, rhs: torch.Tensor) -> torch.Tensor:
    """Solve off_diag[t-1]ᵀ x[t-1] + diag[t] x[t] + off_diag[t] x[t+1] = rhs[t] by block elimination (Cholesky).

    Args:
        diag: [n, width, width], symmetric and positive.
        off_diag: [n - 1, width, width].
        rhs: [n, width].

    Returns:
        x [n, width].
    """
    factors, sides, block = [], list(rhs[..., None].unbind()), diag[0]
    for t, coupling in enumerate(off_diag):
        factors.append(torch.linalg.cholesky(block))
        carried = torch.cholesky_solve(torch.cat([coupling, sides[t]], 1), factors[t])
        block = diag[t + 1] - coupling.T @ carried[:, :-1]
        sides[t + 1] = sides[t + 1] - coupling.T @ carried[:, -1:]
    solution = [torch.cholesky_solve(sides[-1], torch.linalg.cholesky(block))]
    for t in range(len(off_diag) - 1, -1, -1):
        solution.append(torch.cholesky_solve(sides[t] - off_diag[t] @ solution[-1], factors[t]))
    return torch.stack(solution[::-1])[..., 0]

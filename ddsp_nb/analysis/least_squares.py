"""The sines nearest to a recording, by least squares (notebook 02, "The amplitudes of a recording").

With pitch and phase known the harmonic part is linear in its coefficients. No basis is stored: products of sines are
sines of sums and differences (2 sin a sin b = cos(a-b) - cos(a+b)), so each block of the normal equations is put
together from the few numbers Σ w(n) e^(imφ(n)), m = 0 ... 2K. Frames couple to their neighbours only, which makes the
system block tridiagonal: every second frame is eliminated, all at once, until one is left.
"""

import torch
from torch.nn import functional as F

from ddsp_nb.config import Config
from ddsp_nb.synthesis.oscillator import FACTOR, HOPS_AT_ONCE, interpolate_phase, powers

RIDGE = 1e-4  # of a sounding partial's energy: keeps coefficients of silent partials small
# Of a hop, below which neighbouring frames are held together; and how stiffly, beside the energy of a sounding partial.
# A bass's partials then move by 0.1 dB from frame to frame, not by 6, and the sound is as near to it as before.
LEAST_PERIODS, STIFFNESS = 1.2, 1e-3
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
    hop, n_harmonics = config.hop_length, config.n_harmonics
    after = torch.arange(hop) / hop
    ramps = torch.stack([1 - after, after])
    weights = torch.stack([(1 - after) ** 2, after * (1 - after), after**2])  # [3, hop]
    parts = []
    for start in range(0, len(sound), HOPS_AT_ONCE):
        hops, frames = slice(start, start + HOPS_AT_ONCE), slice(start, start + HOPS_AT_ONCE + 1)
        cycles, _ = interpolate_phase(f0_hz[frames], phase[frames], config)
        weighted = torch.cat([weights.expand(len(cycles), -1, -1), sound[hops, None] * ramps], 1)  # [hops, 5, hop]
        parts.append(moments(weighted, cycles, 2 * n_harmonics + 1))
    before, both, end, heard_before, heard_end = torch.cat(parts).unbind(1)  # [n_hops, 2K + 1]
    heard = overlap_add(heard_before, heard_end)[:, 1 : n_harmonics + 1]
    return gram(overlap_add(before, end)), gram(both), torch.cat([heard.imag, heard.real], -1)


def assemble(start: torch.Tensor, end: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocks of the normal equations of any basis: hop t sounds x[t] @ start[t] + x[t + 1] @ end[t].

    Args:
        start: [n_hops, width, hop_length] what each unknown of the frame where a hop starts adds to the hop's sound.
        end: [n_hops, width, hop_length] the same of the frame where it ends.

    Returns:
        diag [n_hops + 1, width, width] and off_diag [n_hops, width, width].
    """
    return overlap_add(start @ start.mT, end @ end.mT), start @ end.mT


def overlap_add(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Sum over hops for each frame: [n_hops, ...] for the frames where hops start and end, to [n_hops + 1, ...]."""
    out = start.new_zeros(len(start) + 1, *start.shape[1:])
    out[:-1] += start
    out[1:] += end
    return out


def moments(weights: torch.Tensor, cycles: torch.Tensor, n: int) -> torch.Tensor:
    """Σ w e^(imφ) over each hop, m = 0 ... n - 1, for [n_hops, n_weights, hop_length] w: [n_hops, n_weights, n]."""
    fine, coarse = (torch.cat(parts, 1) for parts in powers(cycles, -(-n // FACTOR)))  # cosines, then sines
    sums = (weights[:, :, None] * coarse[:, None]).flatten(1, 2) @ fine.mT
    (cc, cs), (sc, ss) = (x.chunk(2, -1) for x in sums.unflatten(1, (weights.shape[1], 2, -1)).unbind(2))
    return torch.complex(cc - ss, sc + cs).flatten(2)[..., :n]


def gram(sums: torch.Tensor) -> torch.Tensor:
    """[..., 2K + 1] sums of e^(imφ) to [..., 2K, 2K] inner products of sines and cosines."""
    k = torch.arange(1, (sums.shape[-1] + 1) // 2)
    total, apart = sums[..., k[:, None] + k], sums[..., (k[:, None] - k).abs()]
    sine = torch.sign(k[:, None] - k) * apart.imag
    top = torch.cat([apart.real - total.real, total.imag + sine], -1)
    bottom = torch.cat([total.imag - sine, apart.real + total.real], -1)
    return torch.cat([top, bottom], -2) / 2


def solve_block_tridiagonal(diag: torch.Tensor, off_diag: torch.Tensor, rhs: torch.Tensor) -> torch.Tensor:
    """Solve off_diag[t-1]ᵀ x[t-1] + diag[t] x[t] + off_diag[t] x[t+1] = rhs[t] by cyclic reduction.

    Every second frame is eliminated, all of them at once, which leaves a system of the same kind and half the size
    (Heller 1976, "Some aspects of the cyclic reduction algorithm for block tridiagonal linear systems").

    Args:
        diag: [n, width, width], symmetric and positive.
        off_diag: [n - 1, width, width].
        rhs: [n, width].

    Returns:
        x [n, width].
    """
    if len(diag) == 1:
        return torch.cholesky_solve(rhs[..., None], torch.linalg.cholesky(diag))[..., 0]
    width, n_odd = rhs.shape[1], len(diag) // 2
    # The last frame that is eliminated may have no neighbour after it.
    after = F.pad(off_diag[1::2], (0, 0, 0, 0, 0, len(off_diag) % 2))
    factor = torch.linalg.cholesky(diag[1::2])
    sides = torch.cat([off_diag[::2].mT, after, rhs[1::2, :, None]], -1)  # [n_odd, width, 2 * width + 1]
    sides = torch.linalg.solve_triangular(factor, sides, upper=False)
    neighbours, known = sides[..., : 2 * width], sides[..., 2 * width :]
    carried, carried_rhs = neighbours.mT @ neighbours, (neighbours.mT @ known)[..., 0]
    even_diag, even_rhs = diag[::2].clone(), rhs[::2].clone()
    n_after = len(even_diag) - 1
    even_diag[:n_odd] -= carried[:, :width, :width]
    even_diag[1:] -= carried[:n_after, width:, width:]
    even_rhs[:n_odd] -= carried_rhs[:, :width]
    even_rhs[1:] -= carried_rhs[:n_after, width:]
    even = solve_block_tridiagonal(even_diag, -carried[:n_after, :width, width:], even_rhs)
    around = torch.cat([even[:n_odd], F.pad(even, (0, 0, 0, 1))[1 : n_odd + 1]], 1)[..., None]
    odd = torch.linalg.solve_triangular(factor.mT, known - neighbours @ around, upper=True)[..., 0]
    solution = torch.empty_like(rhs)
    solution[::2], solution[1::2] = even, odd
    return solution

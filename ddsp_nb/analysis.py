"""The best that the synthesizer could do on one recording, by least squares instead of learning.

With pitch and phase known the harmonic part is linear in its coefficients, so the normal equations give the ones
that no training can beat: the *ceiling*. A low ceiling is a fault of the pitch track; a model far below its
ceiling has not learned enough. The coefficients also start the network's heads where the sound already is.

No basis is stored: products of sines are sines of sums and differences (2 sin a sin b = cos(a-b) - cos(a+b)), so
each block of the normal equations is put together from the few numbers Σ w(n) e^(imφ(n)), m = 0 ... 2K. Frames
couple to their neighbours only, which makes the system block tridiagonal: one sweep there and one back solve it.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.config import Config
from ddsp_nb.features import Features
from ddsp_nb.noise import FilteredNoiseGenerator
from ddsp_nb.oscillator import TWO_PI, HarmonicOscillator, interpolate_phase

RIDGE = 1e-4  # of a sounding partial's energy: keeps coefficients of silent partials small
HOPS_AT_ONCE = 16
STRETCH_HOPS, OVERLAP = 1024, 4  # that are solved together, and how much they share with their neighbours
QUIETEST_GAIN = 1e-6
LOG_RAYLEIGH = 0.289  # by which the mean logarithm of noise magnitudes lies below that of their RMS


@dataclass(frozen=True)
class Analysis:
    """Least-squares controls of one recording.

    Attributes:
        coefficients: [n_frames, 2 * n_harmonics] of sin(kφ), then of cos(kφ).
        harmonic: [n_samples] the sound of those coefficients.
        noise_magnitudes: [n_frames, n_bands] gains that give noise the level of what the sines leave.
        snr_db: the ceiling: level of the recording over that of what the sines leave.
    """

    coefficients: torch.Tensor
    harmonic: torch.Tensor
    noise_magnitudes: torch.Tensor
    snr_db: float


@torch.no_grad()
def analyse(features: Features, audio: torch.Tensor, config: Config) -> Analysis:
    """Solve for the coefficients of a recording, [n_samples] sound of which `features` were extracted."""
    coefficients = least_squares(features, audio, config)
    oscillator = HarmonicOscillator(config)
    harmonic = oscillator.render(features.f0_hz[None], coefficients[None], phase=features.phase[None])[0, : len(audio)]
    noise = band_gains(audio - harmonic, config, len(features))
    return Analysis(coefficients, harmonic, noise, snr_db(audio, harmonic))


def least_squares(features: Features, audio: torch.Tensor, config: Config) -> torch.Tensor:
    """Coefficients [n_frames, 2 * n_harmonics] whose sound is nearest to the recording.

    Long recordings are solved in stretches that overlap by more than a frame's influence reaches.
    """
    n_hops, hop = len(features) - 1, config.hop_length
    sound = F.pad(audio, (0, n_hops * hop - len(audio))).view(n_hops, hop)
    coefficients = torch.zeros(n_hops + 1, 2 * config.n_harmonics)
    for start in range(0, n_hops, STRETCH_HOPS):
        first, last = max(0, start - OVERLAP), min(n_hops, start + STRETCH_HOPS + OVERLAP)
        solution = solve_stretch(features, sound[first:last], slice(first, last + 1), config)
        coefficients[start : last + 1] = solution[start - first :]
    return coefficients


def solve_stretch(features, sound, frames, config):
    """Coefficients [n_hops + 1, 2 * n_harmonics] of one stretch of sound [n_hops, hop_length]."""
    f0_hz, phase, voiced = features.f0_hz[frames], features.phase[frames], features.voiced[frames]
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


def band_gains(sound: torch.Tensor, config: Config, n_frames: int) -> torch.Tensor:
    """Gains [n_frames, n_bands] at which the noise filterbank has the level of [n_samples] sound in each band.

    Logarithms are averaged, as the loss does, and set right for noise, whose mean logarithm lies below its RMS.
    """
    generator = FilteredNoiseGenerator(config)
    sound = F.pad(sound, (0, (n_frames - 1) * config.hop_length - len(sound)))
    window = generator.window
    stft = torch.stft(
        sound, config.noise_n_fft, config.hop_length, window=window, return_complex=True, pad_mode="constant"
    )
    log_level = (stft.abs() / window.square().sum().sqrt() + QUIETEST_GAIN).log() + LOG_RAYLEIGH
    weights = generator.to_bins / generator.to_bins.sum(1, keepdim=True).clamp(min=1e-9)
    return (weights @ log_level).T.exp()


def snr_db(target: torch.Tensor, estimate: torch.Tensor) -> float:
    """Waveform signal-to-noise ratio: 10 log10(Σ target² / Σ (target - estimate)²)."""
    return (10 * torch.log10(target.square().sum() / (target - estimate).square().sum().clamp(min=1e-12))).item()

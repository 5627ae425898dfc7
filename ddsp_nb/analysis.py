"""The best that the synthesizer could do on one recording, by least squares instead of learning.

With pitch and phase known the harmonic part is linear in its coefficients, so conjugate gradients find the ones
that no training can beat: the *ceiling*. A low ceiling is a fault of the pitch track; a model far below its
ceiling has not learned enough. The coefficients also start the network's heads where the sound already is.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.config import Config
from ddsp_nb.features import Features
from ddsp_nb.noise import FilteredNoiseGenerator
from ddsp_nb.oscillator import harmonic_basis, ramp, render_frames

N_ITERATIONS = 30
RIDGE = 1e-2  # keeps coefficients of silent partials small
FRAMES_AT_ONCE, OVERLAP = 256, 4  # long recordings are solved in stretches
QUIETEST_GAIN = 1e-6


@dataclass(frozen=True)
class Analysis:
    """Least-squares controls of one recording.

    Attributes:
        coefficients: [n_frames, 2 * n_harmonics] of sin(kφ), then of cos(kφ).
        harmonic: [(n_frames - 1) * hop_length] the sound of those coefficients.
        noise_magnitudes: [n_frames, n_bands] gains that give noise the level of what the sines leave.
        snr_db: the ceiling: level of the recording over that of what the sines leave.
    """

    coefficients: torch.Tensor
    harmonic: torch.Tensor
    noise_magnitudes: torch.Tensor
    snr_db: float


def analyse(features: Features, audio: torch.Tensor, config: Config) -> Analysis:
    """Solve for the coefficients of a recording, [n_samples] sound of which `features` were extracted."""
    n_hops = len(features) - 1
    target = F.pad(audio, (0, n_hops * config.hop_length - len(audio))).view(n_hops, config.hop_length)
    coefficients = torch.zeros(len(features), 2 * config.n_harmonics)
    harmonic = torch.zeros_like(target)
    for start in range(0, n_hops, FRAMES_AT_ONCE):
        wide = slice(max(0, start - OVERLAP), min(n_hops, start + FRAMES_AT_ONCE + OVERLAP))
        frames = slice(wide.start, wide.stop + 1)
        basis = gated_basis(features, frames, config)
        solution = least_squares(basis, target[wide])
        skip = start - wide.start
        coefficients[start : start + FRAMES_AT_ONCE + 1] = solution[skip : skip + FRAMES_AT_ONCE + 1]
    for start in range(0, n_hops, FRAMES_AT_ONCE):
        frames = slice(start, min(n_hops, start + FRAMES_AT_ONCE) + 1)
        harmonic[start : frames.stop - 1] = render_frames(gated_basis(features, frames, config), coefficients[frames])
    coefficients = coefficients * features.voiced[:, None]
    residual = target - harmonic
    return Analysis(
        coefficients=coefficients,
        harmonic=harmonic.flatten(),
        noise_magnitudes=band_gains(residual.flatten(), config),
        snr_db=snr_db(target, harmonic),
    )


def gated_basis(features: Features, frames: slice, config: Config) -> torch.Tensor:
    """Quadrature basis of a stretch of frames: [n_frames - 1, hop_length, 2 * n_harmonics]."""
    return harmonic_basis(features.f0_hz[frames], features.phase[frames], config.n_harmonics, config)


def least_squares(basis: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Coefficients [n_hops + 1, width] whose sound is nearest to target [n_hops, hop_length] (conjugate gradients)."""
    weights = ramp(basis)

    def gradient(sound):
        ends = torch.bmm(basis.transpose(1, 2), torch.stack([sound * (1 - weights), sound * weights], -1))
        return F.pad(ends[..., 0], (0, 0, 0, 1)) + F.pad(ends[..., 1], (0, 0, 1, 0))

    residual = gradient(target)
    solution, direction, energy = torch.zeros_like(residual), residual, residual.square().sum()
    for _ in range(N_ITERATIONS):
        image = gradient(render_frames(basis, direction)) + RIDGE * direction
        step = energy / ((direction * image).sum() + 1e-20)
        solution, residual = solution + step * direction, residual - step * image
        previous, energy = energy, residual.square().sum()
        direction = residual + energy / (previous + 1e-20) * direction
    return solution


def band_gains(sound: torch.Tensor, config: Config) -> torch.Tensor:
    """Gains [n_frames, n_bands] at which the noise filterbank has the level of [n_samples] sound in each band.

    Logarithms are averaged, as the loss does; a Rayleigh magnitude's mean logarithm is that of its RMS - 0.289.
    """
    generator = FilteredNoiseGenerator(config)
    stft = torch.stft(
        sound, config.noise_n_fft, config.hop_length, window=generator.window, return_complex=True, pad_mode="constant"
    )
    log_level = (stft.abs() / generator.window.square().sum().sqrt() + QUIETEST_GAIN).log() + 0.289
    weights = generator.to_bins / generator.to_bins.sum(1, keepdim=True).clamp(min=1e-9)
    return (weights @ log_level).T.exp()


def snr_db(target: torch.Tensor, estimate: torch.Tensor) -> float:
    """Waveform signal-to-noise ratio: 10 log10(Σ target² / Σ (target - estimate)²)."""
    return (10 * torch.log10(target.square().sum() / (target - estimate).square().sum().clamp(min=1e-12))).item()

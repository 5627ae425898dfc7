"""The oscillator the way it is usually written: the oracle of our tests and the benchmark's yardstick, not for use.

Amplitudes and phase offsets are upsampled to every sample before any sine is summed.
"""

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.oscillator import TWO_PI, interpolate_phase


def plain_harmonic(features: Features, controls: Controls, config: Config) -> torch.Tensor:
    """[n_samples] Σ_k a_k sin(kφ + θ_k), everything upsampled to [n_samples, n_harmonics] first."""
    cycles, frequency_hz = interpolate_phase(features.f0_hz, features.phase, config)
    k = torch.arange(1, config.n_harmonics + 1)
    angle = TWO_PI * (cycles.flatten()[:, None] * k % 1).float()  # [n_samples, n_harmonics]
    audible = frequency_hz.flatten()[:, None] * k < config.nyquist_hz
    sine, cosine = upsample(controls.coefficients(), config.hop_length).chunk(2, -1)
    return ((sine * angle.sin() + cosine * angle.cos()) * audible).sum(-1)


def upsample(frames: torch.Tensor, hop_length: int) -> torch.Tensor:
    """[n_frames, channels] to [(n_frames - 1) * hop_length, channels], linearly."""
    n_samples = (len(frames) - 1) * hop_length
    return F.interpolate(frames.T[None], n_samples + 1, mode="linear", align_corners=True)[0, :, :-1].T

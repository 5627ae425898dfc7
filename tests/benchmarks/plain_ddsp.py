"""DDSP the way it is usually written: the oracle of our tests and the yardstick of our benchmark, not for use.

The GRU walks the whole clip at once, amplitudes and phase offsets are upsampled to every sample before any sine is
summed, and the target's spectra are computed again in each step. The same network, the same loss, the same sound.
"""

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.features import Features
from ddsp_nb.synthesis.oscillator import TWO_PI, interpolate_phase
from ddsp_nb.training.losses import MultiScaleSpectralLoss
from ddsp_nb.training.model import Controls, DDSPModel, gate


def plain_harmonic(features: Features, controls: Controls, model: DDSPModel) -> torch.Tensor:
    """[n_samples] Σ_k a_k sin(kφ + θ_k), everything upsampled to [n_samples, n_harmonics] first."""
    config = model.config
    cycles, frequency_hz = interpolate_phase(features.f0_hz, features.phase, config)
    k = torch.arange(1, config.n_harmonics + 1)
    angle = TWO_PI * (cycles.flatten()[:, None] * k % 1).float()  # [n_samples, n_harmonics]
    audible = frequency_hz.flatten()[:, None] * k < config.nyquist_hz
    sine, cosine = upsample(controls.coefficients(), config.hop_length).chunk(2, -1)
    return model.mix * ((sine * angle.sin() + cosine * angle.cos()) * audible).sum(-1)


def upsample(frames: torch.Tensor, hop_length: int) -> torch.Tensor:
    """[n_frames, channels] to [(n_frames - 1) * hop_length, channels], linearly."""
    n_samples = (len(frames) - 1) * hop_length
    return F.interpolate(frames.T[None], n_samples + 1, mode="linear", align_corners=True)[0, :, :-1].T


def plain_step(model: DDSPModel, features: Features, audio: torch.Tensor, optimiser: torch.optim.Optimizer) -> float:
    """One training step of the plain kind on [n_samples] sound; returns its loss."""
    controls = gate(model.synthesizer(features.inputs()), features)
    noise = (1 - model.mix) * model.noise_generator(controls.noise_magnitudes)
    harmonic = plain_harmonic(features, controls, model)
    target = F.pad(audio, (0, len(harmonic) - len(audio)))
    error = (harmonic - target).square().sum() / target.square().sum()
    loss = MultiScaleSpectralLoss(model.config)(harmonic + noise, target) + error.sqrt()
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return loss.item()

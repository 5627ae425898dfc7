"""What a synthesizer is told, and the sound it makes of that (notebook 03, "Sines plus noise")."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.config import Config
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.oscillator import HarmonicOscillator, render_partials

MAX_NOISE_GAIN = 0.999  # of a band: 1 is white noise at full scale
SILENT = 1e-12  # linear; keeps the direction of a partial that is not there defined
# Phases are chosen for some of the frames whose partials add up to most: no softer one peaks as high.
CREST_FRAMES, CREST_SHARE = 64, 0.3
# After 50 of them peaks are 1 dB higher.
CREST_STEPS = 200
# Of the highest peak, what is left at the first step and is added by the last one.
CUT, CUT_LESS = 0.8, 0.18


@dataclass(frozen=True)
class Controls:
    """Partials and noise of every frame; a batch may stand before the frames.

    Attributes:
        amplitudes: [..., n_frames, n_harmonics] linear, at least 0.
        directions: [..., n_frames, n_harmonics, 2] unit vectors (cos θ, sin θ) of each harmonic's phase offset.
        noise_magnitudes: [..., n_frames, n_bands] gains, 0 to 1.
    """

    amplitudes: torch.Tensor
    directions: torch.Tensor
    noise_magnitudes: torch.Tensor

    @classmethod
    def of_coefficients(cls, coefficients: torch.Tensor, noise_magnitudes: torch.Tensor) -> "Controls":
        """The reverse of `coefficients`: [..., n_frames, 2 * n_harmonics] of the basis, and noise gains."""
        pairs = coefficients.unflatten(-1, (2, -1)).mT
        amplitudes = torch.hypot(*pairs.unbind(-1))
        upright, lengths = torch.tensor([1.0, 0.0], device=pairs.device), amplitudes[..., None]
        directions = torch.where(lengths > SILENT, pairs / lengths.clamp(min=SILENT), upright)
        return cls(amplitudes, directions, noise_magnitudes)

    def coefficients(self) -> torch.Tensor:
        """[..., n_frames, 2 * n_harmonics] of the basis sin(kφ), cos(kφ)."""
        return (self.amplitudes[..., None] * self.directions).mT.flatten(-2)

    def scaled(self, gain: torch.Tensor) -> "Controls":
        """The same sound with a gain [..., n_frames] for each frame."""
        noise = (self.noise_magnitudes * gain[..., None]).clamp(max=MAX_NOISE_GAIN)
        return Controls(self.amplitudes * gain[..., None], self.directions, noise)

    def __getitem__(self, frames: slice | torch.Tensor) -> "Controls":
        """Some of the frames."""
        return Controls(*(x[frames] for x in vars(self).values()))


@dataclass(frozen=True)
class Sound:
    """A rendered performance: audio = harmonic + noise, each [n_samples]."""

    audio: torch.Tensor
    harmonic: torch.Tensor
    noise: torch.Tensor


class Synthesizer:
    """The harmonic oscillator and the noise filterbank, side by side."""

    def __init__(self, config: Config):
        self.oscillator, self.noise_generator = HarmonicOscillator(config), FilteredNoiseGenerator(config)

    def __call__(
        self,
        controls: Controls,
        f0_hz: torch.Tensor,
        *,
        phase: torch.Tensor | None = None,
        hz: torch.Tensor | None = None,
        n_samples: int | None = None,
        seed: int = 0,
    ) -> Sound:
        """Render [n_frames, ...] controls.

        Args:
            controls: of one performance.
            f0_hz: [n_frames] fundamental, Hz.
            phase: [n_frames] float64 radians; integrated from f0 if None.
            hz: [n_frames, n_partials] of partials that are no multiples of the fundamental.
            n_samples: of the sound; as many as the frames span if None.
            seed: of the noise.
        """
        coefficients = controls.coefficients()
        if hz is None:
            harmonic = self.oscillator.render(f0_hz, coefficients, phase=phase)[:n_samples]
        else:
            harmonic = render_partials(hz, coefficients, self.oscillator.config)[:n_samples]
        generator = torch.Generator().manual_seed(seed)
        noise = self.noise_generator(controls.noise_magnitudes, generator=generator)[:n_samples]
        return Sound(harmonic + noise, harmonic, noise)


def low_crest_directions(n_harmonics: int) -> torch.Tensor:
    """[n_harmonics, 2] constant phases, (cos θ, sin θ), that spread a period's energy in time (Schroeder 1970).

    Constant, since a phase that moves is heard as roughness or as another pitch.
    """
    k = torch.arange(1, n_harmonics + 1)
    angle = -math.pi * k * (k - 1) / n_harmonics
    return torch.stack([angle.cos(), angle.sin()], -1)


def lowest_crest_directions(amplitudes: torch.Tensor) -> torch.Tensor:
    """[n_harmonics, 2] constant phases with which no period of a performance peaks higher than it must.

    Schroeder's for these amplitudes, then again and again those that periods have once their peaks are cut off (Van der
    Ouderaa, Schoukens and Renneboog 1988): 5 dB lower than phases that suit any spectrum. Its amplitudes are
    [n_frames, n_harmonics], linear, at the level that is played.
    """
    most = amplitudes.sum(1).argsort(descending=True)[: math.ceil(CREST_SHARE * len(amplitudes))]
    chosen = torch.linspace(0, len(most) - 1, min(CREST_FRAMES, len(most))).long()
    amplitudes = amplitudes[most[chosen.to(most.device)]].cpu()
    power, n_samples = amplitudes.square().sum(0), 8 * amplitudes.shape[1]
    shares = power / power.sum().clamp(min=SILENT)
    phasors = torch.polar(torch.ones_like(shares), -2 * math.pi * (shares.cumsum(0).cumsum(0) - shares.cumsum(0)))
    for step in range(CREST_STEPS):
        periods = torch.fft.irfft(F.pad(amplitudes * phasors, (1, 0)), n_samples)
        limit = periods.abs().max() * (CUT + CUT_LESS * step / CREST_STEPS)
        cut = torch.fft.rfft(periods.clamp(-limit, limit))[:, 1 : len(shares) + 1]
        phasors = ((cut * amplitudes).sum(0) + SILENT * phasors).sgn()
    return torch.view_as_real(1j * phasors)  # of sines: a cosine is one a quarter early

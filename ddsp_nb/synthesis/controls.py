"""What a synthesizer is told, and the sound it makes of that (notebook 03, "Sines plus noise")."""

import math
from dataclasses import dataclass

import torch

from ddsp_nb.config import Config
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.oscillator import HarmonicOscillator

MAX_NOISE_GAIN = 0.999  # of a band: 1 is white noise at full scale
SILENT = 1e-12  # linear; keeps the direction of a partial that is not there defined


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
        upright = torch.tensor([1.0, 0.0], device=pairs.device)
        directions = torch.where(
            amplitudes[..., None] > SILENT, pairs / amplitudes[..., None].clamp(min=SILENT), upright
        )
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
        n_samples: int | None = None,
        seed: int = 0,
    ) -> Sound:
        """Render [n_frames, ...] controls.

        Args:
            controls: of one performance.
            f0_hz: [n_frames] fundamental, Hz.
            phase: [n_frames] float64 radians; integrated from f0 if None.
            n_samples: of the sound; as many as the frames span if None.
            seed: of the noise.
        """
        harmonic = self.oscillator.render(f0_hz, controls.coefficients(), phase=phase)[:n_samples]
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

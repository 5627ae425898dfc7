"""Filtered noise (notebook 03): white noise through a bank of bands whose gains move with every frame."""

import math

import torch
from scipy.fft import next_fast_len
from torch.nn import functional as F

from ddsp_nb.config import Config

LOWEST_BAND_HZ = 20.0  # centre of the first band, where hearing begins
BAND_WIDTH = 1.0  # standard deviation of a band's Gaussian, in band spacings
SHORTEST_FILTER_S = 0.2  # a shorter window could not tell the lowest bands apart


class FilteredNoiseGenerator:
    """Renders band gains to noise.

    Its tables are made on the CPU, also where only the shapes of a model are wanted (device "meta"): PyTorch would load
    its compiler for that.
    """

    def __init__(self, config: Config):
        self.config = config
        self.to_bins = band_to_bins(config)  # [n_bands, n_bins]
        self.window = torch.hann_window(config.noise_n_fft, device="cpu")

    def __call__(self, noise_magnitudes: torch.Tensor, *, generator: torch.Generator | None = None) -> torch.Tensor:
        """Render gains to sound; gains of 1 in every band give white noise of RMS 1.

        Args:
            noise_magnitudes: [n_frames, n_bands] or [batch, n_frames, n_bands] linear gains.
            generator: source of the noise, so that the same seed gives the same sound.

        Returns:
            [..., (n_frames - 1) * hop_length] sound.
        """
        *batch, n_frames, _ = noise_magnitudes.shape
        white = torch.randn(*batch, (n_frames - 1) * self.config.hop_length, generator=generator)
        return self.shape(white.to(noise_magnitudes.device), noise_magnitudes)

    def shape(self, white: torch.Tensor, noise_magnitudes: torch.Tensor) -> torch.Tensor:
        """Filter [..., (n_frames - 1) * hop_length] white noise by [..., n_frames, n_bands] gains."""
        return self.ends(white, noise_magnitudes).sum(-2).flatten(-2)

    def ends(self, white: torch.Tensor, noise_magnitudes: torch.Tensor) -> torch.Tensor:
        """[..., n_hops, 2, hop_length] what the frames at the two ends of each hop add to its sound.

        A frame's window reaches over the hops before and after it. A gain for a frame scales its part of both.
        """
        hop, window = self.config.hop_length, self.window.to(white.device)
        frames = F.pad(white, (hop, hop)).unfold(-1, 2 * hop, hop) * window  # [..., n_frames, 2 * hop_length]
        spectra = torch.fft.rfft(frames) * (noise_magnitudes @ self.to_bins.to(white.device))
        norm = window.square().unflatten(0, (2, hop)).sum(0).repeat(2)
        before, after = (torch.fft.irfft(spectra) * (window / norm)).chunk(2, -1)
        return torch.stack([after[..., :-1, :], before[..., 1:, :]], -2)


def band_centres_hz(config: Config) -> torch.Tensor:
    """[n_bands] centre frequencies, log-spaced from 20 Hz to Nyquist."""
    return torch.logspace(math.log10(LOWEST_BAND_HZ), math.log10(config.nyquist_hz), config.n_bands, device="cpu")


def band_to_bins(config: Config) -> torch.Tensor:
    """Gaussian interpolation, in log frequency, from band gains to FFT bins.

    Returns:
        [n_bands, n_bins]; each bin's weights sum to 1, so equal gains give a flat spectrum.
    """
    centres = band_centres_hz(config).log()
    bins_hz = torch.fft.rfftfreq(config.noise_n_fft, 1 / config.sample_rate, device="cpu").clamp(min=LOWEST_BAND_HZ)
    distance = (bins_hz.log() - centres[:, None]) / ((centres[1] - centres[0]) * BAND_WIDTH)
    weights = torch.exp(-0.5 * distance**2)
    return weights / weights.sum(0, keepdim=True)


def nearest_band(hz: torch.Tensor, config: Config) -> torch.Tensor:
    """Number of the band, 0 to n_bands - 1, in whose territory each frequency lies: halfway, in log frequency."""
    centres = band_centres_hz(config).double()
    return torch.bucketize(hz.double(), (centres[1:] * centres[:-1]).sqrt())


def keep_bands(sound: torch.Tensor, masks: torch.Tensor, config: Config) -> torch.Tensor:
    """Take all bands but some out of a sound, by a filter that is 1 or 0 at every frequency.

    Masking the gains would not do: bands overlap, and the short windows of the filterbank leak. Here each band
    owns the frequencies nearest to its centre, the whole sound is one window, and all bands together are the sound.

    Args:
        sound: [n_samples]; shorter sounds than 0.2 s are padded, so that the filter has bands to tell apart.
        masks: [n_masks, n_bands] of 0 and 1.

    Returns:
        [n_masks, n_samples].
    """
    n_fft = next_fast_len(max(len(sound), round(SHORTEST_FILTER_S * config.sample_rate)), real=True)
    band = nearest_band(torch.fft.rfftfreq(n_fft, 1 / config.sample_rate), config).to(sound.device)
    spectrum = torch.fft.rfft(sound, n_fft) * masks.to(sound)[:, band]  # [n_masks, n_bins]
    return torch.fft.irfft(spectrum, n_fft)[:, : len(sound)]

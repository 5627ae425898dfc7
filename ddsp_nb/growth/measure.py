"""Measure partials and noise bands in rendered sound, down to where they should not be.

Partials that sound are fitted by least squares on their known phase tracks, with all of their movement from frame to
frame, and taken out; what is left is listened to along the phase tracks of the silent ones through a Kaiser window.
Without the first step the movement of loud partials would pass for silent ones; without the second, a fit of all
partials would hide what it cannot tell apart.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from ddsp_nb.analysis.least_squares import assemble, overlap_add, solve_block_tridiagonal
from ddsp_nb.config import Config
from ddsp_nb.growth.track import ControlTrack
from ddsp_nb.synthesis.noise import nearest_band
from ddsp_nb.synthesis.oscillator import harmonic_basis, ramp, render_frames

RIDGE = 1e-9  # of a sounding partial's energy
PARTIAL_BETA = 12.0  # of the Kaiser window for partials: sidelobes at -90 dB
BAND_BETA = 20.0  # of the Kaiser window for noise bands: sidelobes at -150 dB
APART = 1.1  # frame rates between partials whose movements can be told apart


class HarmonicFit:
    """The partials of a stretch of a track, prepared to be fitted to sounds that were rendered from it.

    Args:
        track: the frames of the stretch.
        config: of the model.
    """

    def __init__(self, track: ControlTrack, config: Config):
        self.track, self.config, self.n_harmonics = track, config, track.controls.amplitudes.shape[-1]
        self.basis = harmonic_basis(track.f0_hz, track.phase, self.n_harmonics, config, ratios=track.ratios).double()
        self.after = ramp(self.basis)
        self.diag, self.off_diag = assemble(self.basis * (1 - self.after), self.basis * self.after)

    def fit(self, sound: torch.Tensor, on: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Fit the partials that are on.

        Args:
            sound: [n_samples].
            on: [n_harmonics] bool.

        Returns:
            amplitudes [n_frames, n_harmonics], 0 where a partial is off, and what they leave, [n_samples].
        """
        sound, rows = sound.double().view(self.basis.shape[0], -1), on.repeat(2).nonzero()[:, 0]
        basis, pairs = self.basis[:, rows], (slice(None), rows[:, None], rows)
        diag, off_diag = self.diag[pairs], self.off_diag[pairs]
        diag.diagonal(dim1=1, dim2=2).add_(RIDGE * sound.shape[1])
        ends = basis @ torch.stack([sound * (1 - self.after), sound * self.after], -1)  # [n_hops, n_rows, 2]
        coefficients = solve_block_tridiagonal(diag, off_diag, overlap_add(ends[..., 0], ends[..., 1]))
        amplitudes = torch.zeros(len(coefficients), self.n_harmonics, dtype=torch.float64)
        amplitudes[:, on] = torch.hypot(*coefficients.chunk(2, -1))
        return amplitudes, (sound - render_frames(basis, coefficients)).flatten()

    def listen(self, rest: torch.Tensor) -> torch.Tensor:
        """[n_harmonics] amplitude along the phase track of every partial in [n_samples] sound."""
        window = torch.kaiser_window(len(rest), periodic=False, beta=PARTIAL_BETA, dtype=torch.float64)
        heard = torch.einsum("hkn,hn->k", self.basis, (window * rest).view(self.basis.shape[0], -1))
        return 2 * torch.hypot(*heard.chunk(2)) / window.sum()

    def apart(self, on: torch.Tensor) -> torch.Tensor:
        """[n_harmonics] bool: far enough from every other partial that is on to be told apart from it."""
        frame_rate = self.config.sample_rate / self.config.hop_length
        least_hz = max(APART * frame_rate, main_lobe_hz(PARTIAL_BETA, len(self.basis) / frame_rate))
        multiples = self.track.multiples()
        distance_hz = (multiples[:, None] - multiples).abs() * self.track.f0_hz.min()
        distance_hz.fill_diagonal_(torch.inf)
        return (distance_hz[:, on] >= least_hz).all(1)


@dataclass(frozen=True)
class BandLevels:
    """Noise of a stage, seen through a Kaiser window.

    Attributes:
        magnitudes: [n_bins] amplitude of the sine that each frequency could hold.
        band: [n_bins] to which band each belongs.
        reach: bins by which the window smears.
    """

    magnitudes: torch.Tensor
    band: torch.Tensor
    reach: int

    def clear_of(self, bands: torch.Tensor) -> torch.Tensor:
        """[n_bins] bool: further than the window smears from all of the [n_bands] bands."""
        near = bands.bool()[self.band].float()[None, None]
        return torch.nn.functional.max_pool1d(near, 2 * self.reach + 1, 1, self.reach)[0, 0] == 0

    def holds(self, bins: torch.Tensor, n_bands: int) -> torch.Tensor:
        """[n_bands] bool: at least one of the chosen bins lies in the band."""
        return torch.bincount(self.band[bins], minlength=n_bands) > 0

    def powers(self, bins: torch.Tensor, n_bands: int) -> torch.Tensor:
        """[n_bands] power of each band in the chosen bins."""
        chosen = self.magnitudes.square() * bins
        return torch.zeros(n_bands, dtype=chosen.dtype).index_add(0, self.band, chosen)


def band_levels(sound: torch.Tensor, config: Config) -> BandLevels:
    """Measure [n_samples] noise."""
    window = torch.from_numpy(np.kaiser(len(sound), BAND_BETA))
    magnitudes = torch.fft.rfft(sound.double() * window).abs() * 2 / window.sum()
    hz = torch.fft.rfftfreq(len(sound), 1 / config.sample_rate, dtype=torch.float64)
    reach = math.ceil(main_lobe_hz(BAND_BETA, 1.0)) + 1
    return BandLevels(magnitudes, nearest_band(hz, config), reach)


def main_lobe_hz(beta: float, seconds: float) -> float:
    """Half the width of a Kaiser window's main lobe."""
    return math.hypot(math.pi, beta) / math.pi / seconds

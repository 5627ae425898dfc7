"""How far one sound is from another (notebook 04, "How wrong is it? The loss")."""

from functools import partial
from typing import NamedTuple

import torch

from ddsp_nb.config import Config

# Added to magnitudes before the logarithm: -100 dB of an unnormalised spectrum.
FLOOR = 1e-5
# Sound pressure level of a sine wave of full scale, where nobody knows how loud it is played.
FULL_SCALE_DB = 96.0
# By which a noise may be softer than a tone that covers it (Hellman 1972).
MASKED_DB = 14.5
# Of the bands in which power is gathered, in Bark.
BAND_BARK = 0.5


class PreparedTarget(NamedTuple):
    """A sound with its log-magnitude spectra, and the floors that were added to the magnitudes."""

    audio: torch.Tensor
    log_magnitudes: list[torch.Tensor]
    floors: list[torch.Tensor | float]


class MultiScaleSpectralLoss:
    """The one loss: mean L1 of log magnitudes over several windows, plus `waveform_weight` x L1 of the waveforms.

    Long windows judge pitch and partials, short ones attacks (Engel et al. 2020, DDSP; here log magnitudes only,
    which weigh quiet partials as the ear does). Hop is a quarter of the window. Two independent noises have spectra
    that are ln 2 = 0.69 apart.
    """

    def __init__(self, config: Config):
        self.windows = {n: torch.hann_window(n) for n in config.fft_sizes}
        self.waveform_weight = config.waveform_weight
        # [n_bins, 1] by which bins count.
        self.weights = dict.fromkeys(self.windows, torch.ones(1, 1))

    def __call__(self, audio: torch.Tensor, target: torch.Tensor | PreparedTarget) -> torch.Tensor:
        """Scalar loss of [n_samples] or [batch, n_samples] sound against another or a prepared `target`."""
        target = target if isinstance(target, PreparedTarget) else self.target(target)
        parts = zip(self._powers(audio), target.log_magnitudes, target.floors, self.weights.values(), strict=True)
        spectral = [(weight.to(a) * (_log(a, floor) - b).abs()).mean() for a, b, floor, weight in parts]
        return torch.stack(spectral).mean() + self.waveform_weight * (audio - target.audio).abs().mean()

    def target(self, audio: torch.Tensor) -> PreparedTarget:
        """Analyse a target once, to compare with it many times."""
        powers = [power.detach() for power in self._powers(audio)]
        floors = [self._floor(power, n) for power, n in zip(powers, self.windows, strict=True)]
        return PreparedTarget(audio, list(map(_log, powers, floors)), floors)

    def _powers(self, audio: torch.Tensor) -> list[torch.Tensor]:
        """[..., n_bins, n_frames], one for each window length."""
        stft = partial(torch.stft, audio, return_complex=True, pad_mode="constant")
        spectra = [stft(n, n // 4, window=window.to(audio.device)) for n, window in self.windows.items()]
        return [torch.view_as_real(spectrum).square().sum(-1) for spectrum in spectra]

    def _floor(self, power: torch.Tensor, n: int) -> torch.Tensor | float:
        return FLOOR


class HeardLoss(MultiScaleSpectralLoss):
    """The same as loud as it is heard: critical bands count alike, and what is covered or too soft does not.

    The floor is what the target's own spectrum masks (spread as by Schroeder, Atal & Hall 1979) and the threshold of
    hearing (Terhardt 1979); bins count by their width in Bark (Traunmüller 1990).
    """

    def __init__(self, config: Config):
        super().__init__(config)
        self.ears = {}
        for n in self.windows:
            width, *self.ears[n] = _ear(torch.linspace(0, config.nyquist_hz, n // 2 + 1)[:, None])
            self.weights[n] = width / width.mean()

    def _floor(self, power, n):
        gather, spread, quiet = (x.to(power) for x in self.ears[n])
        return (spread @ (gather @ power) + (n / 4) ** 2 * quiet).sqrt()


def _ear(hz: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """For bins at hz [n_bins, 1]: their width, bins to bands, bands to power that they mask, and threshold."""
    bark, width = 26.81 * hz / (1960 + hz) - 0.53, 26.81 * 1960 / (1960 + hz) ** 2 * hz[1]
    bands, khz = torch.arange(0, 26, BAND_BARK), hz.clamp(min=20) / 1000
    beyond = bark - bands + 0.474
    spread_db = 15.81 + 7.5 * beyond - 17.5 * (1 + beyond**2).sqrt() - MASKED_DB
    quiet_db = 3.64 * khz**-0.8 - 6.5 * torch.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4 - FULL_SCALE_DB
    gather = ((bark - bands).abs() <= BAND_BARK / 2).float().T
    return width, gather, width * 10 ** (spread_db / 10), 10 ** (quiet_db.clamp(max=0) / 10)


def _log(power: torch.Tensor, floor: torch.Tensor | float) -> torch.Tensor:
    # No root of zero: its slope is infinite.
    return torch.log((power + FLOOR**2 / 100).sqrt() + floor)


# How a listener may weigh what differs.
LOSSES = {"plain": MultiScaleSpectralLoss, "heard": HeardLoss}

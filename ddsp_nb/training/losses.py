"""How far one sound is from another, for training and for judging it."""

import torch

from ddsp_nb.config import Config

FLOOR = 1e-5  # added to magnitudes before the logarithm: -100 dB of an unnormalised spectrum
TIME_WEIGHT = 0.1


class MultiScaleSpectralLoss:
    """Mean L1 of log magnitudes over several window lengths, plus 0.1 x L1 of the waveforms.

    Long windows judge pitch and partials, short ones attacks (Engel et al. 2020, DDSP; here log magnitudes only,
    which weigh quiet partials as the ear does). Hop is a quarter of the window.

    Args:
        config: gives the window lengths.
    """

    def __init__(self, config: Config):
        self.windows = {n: torch.hann_window(n) for n in config.fft_sizes}

    def __call__(self, audio: torch.Tensor, target: "torch.Tensor | PreparedTarget") -> torch.Tensor:
        """Scalar loss of [n_samples] or [batch, n_samples] sound against another or a prepared `target`."""
        target = target if isinstance(target, PreparedTarget) else self.target(target)
        return self.spectral(audio, target) + TIME_WEIGHT * (audio - target.audio).abs().mean()

    def target(self, audio: torch.Tensor) -> "PreparedTarget":
        """Analyse a target once, to compare with it many times."""
        return PreparedTarget(audio, [m.detach() for m in self.log_magnitudes(audio)])

    def spectral(self, audio, target) -> torch.Tensor:
        """The log-magnitude part alone."""
        pairs = zip(self.log_magnitudes(audio), target.log_magnitudes, strict=True)
        return torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()

    def log_magnitudes(self, audio):
        """Log magnitudes [..., n_bins, n_frames], one for each window length."""
        powers = [torch.view_as_real(spectrum).square().sum(-1) for spectrum in self.spectra(audio)]
        return [
            torch.log((power + FLOOR**2 / 100).sqrt() + FLOOR) for power in powers
        ]  # no root of zero: its slope is ∞

    def spectra(self, audio):
        """Complex spectra [..., n_bins, n_frames], one for each window length."""
        return [
            torch.stft(audio, n, n // 4, window=w.to(audio.device), return_complex=True, pad_mode="constant")
            for n, w in self.windows.items()
        ]


class PreparedTarget:
    """A sound with its log-magnitude spectra."""

    def __init__(self, audio, log_magnitudes):
        self.audio, self.log_magnitudes = audio, log_magnitudes

"""How far one sound is from another (notebook 04, "How wrong is it? The loss")."""

from typing import NamedTuple

import torch

from ddsp_nb.config import Config

# Added to magnitudes before the logarithm: -100 dB of an unnormalised spectrum.
FLOOR = 1e-5


class PreparedTarget(NamedTuple):
    """A sound with its log-magnitude spectra."""

    audio: torch.Tensor
    log_magnitudes: list[torch.Tensor]


class MultiScaleSpectralLoss:
    """The one loss: mean L1 of log magnitudes over several windows, plus `waveform_weight` x L1 of the waveforms.

    Long windows judge pitch and partials, short ones attacks (Engel et al. 2020, DDSP; here log magnitudes only,
    which weigh quiet partials as the ear does). Hop is a quarter of the window. Two independent noises have spectra
    that are ln 2 = 0.69 apart.
    """

    def __init__(self, config: Config):
        self.windows = {n: torch.hann_window(n) for n in config.fft_sizes}
        self.waveform_weight = config.waveform_weight

    def __call__(self, audio: torch.Tensor, target: torch.Tensor | PreparedTarget) -> torch.Tensor:
        """Scalar loss of [n_samples] or [batch, n_samples] sound against another or a prepared `target`."""
        target = target if isinstance(target, PreparedTarget) else self.target(target)
        pairs = zip(self._log_magnitudes(audio), target.log_magnitudes, strict=True)
        spectral = torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()
        return spectral + self.waveform_weight * (audio - target.audio).abs().mean()

    def target(self, audio: torch.Tensor) -> PreparedTarget:
        """Analyse a target once, to compare with it many times."""
        return PreparedTarget(audio, [m.detach() for m in self._log_magnitudes(audio)])

    def _log_magnitudes(self, audio: torch.Tensor) -> list[torch.Tensor]:
        """[..., n_bins, n_frames], one for each window length."""
        logarithms = []
        for n, window in self.windows.items():
            spectrum = torch.stft(
                audio, n, n // 4, window=window.to(audio.device), return_complex=True, pad_mode="constant"
            )
            power = torch.view_as_real(spectrum).square().sum(-1)
            # No root of zero: its slope is infinite.
            logarithms.append(torch.log((power + FLOOR**2 / 100).sqrt() + FLOOR))
        return logarithms

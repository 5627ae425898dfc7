"""Judge a reconstruction by four figures that do not share each other's blind spots."""

from dataclasses import dataclass

import numpy as np
import torch

from ddsp_nb.analysis.decompose import snr_db
from ddsp_nb.analysis.features import AUDIBLE_DB
from ddsp_nb.analysis.mel import loudness_db
from ddsp_nb.analysis.pitch import track_pitch
from ddsp_nb.config import Config
from ddsp_nb.synthesis.controls import Sound
from ddsp_nb.training.losses import MultiScaleSpectralLoss

WRONG_NOTE_CENTS = 50


@dataclass(frozen=True)
class Quality:
    """How near a reconstruction comes to its recording.

    Attributes:
        loss: as in training.
        snr_db: waveform SNR of the harmonic part, dB.
        loudness_error_db: mean |difference| of the RMS level of audible frames, dB.
        pitch_error_cents: median |difference| of the pitch where both are voiced.
        pitch_off: share of those frames that are off by more than 50 cents, 0 to 1.
    """

    loss: float
    snr_db: float
    loudness_error_db: float
    pitch_error_cents: float
    pitch_off: float

    def __str__(self) -> str:
        return (
            f"loss {self.loss:.2f}, SNR {self.snr_db:.1f} dB, "
            f"loudness {self.loudness_error_db:.2f} dB off, pitch {self.pitch_error_cents:.1f} cents off "
            f"(wrong in {100 * self.pitch_off:.1f} % of the frames)"
        )


def evaluate(recording: torch.Tensor, sound: Sound, config: Config) -> Quality:
    """Compare what a model of this config plays with a recording, both [n_samples]."""
    target, mix, harmonic = recording.cpu(), sound.audio.cpu(), sound.harmonic.cpu()
    cents, off = _pitch_errors(target.numpy(), mix.numpy(), config)
    return Quality(
        MultiScaleSpectralLoss(config)(mix, target).item(),
        snr_db(target, harmonic),
        _loudness_error(target, mix, config),
        cents,
        off,
    )


def _loudness_error(target, mix, config):
    ours, theirs = loudness_db(mix, config), loudness_db(target, config)
    audible = theirs > theirs.max() - AUDIBLE_DB
    return (ours - theirs)[audible].abs().mean().item()


def _pitch_errors(target, mix, config):
    """Median error in cents and share of wrong notes, over frames that are voiced in both; nan if there are none."""
    (f0_hz, voiced), (other_hz, also_voiced) = track_pitch(target, config), track_pitch(mix, config)
    both = voiced & also_voiced
    if not both.any():
        return float("nan"), float("nan")
    cents = 1200 * np.abs(np.log2(other_hz[both] / f0_hz[both]))
    return float(np.median(cents)), float((cents > WRONG_NOTE_CENTS).mean())

"""Figures that do not share each other's blind spots (notebook 04, "Nothing is lost")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import binary_erosion

from ddsp_nb.analysis.decompose import snr_db
from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.analysis.features import ATTACK_FRAMES, AUDIBLE_DB
from ddsp_nb.analysis.mel import loudness_db
from ddsp_nb.analysis.pitch import track_pitch
from ddsp_nb.config import HIGHEST_F0_HZ, Config
from ddsp_nb.synthesis.controls import Sound
from ddsp_nb.training.corpus import Phrase
from ddsp_nb.training.instrument import Targets, level_errors
from ddsp_nb.training.losses import MultiScaleSpectralLoss
from ddsp_nb.training.model import DDSPModel

WRONG_NOTE_CENTS = 50


@dataclass(frozen=True)
class Quality:
    """How near a reconstruction comes to its recording.

    Attributes:
        loss: as in training.
        snr_db: waveform SNR of the harmonic part.
        loudness_error_db: mean |difference| of the RMS level of audible frames.
        pitch_error_cents: median |difference| of the pitch that is played and the one that another tracker hears in the
            recording, where both are voiced; NaN where nothing is.
        pitch_off: share of those frames that are off by more than 50 cents, 0 to 1; NaN where there is none.
    """

    loss: float
    snr_db: float
    loudness_error_db: float
    pitch_error_cents: float
    pitch_off: float

    def __str__(self) -> str:
        pitch = f"pitch {self.pitch_error_cents:.1f} cents off (wrong in {100 * self.pitch_off:.1f} % of the frames)"
        return (
            f"loss {self.loss:.2f}, SNR {self.snr_db:.1f} dB, loudness {self.loudness_error_db:.2f} dB off, "
            f"{'no pitch was found' if math.isnan(self.pitch_off) else pitch}"
        )


@torch.no_grad()
def levels_off_db(model: DDSPModel, phrases: Sequence[Phrase], *, envelope: bool = True) -> tuple[float, float]:
    """Mean error in dB of the partials and of the noise bands of phrases, as the instrument plays them by itself."""
    targets = Targets.joined(phrase.targets for phrase in phrases).to(model.device)
    partials, bands = level_errors(model.network.instrument, targets, envelope=envelope)
    return partials.item() / NEPERS_PER_DB, bands.item() / NEPERS_PER_DB


def evaluate(recording: torch.Tensor, sound: Sound, config: Config) -> Quality:
    """Compare what a model of this config plays with a recording, both [n_samples]."""
    target, mix, harmonic = recording.cpu(), sound.audio.cpu(), sound.harmonic.cpu()
    level_db, wanted_db = loudness_db(mix, config), loudness_db(target, config)
    audible = wanted_db > wanted_db.max() - AUDIBLE_DB
    f0_hz, voiced = track_pitch(mix.numpy(), config)
    # Another tracker than the one that is judged, which also hears what that one does not look for.
    wanted_hz, asked = track_pitch(target.numpy(), replace(config, f0_max_hz=HIGHEST_F0_HZ), tracker="yin")
    # Where a sound begins and ends, its pitch is a matter of opinion.
    both = binary_erosion(voiced & asked, iterations=ATTACK_FRAMES)
    cents = 1200 * np.abs(np.log2(f0_hz[both] / wanted_hz[both])) if both.any() else np.array([np.nan])
    return Quality(
        loss=MultiScaleSpectralLoss(config)(mix, target).item(),
        snr_db=snr_db(target, harmonic),
        loudness_error_db=(level_db - wanted_db)[audible].abs().mean().item(),
        pitch_error_cents=float(np.median(cents)),
        pitch_off=float((cents > WRONG_NOTE_CENTS).mean()) if both.any() else float("nan"),
    )

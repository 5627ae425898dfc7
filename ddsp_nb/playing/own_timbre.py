"""Pitch and loudness to controls, any number of frames at a time: what notes are played with, live or exported."""

import math

import torch
from torch import nn

from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.analysis.onsets import in_octaves
from ddsp_nb.errors import warn_user
from ddsp_nb.notes.pitch import A4_HZ
from ddsp_nb.synthesis.controls import MAX_NOISE_GAIN
from ddsp_nb.training.model import MAX_LOUDNESS_STEP_DB, DDSPModel

# dB relative to full scale: below the first, hardly anything would be heard, and notes are played at the second.
QUIET_DB, AUDIBLE_DB = -30.0, -18.0


def heard_loudness_db(model: DDSPModel) -> float:
    """Usual level of what an instrument heard, dB relative to full scale."""
    return model.network.instrument.usual_db.item()


def lift_db(model: DDSPModel) -> float:
    """By which all notes of an instrument are louder than what it heard: 0 but for very quiet recordings."""
    heard_db = heard_loudness_db(model)
    return AUDIBLE_DB - heard_db if heard_db < QUIET_DB else 0.0


def usual_loudness_db(model: DDSPModel) -> float:
    """Level of an instrument's notes of plain velocity, dB relative to full scale."""
    return heard_loudness_db(model) + lift_db(model)


def warn_of_lift(model: DDSPModel) -> None:
    """Tell the user where notes are louder than the recordings."""
    lifted_db = lift_db(model)
    if lifted_db:
        warn_user(
            f"The instrument learned from very quiet recordings ({heard_loudness_db(model):.0f} dB): "
            f"all its notes are turned up by {lifted_db:.0f} dB."
        )


class OwnTimbre(nn.Module):
    """The instrument with its own timbre, or that of another, its memory in the caller's hands.

    The noise floor of its recordings is left out: notes are cleaner than what was heard. `DDSPModel.controls` gives
    each frame its loudness by rendering and measuring, which hears what comes after. Here it is computed from the
    controls: the power of the partials and of the filtered noise, so that no frame waits.
    """

    noise_power: torch.Tensor  # [n_bands, n_bands]: gains g have the mean square g · noise_power · g

    def __init__(self, model: DDSPModel):
        super().__init__()
        self.network, self.config, self.lift_db = model.network, model.config, lift_db(model)
        to_bins = model.synthesizer.noise_generator.to_bins
        self.register_buffer("noise_power", to_bins @ to_bins.T / to_bins.shape[1])

    def forward(
        self,
        f0_hz: torch.Tensor,
        loudness_db: torch.Tensor,
        age_s: torch.Tensor,
        state: torch.Tensor,
        timbre: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Controls of voices that do not know of each other.

        Args:
            f0_hz: [n_voices, n_frames] fundamental, Hz; frames are hop_length samples apart.
            loudness_db: [n_voices, n_frames] RMS level to be played, dB relative to full scale.
            age_s: [n_voices, n_frames] since the note began.
            state: [n_layers, n_voices, hidden_size] after the frame before; zeros where a note begins.
            timbre: [n_voices or 1, n_timbre] as `Instrument.timbre` gives it; the model's own by default.

        Returns:
            amplitudes [n_voices, n_frames, n_harmonics] and noise gains [n_voices, n_frames, n_bands] as
            `model.network` answers; the gain [n_voices, n_frames, 1] with which both have the loudness; the state.
        """
        heard_db = loudness_db - self.lift_db
        heard = torch.stack([torch.log2(f0_hz / A4_HZ), heard_db, in_octaves(age_s)], -1)
        no_mfcc = torch.zeros(self.config.n_mfcc, device=heard.device)
        timbre = self.network.instrument.timbre()[None] if timbre is None else timbre
        clean, floor = timbre.split([timbre.shape[-1] - self.config.n_bands, self.config.n_bands], -1)
        each = torch.cat([no_mfcc.expand(len(timbre), -1), clean, torch.full_like(floor, -math.inf)], -1)
        inputs = torch.cat([heard, each[:, None].expand(heard.shape[0], heard.shape[1], -1)], -1)
        amplitudes, gains, state = self.network(inputs, envelope=False, state=state)
        k = torch.arange(1, self.config.n_harmonics + 1, device=heard.device)
        sounding = amplitudes * (f0_hz[..., None] * k < self.config.nyquist_hz)
        power = sounding.square().sum(-1) / 2 + ((gains @ self.noise_power) * gains).sum(-1)
        wrong_db = heard_db - 10 * power.clamp(min=10 ** (MIN_DB / 10)).log10()
        # Softer by any amount, louder only so far: what is hardly there is not driven to roar.
        wrong_db = wrong_db.clamp(max=MAX_LOUDNESS_STEP_DB) + self.lift_db
        return amplitudes, gains, torch.exp(NEPERS_PER_DB * wrong_db)[..., None], state

    def rest(self, n_voices: int = 1) -> torch.Tensor:
        """[n_layers, n_voices, hidden_size] state before the first frame of a note."""
        return torch.zeros(self.config.n_layers, n_voices, self.config.hidden_size)

    @torch.no_grad()
    def levelled(self, *asked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Amplitudes and noise gains at their loudness, and the state; arguments and shapes are those of `forward`."""
        amplitudes, gains, gain, state = self(*asked)
        return amplitudes * gain, (gains * gain).clamp(max=MAX_NOISE_GAIN), state

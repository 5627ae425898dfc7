"""What a recording has besides what its instrument plays (notebook 04, "What belongs to the take?").

Its phases and the exact level of every partial are least-squares controls (`analysis/decompose.py`); its noise gains
are then moved by a few steps of gradient descent on the spectral loss, through the synthesizer alone.
"""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.decompose import AnalysedRecording, Analysis
from ddsp_nb.analysis.features import Features
from ddsp_nb.analysis.polyphony import several_notes
from ddsp_nb.analysis.tracks import analyse_tracks
from ddsp_nb.config import Config
from ddsp_nb.progress import with_bar
from ddsp_nb.synthesis.controls import MAX_NOISE_GAIN, Controls, Sound, Synthesizer
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.room import Room
from ddsp_nb.training.adamw import AdamW
from ddsp_nb.training.losses import MultiScaleSpectralLoss

# What a take can be made of.
PARTIALS = AUTO, HARMONIC, TRACKS = "auto", "harmonic", "tracks"
# By which tracks may miss the waveform more than multiples do, which nearly fill the spectrum where their pitch is low:
# those of a creaking door lose 15 dB, those of bells, chords and slides at most 7.
FARTHER_DB = 10.0
# Of the noise gains: 40 win another 0.02 of the loss.
N_STEPS = 8
# Of a logarithm of gain, falling to nothing.
STEP = 0.3
# Of Adam, short as the run is short.
MOMENTS = (0.8, 0.95)
# -120 dB.
MIN_GAIN = 1e-6
# Fitted together, so that memory does not grow with the recording.
FRAMES_AT_ONCE = 1024


@dataclass(frozen=True)
class Take:
    """A recording as the synthesizer can play it again.

    Attributes:
        features: of the recording.
        controls: `Controls` [n_frames, ...], rounded to 16 bits, as they are kept on disk.
        ceiling_db: SNR of the sines against the recording, dB: the best that these sines can do.
        shape: attack_s, decay_db_per_s, release_s of its notes, as in `Articulation`; None: measured when it is played.
        room: in which it was recorded, or None where it is dry; controls and features are without it.
        hz: [n_frames, n_partials] frequency of each partial, or None where they are multiples of f0.
    """

    features: Features
    controls: Controls
    ceiling_db: float
    shape: tuple[float, float, float] | None = None
    room: Room | None = None
    hz: torch.Tensor | None = None

    @torch.no_grad()
    def render(self, config: Config, seed: int = 0) -> Sound:
        """Play the recording again, phases and all, with the config of its analysis."""
        features = self.features
        return Synthesizer(config)(
            self.controls, features.f0_hz, phase=features.phase, hz=self.hz, n_samples=features.n_samples, seed=seed
        )


def record_take(recording: AnalysedRecording, config: Config, seed: int = 0, partials: str = AUTO) -> Take:
    """The take of a recording.

    Args:
        seed: of the noise that its gains are fitted with.
        partials: "harmonic", multiples of one pitch; "tracks", each with a frequency of its own, of the sound as it is
            with its room; "auto", tracks where no one series of partials explains the peaks of the sound.
    """
    analysis, room = recording.analysis, recording.room
    if partials == TRACKS or (partials == AUTO and several_notes(recording.audio, config)):
        tracks = analyse_tracks(recording.audio, config)
        if partials == TRACKS or tracks.snr_db > analysis.snr_db - FARTHER_DB:
            analysis, room = tracks, None
    gains = fit_noise_gains(analysis.instrument, analysis, config, seed)
    controls = Controls.of_coefficients(analysis.coefficients.half().float(), gains.half().float())
    return Take(recording.features, controls, analysis.snr_db, room=room, hz=analysis.hz)


def tracks_in_words(recording: AnalysedRecording, take: Take) -> str:
    """Why the take of a recording is made of tracks, in a sentence."""
    n = take.controls.amplitudes.shape[-1]
    return (
        f"No one series of partials explains it: the take is made of {n} tracks, which reach {take.ceiling_db:.1f} dB "
        f"({recording.analysis.snr_db:.1f} dB: the multiples of one pitch)."
    )


def fit_noise_gains(audio: torch.Tensor, analysis: Analysis, config: Config, seed: int = 0) -> torch.Tensor:
    """[n_frames, n_bands] gains with which sines and noise together come nearest to [n_samples] sound."""
    gains, hop = analysis.noise_magnitudes.clamp(MIN_GAIN, MAX_NOISE_GAIN), config.hop_length
    length = (len(gains) - 1) * hop
    audio, harmonic = (F.pad(x, (0, length - len(x))) for x in (audio, analysis.harmonic))
    generator, parts = torch.Generator().manual_seed(seed), []
    for first in with_bar(range(0, len(gains) - 1, FRAMES_AT_ONCE), "Fitting the noise"):
        last = min(first + FRAMES_AT_ONCE, len(gains) - 1)
        span = slice(first * hop, last * hop)
        fitted = _descend(gains[first : last + 1], audio[span], harmonic[span], config, generator)
        parts.append(fitted if last == len(gains) - 1 else fitted[:-1])
    return torch.cat(parts)


@torch.enable_grad()
def _descend(gains, audio, harmonic, config, generator):
    log_gains = gains.log().requires_grad_()
    optimiser = AdamW([{"params": [log_gains], "lr": STEP}], betas=MOMENTS)
    # No noise has the recording's waveform: that term would only turn it down, by 0.25 dB for the violin.
    loss = MultiScaleSpectralLoss(replace(config, waveform_weight=0.0))
    noise_generator = FilteredNoiseGenerator(config)
    target = loss.target(audio)
    for step in range(N_STEPS):
        optimiser.groups[0]["lr"] = STEP * (1 - step / N_STEPS)
        noise = noise_generator(log_gains.exp().clamp(max=MAX_NOISE_GAIN), generator=generator)
        optimiser.zero_grad()
        loss(harmonic + noise, target).backward()
        optimiser.step()
    return log_gains.detach().exp().clamp(max=MAX_NOISE_GAIN)

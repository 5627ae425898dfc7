"""The best sines of a recording and what they leave over (notebook 03, "What do the sines leave over?").

The coefficients that no training can beat give the *ceiling*. A low ceiling is a fault of the pitch track; a model far
below its ceiling has not learned enough. They are the take, and what the instrument is taught.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.background import Background
from ddsp_nb.analysis.features import FeatureExtractor, Features
from ddsp_nb.analysis.least_squares import least_squares
from ddsp_nb.analysis.room import Wanted, learn_room, without_room
from ddsp_nb.config import Config
from ddsp_nb.sound.load import check_audio
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.oscillator import HarmonicOscillator, integrate_pitch
from ddsp_nb.synthesis.room import Room

MIN_GAIN = 1e-6  # -120 dB
# By which the mean logarithm of noise magnitudes (Rayleigh distributed) lies below that of their RMS: γ/2, with the
# Euler-Mascheroni constant γ. Three digits are right to 0.004 dB, and keep trained models what they were.
LOG_RAYLEIGH = 0.289


@dataclass(frozen=True)
class Analysis:
    """Least-squares controls of one recording.

    Attributes:
        coefficients: [n_frames, 2 * n_harmonics] of sin(kφ), then of cos(kφ).
        harmonic: [n_samples] the sound of those coefficients.
        noise_magnitudes: [n_frames, n_bands] gains that give noise the level of what the sines leave.
        snr_db: the ceiling: level of the recording over that of what the sines leave.
        instrument: [n_samples] the sound that all this is of, without steady tones that lie under it (`Background`).
        hz: [n_frames, n_partials] of partials that have frequencies of their own, one for each pair of coefficients;
            None where they are multiples of the pitch.
    """

    coefficients: torch.Tensor
    harmonic: torch.Tensor
    noise_magnitudes: torch.Tensor
    snr_db: float
    instrument: torch.Tensor
    hz: torch.Tensor | None = None


@dataclass(frozen=True)
class AnalysedRecording:
    """A sound and what was found in it.

    Attributes:
        name: for people.
        audio: [n_samples] the sound as it is.
        features, analysis: of it, without its room.
        room: in which it stands; None where it is dry, or taken as it is.
    """

    name: str
    audio: torch.Tensor
    features: Features
    analysis: Analysis
    room: Room | None = None

    @property
    def instrument(self) -> torch.Tensor:
        """[n_samples] the sound without its room and without what is heard in its rests."""
        return self.analysis.instrument

    @classmethod
    def of(cls, name: str, audio: torch.Tensor, config: Config, room: Wanted = "learn") -> "AnalysedRecording":
        """Extract features from [n_samples] sound and analyse it, without its room: one that is known, or learned."""
        check_audio(audio, config.sample_rate)
        room = learn_room(audio, config) if isinstance(room, str) else room
        dry = audio if room is None else without_room(audio, room)
        features = FeatureExtractor(config)(dry)
        return cls(name, audio, features, analyse(features, dry, config), room)


@torch.no_grad()
def analyse(features: Features, audio: torch.Tensor, config: Config) -> Analysis:
    """Solve for the coefficients of a recording, [n_samples] sound of which `features` were extracted."""
    audio = audio - Background.of(audio, config).tones
    phase = integrate_pitch(features.f0_hz, config) if features.phase is None else features.phase
    coefficients = least_squares(features.f0_hz, phase, features.voiced, audio, config)
    harmonic = HarmonicOscillator(config).render(features.f0_hz, coefficients, phase=phase)[: len(audio)]
    noise = band_gains(audio - harmonic, config, len(features))
    return Analysis(coefficients, harmonic, noise, snr_db(audio, harmonic), audio)


def band_gains(sound: torch.Tensor, config: Config, n_frames: int) -> torch.Tensor:
    """Gains [n_frames, n_bands] at which the noise filterbank has the level of [n_samples] sound in each band.

    Logarithms are averaged, as the loss does, and set right for noise, whose mean logarithm lies below its RMS.
    """
    generator = FilteredNoiseGenerator(config)
    sound = F.pad(sound, (0, (n_frames - 1) * config.hop_length - len(sound)))
    n_fft, hop, window = config.noise_n_fft, config.hop_length, generator.window
    stft = torch.stft(sound, n_fft, hop, window=window, return_complex=True, pad_mode="constant")
    log_level = (stft.abs() / window.square().sum().sqrt() + MIN_GAIN).log() + LOG_RAYLEIGH
    weights = generator.to_bins / generator.to_bins.sum(1, keepdim=True).clamp(min=1e-9)
    return (weights @ log_level).T.exp()


def snr_db(target: torch.Tensor, estimate: torch.Tensor) -> float:
    """Waveform signal-to-noise ratio: 10 log10(Σ target² / Σ (target - estimate)²)."""
    return (10 * torch.log10(target.square().sum() / (target - estimate).square().sum().clamp(min=1e-12))).item()

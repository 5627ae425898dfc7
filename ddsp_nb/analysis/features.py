"""Pitch, loudness and envelope of a recording, frame by frame (notebook 01, "What does the network read?")."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from ddsp_nb.analysis.background import Background
from ddsp_nb.analysis.mel import loudness_db, mel_cepstrum
from ddsp_nb.analysis.onsets import in_octaves, seconds_since_onset
from ddsp_nb.analysis.phase import fit_phase, track_phase
from ddsp_nb.analysis.pitch import TRACKERS, track_pitch
from ddsp_nb.config import Config
from ddsp_nb.errors import ConfigError, warn_user
from ddsp_nb.sound.load import check_audio

AUDIBLE_DB = 60.0  # below the loudest frame
UNPITCHED = 0.7  # of the audible frames: from there on the user is told
# A quarter tone, and a share of the voiced frames: the pitch sits at the end of what is searched.
AT_LIMIT_OCTAVES, AT_LIMIT = 1 / 24, 0.05
ATTACK_FRAMES = 4  # the tracker hears a note only once it is periodic; its attack and release belong to it


@dataclass(frozen=True)
class Features:
    """One recording as the network sees it; every array has a row per frame, hop_length samples apart.

    Attributes:
        f0_hz: [n_frames] fundamental frequency, Hz, carried through unvoiced gaps.
        loudness_db: [n_frames] RMS level, dB relative to full scale, -100 at least.
        mfcc: [n_frames, n_mfcc] mel-frequency cepstral coefficients.
        voiced: [n_frames] bool, where the harmonics sound.
        phase: [n_frames] float64, phase of the fundamental in radians, or None for a drawn pitch.
        n_samples: length of the recording; the frames cover it.
        sample_rate: Hz.
        hop_length: samples.
        recorded_hz: [n_frames] the pitch at which the MFCCs were measured, or None where it is `f0_hz`.
        tape: whether the spectrum moves with the pitch from there, as on a tape that runs faster.
        age_s: [n_frames] s since the note of each frame began, or None where pitch and loudness tell.
        timbre: [n_frames, n_timbre] of the instrument that is to play each frame, or None: see `Instrument.timbre`.
    """

    f0_hz: torch.Tensor
    loudness_db: torch.Tensor
    mfcc: torch.Tensor
    voiced: torch.Tensor
    phase: torch.Tensor | None
    n_samples: int
    sample_rate: int
    hop_length: int
    recorded_hz: torch.Tensor | None = None
    tape: bool = False
    age_s: torch.Tensor | None = None
    timbre: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.f0_hz)

    @property
    def times_s(self) -> torch.Tensor:
        """[n_frames] time of each frame in seconds."""
        return torch.arange(len(self)) * self.hop_length / self.sample_rate

    def inputs(self) -> torch.Tensor:
        """[n_frames, 3 + n_mfcc] network inputs: pitch in octaves from A4, loudness in dB, age, MFCCs.

        The pitch is the recorded one on a tape, else the one that sounds; the age is time since the onset in octaves.
        A timbre follows where there is one.
        """
        read = self.recorded() if self.tape else self
        played = torch.stack([torch.log2(read.f0_hz / 440), self.loudness_db, in_octaves(read.since_onset_s())], -1)
        parts = (played, self.mfcc) if self.timbre is None else (played, self.mfcc, self.timbre)
        return torch.cat(parts, -1).float()

    def since_onset_s(self) -> torch.Tensor:
        """[n_frames] s since the note of each frame began: `age_s`, or what pitch and loudness tell."""
        if self.age_s is not None:
            return self.age_s
        return seconds_since_onset(self.f0_hz, self.loudness_db, self.voiced, self.hop_length / self.sample_rate)

    def recorded(self) -> "Features":
        """The same at the pitch at which the MFCCs were measured."""
        return self if self.recorded_hz is None else replace(self, f0_hz=self.recorded_hz, recorded_hz=None)

    def transpose(self, semitones: float, *, tape: bool = False) -> "Features":
        """The same performance at another pitch; its phase is then integrated from the pitch.

        Args:
            semitones: to move by.
            tape: whether the spectrum moves along, as on a tape that runs faster. Else the instrument is asked for
                the new pitch, and the spectrum moves less.
        """
        return replace(
            self,
            f0_hz=self.f0_hz * 2 ** (semitones / 12),
            phase=None,
            recorded_hz=self.f0_hz if self.recorded_hz is None else self.recorded_hz,
            tape=tape,
        )

    def __getitem__(self, frames: slice | torch.Tensor) -> "Features":
        """Some of the frames, as if they were neighbours."""
        tensors: dict[str, Any] = {k: value[frames] for k, value in vars(self).items() if torch.is_tensor(value)}
        return replace(self, **tensors, n_samples=(len(tensors["f0_hz"]) - 1) * self.hop_length)

    def to(self, device: torch.device | str) -> "Features":
        """The same features with their tensors on another device."""
        tensors: dict[str, Any] = {k: value.to(device) for k, value in vars(self).items() if torch.is_tensor(value)}
        return replace(self, **tensors)


class FeatureExtractor:
    """Recording to `Features`.

    Args:
        config: sizes and pitch range.
        tracker: "autocorrelation" (Boersma 1993), "yin" (de Cheveigné & Kawahara 2002) or "pyin" (Mauch & Dixon
            2014); see `pitch.py`.

    Raises:
        ConfigError: unknown tracker.
    """

    def __init__(self, config: Config, tracker: str = "autocorrelation"):
        if tracker not in TRACKERS:
            raise ConfigError(f"Unknown pitch tracker {tracker!r}; use one of {', '.join(TRACKERS)}.")
        self.config, self.tracker = config, tracker

    def __call__(self, audio: torch.Tensor) -> Features:
        """Analyse [n_samples] sound, without what its rests hold: that is not the instrument's.

        Warns of that, and where most of it has no pitch. Raises AudioError where it is silent, too short, not one
        channel or has samples that are no numbers.
        """
        config = self.config
        check_audio(audio, config.sample_rate)
        n_frames = config.n_frames(len(audio))
        background = Background.of(audio, config)
        if words := background.words():
            warn_user(words)
        sound = (audio - background.tones).cpu().numpy()
        sound = np.pad(sound, (0, (n_frames - 1) * config.hop_length - len(sound)))
        gate = np.interp(np.arange(len(sound)) / config.hop_length, np.arange(n_frames), ~background.resting)
        tracked_hz, periodic = track_pitch(sound * gate, config, tracker=self.tracker)
        tracked_hz, tracked_phase = track_phase(sound, tracked_hz, config.sample_rate, config.hop_length)
        level_db = loudness_db(torch.from_numpy(sound), config)
        voiced = torch.from_numpy(binary_dilation(periodic, iterations=ATTACK_FRAMES))
        warn_of_missing_pitch(voiced, level_db, background.resting)
        warn_of_limits(tracked_hz[periodic], config)
        lowest_hz, highest_hz = config.f0_min_hz / 2, config.nyquist_hz
        f0_hz, phase = torch.from_numpy(tracked_hz.clip(lowest_hz, highest_hz)), torch.from_numpy(tracked_phase)
        f0_hz, phase = fit_phase(f0_hz, phase, voiced, torch.from_numpy(sound), config)
        features = Features(
            f0_hz=f0_hz.clamp(lowest_hz, highest_hz).float(),
            loudness_db=level_db,
            mfcc=mel_cepstrum(torch.from_numpy(sound), config),
            voiced=voiced,
            phase=phase,
            n_samples=len(audio),
            sample_rate=config.sample_rate,
            hop_length=config.hop_length,
        )
        return replace(features, age_s=features.since_onset_s())


def warn_of_missing_pitch(voiced: torch.Tensor, level_db: torch.Tensor, resting: np.ndarray) -> None:
    """Tell the user where the oscillator will have little to play."""
    audible = (level_db > level_db.max() - AUDIBLE_DB) & ~torch.from_numpy(resting)
    share = 1 - voiced[audible].float().mean().item()
    if share > UNPITCHED:
        warn_user(f"No pitch found in {100 * share:.0f} % of the frames: the harmonic part will be silent there.")


def warn_of_limits(f0_hz: np.ndarray, config: Config) -> None:
    """Tell the user where [n_voiced] pitches lie at the end of the range that was searched."""
    for limit_hz, words in zip(config.f0_range_hz, ("lowest", "highest"), strict=True):
        at_limit = np.abs(np.log2(f0_hz / limit_hz)) < AT_LIMIT_OCTAVES
        if at_limit.any() and at_limit.mean() > AT_LIMIT:
            warn_user(
                f"In {100 * at_limit.mean():.0f} % of the notes the pitch is the {words} that was looked for, "
                f"{limit_hz:g} Hz: it may be wrong there. Widen the range: --f0-min and --f0-max, in code Config's "
                "f0_min_hz and f0_max_hz."
            )

"""Recordings as phrases, some to learn from, some to be judged by (notebook 04, "Training, with you in the room").

Silence is left out, long stretches are cut where they are quietest, and a phrase is either heard or held out as a
whole, so that no note straddles both.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import binary_closing, find_objects, label
from torch.nn import functional as F

from ddsp_nb.analysis.background import floor_db
from ddsp_nb.analysis.decompose import AnalysedRecording
from ddsp_nb.analysis.features import AUDIBLE_DB, Features
from ddsp_nb.config import Config
from ddsp_nb.errors import ConfigError
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.training.instrument import Targets
from ddsp_nb.training.model import check_features

# Of silence, from which on it parts two phrases.
GAP_S = 0.06
# Around a phrase, for its attack and release.
MARGIN_S = 0.03
# Of a phrase; longer ones are cut.
LONGEST_S = 3.0
# Of the length of a part, around its end, in which the quietest frame is looked for.
CUT_SHARE = 0.3
# Of the material, where the user has not said; with less than 10 s or 4 phrases all of it is needed for learning.
HOLDOUT = 0.15
HOLDOUT_FROM_S, HOLDOUT_FROM = 10.0, 4
MAX_HOLDOUT = 0.5
# Of a phrase; what is shorter says too little.
MIN_FRAMES = 8


@dataclass(frozen=True)
class Phrase:
    """A stretch of sound with what is known about it.

    Attributes:
        features: of its n_frames frames.
        audio: [(n_frames - 1) * hop_length] its sound.
        targets: levels that its analysis asks for.
        directions: [n_frames, n_harmonics, 2] phases of its partials, as in `Controls`.
    """

    features: Features
    audio: torch.Tensor
    targets: Targets
    directions: torch.Tensor

    def __getitem__(self, frames: slice) -> "Phrase":
        """A stretch of neighbouring frames."""
        start, stop, _ = frames.indices(len(self.features))
        hop = self.features.hop_length
        audio = self.audio[start * hop : (stop - 1) * hop]
        return Phrase(self.features[frames], audio, self.targets[frames], self.directions[frames])

    @property
    def seconds(self) -> float:
        return len(self.audio) / self.features.sample_rate


@dataclass(frozen=True)
class Corpus:
    """All recordings of one instrument, as phrases.

    Attributes:
        heard: to learn from.
        unheard: to judge by; may be empty.
        config: of their features.
    """

    heard: list[Phrase]
    unheard: list[Phrase]
    config: Config

    @classmethod
    def of(cls, recordings: Iterable[AnalysedRecording], config: Config, holdout: float | None = None) -> "Corpus":
        """Cut recordings into phrases and hold some of them out.

        Args:
            recordings: analysed with `config`.
            holdout: share of the sound to hold out, 0 to 0.5; None: 0.15 where there is enough of it, else nothing.

        Raises:
            ConfigError: a share out of range, more than the phrases allow, or features of another config.
        """
        if holdout is not None and not 0 <= holdout <= MAX_HOLDOUT:
            raise ConfigError(f"Cannot hold out {holdout} of the sound; use a share from 0 to {MAX_HOLDOUT}.")
        phrases = [phrase for recording in recordings for phrase in cut(recording, config)]
        if holdout and len(phrases) == 1:  # one part to learn from, one to judge by
            (phrase,), level_db = phrases, phrases[0].features.loudness_db.numpy()
            parts = quiet_cuts(level_db, 0, len(level_db), math.ceil(len(level_db) / 2))
            phrases = [phrase[start:stop] for start, stop in parts if stop - start > MIN_FRAMES]
        held_out = choose(phrases, holdout)
        if holdout and not held_out:
            raise ConfigError("There is too little sound to hold some of it out; record more, or use a holdout of 0.")
        heard, unheard = ([p for i, p in enumerate(phrases) if (i in held_out) is held] for held in (False, True))
        return cls(heard, unheard, config)

    @property
    def example(self) -> Phrase:
        """A phrase to listen to: one that was not heard, if there is one."""
        return (self.unheard or self.heard)[0]

    @property
    def seconds(self) -> float:
        """Sound that is learned from."""
        return sum(phrase.seconds for phrase in self.heard)

    def first(self, seconds: float) -> "Corpus":
        """The same with less to learn from: the first seconds of what is heard, at least a few frames."""
        left, heard = max(round(seconds * self.config.sample_rate / self.config.hop_length), MIN_FRAMES), list[Phrase]()
        for phrase in self.heard:
            if left >= MIN_FRAMES:
                heard.append(phrase[: left + 1])
            left -= len(phrase.features) - 1
        return replace(self, heard=heard)

    def inputs(self) -> torch.Tensor:
        """[n_frames, n_inputs] of all heard frames that have a pitch, or of all where none has."""
        inputs = torch.cat([phrase.features.inputs() for phrase in self.heard])
        voiced = torch.cat([phrase.features.voiced for phrase in self.heard])
        return inputs[voiced] if voiced.any() else inputs

    def sha256(self) -> str:
        """SHA-256 of all samples and of what is held out, as hexadecimal digits."""
        digest = hashlib.sha256(f"{len(self.heard)} {len(self.unheard)}".encode())
        for phrase in (*self.heard, *self.unheard):
            digest.update(phrase.audio.numpy().tobytes())
        return digest.hexdigest()


def cut(recording: AnalysedRecording, config: Config) -> list[Phrase]:
    """The phrases of one recording, in the order of time."""
    features, analysis = recording.features, recording.analysis
    check_features(features, config)
    if features.phase is None or len(recording.audio) != features.n_samples:
        raise ConfigError("Train on the recording's own features: FeatureExtractor(model.config)(audio), untransposed.")
    padded = F.pad(recording.instrument, (0, (len(features) - 1) * config.hop_length - features.n_samples))
    directions = Controls.of_coefficients(analysis.coefficients, analysis.noise_magnitudes).directions
    whole = Phrase(features, padded, Targets.of(features, analysis, config), directions)
    spans = phrase_frames(features.loudness_db.numpy(), features.voiced.numpy(), config)
    return [whole[start:stop] for start, stop in spans]


def phrase_frames(level_db: np.ndarray, voiced: np.ndarray, config: Config) -> list[tuple[int, int]]:
    """First frame and the frame after the last of each phrase, in [n_frames] levels and voicing."""
    frames_of = lambda seconds: max(1, round(seconds * config.sample_rate / config.hop_length))
    rest_db = floor_db(level_db, voiced, config.hop_length / config.sample_rate)
    sounding = level_db > max(level_db.max() - AUDIBLE_DB, rest_db)
    joined = binary_closing(np.pad(sounding, frames_of(GAP_S)), iterations=frames_of(GAP_S) // 2 or 1)
    joined = joined[frames_of(GAP_S) : -frames_of(GAP_S)] | sounding
    regions = [r[0] for r in find_objects(label(joined)[0])]
    middles = [(a.stop + b.start) // 2 for a, b in pairwise(regions)]
    phrases = []
    for region, low, high in zip(regions, [0, *middles], [*middles, len(level_db)], strict=True):
        start, stop = max(low, region.start - frames_of(MARGIN_S)), min(high, region.stop + frames_of(MARGIN_S))
        phrases += quiet_cuts(level_db, start, stop, frames_of(LONGEST_S))
    lasting = [(start, stop) for start, stop in phrases if stop - start > MIN_FRAMES]
    return lasting or [(0, len(level_db))]


def quiet_cuts(level_db: np.ndarray, start: int, stop: int, longest: int) -> list[tuple[int, int]]:
    """A stretch in parts of about equal length, each cut at the quietest frame near its end."""
    n_parts, edges = math.ceil((stop - start) / longest), [start]
    for i in range(1, n_parts):
        ideal, reach = start + i * (stop - start) // n_parts, round(CUT_SHARE * (stop - start) / n_parts)
        edges.append(ideal - reach + int(level_db[ideal - reach : ideal + reach + 1].argmin()))
    return list(zip(edges, [*edges[1:], stop], strict=True))


def choose(phrases: list[Phrase], holdout: float | None) -> set[int]:
    """Which phrases to hold out: evenly spread over the pitches, between the lowest and the highest."""
    seconds = sum(phrase.seconds for phrase in phrases)
    if holdout is None:
        enough = len(phrases) >= HOLDOUT_FROM and seconds >= HOLDOUT_FROM_S
        holdout = HOLDOUT if enough else 0.0
    if not holdout or len(phrases) < 2:
        return set()
    order = sorted(range(len(phrases)), key=lambda i: phrases[i].features.f0_hz.median().item())
    count = min(max(1, round(holdout * len(phrases))), len(phrases) - 1)
    return {order[round((i + 0.5) * len(phrases) / count - 0.5)] for i in range(count)}

"""Phrases cut into stretches of equal length, prepared for listening: basis, target and inputs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.config import Config
from ddsp_nb.synthesis.oscillator import harmonic_basis, integrate_pitch
from ddsp_nb.training.corpus import Phrase
from ddsp_nb.training.losses import MultiScaleSpectralLoss, PreparedTarget

STRETCH_FRAMES = 32  # hops; the GRU's steps follow each other, so longer ones take longer
MAX_CACHED = 64  # stretches: some 24 s and half a gigabyte at the default sizes


@dataclass(frozen=True)
class Batch:
    """Stretches side by side.

    Attributes:
        inputs: [n_stretches, n_frames, n_inputs].
        voiced: [n_stretches, n_frames] 1 where partials sound, else 0.
        basis: [n_stretches, n_hops, 2 * n_harmonics, hop_length].
        target: the sound [n_stretches, n_hops * hop_length], analysed.
    """

    inputs: torch.Tensor
    voiced: torch.Tensor
    basis: torch.Tensor
    target: PreparedTarget


class Stretches:
    """The stretches of some phrases.

    Args:
        phrases: at least one.
        config: of their features.
        device: where batches are put.
    """

    def __init__(self, phrases: Sequence[Phrase], config: Config, device: torch.device):
        self.config, self.device = config, device
        self.loss = MultiScaleSpectralLoss(config)
        self.n_hops = min(STRETCH_FRAMES, max(len(phrase.features) for phrase in phrases) - 1)
        self.places = [
            (phrase, first) for phrase in phrases for first in range(0, len(phrase.features) - 1, self.n_hops)
        ]
        self.prepared: dict[int, tuple] = {}

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The stretches of these numbers, prepared once where all of them fit in memory."""
        parts = zip(*(self._prepare(number) for number in numbers), strict=True)
        inputs, voiced, basis, audio = (torch.stack(part) for part in parts)
        return Batch(inputs, voiced, basis, self.loss.target(audio))

    def spread(self, n: int) -> Batch:
        """At most n stretches, evenly over all."""
        n = min(n, len(self))
        return self.batch([round((i + 0.5) * len(self) / n - 0.5) for i in range(n)])

    def _prepare(self, number):
        if number in self.prepared:
            return self.prepared[number]
        phrase, first = self.places[number]
        first = max(0, min(first, len(phrase.features) - 1 - self.n_hops))  # the last one overlaps the one before
        features, hop = phrase.features[first : first + self.n_hops + 1], self.config.hop_length
        missing = self.n_hops + 1 - len(features)  # of a phrase that is shorter: silence follows
        repeat = lambda x: torch.cat([x, x[-1:].expand(missing, *x.shape[1:])]).to(self.device)
        f0_hz = repeat(features.f0_hz)
        basis = harmonic_basis(f0_hz, integrate_pitch(f0_hz, self.config), self.config.n_harmonics, self.config)
        inputs, voiced = repeat(features.inputs()), F.pad(features.voiced.float(), (0, missing)).to(self.device)
        inputs[len(features) :, 1] = MIN_DB
        audio = phrase.audio[first * hop : (first + self.n_hops) * hop]
        audio = F.pad(audio, (0, self.n_hops * hop - len(audio))).to(self.device)
        if len(self) <= MAX_CACHED:
            self.prepared[number] = inputs, voiced, basis, audio
        return inputs, voiced, basis, audio

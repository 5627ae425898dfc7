"""Random frames and stretches to learn from (notebook 04, "Training, with you in the room")."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.config import Config
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.oscillator import harmonic_basis, render_frames
from ddsp_nb.training.corpus import Corpus, Phrase
from ddsp_nb.training.enrol import enrol
from ddsp_nb.training.family import Family
from ddsp_nb.training.instrument import BATCH_FRAMES, SPREAD_SEMITONES, Instrument, Targets, lesson_loss
from ddsp_nb.training.losses import LOSSES, PreparedTarget
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.processes import count, share

# Stretches in a step of listening.
LISTENED = 4
# Stretches, of heard and of unheard phrases each, by which an epoch is judged.
JUDGED = 6
# Share of what the GRU reads, and of what is read from it, that is left out: a memory is no instrument.
DROPOUT = 0.2
# Of the squares by which weights have left those that are shared, beside the error of levels. Of 0, 0.2 and 0.3 on
# notes left out of five instruments that the weights had not heard, 0.2 won.
ANCHOR = 0.2
# Hops; the GRU's steps follow each other, so longer ones take longer.
STRETCH_FRAMES = 32
# Stretches: some 24 s and half a gigabyte at the default sizes.
MAX_CACHED = 64


@dataclass(frozen=True)
class Batch:
    """Stretches side by side.

    Attributes:
        inputs: [n_stretches, n_frames, n_inputs].
        voiced: [n_stretches, n_frames] 1 where partials sound, else 0.
        directions: [n_stretches, n_frames, n_harmonics, 2] phases of the partials.
        basis: [n_stretches, n_hops, 2 * n_harmonics, hop_length].
        target: the sound [n_stretches, n_hops * hop_length], analysed.
    """

    inputs: torch.Tensor
    voiced: torch.Tensor
    directions: torch.Tensor
    basis: torch.Tensor
    target: PreparedTarget


class Stretches:
    """All stretches of some phrases, at least one."""

    def __init__(self, phrases: Sequence[Phrase], config: Config, device: torch.device, loss: str = "plain"):
        self.config, self.device = config, device
        self.loss = LOSSES[loss](config)
        self.n_hops = min(STRETCH_FRAMES, max(len(phrase.features) for phrase in phrases) - 1)
        self.places = [(each, i) for each in phrases for i in range(0, len(each.features) - 1, self.n_hops)]
        self.prepared: dict[int, tuple] = {}

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The stretches of these numbers, prepared once where all of them fit in memory."""
        parts = zip(*(self._prepare(number) for number in numbers), strict=True)
        inputs, voiced, directions, basis, audio = (torch.stack(part) for part in parts)
        return Batch(inputs, voiced, directions, basis, self.loss.target(audio))

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
        f0_hz, directions = repeat(features.f0_hz), repeat(phrase.directions[first : first + self.n_hops + 1])
        basis = harmonic_basis(f0_hz, repeat(features.phase), self.config.n_harmonics, self.config)
        inputs, voiced = repeat(features.inputs()), F.pad(features.voiced.float(), (0, missing)).to(self.device)
        inputs[len(features) :, 1] = MIN_DB
        audio = phrase.audio[first * hop : (first + self.n_hops) * hop]
        audio = F.pad(audio, (0, self.n_hops * hop - len(audio))).to(self.device)
        prepared = inputs, voiced, directions, basis, audio
        if len(self) <= MAX_CACHED:
            self.prepared[number] = prepared
        return prepared


class Lessons:
    """What a model is taught by and judged by, on its device."""

    def __init__(self, model: DDSPModel, corpus: Corpus, seed: int, *, loss: str = "plain", anchored: bool = True):
        self.model, self.seed, self.generator = model, seed, torch.Generator().manual_seed(seed)
        self.heard = Stretches(corpus.heard, model.config, model.device, loss)
        # Of heard phrases, then of unheard ones where there are some.
        judged = [phrases for phrases in (corpus.heard, corpus.unheard) if phrases]
        self.judged_by = [Stretches(phrases, model.config, model.device).spread(JUDGED) for phrases in judged]
        self.targets = Targets.joined(phrase.targets for phrase in corpus.heard).to(model.device)
        shared = Instrument.shared(model.config).to(model.device).correctors.parameters() if anchored else ()
        self.shared = [weights.detach() for weights in shared]

    def level_loss(self) -> torch.Tensor:
        """How far the instrument's levels are from the analysed ones on random frames, and its weights from the shared.

        What a hundred instruments taught is worth more than what half a minute says of the notes between.
        """
        frames = torch.randint(len(self.targets), (BATCH_FRAMES,), generator=self.generator)
        some, instrument = self.targets[share(frames).to(self.model.device)], self.model.network.instrument
        loss = lesson_loss(instrument, some, self.generator, spread=SPREAD_SEMITONES)
        pairs = zip(instrument.correctors.parameters(), self.shared, strict=False)
        return loss + ANCHOR * sum((now - then).square().sum() for now, then in pairs)

    def listening_loss(self) -> torch.Tensor:
        """How far random stretches sound from the recording.

        Always with the envelope: without it far more is wrong, and heads that learn to make up for that do so where it
        is not wanted. Notes that are drawn by pitch and loudness gained nothing from being listened to.
        """
        numbers = torch.randint(len(self.heard), (LISTENED,), generator=self.generator).tolist()
        batch = self.heard.batch(share(numbers))
        return self.heard.loss(self._play(self.model, batch, self.generator, self._disturb), batch.target)

    @torch.no_grad()
    def judge(self, model: DDSPModel) -> list[float]:
        """The plain loss of heard phrases, then of unheard ones where there are some, always with the same noise."""
        noise, judge = lambda: torch.Generator().manual_seed(self.seed), LOSSES["plain"](model.config)
        return [judge(self._play(model, batch, noise()), batch.target).item() for batch in self.judged_by]

    def _play(self, model, batch, generator, disturb=lambda values: values):
        """Sound of a batch, as the instrument plays it with the recording's own phases; differentiable."""
        amplitudes, gains, _ = model.network(batch.inputs, disturb=disturb)
        controls = Controls(amplitudes * batch.voiced[..., None], batch.directions, gains)
        harmonic = render_frames(batch.basis, controls.coefficients()).flatten(1)
        return harmonic + model.synthesizer.noise_generator(gains, generator=generator)

    def _disturb(self, values: torch.Tensor) -> torch.Tensor:
        """Drop some of the values, at random."""
        kept = share(torch.rand((len(values) * count(), *values.shape[1:]), generator=self.generator)) >= DROPOUT
        return values * kept.to(values) / (1 - DROPOUT)


def prepare(model: DDSPModel, corpus: Corpus, *, start: str, seed: int) -> None:
    """Tell a new model what the instrument's sound is like, and let it begin where it should."""
    inputs = corpus.inputs().to(model.device)
    model.hear(inputs)
    if start == "shared":
        targets = Targets.joined(phrase.targets for phrase in corpus.heard).to(model.device)
        enrol(model.network.instrument, targets, Family.shipped().codes, seed)
    if start == "envelope":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            bare = Instrument.bare(model.config, inputs.cpu())
        model.network.instrument.load_state_dict(bare.state_dict())

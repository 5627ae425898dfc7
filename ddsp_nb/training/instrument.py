"""What plays notes that were never heard (notebook 04, "What does it say?", "What do other instruments teach?").

One small network answers for every partial and another for every noise band, told which one it is and what the
envelope looks like around it (`analysis/envelope.py`). Sharing the weights makes 64 examples of every frame, so little
sound teaches much; what the shipped weights know was learned from other instruments, and a recording only tunes them.
Phases do not carry over to notes that were not heard: they belong to the take, not to the instrument.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from ddsp_nb.analysis.decompose import Analysis
from ddsp_nb.analysis.envelope import ALL, NEPERS_PER_DB, SAFE_NYQUIST, Queries, Some
from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config

# Made by tests/benchmarks/pretrain.py.
SHARED_WEIGHTS = Path(__file__).with_name("instrument.safetensors")
HIDDEN_SIZE = 128
# Numbers that tell the timbre of one instrument from that of others.
CODE_SIZE = 16
# Of an instrument whose level nobody has measured, dB relative to full scale.
USUAL_DB = -20.0
# Log amplitude of a floor that nobody hears.
NO_FLOOR = math.log(1e-7)
# Standard deviations beyond which an input says nothing more.
CLAMP = 4.0
# Of a step; 192 are no better on unheard notes, and take four times as long.
BATCH_FRAMES = 64
WEIGHT_DECAY = 1e-2
# By which notes are moved where there are few of them: about half the step from one to the next.
SPREAD_SEMITONES, SEMITONES_PER_OCTAVE = 2.0, 12
# Partials and bands of each frame that a step looks at: neighbours teach much the same.
ASKED = 24
# Of the error of the noise bands beside that of the partials.
NOISE_WEIGHT = 0.5
# Relative to loudness, of a partial and of a band that are not there.
MIN_LOG_AMPLITUDE, MIN_LOG_GAIN = math.log(1e-5), math.log(1e-7)
# Of a partial, relative to the loudest of its frame, before the root is taken.
MIN_WEIGHT = 1e-3


class Corrector(nn.Module):
    """What to add to the envelope (log amplitude) for each query, in the timbre that a code stands for.

    The code moves the inputs of both hidden layers, so that an instrument whose code is known is a network of this size
    with other biases.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, n_inputs: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_inputs))
        self.register_buffer("std", torch.ones(n_inputs))
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, HIDDEN_SIZE),
            nn.LayerNorm(HIDDEN_SIZE),
            nn.SiLU(),
            nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE),
            nn.SiLU(),
            nn.Linear(HIDDEN_SIZE, 1),
        )
        self.codes = nn.ModuleList(nn.Linear(CODE_SIZE, HIDDEN_SIZE, bias=False) for _ in range(2))

    def forward(self, queries: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        """[n_frames, n_queries, n_inputs] and [n_frames or 1, CODE_SIZE] to [n_frames, n_queries]."""
        first, norm, bend, second, bend_again, last = self.layers
        entering, within = (moves(code) for moves in self.codes)
        queries = torch.addcmul(-self.mean / self.std, queries, 1 / self.std).clamp_(-CLAMP, CLAMP)
        hidden = bend(norm(_moved(first, queries, entering)))
        return last(bend_again(_moved(second, hidden, within)))[..., 0]


def _moved(layer, values, by):
    """A layer whose biases are moved by [n_frames or 1, HIDDEN_SIZE]; of one code nothing has to be added up."""
    if len(by) == 1:
        return F.linear(values, layer.weight, layer.bias + by[0])
    return layer(values) + by[:, None]


class Instrument(nn.Module):
    """Features to levels of partials and noise bands, all relative to loudness; the weights fit every config.

    Beside the networks that all instruments share it holds what tells one from the others.

    Attributes:
        code: [CODE_SIZE] its timbre, a point among those of all instruments.
        noise_bias: [n_bands] by which its bands differ from what the code says, log amplitude.
        noise_floor: [n_bands] noise of its recordings at any loudness, log amplitude beside full scale.
        usual_db: loudness of its usual notes, dB relative to full scale.
    """

    queries: Queries
    correctors: Any  # of partials and bands with the envelope, then without
    noise_floor: torch.Tensor
    usual_db: torch.Tensor

    def __init__(self, config: Config):
        super().__init__()
        self.queries = Queries(config)
        sizes = (*Queries.sizes(envelope=True), *Queries.sizes(envelope=False))
        self.correctors = nn.ModuleList(Corrector(size) for size in sizes)
        self.code = nn.Parameter(torch.zeros(CODE_SIZE))
        self.noise_bias = nn.Parameter(torch.zeros(config.n_bands))
        self.noise_floor = nn.Parameter(torch.full((config.n_bands,), NO_FLOOR))
        self.register_buffer("usual_db", torch.tensor(USUAL_DB))

    @property
    def questions(self):
        """About partials and about bands."""
        return self.queries.at_partials, self.queries.at_bands

    @classmethod
    def shared(cls, config: Config) -> "Instrument":
        """What instruments have in common: the weights that are shipped. Takes no random numbers."""
        with torch.random.fork_rng(devices=[]):
            instrument = cls(config)
        if not instrument.code.is_meta:  # else only its shapes are wanted
            shared, names = load_file(SHARED_WEIGHTS), instrument.correctors.state_dict()
            instrument.correctors.load_state_dict({name: shared[name].float() for name in names})
        return instrument

    @classmethod
    def bare(cls, config: Config, inputs: torch.Tensor) -> "Instrument":
        """An instrument that knows nothing yet and plays the envelope as it is, as a channel vocoder does.

        Its normalisation is that of the inputs [n_frames, n_inputs].
        """
        instrument = cls(config)
        instrument.fit_normalisation(inputs)
        for corrector in instrument.correctors:
            nn.init.zeros_(corrector.layers[-1].weight)
            nn.init.zeros_(corrector.layers[-1].bias)
        return instrument

    def timbre(self, code: torch.Tensor | None = None) -> torch.Tensor:
        """[..., n_timbre] code, bias and floor in one row: its own, or with other codes [..., CODE_SIZE]."""
        code = self.code if code is None else code
        own = torch.cat([self.noise_bias, self.noise_floor])
        return torch.cat([code, own.expand(*code.shape[:-1], -1)], -1)

    def forward(
        self,
        inputs: torch.Tensor,
        *,
        envelope: bool = True,
        timbre: torch.Tensor | None = None,
        some: tuple[Some, Some] = (ALL, ALL),
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Levels of one performance.

        Args:
            inputs: [n_frames, 3 + n_mfcc], as `Features.inputs` gives them.
            envelope: whether the MFCCs count; without them the instrument has its own timbre.
            timbre: [n_frames, CODE_SIZE + 2 * n_bands] of each frame, as `timbre()` gives it; its own by default.
            some: indices of the partials and of the bands that are asked for; all by default.

        Returns:
            log amplitudes [n_frames, n_harmonics] and log gains [n_frames, n_bands], relative to the loudness.
        """
        timbre = self.timbre()[None] if timbre is None else timbre
        code, bias, floor = timbre.split([CODE_SIZE, *[len(self.noise_bias)] * 2], -1)
        answers = []
        correctors = self.correctors[:2] if envelope else self.correctors[2:]
        for ask, correct, asked in zip(self.questions, correctors, some, strict=True):
            level, queries = ask(inputs, asked, envelope=envelope, usual_db=self.usual_db)
            answers.append(level + correct(queries, code))
        amplitudes, gains = answers
        # Of partials so high nothing was learned, and what the network says of them can be anything.
        amplitudes = torch.where(self.queries.safe(inputs, some[0]), amplitudes, MIN_LOG_AMPLITUDE)
        breath, floor = gains + bias[..., some[1]], floor[..., some[1]] - NEPERS_PER_DB * inputs[:, 1:2]
        return amplitudes, torch.logaddexp(2 * breath, 2 * floor) / 2

    @torch.no_grad()
    def fit_normalisation(self, inputs: torch.Tensor) -> None:
        """Keep mean and spread of the queries that [n_frames, n_inputs] features lead to."""
        asked = [(ask, envelope) for envelope in (True, False) for ask in self.questions]
        for (ask, envelope), correct in zip(asked, self.correctors, strict=True):
            queries = ask(inputs, envelope=envelope, usual_db=self.usual_db)[1].flatten(0, 1)
            correct.mean.copy_(queries.mean(0))
            correct.std.copy_(queries.std(0).clamp(min=1e-2))


@dataclass(frozen=True)
class Targets:
    """What an analysed recording asks of the instrument.

    Attributes:
        inputs: [n_frames, n_inputs] features.
        log_amplitudes: [n_frames, n_harmonics] relative to loudness.
        log_gains: [n_frames, n_bands] relative to loudness.
        weights: [n_frames, n_harmonics] by which a partial counts: the root of its share of the loudest one.
    """

    inputs: torch.Tensor
    log_amplitudes: torch.Tensor
    log_gains: torch.Tensor
    weights: torch.Tensor

    @classmethod
    def of(cls, features: Features, analysis: Analysis, config: Config) -> "Targets":
        amplitudes = torch.hypot(*analysis.coefficients.chunk(2, -1))
        level = torch.exp(NEPERS_PER_DB * features.loudness_db)[:, None]
        k = torch.arange(1, config.n_harmonics + 1)
        there = features.voiced[:, None] & (features.f0_hz[:, None] * k < SAFE_NYQUIST * config.nyquist_hz)
        return cls(
            features.inputs(),
            (amplitudes / level).log().clamp(min=MIN_LOG_AMPLITUDE),
            (analysis.noise_magnitudes / level).log().clamp(min=MIN_LOG_GAIN),
            partial_weights(amplitudes, there),
        )

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, frames) -> "Targets":
        return Targets(*(x[frames] for x in vars(self).values()))

    def to(self, *kind: Any) -> "Targets":
        """On another device, or of another type."""
        return Targets(*(x.to(*kind) for x in vars(self).values()))

    @classmethod
    def joined(cls, parts: Iterable["Targets"]) -> "Targets":
        """The targets of several recordings as one."""
        return cls(*map(torch.cat, zip(*(vars(part).values() for part in parts), strict=True)))


def partial_weights(amplitudes: torch.Tensor, there: torch.Tensor | bool = True) -> torch.Tensor:
    """[..., n_harmonics] by which partials count; those that are not there do not."""
    share = amplitudes / amplitudes.amax(-1, keepdim=True).clamp(min=1e-9)
    return share.clamp(min=MIN_WEIGHT).sqrt() * there


def level_errors(
    instrument: Instrument,
    targets: Targets,
    *,
    envelope: bool = True,
    timbre: torch.Tensor | None = None,
    some: tuple[Some, Some] = (ALL, ALL),
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean error of the partials, by weight, and of the noise bands, as natural logarithms; differentiable."""
    amplitudes, gains = instrument(targets.inputs, envelope=envelope, timbre=timbre, some=some)
    partials, bands = some
    weights, wanted = targets.weights[:, partials], targets.log_amplitudes[:, partials]
    wrong = (weights * (amplitudes - wanted).abs()).sum() / weights.sum().clamp(min=1e-6)
    return wrong, (gains - targets.log_gains[:, bands]).abs().mean()


def lesson_loss(
    instrument: Instrument,
    targets: Targets,
    generator: torch.Generator,
    *,
    timbre: torch.Tensor | None = None,
    spread: float = 0.0,
) -> torch.Tensor:
    """What regression minimises: errors of some levels, drawn by chance, with the envelope and without.

    Notes without an envelope are moved at random, with a spread in semitones: what is learned from few notes is then
    good for those between them. The timbre is that of `Instrument.forward`.
    """
    drawn = lambda n: torch.randperm(n, generator=generator)[:ASKED].to(targets.inputs.device)
    some = drawn(targets.weights.shape[1]), drawn(targets.log_gains.shape[1])
    moved = targets.inputs.clone()
    moved[:, 0] += torch.randn(len(moved), generator=generator).to(moved) * spread / SEMITONES_PER_OCTAVE
    loss = torch.zeros((), device=targets.inputs.device)
    for envelope, inputs in ((True, targets.inputs), (False, moved)):
        asked = replace(targets, inputs=inputs)
        partials, bands = level_errors(instrument, asked, envelope=envelope, timbre=timbre, some=some)
        loss = loss + partials + NOISE_WEIGHT * bands
    return loss

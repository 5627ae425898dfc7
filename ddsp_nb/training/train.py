"""Teach an instrument; a generator yields after every epoch, so that anyone can watch, listen and stop.

Two things are learned side by side. The correctors of the envelope learn the *levels* that the analysis found, a
regression without any sound. The GRU learns by *listening*: its controls are rendered, and the spectral loss of the
sound tells it what to change. Phrases that are held out say how the instrument plays what it never heard, and decide
which epoch is kept. `fit.py` is the loop around it.
"""

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import torch

from ddsp_nb.errors import ConfigError, TrainingError
from ddsp_nb.synthesis.controls import low_crest_directions
from ddsp_nb.synthesis.oscillator import render_frames
from ddsp_nb.training.adamw import AdamW
from ddsp_nb.training.batches import Batch, Stretches
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.instrument import BATCH_FRAMES, WEIGHT_DECAY, Instrument, lesson_loss
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.processes import averaged, count, share

DEFAULT_EPOCHS = 20
LEARNING_RATE = 1e-3
STARTS = ("shared", "envelope", "model")
GRU_RATE = 0.3  # of the learning rate: it begins at nothing, and must not learn the recording by heart
MODEL_RATE = 0.2  # of the learning rate, for a model that was trained before
LEVEL_STEPS = 4  # of regression in an epoch, beside one of listening
LISTENED = 4  # stretches in a step of listening
JUDGED = 6  # stretches, of heard and of unheard phrases each, by which an epoch is judged
DROPOUT = 0.2  # of what the GRU reads and of what is read from it: a memory is no instrument
WARM_UP = 0.1  # share of the epochs in which the learning rate rises
CLIP_NORM = 1.0  # of the gradient
PATIENCE = 10  # epochs in a row without finite numbers, before training gives up


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Attributes:
        epoch: epochs done, from 1.
        epochs: epochs planned.
        loss: multi-scale spectral loss of heard phrases, as the instrument plays them.
        unheard_loss: the same of phrases that are held out, or None where none is.
        best_loss: lowest loss so far, of unheard phrases where there are some; its model is the one that is kept.
        seconds: that training took so far.
        skipped: epochs left out so far because a number was not finite.
    """

    epoch: int
    epochs: int
    loss: float
    unheard_loss: float | None
    best_loss: float
    seconds: float
    skipped: int

    @property
    def judged_loss(self) -> float:
        """The loss that decides which model is kept."""
        return self.loss if self.unheard_loss is None else self.unheard_loss


@dataclass(frozen=True)
class Progress(Epoch):
    """How training stands after one epoch: its figures, and two things to ask for.

    Attributes:
        audio: call it to hear the model as it is now: the `Sound` of `corpus.example`.
        state: call it for the `TrainingState` to go on from, a copy.
    """

    audio: Callable
    state: Callable


@dataclass
class TrainingState:
    """All that a run needs to go on as if it had never stopped; see `run_file.py`.

    Attributes:
        epochs, learning_rate, seed, start: settings, as of `train`.
        corpus_sha256: of the sound, which must be the same.
        best_loss: lowest loss so far.
        skipped: epochs left out so far.
        skipped_in_a_row: of them the last ones without another between.
        history: the figures of every epoch that is done.
        weights, best_weights: of the model now and where its loss was lowest.
        moments: of Adam, for each parameter.
        generator: state of the random numbers.
    """

    epochs: int
    learning_rate: float
    seed: int
    start: str
    corpus_sha256: str
    best_loss: float = math.inf
    skipped: int = 0
    skipped_in_a_row: int = 0
    history: list[Epoch] = field(default_factory=list)
    weights: dict = field(default_factory=dict)
    best_weights: dict = field(default_factory=dict)
    moments: dict = field(default_factory=dict)
    generator: torch.Tensor | None = None

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)


def train(
    model: DDSPModel,
    corpus: Corpus,
    *,
    epochs: int = DEFAULT_EPOCHS,
    learning_rate: float | None = None,
    seed: int = 0,
    device: str = "auto",
    start: str = "shared",
    resume: TrainingState | None = None,
) -> Generator[Progress, None, None]:
    """Train in place with AdamW, yielding a `Progress` after each epoch; the best model is kept at the end.

    An epoch is four steps of regression on random frames and one of listening to random stretches. Closing the
    generator early keeps the best model so far.

    Args:
        model: to train; moved to `device`.
        corpus: what it hears, and what it is judged by, analysed with `model.config`.
        epochs: at least 1.
        learning_rate: peak of a warm-up and cosine schedule; None: 1e-3, or 2e-4 from a trained model.
        seed: of the noise and of all random choices.
        device: "cpu", "cuda" or "auto" (CUDA where there is one).
        start: "shared" begins with what instruments have in common, "envelope" with the bare envelope, "model" with
            what the model has learned already.
        resume: `progress.state()` of a run on the same corpus, which goes on with its own settings as if it had never
            stopped; only epochs that are new are yielded.

    Raises:
        ConfigError: an argument outside its range, or another corpus than the model or the resumed run needs.
        TrainingError: ten epochs in a row gave numbers that are not finite; the best model is kept.
    """
    if resume is None:
        usual = LEARNING_RATE * (MODEL_RATE if start == "model" else 1)
        state = TrainingState(epochs, usual if learning_rate is None else learning_rate, seed, start, corpus.sha256())
    else:
        state = replace(resume, history=list(resume.history))
    check_settings(state)
    if LISTENED % count():
        raise ConfigError(f"{count()} processes cannot share the {LISTENED} stretches of a step; use 2 or 4.")
    if corpus.config != model.config:
        raise ConfigError("The recordings were analysed with another config; analyse them with model.config.")
    if state.corpus_sha256 != corpus.sha256():
        raise ConfigError("The interrupted run was on other recordings. Resume with those, or begin anew.")
    run = TrainingRun(model.to(choose_device(device)), corpus, state)
    try:
        while state.epoch < state.epochs:
            yield run.step()
    finally:
        model.load_state_dict(state.best_weights)


class TrainingRun:
    """A model, a corpus, an optimiser and the state of their training, which `step` moves on by one epoch."""

    def __init__(self, model: DDSPModel, corpus: Corpus, state: TrainingState):
        self.model, self.corpus, self.state = model, corpus, state
        self.begin_s = time.perf_counter() - (state.history[-1].seconds if state.history else 0.0)
        if not state.history and state.start != "model":
            self._prepare_model()
        self.heard = Stretches(corpus.heard, model.config, model.device)
        self.judged_by = [
            Stretches(phrases, model.config, model.device).spread(JUDGED)
            for phrases in (corpus.heard, corpus.unheard)
            if phrases
        ]
        self.targets = sum((p.targets for p in corpus.heard[1:]), corpus.heard[0].targets).to(model.device)
        self.directions = low_crest_directions(model.config.n_harmonics).to(model.device)
        self.optimiser = AdamW(parameter_groups(model, state.learning_rate), weight_decay=WEIGHT_DECAY)
        self.peak_rates = [group["lr"] for group in self.optimiser.groups]
        self.generator = torch.Generator().manual_seed(state.seed)
        if state.history:
            self._restore()
        else:  # nothing worse than the beginning is ever kept
            state.best_loss, state.best_weights = self.judge(self.judged_by[-1]), copied(model.state_dict())

    def _prepare_model(self):
        """Tell a new model what the instrument's sound is like, and let it begin where it should."""
        inputs = self.corpus.inputs().to(self.model.device)
        self.model.hear(inputs)
        if self.state.start == "envelope":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.state.seed)
                bare = Instrument.bare(self.model.config, inputs.cpu())
            self.model.network.instrument.load_state_dict(bare.state_dict())

    def step(self) -> Progress:
        """One epoch; steps without finite numbers are left out."""
        state = self.state
        factor = learning_rate_factor(state.epoch, state.epochs)
        for group, rate in zip(self.optimiser.groups, self.peak_rates, strict=True):
            group["lr"] = rate * factor
        losses = [self._descend(self._level_loss()) for _ in range(LEVEL_STEPS)]
        losses.append(self._descend(self._listening_loss()))
        loss, *unheard = map(self.judge, self.judged_by)
        unheard_loss = unheard[0] if unheard else None
        judged = loss if unheard_loss is None else unheard_loss
        if all(losses) and math.isfinite(judged):
            state.skipped_in_a_row = 0
            if judged < state.best_loss:
                state.best_loss, state.best_weights = judged, copied(self.model.state_dict())
        else:
            self._skip()
        seconds = time.perf_counter() - self.begin_s
        figures = Epoch(state.epoch + 1, state.epochs, loss, unheard_loss, state.best_loss, seconds, state.skipped)
        state.history.append(figures)
        example = self.corpus.example.features
        return Progress(**vars(figures), audio=lambda: self.model(example), state=self.snapshot)

    def _descend(self, loss) -> bool:
        """One step of the optimiser, unless loss or gradient is not finite; says whether it was taken."""
        self.optimiser.zero_grad()
        loss.backward()
        loss = averaged(self.model, loss)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        finite = bool((loss + norm).isfinite())
        if finite:
            self.optimiser.step()
        return finite

    def _level_loss(self):
        """How far the instrument's levels are from the analysed ones on random frames."""
        frames = torch.randint(len(self.targets), (BATCH_FRAMES,), generator=self.generator)
        return lesson_loss(self.model.network.instrument, self.targets[share(frames).to(self.model.device)])

    def _listening_loss(self):
        """How far random stretches sound from the recording, with the envelope and without, in turn."""
        numbers = torch.randint(len(self.heard), (LISTENED,), generator=self.generator).tolist()
        with_envelope = self.state.epoch % 2 == 0
        return self.listen(
            self.heard.batch(share(numbers)), self.generator, envelope=with_envelope, disturb=self.disturb
        )

    def listen(self, batch: Batch, generator: torch.Generator, *, envelope=True, disturb=None) -> torch.Tensor:
        """The loss: spectral distance of a batch, as the instrument plays it, from its recording; differentiable."""
        model = self.model
        amplitudes, gains, _ = model.network(batch.inputs, envelope=envelope, disturb=disturb)
        coefficients = ((amplitudes * batch.voiced[..., None])[..., None] * self.directions).mT.flatten(-2)
        noise = model.synthesizer.noise_generator(gains, generator=generator)
        return self.heard.loss.spectral(render_frames(batch.basis, coefficients).flatten(1) + noise, batch.target)

    def disturb(self, values: torch.Tensor) -> torch.Tensor:
        """Drop some of the values, at random."""
        kept = share(torch.rand((len(values) * count(), *values.shape[1:]), generator=self.generator)) >= DROPOUT
        return values * kept.to(values) / (1 - DROPOUT)

    @torch.no_grad()
    def judge(self, batch: Batch) -> float:
        """The loss of a batch, with the same noise every time."""
        return self.listen(batch, torch.Generator().manual_seed(self.state.seed)).item()

    def _skip(self):
        self.state.skipped += 1
        self.state.skipped_in_a_row += 1
        if self.state.skipped_in_a_row == PATIENCE:
            raise TrainingError(
                f"Training stopped at epoch {self.state.epoch + 1}: {PATIENCE} epochs in a row gave numbers that are "
                "not finite. The best model so far is kept; use a lower learning rate."
            )

    def snapshot(self) -> TrainingState:
        """The state as it is now, in memory of its own."""
        moments = {name: self.optimiser.moments.get(p, {}) for name, p in self.model.named_parameters()}
        return replace(
            self.state,
            history=list(self.state.history),
            weights=copied(self.model.state_dict()),
            moments={name: copied(moment) for name, moment in moments.items()},
            generator=self.generator.get_state(),
        )

    def _restore(self):
        """Bring model, optimiser and random numbers to where the state says they were."""
        state = self.state
        self.model.load_state_dict(state.weights)
        for name, parameter in self.model.named_parameters():
            if state.moments[name]:
                self.optimiser.moments[parameter] = copied(state.moments[name])
        self.generator.set_state(state.generator.cpu())


def learning_rate_factor(epoch: int, epochs: int) -> float:
    """The learning rate relative to its peak, epoch counted from 0: a linear warm-up, then half a cosine down to 0."""
    warm_up = max(1, round(WARM_UP * epochs))
    angle = math.pi * min(1, max(0, epoch - warm_up) / max(1, epochs - warm_up))
    return min(1, (epoch + 1) / warm_up) * (0.5 + 0.5 * math.cos(angle))


def parameter_groups(model: DDSPModel, learning_rate: float) -> list[dict]:
    """The correctors at the full learning rate; GRU, heads and mix at a part of it."""
    correctors = list(model.network.instrument.parameters())
    own = {id(p) for p in correctors}
    others = [p for p in model.parameters() if id(p) not in own]
    return [{"params": correctors, "lr": learning_rate}, {"params": others, "lr": learning_rate * GRU_RATE}]


def check_settings(state: TrainingState) -> None:
    """Raise ConfigError unless a run's settings are within their ranges."""
    if state.start not in STARTS:
        raise ConfigError(f"Unknown start {state.start!r}; use one of {', '.join(STARTS)}.")
    if state.epochs < 1 or not 0 < state.learning_rate <= 1:
        raise ConfigError(
            f"epochs is {state.epochs} and learning_rate {state.learning_rate}; use epochs >= 1 and a rate in (0, 1]."
        )


def choose_device(name: str) -> torch.device:
    """A torch device from "auto", "cpu" or "cuda". Raises ConfigError where there is no CUDA."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise ConfigError(f"Device {name!r} is not available here; use cpu, cuda or auto.")
    return torch.device(name)


def copied(tensors: dict) -> dict:
    """The same tensors, detached and in memory of their own."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}

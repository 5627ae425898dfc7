"""The loop of training (notebook 04, "Training, with you in the room"): anyone can watch, listen and stop.

Two things are learned side by side. The correctors of the envelope learn the *levels* that the analysis found, a
regression without any sound. The GRU learns by *listening*: its controls are rendered, and the loss of the sound tells
it what to change. Phrases that are held out say how the instrument plays what it never heard, and decide which epoch is
kept. `fit.py` is the loop around it.

One step may undo another, so the model is not what learns but the mean of what the learner was of late: it is played,
judged and kept (Polyak & Juditsky 1992; as a mean that fades, Tarvainen & Valpola 2017, https://arxiv.org/abs/1703.01780).
"""

import copy
import math
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass

import torch

from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, ConfigError, TrainingError
from ddsp_nb.synthesis.controls import Sound
from ddsp_nb.training.adamw import AdamW
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.instrument import WEIGHT_DECAY
from ddsp_nb.training.lessons import LISTENED, Lessons, prepare
from ddsp_nb.training.losses import LOSSES
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.processes import averaged, count

DEFAULT_EPOCHS = 20
LEARNING_RATE = 1e-3
STARTS = ("shared", "envelope", "model")
# Of the learning rate, for GRU and heads: they begin at nothing, and must not learn the recording by heart.
GRU_RATE = 0.3
# Nepers, of a noise band in a step, from the bare envelope: the noise lies some 30 dB below it. Where the network had
# to learn that, it moved all bands at once, also those that were right: the loss fell, rose again, and fell.
NOISE_STEP = 0.1
# Of the learning rate, for a model that was trained before.
MODEL_RATE = 0.2
# Steps of regression in an epoch, beside one of listening.
LEVEL_STEPS = 4
# Share of the epochs in which the learning rate rises.
WARM_UP = 0.1
# Share of its past that the mean of the weights keeps in each epoch: five epochs long, and all curves fall.
FADE = 0.8
# Of the gradient.
CLIP_NORM = 1.0
# Epochs in a row without finite numbers, before training gives up.
PATIENCE = 10

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Attributes:
        epoch: epochs done, from 1.
        epochs: epochs planned.
        loss: of heard phrases, as the instrument plays them with the recording's phases.
        unheard_loss: of phrases that are held out, or None where none is.
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
class Settings:
    """How a run is done, as `train` is told."""

    epochs: int
    learning_rate: float
    seed: int
    start: str
    loss: str

    def __post_init__(self):
        if self.start not in STARTS:
            raise ConfigError(f"Unknown start {self.start!r}; use one of {', '.join(STARTS)}.")
        if self.loss not in LOSSES:
            raise ConfigError(f"Unknown loss {self.loss!r}; use one of {', '.join(LOSSES)}.")
        if self.epochs < 1 or not 0 < self.learning_rate <= 1:
            asked = f"epochs is {self.epochs} and learning_rate {self.learning_rate}"
            raise ConfigError(f"{asked}; use epochs >= 1 and a rate in (0, 1].")


@dataclass(frozen=True)
class TrainingState:
    """All that a run needs to go on as if it had never stopped.

    The sound must be the same; the weights are the learner's, their mean was judged last, the best ones where the loss
    was lowest, moments are Adam's for each parameter, and the generator is that of all random numbers.
    """

    config: Config
    settings: Settings
    corpus_sha256: str
    history: list[Epoch]
    weights: Weights
    mean_weights: Weights
    best_weights: Weights
    moments: dict[str, Weights]
    generator: torch.Tensor

    def to_dict(self) -> dict:
        """Plain values and tensors, for a file."""
        history = [vars(epoch) for epoch in self.history]
        plain = {"config": asdict(self.config), "settings": vars(self.settings), "history": history}
        return vars(self) | plain

    @classmethod
    def from_dict(cls, content: dict) -> "TrainingState":
        """The reverse of `to_dict`. Raises KeyError, TypeError or ValueError where a part is missing or odd."""
        settings, history = Settings(**content["settings"]), [Epoch(**figures) for figures in content["history"]]
        if not 0 < len(history) <= settings.epochs:
            raise ValueError("a run that has not begun, or beyond its end")
        plain = {"config": Config.from_dict(content["config"]), "settings": settings, "history": history}
        return cls(**content | plain)


@dataclass(frozen=True)
class Progress(Epoch):
    """How training stands after one epoch: its figures, and two things to ask for.

    `audio()` is how the model plays `corpus.example` now, `state()` a copy of what is needed to go on from here.
    """

    audio: Callable[[], Sound]
    state: Callable[[], TrainingState]


def train(
    model: DDSPModel,
    corpus: Corpus,
    *,
    epochs: int = DEFAULT_EPOCHS,
    learning_rate: float | None = None,
    seed: int = 0,
    device: str = "auto",
    start: str = "shared",
    loss: str = "plain",
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
        seed: of all that is random.
        device: "cpu", "cuda" or "auto" (CUDA where there is one).
        start: "shared" begins with what instruments have in common, "envelope" with the bare envelope, "model" with
            what the model has learned already.
        loss: by which it listens: "plain", or "heard", as loud as the ear hears what differs. Figures are plain always.
        resume: `progress.state()` of a run on the same corpus, which goes on with its own settings as if it had never
            stopped; only epochs that are new are yielded.

    Raises:
        ConfigError: an argument outside its range, or another corpus than the model or the resumed run needs.
        CheckpointError: the resumed run is of another model.
        TrainingError: ten epochs in a row gave numbers that are not finite; the best model is kept.
    """
    if learning_rate is None:
        learning_rate = LEARNING_RATE * (MODEL_RATE if start == "model" else 1)
    settings = resume.settings if resume else Settings(epochs, learning_rate, seed, start, loss)
    if LISTENED % count():
        raise ConfigError(f"{count()} processes cannot share the {LISTENED} stretches of a step; use 2 or 4.")
    if corpus.config != model.config:
        raise ConfigError("The recordings were analysed with another config; analyse them with model.config.")
    if resume and resume.corpus_sha256 != corpus.sha256():
        raise ConfigError("The interrupted run had other recordings or another room. Resume with those, or begin anew.")
    run = TrainingRun(model.to(choose_device(device)), corpus, settings, resume)
    try:
        while len(run.history) < settings.epochs:
            yield run.step()
    finally:
        model.load_state_dict(run.best_weights)


class TrainingRun:
    """The optimiser, the history and the best model of a run, which `step` moves on by one epoch."""

    def __init__(self, model: DDSPModel, corpus: Corpus, settings: Settings, resume: TrainingState | None):
        self.model, self.corpus, self.settings = model, corpus, settings
        if resume is None and settings.start != "model":
            prepare(model, corpus, start=settings.start, seed=settings.seed)
        # Its weights move from step to step; those of `model` are their mean.
        self.learner = copy.deepcopy(model)
        anchored, loss = settings.start == "shared", settings.loss
        self.lessons = Lessons(self.learner, corpus, settings.seed, loss=loss, anchored=anchored)
        self.optimiser = AdamW(parameter_groups(self.learner, settings), weight_decay=WEIGHT_DECAY)
        self.peak_rates = [group["lr"] for group in self.optimiser.groups]
        self.history: list[Epoch] = []
        if resume is None:
            # Nothing worse than the beginning is ever kept.
            self.best_loss, self.best_weights = self.lessons.judge(model)[-1], copied(model.state_dict())
        else:
            self._restore(resume)
        self.begin_s = time.perf_counter() - (self.history[-1].seconds if self.history else 0.0)

    def step(self) -> Progress:
        """One epoch; steps without finite numbers are left out."""
        n_done, epochs = len(self.history), self.settings.epochs
        factor = learning_rate_factor(n_done, epochs)
        for group, rate in zip(self.optimiser.groups, self.peak_rates, strict=True):
            group["lr"] = rate * factor
        taken = [self._descend(self.lessons.level_loss()) for _ in range(LEVEL_STEPS)]
        taken.append(self._descend(self.lessons.listening_loss()))
        for mean, now in zip(self.model.parameters(), self.learner.parameters(), strict=True):
            mean.data.lerp_(now.data, max(1 / (n_done + 1), 1 - FADE))
        loss, *unheard = self.lessons.judge(self.model)
        judged = unheard[0] if unheard else loss
        finite = all(taken) and math.isfinite(judged)
        if finite and judged < self.best_loss:
            self.best_loss, self.best_weights = judged, copied(self.model.state_dict())
        seconds, skipped = time.perf_counter() - self.begin_s, self._skipped(finite)
        figures = Epoch(n_done + 1, epochs, loss, unheard[0] if unheard else None, self.best_loss, seconds, skipped)
        self.history.append(figures)
        example = self.corpus.example.features
        return Progress(**vars(figures), audio=lambda: self.model(example), state=self.snapshot)

    def _descend(self, loss: torch.Tensor) -> bool:
        """One step of the optimiser, unless loss or gradient is not finite; says whether it was taken."""
        self.optimiser.zero_grad()
        loss.backward()
        loss = averaged(self.learner, loss)
        norm = torch.nn.utils.clip_grad_norm_(self.learner.parameters(), CLIP_NORM)
        finite = bool((loss + norm).isfinite())
        if finite:
            self.optimiser.step()
        return finite

    def _skipped(self, finite: bool) -> int:
        """Epochs that were left out so far, this one included; raises TrainingError after ten in a row."""
        before = [0, *(epoch.skipped for epoch in self.history)]
        skipped = before[-1] + (not finite)
        if skipped - before[-PATIENCE:][0] == PATIENCE:
            raise TrainingError(
                f"Training stopped at epoch {len(before)}: {PATIENCE} epochs in a row gave numbers that are not "
                "finite. The best model so far is kept; use a lower learning rate."
            )
        return skipped

    def snapshot(self) -> TrainingState:
        """The state as it is now, in memory of its own."""
        return TrainingState(
            config=self.model.config,
            settings=self.settings,
            corpus_sha256=self.corpus.sha256(),
            history=list(self.history),
            weights=copied(self.learner.state_dict()),
            mean_weights=copied(self.model.state_dict()),
            best_weights=self.best_weights,
            moments={name: copied(self.optimiser.moments[p]) for name, p in self.learner.named_parameters()},
            generator=self.lessons.generator.get_state(),
        )

    def _restore(self, state: TrainingState) -> None:
        try:
            # First those that must fit at the end, as a check.
            for weights in (state.best_weights, state.mean_weights):
                self.model.load_state_dict(weights)
            self.learner.load_state_dict(state.weights)
            for name, parameter in self.learner.named_parameters():
                for part, moment in self.optimiser.moments[parameter].items():
                    moment.copy_(state.moments[name][part])
            self.lessons.generator.set_state(state.generator.cpu())
        except (AttributeError, KeyError, RuntimeError, TypeError) as error:
            raise CheckpointError("The interrupted run is of another model. Begin anew.") from error
        self.history, self.best_weights = list(state.history), copied(state.best_weights)
        self.best_loss = self.history[-1].best_loss


def learning_rate_factor(epoch: int, epochs: int) -> float:
    """The learning rate relative to its peak, epoch counted from 0: a linear warm-up, then half a cosine down to 0."""
    warm_up = max(1, round(WARM_UP * epochs))
    angle = math.pi * min(1, max(0, epoch - warm_up) / max(1, epochs - warm_up))
    return min(1, (epoch + 1) / warm_up) * (0.5 + 0.5 * math.cos(angle))


def parameter_groups(model: DDSPModel, settings: Settings) -> list[dict]:
    """The correctors at the full learning rate, GRU and heads at a part of it, noise bands as the start needs it."""
    rate, noise = settings.learning_rate, model.network.instrument.noise_bias
    correctors = [p for p in model.network.instrument.parameters() if p is not noise]
    own = {id(p) for p in (noise, *correctors)}
    return [
        {"params": correctors, "lr": rate},
        {"params": [noise], "lr": NOISE_STEP if settings.start == "envelope" else rate},
        {"params": [p for p in model.parameters() if id(p) not in own], "lr": rate * GRU_RATE},
    ]


def choose_device(name: str) -> torch.device:
    """A torch device from "auto", "cpu" or "cuda". Raises ConfigError where there is no CUDA."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise ConfigError(f"Device {name!r} is not available here; use cpu, cuda or auto.")
    return torch.device(name)


def copied(tensors: Weights) -> Weights:
    """The same tensors, detached and in memory of their own."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}

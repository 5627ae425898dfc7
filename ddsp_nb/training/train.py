"""Teach the network one recording; a generator yields after every epoch, so that anyone can watch, listen and stop.

The whole training is here: what is minimised, how fast each part of the network learns, and the state from which a
run that was stopped goes on, bit for bit. `fit.py` is the loop around it.
"""

import hashlib
import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import torch

from ddsp_nb.analysis.decompose import analyse
from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config
from ddsp_nb.errors import ConfigError, TrainingError
from ddsp_nb.training.batches import SegmentedClip
from ddsp_nb.training.instrument import N_STEPS, Targets, tune
from ddsp_nb.training.losses import TIME_WEIGHT, MultiScaleSpectralLoss
from ddsp_nb.training.model import DDSPModel, check_features
from ddsp_nb.training.warm_start import start_heads

DEFAULT_EPOCHS = 60
LEARNING_RATES = {"analysis": 4e-5, "random": 1e-3, "model": 4e-5}  # a solved read-out is moved gently, or it is lost
WARM_UP = 0.1  # share of the epochs in which the learning rate rises
MIN_WARM_UP = 6  # epochs
WAVEFORM_WEIGHT = 1.0  # of `waveform_loss`, relative to the spectral loss
CLIP_NORM = 1.0  # of the gradient
LOSS_EMA = 0.9  # decay per epoch of the mean loss by which a long recording is judged
PATIENCE = 10  # epochs in a row without finite numbers, before training gives up
# Relative to the learning rate, once the read-outs are solved for: the GRU's states that they read must hardly move, or
# the solution is lost; phases suffer first, noise gains have no phase to lose.
LR_SCALES = {"gru": 0.1, "phase_head": 0.3, "noise_head": 10.0}
HIDDEN_LR_SCALE = 0.1  # of a head's layers below its read-out, relative to the read-out


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Attributes:
        epoch: epochs done, from 1.
        epochs: epochs planned.
        loss: multi-scale spectral loss plus the waveform terms.
        best_loss: lowest loss so far; its model is the one that is kept.
        spectral_loss: the log-magnitude part of `loss`.
        snr_db: waveform SNR of the harmonic part, dB.
        ceiling_db: the best SNR that these sines can reach on this pitch track, dB.
        seconds: that training took so far.
        skipped: epochs left out so far because a number was not finite.
    """

    epoch: int
    epochs: int
    loss: float
    best_loss: float
    spectral_loss: float
    snr_db: float
    ceiling_db: float
    seconds: float
    skipped: int


@dataclass(frozen=True)
class Progress(Epoch):
    """How training stands after one epoch: its figures, and two things to ask for.

    Attributes:
        audio: call it to hear the model as it is now: the `Sound` of the whole recording.
        state: call it for the `TrainingState` to go on from, a copy.
    """

    audio: Callable
    state: Callable


@dataclass
class TrainingState:
    """All that a run needs to go on as if it had never stopped; see `run_file.py`.

    Attributes:
        epochs, learning_rate, seed, start: settings, as of `train`.
        audio_sha256: of the recording, which must be the same.
        ceiling_db: as of `Epoch`.
        best_loss: lowest loss so far.
        mean_loss: exponential moving average of the loss.
        skipped: epochs left out so far.
        skipped_in_a_row: of them the last ones without another between.
        history: the figures of every epoch that is done.
        weights, best_weights: of the model now and where its loss was lowest.
        moments: of Adam, for each parameter.
        gru_states: [n_layers, n_segments + 1, hidden_size] in which the segments of the recording begin.
        generator: state of the random numbers.
    """

    epochs: int
    learning_rate: float
    seed: int
    start: str
    audio_sha256: str
    ceiling_db: float = math.nan
    best_loss: float = math.inf
    mean_loss: float = math.inf
    skipped: int = 0
    skipped_in_a_row: int = 0
    history: list[Epoch] = field(default_factory=list)
    weights: dict = field(default_factory=dict)
    best_weights: dict = field(default_factory=dict)
    moments: dict = field(default_factory=dict)
    gru_states: torch.Tensor | None = None
    generator: torch.Tensor | None = None

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)


def train(
    model: DDSPModel,
    features: Features,
    audio: torch.Tensor,
    *,
    epochs: int = DEFAULT_EPOCHS,
    learning_rate: float | None = None,
    seed: int = 0,
    device: str = "auto",
    start: str = "analysis",
    resume: TrainingState | None = None,
) -> Generator[Progress, None, None]:
    """Train in place with Adam, yielding a `Progress` after each epoch; the best model is kept at the end.

    An epoch is one optimiser step over the whole recording, or over random stretches of a long one (24 s at the
    default sizes). Closing the generator early keeps the best model so far.

    Args:
        model: to train; moved to `device`.
        features: of the recording, extracted with `model.config`.
        audio: [n_samples] the recording.
        epochs: optimiser steps, at least 1.
        learning_rate: peak of a warm-up and cosine schedule; None: 4e-5 from an analysis start, else 1e-3.
        seed: of the noise and of the choice of stretches.
        device: "cpu", "cuda" or "auto" (CUDA where there is one).
        start: "analysis" solves the heads for the analysed controls first (see `warm_start.py`); "random" does not,
            and learns faster; "model" does not, and moves a model that was trained before gently.
        resume: `progress.state()` of a run on the same recording, which goes on with its own settings as if it had
            never stopped; only epochs that are new are yielded.

    Raises:
        ConfigError: an argument outside its range, or features of another recording or config.
        TrainingError: ten steps in a row gave numbers that are not finite; the best model is kept.
    """
    if resume is None:
        learning_rate = LEARNING_RATES.get(start, math.nan) if learning_rate is None else learning_rate
        state = TrainingState(epochs, learning_rate, seed, start, audio_sha256(audio))
    else:
        state = replace(resume, history=list(resume.history))
    check_settings(state)
    check_recording(features, audio, model.config)
    if state.audio_sha256 != audio_sha256(audio):
        raise ConfigError("The interrupted run was on another recording. Resume with that one, or begin anew.")
    run = TrainingRun(model.to(choose_device(device)), features, audio, state)
    try:
        while state.epoch < state.epochs:
            yield run.step()
    finally:
        model.load_state_dict(state.best_weights)


class TrainingRun:
    """A model, a recording, an optimiser and the state of their training, which `step` moves on by one epoch."""

    def __init__(self, model: DDSPModel, features: Features, audio: torch.Tensor, state: TrainingState):
        self.model, self.features, self.state = model, features, state
        self.begin_s = time.perf_counter() - (state.history[-1].seconds if state.history else 0.0)
        if not state.history:
            self._prepare_model(audio)
        self.clip = SegmentedClip(model, features, audio)
        self.loss = MultiScaleSpectralLoss(model.config)
        self.optimiser = torch.optim.Adam(parameter_groups(model, state.learning_rate, state.start))
        self.peak_rates = [group["lr"] for group in self.optimiser.param_groups]
        self.generator = torch.Generator().manual_seed(state.seed)
        if state.history:
            self._restore()
        else:
            state.best_weights = copied(model.state_dict())

    def _prepare_model(self, audio):
        """Fit the network to the recording where it is new, and measure how near these sines can come."""
        analysis = analyse(self.features, audio, self.model.config)
        self.state.ceiling_db = analysis.snr_db
        if self.state.start != "model":
            targets, share = Targets.of(self.features, analysis, self.model.config), self.state.epochs / DEFAULT_EPOCHS
            tune(
                (self.model.instrument, targets.to(self.model.device)),
                steps=round(N_STEPS * min(1, share)),
                seed=self.state.seed,
            )
            self.model.synthesizer.fit_normalisation(self.features)
        if self.state.start == "analysis":
            start_heads(self.model, self.features, analysis)

    def step(self) -> Progress:
        """One optimiser step; left out where loss or gradient is not finite."""
        state, batch = self.state, self.clip.batch(self.generator, self.loss)
        harmonic, noise = self.clip.render(batch, self.generator)
        recording = batch.target.audio
        spectral = self.loss.spectral(harmonic + noise, batch.target)
        in_time = (harmonic + noise - recording).abs().mean()
        error = (harmonic - recording).square().sum() / recording.square().sum().clamp(min=1e-9)
        loss = spectral + TIME_WEIGHT * in_time + WAVEFORM_WEIGHT * waveform_loss(error)
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        if (loss + norm).isfinite():
            self._keep_best(loss.item())
            factor = learning_rate_factor(state.epoch, state.epochs)
            for group, rate in zip(self.optimiser.param_groups, self.peak_rates, strict=True):
                group["lr"] = rate * factor
            self.optimiser.step()
            state.skipped_in_a_row = 0
        else:
            self._skip()
        snr_db = -10 * math.log10(error.item() + 1e-12)
        figures = Epoch(
            epoch=state.epoch + 1,
            epochs=state.epochs,
            loss=loss.item(),
            best_loss=state.best_loss,
            spectral_loss=spectral.item(),
            snr_db=snr_db,
            ceiling_db=state.ceiling_db,
            seconds=time.perf_counter() - self.begin_s,
            skipped=state.skipped,
        )
        state.history.append(figures)
        return Progress(**vars(figures), audio=lambda: self.model(self.features), state=self.snapshot)

    def _keep_best(self, loss):
        """Random stretches differ in difficulty, so a long recording is judged by a moving average of the loss."""
        state = self.state
        first = math.isinf(state.mean_loss)
        state.mean_loss = loss if first or self.clip.is_whole else LOSS_EMA * state.mean_loss + (1 - LOSS_EMA) * loss
        if state.mean_loss < state.best_loss:
            state.best_loss, state.best_weights = state.mean_loss, copied(self.model.state_dict())

    def _skip(self):
        self.state.skipped += 1
        self.state.skipped_in_a_row += 1
        if self.state.skipped_in_a_row == PATIENCE:
            raise TrainingError(
                f"Training stopped at epoch {self.state.epoch + 1}: {PATIENCE} steps in a row gave numbers that are "
                "not finite. The best model so far is kept; use a lower learning rate."
            )

    def snapshot(self) -> TrainingState:
        """The state as it is now, in memory of its own."""
        moments = {name: self.optimiser.state.get(p, {}) for name, p in self.model.named_parameters()}
        return replace(
            self.state,
            history=list(self.state.history),
            weights=copied(self.model.state_dict()),
            moments={name: copied(moment) for name, moment in moments.items()},
            gru_states=self.clip.states.clone(),
            generator=self.generator.get_state(),
        )

    def _restore(self):
        """Bring model, optimiser, segments and random numbers to where the state says they were."""
        state = self.state
        self.model.load_state_dict(state.weights)
        for name, parameter in self.model.named_parameters():
            if state.moments[name]:
                self.optimiser.state[parameter] = copied(state.moments[name])
        self.clip.states.copy_(state.gru_states)
        self.generator.set_state(state.generator.cpu())


def waveform_loss(error: torch.Tensor) -> torch.Tensor:
    """Root of the waveform error relative to the recording's energy, levelling off at 0.7 above an error of 1.

    Where phases cannot be right, a plain root would teach silence: nothing is nearer than the wrong phase.
    """
    return (-torch.expm1(-2 * error) / 2 + 1e-9).sqrt()


def learning_rate_factor(epoch: int, epochs: int) -> float:
    """The learning rate relative to its peak, epoch counted from 0: a linear warm-up, then half a cosine down to 0."""
    warm_up = max(MIN_WARM_UP, int(WARM_UP * epochs))
    angle = math.pi * min(1, max(0, epoch - warm_up) / max(1, epochs - warm_up))
    return min(1, (epoch + 1) / warm_up) * (0.5 + 0.5 * math.cos(angle))


def parameter_groups(model: DDSPModel, learning_rate: float, start: str) -> list[dict]:
    """Parameters with a learning rate each: parts of a network that is no longer random move at different speeds."""
    if start == "random":
        return [{"params": [p], "lr": learning_rate} for p in model.parameters() if p.requires_grad]
    read_outs = {id(p) for head in model.synthesizer.heads for p in head[-1].parameters()}
    groups = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue  # the instrument is tuned before
        part = name.removeprefix("synthesizer.").partition(".")[0]
        scale = LR_SCALES.get(part, 1.0)
        if part.endswith("_head") and id(parameter) not in read_outs:
            scale *= HIDDEN_LR_SCALE
        groups.append({"params": [parameter], "lr": learning_rate * scale})
    return groups


def check_settings(state: TrainingState) -> None:
    """Raise ConfigError unless a run's settings are within their ranges."""
    if state.start not in LEARNING_RATES:
        raise ConfigError(f"Unknown start {state.start!r}; use one of {', '.join(LEARNING_RATES)}.")
    if state.epochs < 1 or not 0 < state.learning_rate <= 1:
        raise ConfigError(
            f"epochs is {state.epochs} and learning_rate {state.learning_rate}; use epochs >= 1 and a rate in (0, 1]."
        )


def check_recording(features: Features, audio: torch.Tensor, config: Config) -> None:
    """Raise ConfigError unless the features are those of the recording, extracted with this config."""
    check_features(features, config)
    if features.phase is None or len(audio) != features.n_samples:
        raise ConfigError("Train on the recording's own features: FeatureExtractor(model.config)(audio), untransposed.")


def choose_device(name: str) -> torch.device:
    """A torch device from "auto", "cpu" or "cuda". Raises ConfigError where there is no CUDA."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise ConfigError(f"Device {name!r} is not available here; use cpu, cuda or auto.")
    return torch.device(name)


def audio_sha256(audio: torch.Tensor) -> str:
    """SHA-256 of a recording's samples, as hexadecimal digits."""
    return hashlib.sha256(audio.cpu().numpy().tobytes()).hexdigest()


def copied(tensors: dict) -> dict:
    """The same tensors, detached and in memory of their own."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}

"""Teach the network one recording; a generator yields after every step, so anyone can watch, listen and stop."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ddsp_nb.analysis import analyse
from ddsp_nb.errors import ConfigError
from ddsp_nb.features import Features
from ddsp_nb.losses import TIME_WEIGHT, MultiScaleSpectralLoss
from ddsp_nb.model import DDSPModel, check_features
from ddsp_nb.segments import SegmentedClip
from ddsp_nb.warm_start import start_heads

COHERENT_WEIGHT = 1.0
CLIP_NORM = 1.0
MEMORY = 0.9  # of the running mean of the loss
WARM_UP, SHORTEST_WARM_UP = 0.1, 6  # share and number of steps in which the learning rate rises
LEARNING_RATES = {"analysis": 4e-5, "random": 1e-3}  # a solved read-out is moved gently, or it is lost
# Relative to that: what solved read-outs read from must hold still, and phases are lost first; noise has none to lose.
PACES = {"analysis": {"gru": 0.1, "phase_head": 0.3, "noise_head": 10.0, "amplitude_head": 1.0}, "random": {}}
LAST_LAYER = "3."  # of a head
BODY_PACE = {"analysis": 0.1, "random": 1.0}  # of what lies under a head's last layer
DEFAULT_EPOCHS = 60


@dataclass(frozen=True)
class Progress:
    """How training stands after one epoch.

    Attributes:
        epoch: steps done, from 1.
        epochs: steps planned.
        loss: multi-scale spectral loss plus the waveform terms.
        best_loss: lowest loss so far; its model is the one that is kept.
        spectral_loss: the log-magnitude part of `loss`.
        snr_db: waveform SNR of the harmonic part.
        ceiling_db: the best SNR that these sines can reach on this pitch track.
        seconds: since training began.
        audio: call it to hear the model as it is now: the `Sound` of the whole recording.
    """

    epoch: int
    epochs: int
    loss: float
    best_loss: float
    spectral_loss: float
    snr_db: float
    ceiling_db: float
    seconds: float
    audio: Callable


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
) -> Iterator[Progress]:
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
        start: "analysis" solves the heads for the analysed controls first (see `warm_start.py`); "random" does not.

    Raises:
        ConfigError: an argument outside its range, or features of another recording or config.
    """
    if start not in LEARNING_RATES:
        raise ConfigError(f"Unknown start {start!r}; use one of {', '.join(LEARNING_RATES)}.")
    learning_rate = LEARNING_RATES[start] if learning_rate is None else learning_rate
    if epochs < 1 or not 0 < learning_rate <= 1:
        raise ConfigError(
            f"epochs is {epochs} and learning_rate {learning_rate}; use epochs >= 1 and a rate in (0, 1]."
        )
    check_recording(features, audio, model.config)
    training = Training(model.to(choose_device(device)), features, audio, epochs, learning_rate, seed, start)
    try:
        for _ in range(epochs):
            yield training.step()
    finally:
        model.load_state_dict(training.best_weights)


def check_recording(features: Features, audio: torch.Tensor, config) -> None:
    """Raise ConfigError unless the features are those of the recording, extracted with this config."""
    check_features(features, config)
    if features.phase is None or len(audio) != features.n_samples:
        raise ConfigError("Train on the recording's own features: FeatureExtractor(model.config)(audio), untransposed.")


def incoherence(error: torch.Tensor) -> torch.Tensor:
    """Root of the waveform error relative to the recording's energy, levelling off at 0.7 above an error of 1.

    Where phases cannot be right, a plain root would teach silence: nothing is nearer than the wrong phase.
    """
    return (-torch.expm1(-2 * error) / 2 + 1e-9).sqrt()


def choose_device(name: str) -> torch.device:
    """A torch device from "auto", "cpu" or "cuda". Raises ConfigError where there is no CUDA."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise ConfigError(f"Device {name!r} is not available here; use cpu, cuda or auto.")
    return torch.device(name)


def paced(model: DDSPModel, learning_rate: float, start: str) -> list[dict]:
    """Parameter groups for an optimiser: after an analysis start each part of the network learns at its own pace."""
    groups = []
    for name, parameter in model.named_parameters():
        part, _, layer = name.removeprefix("synthesizer.").partition(".")
        pace = PACES[start].get(part, 1.0)
        if part.endswith("_head") and not layer.startswith(LAST_LAYER):
            pace *= BODY_PACE[start]
        groups.append({"params": [parameter], "lr": learning_rate * pace})
    return groups


class Training:
    """One training run: its recording cut into segments, its optimiser, and the best weights so far."""

    def __init__(self, model, features, audio, epochs, learning_rate, seed, start):
        self.model, self.features, self.epochs, self.epoch = model, features, epochs, 0
        self.started, self.best_loss, self.running_loss = time.perf_counter(), math.inf, None
        analysis = analyse(features, audio, model.config)
        self.ceiling_db = analysis.snr_db
        model.synthesizer.fit_normalisation(features)
        if start == "analysis":
            start_heads(model, features, analysis)
        self.clip = SegmentedClip(model, features, audio)
        self.loss = MultiScaleSpectralLoss(model.config)
        self.optimiser = torch.optim.Adam(paced(model, learning_rate, start))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._learning_rate_factor)
        self.generator = torch.Generator().manual_seed(seed)
        self._keep_best()

    def _learning_rate_factor(self, step):
        warm_up = max(SHORTEST_WARM_UP, int(WARM_UP * self.epochs))
        decay = 0.5 + 0.5 * math.cos(math.pi * min(1, max(0, step - warm_up) / max(1, self.epochs - warm_up)))
        return min(1, (step + 1) / warm_up) * decay

    def step(self) -> Progress:
        """One optimiser step."""
        batch = self.clip.batch(self.generator, self.loss)
        harmonic, noise = self.clip.render(batch, self.generator)
        spectral = self.loss.spectral(harmonic + noise, batch.target)
        in_time = (harmonic + noise - batch.target.audio).abs().mean()
        error = (harmonic - batch.target.audio).square().sum() / batch.target.audio.square().sum().clamp(min=1e-9)
        loss = spectral + TIME_WEIGHT * in_time + COHERENT_WEIGHT * incoherence(error)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        self._keep_best_by(loss.item())
        self.optimiser.step()
        self.schedule.step()
        self.epoch += 1
        return self._progress(loss.item(), spectral.item(), -10 * math.log10(error.item() + 1e-12))

    def _keep_best_by(self, loss):
        """Random stretches differ in difficulty, so a long recording is judged by a running mean of the loss."""
        known = self.running_loss is not None and not self.clip.is_whole
        self.running_loss = MEMORY * self.running_loss + (1 - MEMORY) * loss if known else loss
        if self.running_loss < self.best_loss:
            self.best_loss = self.running_loss
            self._keep_best()

    def _keep_best(self):
        self.best_weights = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def _progress(self, loss, spectral, snr):
        seconds = time.perf_counter() - self.started
        listen = lambda: self.model(self.features)
        return Progress(self.epoch, self.epochs, loss, self.best_loss, spectral, snr, self.ceiling_db, seconds, listen)

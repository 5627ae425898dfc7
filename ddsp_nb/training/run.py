"""One training run: its recording cut into segments, its optimiser, its best weights, and its state as plain values."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ddsp_nb.analysis.decompose import analyse
from ddsp_nb.errors import ConfigError, TrainingError
from ddsp_nb.training.batches import SegmentedClip
from ddsp_nb.training.losses import TIME_WEIGHT, MultiScaleSpectralLoss
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.warm_start import start_heads

COHERENT_WEIGHT = 1.0
CLIP_NORM = 1.0
LOSS_EMA = 0.9  # of the running mean of the loss
WARM_UP, SHORTEST_WARM_UP = 0.1, 6  # share and number of steps in which the learning rate rises
# Relative to the learning rate, once the read-outs are solved for: the GRU's states that they read must hardly move, or
# the solution is lost; phases suffer first, noise gains have no phase to lose.
LR_SCALES = {"gru": 0.1, "phase_head": 0.3, "noise_head": 10.0}
HIDDEN_LR_SCALE = 0.1  # of a head's layers below its read-out, relative to the read-out
PATIENCE = 10  # steps in a row without finite numbers


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
        seconds: that training took so far.
        skipped: steps left out so far because a number was not finite.
        audio: call it to hear the model as it is now: the `Sound` of the whole recording.
        state: call it for all that the run needs to go on from here; see `train` and `run_file.py`.
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
    audio: Callable
    state: Callable


def waveform_loss(error: torch.Tensor) -> torch.Tensor:
    """Root of the waveform error relative to the recording's energy, levelling off at 0.7 above an error of 1.

    Where phases cannot be right, a plain root would teach silence: nothing is nearer than the wrong phase.
    """
    return (-torch.expm1(-2 * error) / 2 + 1e-9).sqrt()


def parameter_groups(model: DDSPModel, learning_rate: float, start: str) -> list[dict]:
    """Parameter groups for an optimiser: each part of a network that is no longer random learns at its own pace."""
    if start == "random":
        return [{"params": [parameter], "lr": learning_rate} for parameter in model.parameters()]
    read_outs = {id(p) for head in model.synthesizer.heads for p in head[-1].parameters()}
    groups = []
    for name, parameter in model.named_parameters():
        part = name.removeprefix("synthesizer.").partition(".")[0]
        scale = LR_SCALES.get(part, 1.0)
        if part.endswith("_head") and id(parameter) not in read_outs:
            scale *= HIDDEN_LR_SCALE
        groups.append({"params": [parameter], "lr": learning_rate * scale})
    return groups


class Training:
    """One training run: its recording cut into segments, its optimiser, and the best weights so far."""

    def __init__(self, model, features, audio, settings, resume=None):
        self.model, self.features, self.settings, self.epoch = model, features, settings, 0
        self.epochs, self.skipped, self.in_a_row = settings["epochs"], 0, 0
        self.recording = audio_sha256(audio)
        self.started, self.best_loss, self.running_loss, self.log = time.perf_counter(), math.inf, None, []
        if resume is None:
            self._prepare_model(audio)
        self.clip = SegmentedClip(model, features, audio)
        self.loss = MultiScaleSpectralLoss(model.config)
        self.optimiser = torch.optim.Adam(parameter_groups(model, settings["learning_rate"], settings["start"]))
        self.rates = [group["lr"] for group in self.optimiser.param_groups]
        self.generator = torch.Generator().manual_seed(settings["seed"])
        if resume is None:
            self._keep_best()
        else:
            self._restore(resume)

    def _prepare_model(self, audio):
        analysis = analyse(self.features, audio, self.model.config)
        self.ceiling_db, start = analysis.snr_db, self.settings["start"]
        if start != "model":
            self.model.synthesizer.fit_normalisation(self.features)
        if start == "analysis":
            start_heads(self.model, self.features, analysis)

    def _set_learning_rate(self):
        warm_up = max(SHORTEST_WARM_UP, int(WARM_UP * self.epochs))
        angle = math.pi * min(1, max(0, self.epoch - warm_up) / max(1, self.epochs - warm_up))
        factor = min(1, (self.epoch + 1) / warm_up) * (0.5 + 0.5 * math.cos(angle))
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def step(self) -> Progress:
        """One optimiser step; left out where loss or gradient is not finite."""
        batch = self.clip.batch(self.generator, self.loss)
        harmonic, noise = self.clip.render(batch, self.generator)
        spectral = self.loss.spectral(harmonic + noise, batch.target)
        in_time = (harmonic + noise - batch.target.audio).abs().mean()
        error = (harmonic - batch.target.audio).square().sum() / batch.target.audio.square().sum().clamp(min=1e-9)
        loss = spectral + TIME_WEIGHT * in_time + COHERENT_WEIGHT * waveform_loss(error)
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        if (loss + norm).isfinite():
            self._keep_best_by(loss.item())
            self._set_learning_rate()
            self.optimiser.step()
            self.in_a_row = 0
        else:
            self._skip()
        self.epoch += 1
        seconds = time.perf_counter() - self.started
        snr = -10 * math.log10(error.item() + 1e-12)
        self.log.append((loss.item(), self.best_loss, spectral.item(), snr, seconds, self.skipped))
        return self._progress(self.epoch)

    def _skip(self):
        self.skipped, self.in_a_row = self.skipped + 1, self.in_a_row + 1
        if self.in_a_row == PATIENCE:
            raise TrainingError(
                f"Training stopped at epoch {self.epoch + 1}: {PATIENCE} steps in a row gave numbers that are not "
                "finite. The best model so far is kept; use a lower learning rate."
            )

    def _keep_best_by(self, loss):
        """Random stretches differ in difficulty, so a long recording is judged by a running mean of the loss."""
        known = self.running_loss is not None and not self.clip.is_whole
        self.running_loss = LOSS_EMA * self.running_loss + (1 - LOSS_EMA) * loss if known else loss
        if self.running_loss < self.best_loss:
            self.best_loss = self.running_loss
            self._keep_best()

    def _keep_best(self):
        self.best_weights = copied(self.model.state_dict())

    def past(self) -> list[Progress]:
        """The epochs that are done."""
        return [self._progress(i + 1) for i in range(self.epoch)]

    def _progress(self, epoch):
        loss, best_loss, spectral, snr, seconds, skipped = self.log[epoch - 1]
        listen = lambda: self.model(self.features)
        numbers = (loss, best_loss, spectral, snr, self.ceiling_db, seconds, int(skipped))
        return Progress(epoch, self.epochs, *numbers, listen, self.state)

    def state(self) -> dict:
        """All that the run needs to go on from here: copies, as tensors and plain values."""
        moments = {name: self.optimiser.state.get(p, {}) for name, p in self.model.named_parameters()}
        plain = ("epoch", "skipped", "in_a_row", "best_loss", "running_loss", "ceiling_db", "recording", "log")
        return {
            **self.settings,
            **{name: getattr(self, name) for name in plain},
            "log": list(self.log),
            "weights": copied(self.model.state_dict()),
            "best_weights": dict(self.best_weights),
            "moments": {name: copied(moment) for name, moment in moments.items()},
            "memories": self.clip.states.clone(),
            "generator": self.generator.get_state(),
        }

    def _restore(self, state):
        """Take on the state of another run on the same recording."""
        if state["recording"] != self.recording:
            raise ConfigError("The interrupted run was on another recording. Resume with that one, or begin anew.")
        for name in ("epoch", "skipped", "in_a_row", "best_loss", "running_loss", "ceiling_db"):
            setattr(self, name, state[name])
        self.log = [tuple(entry) for entry in state["log"]]
        self.started -= self.log[-1][4] if self.log else 0
        self.model.load_state_dict(state["weights"])
        self.best_weights = copied(state["best_weights"])
        for name, parameter in self.model.named_parameters():
            if state["moments"][name]:
                self.optimiser.state[parameter] = copied(state["moments"][name])
        self.clip.states.copy_(state["memories"])
        self.generator.set_state(state["generator"].cpu())


def audio_sha256(audio: torch.Tensor) -> str:
    """SHA-256 of a recording, as hexadecimal digits."""
    return hashlib.sha256(audio.cpu().numpy().tobytes()).hexdigest()


def copied(tensors: dict) -> dict:
    """The same tensors, detached and in memory of their own."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}

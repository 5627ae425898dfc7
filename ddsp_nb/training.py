"""Teach the network one recording; a generator yields after every step, so anyone can watch, listen and stop."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.analysis import analyse
from ddsp_nb.errors import ConfigError
from ddsp_nb.features import Features
from ddsp_nb.losses import MultiScaleSpectralLoss
from ddsp_nb.model import DDSPModel
from ddsp_nb.oscillator import harmonic_basis, render_frames
from ddsp_nb.warm_start import start_heads

SEGMENT_FRAMES = 32  # the GRU runs segments side by side; each starts from the state its neighbour left
SEGMENTS_AT_ONCE = 64  # a longer recording is visited in random stretches
STRETCH_SEGMENTS = 8
COHERENT_WEIGHT = 1.0
CLIP_NORM = 1.0
WARM_UP = 0.1  # share of the steps in which the learning rate rises
LEARNING_RATES = {"analysis": 7e-6, "random": 1e-3}  # a solved read-out is moved gently, or it is lost
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
        learning_rate: peak of a warm-up and cosine schedule; None: 7e-6 from an analysis start, else 1e-3.
        seed: of the noise and of the choice of stretches.
        device: "cpu", "cuda" or "auto" (CUDA where there is one).
        start: "analysis" solves the heads for the analysed controls first (see `warm_start.py`); "random" does not.

    Raises:
        ConfigError: an argument outside its range.
    """
    if start not in LEARNING_RATES:
        raise ConfigError(f"Unknown start {start!r}; use one of {', '.join(LEARNING_RATES)}.")
    learning_rate = LEARNING_RATES[start] if learning_rate is None else learning_rate
    if epochs < 1 or not 0 < learning_rate <= 1:
        raise ConfigError(
            f"epochs is {epochs} and learning_rate {learning_rate}; use epochs >= 1 and a rate in (0, 1]."
        )
    training = Training(model.to(choose_device(device)), features, audio, epochs, learning_rate, seed, start)
    try:
        for _ in range(epochs):
            yield training.step()
    finally:
        model.load_state_dict(training.best_weights)


def choose_device(name: str) -> torch.device:
    """A torch device from "auto", "cpu" or "cuda". Raises ConfigError where there is no CUDA."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise ConfigError(f"Device {name!r} is not available here; use cpu, cuda or auto.")
    return torch.device(name)


class Training:
    """One training run: its recording cut into segments, its optimiser, and the best weights so far."""

    def __init__(self, model, features, audio, epochs, learning_rate, seed, start):
        self.model, self.features, self.epochs, self.epoch = model, features, epochs, 0
        self.started, self.best_loss = time.perf_counter(), math.inf
        analysis = analyse(features, audio, model.config)
        self.ceiling_db = analysis.snr_db
        model.synthesizer.fit_normalisation(features)
        if start == "analysis":
            start_heads(model, features, analysis)
        self.clip = SegmentedClip(model, features, audio)
        self.loss = MultiScaleSpectralLoss(model.config)
        self.optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._learning_rate_factor)
        self.generator = torch.Generator().manual_seed(seed)
        self._keep_best()

    def _learning_rate_factor(self, step):
        warm_up = max(1, int(WARM_UP * self.epochs))
        decay = 0.5 + 0.5 * math.cos(math.pi * min(1, max(0, step - warm_up) / max(1, self.epochs - warm_up)))
        return min(1, (step + 1) / warm_up) * decay

    def step(self) -> Progress:
        """One optimiser step."""
        batch = self.clip.batch(self.generator, self.loss)
        harmonic, noise = self.clip.render(batch, self.generator)
        spectral = self.loss.spectral(harmonic + noise, batch.target)
        in_time = (harmonic + noise - batch.target.audio).abs().mean()
        error = (harmonic - batch.target.audio).square().sum() / batch.target.audio.square().sum().clamp(min=1e-9)
        loss = spectral + 0.1 * in_time + COHERENT_WEIGHT * (error + 1e-9).sqrt()
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        if loss.item() < self.best_loss:
            self.best_loss = loss.item()
            self._keep_best()
        self.optimiser.step()
        self.schedule.step()
        self.epoch += 1
        return self._progress(loss.item(), spectral.item(), -10 * math.log10(error.item() + 1e-12))

    def _keep_best(self):
        self.best_weights = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def _progress(self, loss, spectral, snr):
        seconds = time.perf_counter() - self.started
        listen = lambda: self.model(self.features)
        return Progress(self.epoch, self.epochs, loss, self.best_loss, spectral, snr, self.ceiling_db, seconds, listen)


@dataclass(frozen=True)
class Batch:
    """Stretches of neighbouring segments: ids [n_stretches, n_segments], their basis, target and inputs."""

    segments: torch.Tensor
    inputs: torch.Tensor
    voiced: torch.Tensor
    basis: torch.Tensor
    target: object


class SegmentedClip:
    """A recording cut into segments that the GRU visits side by side."""

    def __init__(self, model, features, audio):
        self.model, self.config, device = model, model.config, model.mix_logit.device
        n_hops = len(features) - 1
        self.n_segments = math.ceil(n_hops / SEGMENT_FRAMES)
        extra = self.n_segments * SEGMENT_FRAMES - n_hops
        repeat = lambda x: torch.cat([x, x[-1:].expand(extra, *x.shape[1:])]).to(device)
        self.inputs, self.f0_hz = repeat(features.inputs()), repeat(features.f0_hz)
        self.voiced = F.pad(features.voiced.float(), (0, extra)).to(device)
        glide = features.f0_hz[-1].double() * (2 * math.pi * self.config.hop_length / self.config.sample_rate)
        self.phase = torch.cat([features.phase, features.phase[-1] + glide * torch.arange(1, extra + 1)]).to(device)
        length = self.n_segments * SEGMENT_FRAMES * self.config.hop_length
        self.audio = F.pad(audio, (0, length - len(audio))).to(device)
        shape = (model.config.n_layers, self.n_segments + 1, model.config.hidden_size)
        self.states = torch.zeros(shape, device=device)  # of the GRU where each segment begins
        self._run_through()
        self.whole = None

    @torch.no_grad()
    def _run_through(self):
        """Play the recording once from its start, to know the state in which each segment begins."""
        for i in range(self.n_segments):
            inputs = self.inputs[None, i * SEGMENT_FRAMES : (i + 1) * SEGMENT_FRAMES]
            state = self.model.synthesizer.remember(inputs, self.states[:, i : i + 1].contiguous())[1]
            self.states[:, i + 1] = state[:, 0]

    def batch(self, generator, loss) -> Batch:
        """The whole recording, prepared once, or random stretches of a long one."""
        if self.whole is not None:
            return self.whole
        if self.n_segments <= SEGMENTS_AT_ONCE:
            self.whole = self._prepare(torch.arange(self.n_segments)[None], loss)
            return self.whole
        first = torch.randint(
            self.n_segments - STRETCH_SEGMENTS + 1, (SEGMENTS_AT_ONCE // STRETCH_SEGMENTS, 1), generator=generator
        )
        return self._prepare(first + torch.arange(STRETCH_SEGMENTS), loss)

    def _prepare(self, segments, loss):
        n_hops = segments.shape[1] * SEGMENT_FRAMES
        frames = segments[:, :1] * SEGMENT_FRAMES + torch.arange(n_hops + 1)
        samples = segments[:, :1] * SEGMENT_FRAMES * self.config.hop_length + torch.arange(
            n_hops * self.config.hop_length
        )
        frames, samples = frames.to(self.audio.device), samples.to(self.audio.device)
        basis = harmonic_basis(self.f0_hz[frames], self.phase[frames], self.config.n_harmonics, self.config)
        return Batch(segments, self.inputs[frames], self.voiced[frames], basis, loss.target(self.audio[samples]))

    def render(self, batch, generator):
        """Harmonic and noise part of a batch, [n_stretches, n_samples] each."""
        model = self.model
        controls = model.synthesizer.controls(self._hidden(batch))
        coefficients = controls.coefficients() * batch.voiced[..., None]
        harmonic = model.mix * render_frames(batch.basis, coefficients).flatten(1)
        noise = (1 - model.mix) * model.noise_generator(controls.noise_magnitudes, generator=generator)
        return harmonic, noise

    def _hidden(self, batch):
        """[n_stretches, n_frames, hidden_size]; the state in which a segment ends is kept for its neighbour."""
        n_stretches, n_segments = batch.segments.shape
        ids, net = batch.segments.flatten(), self.model.synthesizer
        inputs = batch.inputs[:, :-1].reshape(n_stretches * n_segments, SEGMENT_FRAMES, -1)
        hidden, state = net.remember(inputs, self.states[:, ids])
        self.states[:, ids + 1] = state.detach()
        last = state.unflatten(1, (n_stretches, n_segments))[:, :, -1].contiguous()
        final, _ = net.remember(batch.inputs[:, -1:], last)
        return torch.cat([hidden.reshape(n_stretches, n_segments * SEGMENT_FRAMES, -1), final], 1)

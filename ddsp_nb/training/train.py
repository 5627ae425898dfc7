"""Teach the network one recording; a generator yields after every step, so anyone can watch, listen and stop."""

from collections.abc import Iterator

import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.errors import ConfigError
from ddsp_nb.training.model import DDSPModel, check_features
from ddsp_nb.training.run import Progress, Training

LEARNING_RATES = {"analysis": 4e-5, "random": 1e-3, "model": 4e-5}  # a solved read-out is moved gently, or it is lost
DEFAULT_EPOCHS = 60
SETTINGS = ("epochs", "learning_rate", "seed", "start")


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
    resume: dict | None = None,
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
        start: "analysis" solves the heads for the analysed controls first (see `warm_start.py`); "random" does not,
            and learns faster; "model" does not, and moves a model that was trained before gently.
        resume: `progress.state()` of a run on the same recording. It goes on with its own settings as if it had
            never stopped, and first yields the epochs that it had behind it.

    Raises:
        ConfigError: an argument outside its range, or features of another recording or config.
        TrainingError: ten steps in a row gave numbers that are not finite; the best model is kept.
    """
    if resume is not None:
        epochs, learning_rate, seed, start = (resume[name] for name in SETTINGS)
    if start not in LEARNING_RATES:
        raise ConfigError(f"Unknown start {start!r}; use one of {', '.join(LEARNING_RATES)}.")
    learning_rate = LEARNING_RATES[start] if learning_rate is None else learning_rate
    if epochs < 1 or not 0 < learning_rate <= 1:
        raise ConfigError(
            f"epochs is {epochs} and learning_rate {learning_rate}; use epochs >= 1 and a rate in (0, 1]."
        )
    check_recording(features, audio, model.config)
    settings = dict(zip(SETTINGS, (epochs, learning_rate, seed, start), strict=True))
    training = Training(model.to(choose_device(device)), features, audio, settings, resume)
    try:
        yield from training.past()
        while training.epoch < epochs:
            yield training.step()
    finally:
        model.load_state_dict(training.best_weights)


def check_recording(features: Features, audio: torch.Tensor, config) -> None:
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

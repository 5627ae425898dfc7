"""A model on disk: settings, weights of the instrument and the take of its recording (notebook 04, end).

A checkpoint may come from anyone: `tensor_file.py` reads nothing but named tensors and plain values, then every part
is checked against what the settings imply, before a model of that size is built.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, WorkbookError
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.training import tensor_file
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

KIND = "checkpoint"
# Features that only a transposed performance has; a take is as it was recorded.
MOVING = {"recorded_hz", "tape"}
# Above or below full scale: float32 sound has 150 dB below it, and a model may add some.
MAX_LOUDNESS_DB = 200.0
# Relative, of pitches kept as float32.
ROUNDING = 1e-3


def save_model(path: str | Path, model: DDSPModel, take: Take) -> Path:
    """Write a model and its take, whole or not at all; returns the path.

    The same model gives the same bytes under any name. An existing file is replaced.

    Raises:
        CheckpointError: the parts do not fit or hold numbers that are not finite, or the place cannot be written.
    """
    path = Path(path)
    content: dict[str, Any] = {
        "config": model.config.to_dict(),
        "weights": {name: weight.detach().cpu() for name, weight in model.state_dict().items()},
        "features": {name: value for name, value in vars(take.features.to("cpu")).items() if name not in MOVING},
        "take": {
            "coefficients": take.controls.coefficients().half().cpu(),
            "noise_magnitudes": take.controls.noise_magnitudes.half().cpu(),
            "ceiling_db": take.ceiling_db,
        },
    }
    try:
        check_weights(content["weights"], model.config)
        check_features_of(content["features"], model.config)
        check_take(content["take"], model.config, len(take.features))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}; nothing was written. Train the model anew.") from error
    tensor_file.write(path, KIND, content)
    return path


def load_model(path: str | Path) -> tuple[DDSPModel, Take]:
    """Read what `save_model` wrote: the model and the take of its recording, on the CPU.

    Raises:
        CheckpointError: no such file, not one of ours, damaged, or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint. Train one with `ddsp-nb train`.")
    content = tensor_file.read(path, KIND)
    try:
        return rebuilt(content)
    except (WorkbookError, ArithmeticError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its parts do not fit together ({reason(error)}). Train it anew.") from error


def reason(error: Exception) -> str:
    """The first line of an error, without its full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def rebuilt(content: dict) -> tuple[DDSPModel, Take]:
    """The model and take of a checkpoint, every part checked first."""
    config, weights, kept = Config.from_dict(content["config"]), content["weights"], content["take"]
    check_weights(weights, config)
    check_features_of(content["features"], config)
    features = Features(**content["features"])
    check_take(kept, config, len(features))
    model = DDSPModel(config)
    model.load_state_dict(weights)
    controls = Controls.of_coefficients(kept["coefficients"].float(), kept["noise_magnitudes"].float())
    return model, Take(features, controls, kept["ceiling_db"])


def check_take(take: dict, config: Config, n_frames: int) -> None:
    """Raise ValueError unless these are controls of n_frames for the synthesizer of this config."""
    if set(take) != {"coefficients", "noise_magnitudes", "ceiling_db"} or type(take["ceiling_db"]) is not float:
        raise ValueError("another take than this version has")
    check_tensor("coefficients", take["coefficients"], torch.float16, (n_frames, 2 * config.n_harmonics))
    check_tensor("noise_magnitudes", take["noise_magnitudes"], torch.float16, (n_frames, config.n_bands))


def check_weights(weights: dict, config: Config) -> None:
    """Raise ValueError unless these are finite float32 weights of the shapes that the config implies."""
    with torch.device("meta"):  # shapes without memory
        expected = {name: tuple(weight.shape) for name, weight in DDSPModel(config).state_dict().items()}
    if set(weights) != set(expected):
        raise ValueError("other weights than its settings ask for")
    for name, shape in expected.items():
        check_tensor(name, weights[name], torch.float32, shape)
    if not (weights["network.input_std"] > 0).all():
        raise ValueError("inputs without spread")


def check_features_of(features: dict, config: Config) -> None:
    """Raise ValueError unless these are the features of one recording, extracted with this config."""
    if set(features) != {f.name for f in fields(Features)} - MOVING:
        raise ValueError("other features than this version has")
    n_samples = features["n_samples"]
    if type(n_samples) is not int or n_samples < 1:
        raise ValueError(f"{n_samples} samples")
    if (features["sample_rate"], features["hop_length"]) != (config.sample_rate, config.hop_length):
        raise ValueError("features of another sample rate or hop")
    n_frames = config.n_frames(n_samples)
    for name, dtype in (("f0_hz", torch.float32), ("loudness_db", torch.float32), ("voiced", torch.bool)):
        check_tensor(name, features[name], dtype, (n_frames,))
    check_tensor("mfcc", features["mfcc"], torch.float32, (n_frames, config.n_mfcc))
    if features["phase"] is not None:
        check_tensor("phase", features["phase"], torch.float64, (n_frames,))
    low_hz, high_hz = config.f0_min_hz / 2 * (1 - ROUNDING), config.nyquist_hz * (1 + ROUNDING)
    if not (features["f0_hz"].min() >= low_hz and features["f0_hz"].max() <= high_hz):
        raise ValueError("a pitch outside its range")
    if features["loudness_db"].abs().max() > MAX_LOUDNESS_DB:
        raise ValueError("a loudness outside its range")


def check_tensor(name: str, tensor: Any, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless `tensor` is a finite one of this type and shape."""
    if not torch.is_tensor(tensor):
        raise ValueError(f"{name} is no tensor")
    if tensor.dtype != dtype or tuple(tensor.shape) != shape:
        raise ValueError(f"{name} is {tensor.dtype} {list(tensor.shape)}, not {dtype} {list(shape)}")
    if not tensor.isfinite().all():
        raise ValueError(f"{name} has values that are not finite")

"""A model and its take as a file (notebook 04, "Does a saved model play the same?").

A checkpoint may come from anyone: `tensor_file.py` reads nothing but named tensors and plain values, then every part
is checked against what the settings imply, before a model of that size is built.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.config import MOST_PARTIALS, Config
from ddsp_nb.errors import CheckpointError, WorkbookError, reason
from ddsp_nb.store import tensor_file
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.room import LONGEST_S, Room
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

KIND = "checkpoint"
# Features that only a performance of another instrument has; a take is as it was recorded.
MOVING = {"recorded_hz", "tape", "timbre"}
# Above or below full scale: float32 sound has 150 dB below it, and a model may add some.
MAX_LOUDNESS_DB = 200.0
# Of a room, beside its direct sound.
LOUDEST = 10.0
# Relative, of pitches kept as float32.
ROUNDING = 1e-3


def save_model(path: str | Path, model: DDSPModel, take: Take) -> Path:
    """Write a model and its take, whole or not at all; returns the path.

    The same model gives the same bytes under any name. An existing file is replaced. Raises CheckpointError where the
    parts do not fit or hold numbers that are not finite, or the place cannot be written.
    """
    path = Path(path)
    content: dict[str, Any] = {
        "config": asdict(model.config),
        "weights": {name: weight.detach().cpu() for name, weight in model.state_dict().items()},
        "features": {name: value for name, value in vars(take.features.to("cpu")).items() if name not in MOVING},
        "take": {
            "coefficients": take.controls.coefficients().half().cpu(),
            "noise_magnitudes": take.controls.noise_magnitudes.half().cpu(),
            "ceiling_db": take.ceiling_db,
        },
    }
    if take.room is not None:
        content["take"]["room"] = take.room.impulse.cpu()
    if take.hz is not None:
        content["take"]["hz"] = take.hz.float().cpu()
    try:
        check(content, model.config)
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}; nothing was written. Train the model anew.") from error
    tensor_file.write(path, KIND, content)
    return path


def load_model(path: str | Path) -> tuple[DDSPModel, Take]:
    """Read what `save_model` wrote: the model and the take of its recording, on the CPU.

    Raises CheckpointError where there is no such file, or it is not one of ours, damaged, or of another format.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint. Train one with `ddsp-nb train`.")
    content = tensor_file.read(path, KIND)
    try:
        return rebuilt(content)
    except (WorkbookError, ArithmeticError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its parts do not fit together ({reason(error)}). Train it anew.") from error


def rebuilt(content: dict) -> tuple[DDSPModel, Take]:
    """The model and take of a checkpoint, every part checked first."""
    config, kept = Config.from_dict(content["config"]), content["take"]
    check(content, config)
    model, features = DDSPModel(config), Features(**content["features"])
    model.load_state_dict(content["weights"])
    controls = Controls.of_coefficients(kept["coefficients"].float(), kept["noise_magnitudes"].float())
    room = Room(kept["room"], config.sample_rate) if "room" in kept else None
    return model, Take(features, controls, kept["ceiling_db"], room=room, hz=kept.get("hz"))


def check(content: dict, config: Config) -> None:
    """Raise ValueError unless every part is what the config implies, and its numbers are within their ranges."""
    features = content["features"]
    n_samples = features["n_samples"]
    if type(n_samples) is not int or n_samples < 1:
        raise ValueError(f"{n_samples} samples")
    n_frames, single = config.n_frames(n_samples), torch.float32
    with torch.device("meta"):  # shapes without memory
        weights = {name: (single, *weight.shape) for name, weight in DDSPModel(config).state_dict().items()}
    check_part("weights", content["weights"], weights)
    check_part(
        "features",
        features,
        {
            "f0_hz": (single, n_frames),
            "loudness_db": (single, n_frames),
            "mfcc": (single, n_frames, config.n_mfcc),
            "voiced": (torch.bool, n_frames),
            "age_s": (single, n_frames),
            "phase": None if features["phase"] is None else (torch.float64, n_frames),
            "n_samples": n_samples,
            "sample_rate": config.sample_rate,
            "hop_length": config.hop_length,
        },
    )
    n_partials, own_hz = config.n_harmonics, content["take"].get("hz")
    if own_hz is not None:
        n_partials = max(1, min(own_hz.shape[-1], MOST_PARTIALS))
    partials, bands = (torch.float16, n_frames, 2 * n_partials), (torch.float16, n_frames, config.n_bands)
    take = {"coefficients": partials, "noise_magnitudes": bands, "ceiling_db": float(content["take"]["ceiling_db"])}
    if own_hz is not None:
        take["hz"] = (single, n_frames, n_partials)
    if (room := content["take"].get("room")) is not None:
        take["room"] = (single, max(1, min(len(room), 2 * round(LONGEST_S * config.sample_rate))))
    check_part("take", content["take"], take)
    if own_hz is not None and not (own_hz.min() >= 0 and own_hz.max() <= config.nyquist_hz * (1 + ROUNDING)):
        raise ValueError("a partial outside its range")
    if room is not None and (room[0] != 1 or room.abs().max() > LOUDEST):
        raise ValueError("a room outside its range")
    low_hz, high_hz = config.f0_min_hz / 2 * (1 - ROUNDING), config.nyquist_hz * (1 + ROUNDING)
    if not (features["f0_hz"].min() >= low_hz and features["f0_hz"].max() <= high_hz):
        raise ValueError("a pitch outside its range")
    if features["loudness_db"].abs().max() > MAX_LOUDNESS_DB:
        raise ValueError("a loudness outside its range")
    if not (content["weights"]["network.input_std"] > 0).all():
        raise ValueError("inputs without spread")


def check_part(part: str, values: dict[str, Any], expected: dict[str, Any]) -> None:
    """Raise ValueError unless the values are as expected, which says (type, shape) of finite tensors."""
    if set(values) != set(expected):
        raise ValueError(f"other {part} than its settings ask for")
    for name, wanted in expected.items():
        value = values[name]
        if not isinstance(wanted, tuple):
            if value != wanted:
                raise ValueError(f"{name} is {value}, not {wanted}")
        elif not torch.is_tensor(value):
            raise ValueError(f"{name} is no tensor")
        elif (value.dtype, *value.shape) != wanted:
            raise ValueError(f"{name} is {value.dtype} {list(value.shape)}, not {wanted[0]} {list(wanted[1:])}")
        elif not value.isfinite().all():
            raise ValueError(f"{name} has values that are not finite")

"""Models as data: weights, settings and the features of the recording they were trained on; no code inside."""

import pickle
from dataclasses import fields
from pathlib import Path

import torch

from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, ConfigError
from ddsp_nb.features import Features
from ddsp_nb.files import written_whole
from ddsp_nb.model import DDSPModel

FORMAT, VERSION = "ddsp_nb", 1


def save_model(path, model: DDSPModel, features: Features) -> Path:
    """Write a model and its recording's features, whole or not at all; returns the path."""
    values = {f.name: getattr(features, f.name) for f in fields(features)}
    content = {
        "format": FORMAT,
        "version": VERSION,
        "config": model.config.to_dict(),
        "weights": {k: v.detach().cpu() for k, v in model.state_dict().items()},
        "features": {k: v.detach().cpu() if torch.is_tensor(v) else v for k, v in values.items()},
    }
    with written_whole(path, CheckpointError) as temporary:
        torch.save(content, temporary)
    return Path(path)


def load_model(path) -> tuple[DDSPModel, Features]:
    """Read what `save_model` wrote.

    Returns:
        The model, on the CPU, and the features of the recording it was trained on.

    Raises:
        CheckpointError: no such file, not one of ours, damaged, or written by a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint. Train one with `ddsp-nb train`.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: not a ddsp_nb checkpoint, or damaged. Train it anew.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a ddsp_nb checkpoint. Train one with `ddsp-nb train`.")
    if not isinstance(content.get("version"), int):
        raise CheckpointError(f"{path}: says no version of its format. Train it anew.")
    if content["version"] > VERSION:
        raise CheckpointError(f"{path}: written by a newer version of ddsp_nb. Update, then load it again.")
    try:
        model = DDSPModel(Config.from_dict(content["config"]))
        model.load_state_dict(content["weights"])
        return model, Features(**content["features"])
    except (ConfigError, RuntimeError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: its parts do not fit together. Train it anew.") from error

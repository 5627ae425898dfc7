"""Fingerprints of models and recordings, and the versions that a sound depends on."""

import hashlib
import json
import platform
from dataclasses import fields
from importlib.metadata import version

import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.training.model import DDSPModel

PACKAGES = ("ddsp-nb", "torch", "numpy", "scipy", "librosa", "soundfile")


def model_sha256(model: DDSPModel) -> str:
    """SHA-256 of a model's settings and weights, names in alphabetical order, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(model.config.to_dict(), sort_keys=True).encode())
    for name, weights in sorted(model.state_dict().items()):
        _add(digest, name.replace("max_amplitude", "loudest"), weights)  # its name when the first sidecars were written
    return digest.hexdigest()


def features_sha256(features: Features) -> str:
    """SHA-256 of the features of a recording, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(f.name for f in fields(features)):
        _add(digest, name, getattr(features, name))
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Version of Python and of every package that has a say in the sound, and threads, which round differently."""
    known = {"python": platform.python_version(), "threads": str(torch.get_num_threads())}
    return known | {name: version(name) for name in PACKAGES}


def _add(digest, name, value):
    digest.update(name.encode() + b"=")
    if torch.is_tensor(value):
        value = value.detach().cpu().contiguous()
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode() + value.numpy().tobytes())
    else:
        digest.update(repr(value).encode())

"""Fingerprints of what a piece is played from, by which a sidecar knows its model, take and recording again."""

import hashlib
import json
import re
from dataclasses import dataclass

import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.layers import Source
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Origin:
    """What a layer was played from, as SHA-256 digests; None for what it did not need.

    Raises:
        GrowthError: a value that is no digest, or digests of neither model and take nor a recording.
    """

    model_sha256: str | None = None
    take_sha256: str | None = None
    recording_sha256: str | None = None

    def __post_init__(self):
        for name, value in vars(self).items():
            if value is not None and not (isinstance(value, str) and SHA256.fullmatch(value)):
                raise GrowthError(f"{name} is no SHA-256 digest.")
        grown = self.model_sha256 is not None, self.take_sha256 is not None
        if grown != (self.recording_sha256 is None,) * 2:
            raise GrowthError("a layer needs the digests of its model and take, or of its recording.")


def origin_of(source: Source, *, as_recorded: bool) -> Origin:
    """The digests of a source: of its recording, or of its model and take."""
    if as_recorded:
        assert source.audio is not None  # `compose` sees to it
        return Origin(recording_sha256=recording_sha256(source.audio))
    return Origin(model_sha256(source.model), take_sha256(source.take))


def model_sha256(model: DDSPModel) -> str:
    """SHA-256 of a model's settings and weights, names in alphabetical order, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(model.config.to_dict(), sort_keys=True).encode())
    for name, weights in sorted(model.state_dict().items()):
        _add(digest, name, weights)
    return digest.hexdigest()


def take_sha256(take: Take) -> str:
    """SHA-256 of a take, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name, value in sorted((vars(take.features) | vars(take.controls)).items()):
        _add(digest, name, value)
    return digest.hexdigest()


def recording_sha256(audio: torch.Tensor) -> str:
    """SHA-256 of [n_samples] sound, as hexadecimal digits."""
    digest = hashlib.sha256()
    _add(digest, "audio", audio)
    return digest.hexdigest()


def _add(digest, name, value):
    """Feed one named value to a digest."""
    digest.update(name.encode() + b"=")
    if torch.is_tensor(value):
        value = value.detach().cpu().contiguous()
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode() + value.numpy().tobytes())
    else:
        digest.update(repr(value).encode())

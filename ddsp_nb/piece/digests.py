"""Fingerprints by which a sidecar knows the models, takes and recordings of its layers again (notebook 05, "How do you
keep a piece?").
"""

import hashlib
import json
from dataclasses import asdict, dataclass

import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.timbre import others_of
from ddsp_nb.growth.track import Source
from ddsp_nb.piece.layers import SHA256
from ddsp_nb.synthesis.room import Room
from ddsp_nb.training.instrument import SHARED_WEIGHTS
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take


@dataclass(frozen=True)
class Origin:
    """What a layer was played from, as SHA-256 digests: a model and a take, or a recording.

    Attributes:
        family_sha256: of the other instruments that a plan's timbres name; where it differs, users are warned.

    Raises:
        GrowthError: it is neither.
    """

    model_sha256: str | None = None
    take_sha256: str | None = None
    recording_sha256: str | None = None
    family_sha256: str | None = None

    def __post_init__(self):
        known = self.known()
        whole = all(isinstance(value, str) and SHA256.fullmatch(value) for value in known.values())
        if not whole or set(known) - {"family_sha256"} not in ({"model_sha256", "take_sha256"}, {"recording_sha256"}):
            raise GrowthError("a layer needs the SHA-256 digests of its model and take, or of its recording.")

    def known(self) -> dict[str, str]:
        """The digests by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def of(cls, source: Source, *, as_recorded: bool) -> "Origin":
        """Of a source, of which a layer plays the recording or the model, without the family."""
        if as_recorded:
            assert source.audio is not None  # `compose` sees to it
            return cls(recording_sha256=recording_sha256(source.audio))
        return cls(model_sha256(source.model), take_sha256(source.take))


def model_sha256(model: DDSPModel) -> str:
    """SHA-256 of a model's settings and weights, in alphabetical order, as hexadecimal digits."""
    settings = json.dumps(asdict(model.config), sort_keys=True)
    return _digest(model.state_dict(), hashlib.sha256(settings.encode()))


def take_sha256(take: Take) -> str:
    """SHA-256 of a take; of one that was written, of what is written: its controls are the model's, and round anew."""
    controls = {} if take.shape else vars(take.controls)
    room = {} if take.room is None else vars(take.room)
    partials = {} if take.hz is None else {"hz": take.hz}
    return _digest(vars(take.features) | controls | room | partials, hashlib.sha256())


def family_sha256(plan: GrowthPlan | None, source: Source) -> str | None:
    """SHA-256 of the other instruments that a plan's timbres name and of the network that plays them, if there are any.

    Raises ConfigError where one is not in the family of the source.
    """
    names = others_of(plan.timbre) if plan else ()
    named = {f"{name} {part}": value for name in names for part, value in vars(source.family[name]).items()}
    return _digest(named, hashlib.sha256(SHARED_WEIGHTS.read_bytes())) if named else None


def room_sha256(room: Room) -> str:
    """SHA-256 of an impulse response at its sample rate."""
    return _digest(vars(room), hashlib.sha256())


def recording_sha256(audio: torch.Tensor) -> str:
    """SHA-256 of [n_samples] sound."""
    return _digest({"audio": audio}, hashlib.sha256())


def _digest(values, digest):
    """Feed named values to a digest; its hexadecimal digits."""
    for name, value in sorted(values.items()):
        digest.update(name.encode() + b"=")
        if torch.is_tensor(value):
            value = value.detach().cpu().contiguous()
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode() + value.numpy().tobytes())
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()

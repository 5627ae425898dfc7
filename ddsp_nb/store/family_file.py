"""Enrolled instruments as a file (notebook 07): data alone, every part of which is checked when it is read.

A code means nothing without the network that it was found with, so the file names the weights by their digest.
"""

import hashlib
from pathlib import Path

import torch

from ddsp_nb.errors import CheckpointError, ConfigError, reason
from ddsp_nb.store import tensor_file
from ddsp_nb.store.checkpoint import check_part
from ddsp_nb.training.family import N_BANDS, Family, Member
from ddsp_nb.training.instrument import CODE_SIZE, SHARED_WEIGHTS
from ddsp_nb.training.model import N_QUANTILES

KIND = "family"
# Of each part, and between which numbers it must lie: wide of what any recording leads to.
PARTS = {
    "code": (CODE_SIZE, -10.0, 10.0),
    "octaves": (N_QUANTILES, -8.0, 8.0),
    "loudness_db": (N_QUANTILES, -200.0, 200.0),
    "shape": (3, 1e-3, 1e3),
    "noise_bias": (N_BANDS, -30.0, 30.0),
    "noise_floor": (N_BANDS, -60.0, 30.0),
}


def save_family(path: str | Path, family: Family) -> Path:
    """Write the instruments of a family that do not come with the workbook, whole or not at all; returns the path.

    Raises CheckpointError where the place cannot be written.
    """
    shipped, path = Family.shipped(), Path(path)
    members = {name: vars(member) for name, member in family.items() if name not in shipped}
    # Numbers for names: a name may hold what separates the names of tensors.
    content = {
        "weights_sha256": _weights_sha256(),
        "names": list(members),
        "members": {str(i): member for i, member in enumerate(members.values())},
    }
    tensor_file.write(path, KIND, content)
    return path


def load_family(path: str | Path | None) -> Family:
    """The shipped instruments and those of a file; without a file, or where there is none yet, the shipped ones.

    Raises CheckpointError where it is not one of ours, damaged, of other weights, or has a name that is shipped, too.
    """
    family = Family.shipped()
    if path is None or not Path(path).is_file():
        return family
    content = tensor_file.read(Path(path), KIND)
    try:
        if content["weights_sha256"] != _weights_sha256():
            raise ValueError("it was made for other weights")
        for i, name in enumerate(content["names"]):
            member = content["members"][str(i)]
            check_part(str(name), member, {part: (torch.float32, size) for part, (size, *_) in PARTS.items()})
            for part, (_, low, high) in PARTS.items():
                if not low <= member[part].min() <= member[part].max() <= high:
                    raise ValueError(f"{part} outside its range")
            family = family.with_member(name, Member(**member))
    except (ConfigError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: its parts do not fit together ({reason(error)}). "
            "Take the file away, and enrol the recordings anew."
        ) from error
    return family


def _weights_sha256() -> str:
    return hashlib.sha256(SHARED_WEIGHTS.read_bytes()).hexdigest()

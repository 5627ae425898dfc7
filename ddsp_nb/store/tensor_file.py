"""Nested dicts of tensors and plain values as one safetensors file: no code inside, every byte under a checksum.

safetensors holds named tensors behind a JSON header, so that nothing is ever unpickled and no tensor can claim more
than the file holds. It has no checksum of its own: ours, beside the plain values, covers names, shapes and numbers.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from ddsp_nb.errors import CheckpointError
from ddsp_nb.files import written_whole

# Of every file; count it up when files of before cannot be read any more.
FORMAT = 1
# Of the nested names of a tensor; names of weights have dots.
SEPARATOR = "/"
# One entry holds all, because safetensors writes several in no fixed order.
METADATA = "ddsp_nb"


def write(path: Path, kind: str, content: dict) -> None:
    """Write a file of this kind, whole or not at all: the same bytes for the same content.

    Plain values are what JSON knows; tensors are on any device. Raises CheckpointError where the system refuses.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in named_tensors(content)}
    plain = without_tensors(content)
    header = {"kind": kind, "format": FORMAT, "content": plain, "sha256": checksum(plain, tensors)}
    with written_whole(path, CheckpointError) as temporary:
        temporary.write_bytes(save(tensors, {METADATA: json.dumps(header)}))


def read(path: Path, kind: str) -> dict:
    """What `write` was given, tensors in memory of their own on the CPU.

    Raises CheckpointError where it is damaged, no file of ours, of another kind or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118, it is no dict
            header = json.loads(file.metadata()[METADATA])
        content = header["content"]
        if header["sha256"] != checksum(content, tensors):
            raise ValueError("damaged")
        for name, tensor in tensors.items():
            *parents, last = name.split(SEPARATOR)
            place = content
            for parent in parents:
                place = place[parent]
            place[last] = tensor
    except Exception as error:  # a stranger's bytes can break a parser in any way
        raise CheckpointError(f"{path}: not a ddsp_nb {kind}, or damaged. Make it anew.") from error
    if (header.get("kind"), header.get("format")) != (kind, FORMAT) or not isinstance(content, dict):
        words = f"not a ddsp_nb {kind} of format {FORMAT}, which this version reads"
        raise CheckpointError(f"{path}: {words}. Make it anew, or update if a newer version wrote it.")
    return content


def named_tensors(content: dict, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor in nested dicts with its name, the names of the dicts around it before its own."""
    for name, value in content.items():
        if torch.is_tensor(value):
            yield prefix + name, value
        elif isinstance(value, dict):
            yield from named_tensors(value, prefix + name + SEPARATOR)


def without_tensors(content: dict) -> dict:
    """The same nested dicts with their plain values alone."""
    kept = {name: value for name, value in content.items() if not torch.is_tensor(value)}
    return {name: without_tensors(value) if isinstance(value, dict) else value for name, value in kept.items()}


def checksum(plain: dict, tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 of plain values and tensors, names in alphabetical order, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()

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

SEPARATOR = "/"  # of the nested names of a tensor; names of weights have dots
METADATA = "ddsp_nb"  # one entry holds all, because safetensors writes several in no fixed order


def to_bytes(content: dict) -> bytes:
    """The file as bytes, the same for the same content. Plain values are what JSON knows; tensors are on any device."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in named_tensors(content)}
    plain = without_tensors(content)
    return save(tensors, {METADATA: json.dumps({"content": plain, "sha256": checksum(plain, tensors)})})


def read(path: Path) -> dict:
    """What `to_bytes` was given, tensors in memory of their own on the CPU.

    Raises:
        Exception: of any kind, as a stranger's bytes can break a parser in any way; ValueError where it is damaged.
    """
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118, it is no dict
        metadata = json.loads(file.metadata()[METADATA])
    content = metadata["content"]
    if metadata["sha256"] != checksum(content, tensors):
        raise ValueError("damaged")
    for name, tensor in tensors.items():
        *parents, last = name.split(SEPARATOR)
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = tensor
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

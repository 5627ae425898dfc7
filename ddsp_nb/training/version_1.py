"""Files of format version 1: a pickle in an uncompressed ZIP archive, as `torch.save` writes them.

They are distrusted in layers: the archive is undamaged, its pickle names only tensors, `weights_only` reads it, and
no tensor says that it is larger than the file.
"""

import pickletools
import re
import zipfile
from pathlib import Path

import torch

from ddsp_nb.training.tensor_file import named_tensors

RENAMED = {"synthesizer.loudest": "synthesizer.max_amplitude"}  # weights
LARGEST_PICKLE = 1 << 20  # bytes; ours have a few thousand
HARMLESS = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch \w+Storage")
NAMING = {"INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "NEWOBJ", "NEWOBJ_EX", "OBJ"}  # opcodes that ours never have


def is_archive(path: Path) -> bool:
    """Whether a file begins as a ZIP archive does."""
    with open(path, "rb") as file:
        return file.read(4) == b"PK\x03\x04"


def read(path: Path) -> dict:
    """The content of a version 1 file with today's names. Raises what any of the layers raises."""
    check_archive(path)
    content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)  # takes no memory yet
    if sum(tensor.numel() * tensor.element_size() for _, tensor in named_tensors(content)) > path.stat().st_size:
        raise ValueError("it says more numbers than it holds")
    if content["version"] == 1 and isinstance(content["weights"], dict):
        content["weights"] = {RENAMED.get(name, name): weight for name, weight in content["weights"].items()}
    return own(content)


def own(value):
    """Tensors in nested dicts, in memory of their own instead of the file's."""
    if isinstance(value, dict):
        return {name: own(part) for name, part in value.items()}
    return value.clone() if torch.is_tensor(value) else value


def check_archive(path) -> None:
    """Raise ValueError, or what `zipfile` and `pickletools` raise, unless a file is an archive as `torch.save` writes.

    Nothing is unpickled and no more than a block of it is held. PyTorch reads archives without looking at their
    checksums, so that a flipped bit would load as another weight; here they are compared.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("compressed")  # could unpack to any size
        if len({member.filename for member in members}) < len(members):
            raise ValueError("two members of one name")
        if archive.testzip() is not None:
            raise ValueError("damaged")
        (name,) = (member.filename for member in members if member.filename.endswith("data.pkl"))
        if archive.getinfo(name).file_size > LARGEST_PICKLE:
            raise ValueError("its pickle is too large")
        check_pickle(archive.read(name))


def check_pickle(content: bytes) -> None:
    """Raise ValueError where a pickle names anything but tensors and their storages."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in NAMING or (opcode.name == "GLOBAL" and not HARMLESS.fullmatch(str(argument))):
            raise ValueError(f"its pickle asks for {argument or opcode.name}")

"""The outside of a checkpoint: an uncompressed ZIP archive, undamaged, whose pickle names only tensors."""

import pickletools
import re
import zipfile

LARGEST_PICKLE = 1 << 20  # bytes; ours have a few thousand
HARMLESS = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch \w+Storage")
NAMING = {"INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4", "NEWOBJ", "NEWOBJ_EX", "OBJ"}  # opcodes that ours never have


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
        if opcode.name in NAMING or (opcode.name == "GLOBAL" and not HARMLESS.fullmatch(argument)):
            raise ValueError(f"its pickle asks for {argument or opcode.name}")

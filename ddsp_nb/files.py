"""Write files whole or not at all: into a temporary neighbour first, renamed when complete. And several as one."""

import glob
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # of every file in a zip, the first that there is: the same files give the same bytes
UNIX, READABLE = 3, 0o644 << 16  # where a zip says that it was made, and its files' mode, on every system
UNFINISHED = ".unfinished"
STALE_S = 24 * 3600.0


@contextmanager
def written_whole(path, error):
    """Yield a temporary path in the folder of `path`; it takes that name only if the block ends well.

    An interrupt, a full disk or any other exception leaves an existing file as it was and no partial file. A kill
    leaves the existing file too, and a hidden `.name.xxxxxxxx.unfinished` that is swept away after a day.

    Args:
        path: where the file is to be; its folder is made if it is missing.
        error: exception class raised (one line, naming the path) where the system refuses.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        reach_disk(temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as problem:  # libsndfile and torch report a full disk as RuntimeError
        reason = getattr(problem, "strerror", None) or str(problem).splitlines()[0]
        raise error(f"{path}: cannot be written ({reason}). Choose another folder or free some space.") from problem
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(folder, error):
    """Yield a temporary neighbour of `folder`; its files move there only if the block ends well.

    Until then nothing in `folder` is touched, and it is not made. Files of other names that are there stay.

    Args:
        folder: where the files are to be; made if it is missing.
        error: exception class raised (one line, naming the folder) where the system refuses.
    """
    folder = Path(folder)
    temporary = None
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=UNFINISHED, dir=folder.absolute().parent))
        yield temporary
        for path in sorted(path for path in temporary.rglob("*") if path.is_file()):
            target = folder / path.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    except OSError as problem:
        reason = problem.strerror or problem
        raise error(f"{folder}: cannot be written ({reason}). Choose another folder or free some space.") from problem
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def reach_disk(path: Path) -> None:
    """Wait until a file is on the disk, so that a crash of the machine after its renaming finds it whole."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def sweep(path: Path) -> None:
    """Remove what killed runs left of this file more than a day ago."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.????????{UNFINISHED}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def write_zip(path: Path, files: Iterable[Path]) -> None:
    """Pack files into a zip, under their bare names."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, ZIP_TIME)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, UNIX, READABLE
            entry.file_size = file.stat().st_size  # tells whether it needs the format for large files
            with open(file, "rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)

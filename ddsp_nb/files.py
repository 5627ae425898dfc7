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

from filelock import FileLock

# The same files give the same zip, whenever and wherever: the first time that a zip can hold, the number of Unix, and a
# mode that lets all read.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
UNIX, READABLE = 3, 0o644 << 16
UNFINISHED = ".unfinished"
STALE_S = 24 * 3600.0
# For what another kernel writes: renaming takes it milliseconds, a copy of a long recording some seconds.
LONGEST_WAIT_S = 60


@contextmanager
def written_whole(path, error):
    """Yield a temporary path in the folder of `path`; it takes that name only if the block ends well.

    An interrupt, a full disk or any other exception leaves an existing file as it was and no partial file. A kill
    leaves the existing file too, and a hidden `.name.xxxxxxxx.unfinished` that is swept away after a day.

    Args:
        path: where the file is to be; its folder is made if it is missing.
        error: exception class raised (one line, naming the path) where the system refuses.
    """

    def make(**place):
        handle, name = tempfile.mkstemp(**place)
        os.close(handle)
        return name

    with _unfinished(path, error, make) as temporary:
        yield temporary
        temporary.chmod(0o644)
        reach_disk(temporary)
        temporary.replace(path)


@contextmanager
def folder_written_whole(folder, error):
    """Yield a temporary neighbour of `folder`; its files move there only if the block ends well.

    Until then nothing in `folder` is touched, and it is not made. Files of other names that are there stay.
    """
    with _unfinished(folder, error, tempfile.mkdtemp) as temporary:
        yield temporary
        for path in sorted(path for path in temporary.rglob("*") if path.is_file()):
            target = Path(folder) / path.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)


@contextmanager
def _unfinished(path, error, make):
    """Yield what `make` made beside a path, and remove what is left of it."""
    path, temporary = Path(path), None
    try:
        folder = path.absolute().parent
        folder.mkdir(parents=True, exist_ok=True)
        sweep(path)
        temporary = Path(make(prefix=f".{path.name}.", suffix=UNFINISHED, dir=folder))
        yield temporary
    # libsndfile and torch report a full disk as RuntimeError.
    except (OSError, RuntimeError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem).partition("\n")[0]
        raise error(f"{path}: cannot be written ({reason}). Choose another folder or free some space.") from problem
    finally:
        if temporary is not None:
            remove(temporary)


@contextmanager
def alone(folder, error):
    """No other program's block of this folder runs meanwhile; the folder is made if it is missing.

    A block within a block is one with it. Raises `error` where another holds on for a minute, or the disk refuses.
    """
    lock = FileLock(Path(folder).absolute() / ".lock", timeout=LONGEST_WAIT_S, is_singleton=True)
    try:
        lock.acquire()
    except OSError as problem:
        reason = problem.strerror or "another program does"
        raise error(f"{folder}: cannot be written ({reason}). Try again.") from problem
    try:
        yield
    finally:
        lock.release()


def read_some(path, most, error):
    """Bytes of a file that may come from anyone; raises `error` where there is none, or it has more than `most`."""
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror}). Check the path.") from problem
    if len(content) > most:
        raise error(f"{path}: has over {most} bytes. Use another file.")
    return content


def remove(path: Path) -> None:
    """Take a file or a folder away, if it is there and the system lets us."""
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def reach_disk(path: Path) -> None:
    """Wait until a file is on the disk, so that a crash of the machine after its renaming finds it whole."""
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def sweep(path: Path) -> None:
    """Remove what killed runs left of this file more than a day ago."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.????????{UNFINISHED}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_S:
                remove(left)


def write_zip(path: Path, files: Iterable[Path]) -> None:
    """Pack files into a zip, under their bare names."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, ZIP_TIME)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, UNIX, READABLE
            # Tells whether it needs the format for large files.
            entry.file_size = file.stat().st_size
            with open(file, "rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)

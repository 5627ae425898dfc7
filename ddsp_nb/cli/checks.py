"""Checks before any work is done: what will be written has a place, and replaces nothing by accident."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ddsp_nb.errors import CheckpointError, WorkbookError


def check_place(path: Path, suffixes: Sequence[str], error: type[WorkbookError]) -> None:
    """Raise `error` unless `path` has one of the suffixes and can be written; leaves no trace on the disk."""
    if path.suffix.lower() not in suffixes:
        raise error(f"{path}: use a file name that ends in {' or '.join(suffixes)}.")
    if path.is_dir():
        raise error(f"{path}: is a folder. Choose another file name.")
    folder = next(p for p in path.absolute().parents if os.path.exists(p))
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        reason = problem.strerror or problem
        raise error(f"{path}: cannot be written there ({reason}). Choose another folder.") from problem


def refuse_to_replace(paths: Iterable[Path], overwrite: bool) -> None:
    """Raise WorkbookError, naming them, where files exist that are not to be replaced."""
    taken = [str(path) for path in paths if path.exists()]
    if taken and not overwrite:
        raise WorkbookError(
            f"{', '.join(taken)}: would be replaced. Add --overwrite, or choose another --output folder."
        )


def check_not_input(path: Path, source: Path) -> None:
    """Raise WorkbookError where an output would replace the input."""
    if path.absolute() == source.absolute() or (path.exists() and source.exists() and path.samefile(source)):
        raise WorkbookError(f"{path}: is the input, and would be replaced. Choose another folder for the output.")


def refuse_to_forget(run_file: Path, overwrite: bool) -> None:
    """Raise CheckpointError where an interrupted run waits to be gone on with."""
    if run_file.exists() and not overwrite:
        raise CheckpointError(
            f"{run_file}: an interrupted run is there. Add --resume to go on with it, or --overwrite to begin anew."
        )

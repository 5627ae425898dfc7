"""Checks before any work is done: what will be written has a place, and replaces nothing by accident."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ddsp_nb.errors import WorkbookError


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


def check_not_input(path: Path, *sources: Path | str | None) -> None:
    """Raise WorkbookError where an output would replace an input; None is one that was not asked for."""
    for source in (Path(source) for source in sources if source is not None):
        if path.absolute() == source.absolute() or (path.exists() and source.exists() and path.samefile(source)):
            raise WorkbookError(f"{path}: is the input, and would be replaced. Choose another folder for the output.")


def check_outputs(
    paths: Sequence[Path], suffixes: Sequence[str], error: type[WorkbookError], sources: Iterable, overwrite: bool
) -> None:
    """Raise, before any work, unless all files have their place, replace no input, and others only where they may."""
    for path in paths:
        check_place(path, suffixes, error)
        check_not_input(path, *sources)
    taken = [str(path) for path in paths if path.exists()]
    if taken and not overwrite:
        raise WorkbookError(f"{', '.join(taken)}: would be replaced. Add --overwrite, or choose another --output.")

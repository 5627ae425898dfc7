"""What can go wrong for a user: each error is one line that says what to do. And how the user is warned."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = str(Path(__file__).parent)


class WorkbookError(ValueError):
    """Something that the user can mend; the command line prints it and exits with 2."""


class AudioError(WorkbookError):
    """A recording that cannot be read, used or written."""


class ConfigError(WorkbookError):
    """A setting outside its range."""


class CheckpointError(WorkbookError):
    """A file that holds no model of ours, or one that this version cannot use."""


class TrainingError(WorkbookError):
    """A training run that cannot go on."""


class GrowthError(WorkbookError):
    """A growth plan that cannot be rendered."""


class NotesError(WorkbookError):
    """Notes that cannot be read or played: a text, a pitch or a MIDI file."""


class ExportError(WorkbookError):
    """An instrument that cannot be written for other programs."""


class DeviceError(WorkbookError):
    """A sound device or a MIDI port that is not there."""


class WorkbookWarning(UserWarning):
    """Something that a user should know about their sound: what was done to it, or what to expect of it."""


def one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """For `warnings.formatwarning`: our own warnings as lines for people, those of others as they always are."""
    if issubclass(category, WorkbookWarning):
        return f"Note: {message}\n"
    return _usual(message, category, filename, lineno, line)


_usual = warnings.formatwarning


def warn_user(message: str) -> None:
    """Warn in one line, at the user's own line of code: the first outside this package, however deep the call."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, WorkbookWarning, stacklevel=level)


def reason(error: Exception) -> str:
    """What another program's error says, or what it is, to stand within a line of ours."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


@contextmanager
def held_warnings(about: str = "") -> Iterator[None]:
    """Keep our warnings to the end of a block, where they begin with what they are about; an error leaves none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", WorkbookWarning)
        yield
    for warning in caught:
        warn_user(f"{about}{warning.message}")

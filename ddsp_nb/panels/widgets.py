"""What the panels share: figures, a throttle for drawing, errors in words."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ddsp_nb.errors import WorkbookError
from ddsp_nb.panels.board import Words

# What a box of a panel is given to do what was pressed: a function that runs another, and says what goes wrong.
Attempt = Callable[[Callable[[], None]], None]
# Share of the time that pictures may take from the work they show.
PICTURE_SHARE = 0.15
# Between two pictures.
SHORTEST_PAUSE_S = 1.0


def axes(
    width_in: float, height_in: float, n_rows: int = 1, n_columns: int = 1, **layout: Any
) -> tuple[Figure, np.ndarray]:
    """A figure that belongs to no window, and [n_rows * n_columns] axes of it; safe to draw in any thread."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, **layout).flatten()


def say(status: Words, words: str, *, error: bool = False) -> None:
    """Write one line of words where the panel keeps its status; errors stand out."""
    with status.hold_trait_notifications():
        status.value, status.wrong = words, error


@contextmanager
def errors_in_words(status: Words) -> Iterator[None]:
    """Show whatever the block raises in the status line instead of losing it in a callback."""
    try:
        yield
    except Exception as error:
        say(status, in_words(error), error=True)


def in_words(error: BaseException) -> str:
    """One line for people: our own errors say what to do, others at least what they are."""
    if isinstance(error, WorkbookError):
        return str(error)
    logging.getLogger(__name__).debug("unexpected error in a panel", exc_info=error)
    return f"Something unexpected went wrong ({type(error).__name__}: {error}). The panel goes on; try again."


def here(path: str | Path) -> Path:
    """As seen from the notebook, where it lies below."""
    path = Path(path).absolute()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


class Throttle:
    """Lets a costly job run at most once a second, and at most in a small share of the time; else it does nothing."""

    def __init__(self):
        self.due = 0.0

    def __call__(self, job, *arguments) -> None:
        begin = time.perf_counter()
        if begin < self.due:
            return
        job(*arguments)
        end = time.perf_counter()
        self.due = end + max(SHORTEST_PAUSE_S, (end - begin) * (1 / PICTURE_SHARE - 1))

"""What the panels share: buttons, pictures as PNG, a throttle for drawing, errors in words."""

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from ddsp_nb.errors import WorkbookError

# Of pictures, as a page shows them.
DPI = 72
# Layout of a row that breaks where the page is narrow.
WRAPPED = {"flex_flow": "row wrap"}
# Share of the time that pictures may take from the work they show.
PICTURE_SHARE = 0.15
# Between two pictures.
SHORTEST_PAUSE_S = 1.0


def button(words: str, press: Callable[[], object], width: str | None = "110px", **look: Any) -> ipywidgets.Button:
    """A button that calls `press`; `look` is what else `ipywidgets.Button` takes."""
    made = ipywidgets.Button(description=words, layout={"width": width, "flex": "0 0 auto"}, **look)
    made.on_click(lambda _: press())
    return made


def picture(width: str = "100%") -> ipywidgets.Image:
    """An empty place for a picture; `width` is its greatest width on the page."""
    return ipywidgets.Image(value=b"", format="png", layout=ipywidgets.Layout(max_width=width, object_fit="contain"))


def axes(
    width_in: float, height_in: float, n_rows: int = 1, n_columns: int = 1, **layout: Any
) -> tuple[Figure, np.ndarray]:
    """A figure that belongs to no window, and [n_rows * n_columns] axes of it; safe to draw in any thread."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, **layout).flatten()


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def say(status: ipywidgets.HTML, words: str, *, error: bool = False) -> None:
    """Write one line of words where the panel keeps its status; errors stand out."""
    style = "color:#b00020;font-weight:600" if error else ""
    status.value = f'<span style="{style}">{escape(words)}</span>'


@contextmanager
def errors_in_words(status: ipywidgets.HTML) -> Iterator[None]:
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

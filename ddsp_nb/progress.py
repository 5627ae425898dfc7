"""A bar on the terminal for what lasts; notebooks, and files that keep what is printed, see none."""

import shutil
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

# Before a bar is drawn: what is quicker needs none.
PATIENCE_S = 2.0

Item = TypeVar("Item")


def with_bar(items: Iterable[Item], doing: str, total: int | None = None, *, patience_s=PATIENCE_S) -> Iterator[Item]:
    """The same items, with a bar that says what is done with them, once that has taken a while."""
    # A terminal that does not say how wide it is would get a bar of no width.
    width = shutil.get_terminal_size().columns
    return iter(tqdm(items, doing, total, leave=False, disable=None, delay=patience_s, ncols=width))

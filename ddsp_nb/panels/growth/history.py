"""The way of a panel's values, to go back and forth in."""

from copy import deepcopy
from typing import Any

MOST_UNDO = 200  # steps


class History:
    """States, to go back and forth in.

    Args:
        first: where it begins.
    """

    def __init__(self, first: Any):
        self.states, self.now = [deepcopy(first)], 0

    def record(self, state: Any) -> None:
        """Keep a new state; what was undone before it is forgotten."""
        if state != self.states[self.now]:
            self.states = [*self.states[: self.now + 1], deepcopy(state)][-MOST_UNDO:]
            self.now = len(self.states) - 1

    def step(self, by: int) -> Any:
        """The state one step back (-1) or forth (1), or the one at the end."""
        self.now = min(max(self.now + by, 0), len(self.states) - 1)
        return deepcopy(self.states[self.now])

    def can_step(self, by: int) -> bool:
        """Whether there is a state that way."""
        return 0 <= self.now + by < len(self.states)

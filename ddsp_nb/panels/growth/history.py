"""The way of a panel's states, to go back and forth in."""

from typing import Generic, TypeVar

MOST_UNDO = 200  # steps
State = TypeVar("State")


class History(Generic[State]):
    """States that do not change, the first of them given."""

    def __init__(self, first: State):
        self.states, self.now = [first], 0

    def record(self, state: State) -> None:
        """Keep a new state; what was undone before it is forgotten."""
        if state != self.states[self.now]:
            self.states = [*self.states[: self.now + 1], state][-MOST_UNDO:]
            self.now = len(self.states) - 1

    def step(self, by: int) -> State:
        """The state one step back (-1) or forth (1), or the one at the end."""
        self.now = min(max(self.now + by, 0), len(self.states) - 1)
        return self.states[self.now]

    def can_step(self, by: int) -> bool:
        """Whether there is a state that way."""
        return 0 <= self.now + by < len(self.states)

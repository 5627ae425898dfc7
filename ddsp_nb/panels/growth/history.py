"""The way of a panel's states, to go back and forth in."""

from typing import Generic, TypeVar

MOST_UNDO = 200  # steps
State = TypeVar("State")


class History(Generic[State]):
    """States that do not change, and the place among them that is now."""

    def __init__(self, *states: State, now: int = 0):
        self.states, self.now = [*states], now
        # Whether a hand is still at the last state.
        self.held = False

    def record(self, state: State, *, held: bool = False) -> None:
        """Keep a new state; what was undone before it is forgotten. Those that a hand has `held` are one step."""
        before = self.now - self.held
        self.held = held and state != self.states[before]
        if state != self.states[before]:
            self.states = [*self.states[: before + 1], state][-MOST_UNDO:]
            self.now = len(self.states) - 1
        elif before < self.now:
            # The hand has brought it back.
            self.states, self.now = self.states[: before + 1], before

    def let_go(self) -> None:
        """The hand is off: the next state is another step."""
        self.held = False

    def step(self, by: int) -> State:
        """The state one step back (-1) or forth (1), or the one at the end."""
        self.let_go()
        self.now = min(max(self.now + by, 0), len(self.states) - 1)
        return self.states[self.now]

    def can_step(self, by: int) -> bool:
        """Whether there is a state that way."""
        return 0 <= self.now + by < len(self.states)

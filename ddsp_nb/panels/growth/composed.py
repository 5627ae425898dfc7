"""What was composed in the panel, step by step, kept on disk so that it is there when the panel is made again."""

import json
from collections.abc import Container
from dataclasses import asdict
from functools import lru_cache

from ddsp_nb.errors import WorkbookError
from ddsp_nb.panels.growth.voice import Sketch
from ddsp_nb.store.workspace import LARGEST_STORE, Store

MOST_UNDO = 200  # steps
# Steps back and forth that are kept on disk, or fewer where drawn pieces would make the file too large.
MOST_STEPS = (50, 5, 0)

# A piece, and the number of the layer that is chosen.
State = tuple[Sketch, int]


class History:
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


def read(store: Store, playable: Container[str]) -> History | None:
    """The way to what was composed last; None where there is none, a damaged file, or a layer that is not playable."""
    found = store.read()
    try:
        states = [(Sketch.from_dict(values), selected) for values, selected in found["states"]]
        whole = all(selected in range(len(sketch.layers)) for sketch, selected in states)
        whole &= all(voice.plays in playable for sketch, _ in states for voice in sketch.layers)
        return History(*states, now=found["now"]) if whole and found["now"] in range(len(states)) else None
    except (WorkbookError, TypeError, KeyError, ValueError, AttributeError):
        return None


def write(store: Store, history: History) -> None:
    """Keep what is composed, with the steps around it. Raises WorkbookError where the disk refuses."""
    for n in MOST_STEPS:
        first = max(0, history.now - n)
        states = [[_values(sketch), selected] for sketch, selected in history.states[first : history.now + n + 1]]
        kept = {"states": states, "now": history.now - first}
        if len(json.dumps(kept)) < LARGEST_STORE:
            return store.write(kept)


# Of all steps but the last one they are known.
_values = lru_cache(MOST_UNDO)(asdict)

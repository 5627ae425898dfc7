"""What was composed in the panel, kept on disk so that it is there when the panel is made again: pieces and undo."""

import json
from collections.abc import Container
from dataclasses import asdict
from functools import lru_cache

from ddsp_nb.errors import WorkbookError
from ddsp_nb.panels.growth.history import MOST_UNDO, History
from ddsp_nb.panels.growth.voice import Sketch
from ddsp_nb.store.workspace import LARGEST_STORE, Store

# Steps back and forth that are kept, or fewer where drawn pieces would make the file too large.
MOST_STEPS = (50, 5, 0)

# A piece, and the number of the layer that is chosen.
State = tuple[Sketch, int]


def read(store: Store, playable: Container[str]) -> History[State] | None:
    """The way to what was composed last; None where there is none, or a file that is damaged.

    Args:
        playable: what layers can play; a way over a piece with another one is not taken.
    """
    found = store.read()
    try:
        states = [(Sketch.from_dict(values), selected) for values, selected in found["states"]]
        whole = all(selected in range(len(sketch.layers)) for sketch, selected in states)
        whole &= all(voice.plays in playable for sketch, _ in states for voice in sketch.layers)
        return History(*states, now=found["now"]) if whole and found["now"] in range(len(states)) else None
    except (WorkbookError, TypeError, KeyError, ValueError, AttributeError):
        return None


def write(store: Store, history: History[State]) -> None:
    """Keep what is composed, with the steps around it. Raises WorkbookError where the disk refuses."""
    for n in MOST_STEPS:
        first = max(0, history.now - n)
        states = [[_values(sketch), selected] for sketch, selected in history.states[first : history.now + n + 1]]
        kept = {"states": states, "now": history.now - first}
        if len(json.dumps(kept)) < LARGEST_STORE:
            return store.write(kept)


# Of all steps but the last one they are known.
_values = lru_cache(MOST_UNDO)(asdict)

"""Players in a cell: what was rendered is what is heard, at the level it was rendered."""

from typing import Any

import numpy as np
from IPython import get_ipython
from IPython.display import display

from ddsp_nb.panels.player import Player, Sound, samples_of
from ddsp_nb.sound.save import peak

# Of full scale, for the loudest of several sounds: some headroom.
PEAK = 0.9
# Below it all sounds are silence, which no gain makes audible.
SILENT_PEAK = 1e-9

# By cell: the run of it, and its players.
_shown: dict[str, tuple[str, list[Player]]] = {}


def play(audio: Sound, sample_rate: int, title: str = "sound", **look: Any) -> None:
    """Show a player for a sound at its own level; only beyond ±1 is it turned down. `look` is as of `Player`."""
    sound = samples_of(audio)
    _show(Player({title: sound / max(1.0, peak(sound))}, sample_rate, **look))


def compare(sounds: dict[str, Sound], sample_rate: int, **look: Any) -> None:
    """Show one player for sounds by name, all multiplied with one and the same gain that brings their peak to 0.9.

    So differences of level stay audible. The versions are switched at the same position.
    """
    _show(Player(at_one_gain(sounds), sample_rate, **look))


def at_one_gain(sounds: dict[str, Any]) -> dict[str, np.ndarray]:
    """All of them multiplied with the one gain that brings their peak to 0.9."""
    arrays = {name: samples_of(sound) for name, sound in sounds.items()}
    gain = PEAK / max(*map(peak, arrays.values()), SILENT_PEAK)
    return {name: gain * sound for name, sound in arrays.items()}


def _show(player):
    """Display a player; those of an earlier run of the same cell are closed, or the kernel would keep them all."""
    # The cell that runs, and which run of it this is; None where nobody says.
    parent = getattr(get_ipython(), "get_parent", dict)() or {}
    cell, run = parent.get("metadata", {}).get("cellId"), parent.get("header", {}).get("msg_id")
    if cell is not None:
        last_run, players = _shown.get(cell, (run, []))
        if last_run != run:
            for old in players:
                old.close()
            players = []
        _shown[cell] = run, [*players, player]
    display(player)

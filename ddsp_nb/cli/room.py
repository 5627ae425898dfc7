"""The room in which a command plays: options that `play`, `grow` and `live` share. Light to import."""

import click

from ddsp_nb.cli.options import FiniteFloat
from ddsp_nb.piece.layers import LEARNED, NONE

LEARN = "learn"


def room_option(default: str, words: str):
    """--room, which `load_room` understands."""
    words += ", none, or that of an impulse response, a sound file."
    return click.option("--room", default=default, metavar=f"{default}|none|FILE", help=words)


ROOM = (
    room_option(LEARNED, "In which it is heard: the one that was learned with the model, if there was one"),
    click.option("--wet", "wet_db", default=0.0, type=FiniteFloat(-60, 20), help="Raises what the room adds, dB."),
)


def load_room(room: str, sample_rate: int, learned=None):
    """The `Room` of a file, `learned` where that is meant, or None. Raises AudioError where the file holds no room."""
    from ddsp_nb import Room

    return learned if room in (LEARN, LEARNED) else None if room == NONE else Room.load(room, sample_rate)

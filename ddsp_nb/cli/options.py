"""Options that commands share, and kinds of values that they take. Light to import: help must come at once."""

import math
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import click
from click.core import ParameterSource

from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.notes.scala import read_tuning
from ddsp_nb.piece.layers import LEARNED, LOUDEST, NONE, SOFTEST
from ddsp_nb.piece.tempo import Tempo, parse_length, parse_lengths

LEARN = "learn"  # a room, from how notes end


class FiniteFloat(click.FloatRange):
    """A number within a range; "nan" and "inf" are none."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Written(click.ParamType):
    """What `parse` makes of a text; it raises ValueError, with words for the user, where it cannot."""

    def __init__(self, name: str, parse: Callable):
        self.name, self.parse = name, parse

    def convert(self, value, param, ctx):
        try:
            return self.parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def lengths(*, several: bool) -> Written:
    """Seconds, or note values at the tempo of the command, whose options are read first: they are eager."""

    def parse(text):
        typed = click.get_current_context().params
        tempo = Tempo(typed["bpm"], typed["beats_per_bar"])
        return parse_lengths(text, tempo) if several and "," in text else parse_length(text, tempo)

    return Written("length[,length ...]" if several else "length", parse)


def parse_sizes(text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    try:
        return tuple(map(int, text.split(",")))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a list of whole numbers such as 2048,1024,512,256.") from error


def is_typed(name: str) -> bool:
    """Whether an option of the command was given, and not left to its default."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def options(*declarations):
    """Several click options as one decorator, in the order in which the help lists them."""
    return lambda function: reduce(lambda made, declare: declare(made), reversed(declarations), function)


def optional(*flags: str, **more):
    """An option that nobody has to give: None, or of those that may be given again (), and help says "none"."""
    default = () if "multiple" in more else None
    return click.option(*flags, **{"default": default, "show_default": "none"} | more)


def one_of(flag: str, *choices: str, words: str):
    """An option with choices, of which the first is the default."""
    return click.option(flag, default=choices[0], type=click.Choice(choices), help=words)


def room_option(default: str, words: str):
    """--room, which `load_room` understands."""
    words += ", none, or that of an impulse response, a sound file."
    return click.option("--room", default=default, metavar=f"{default}|none|FILE", help=words)


def load_room(room: str, sample_rate: int, learned=None):
    """The `Room` of a file, `learned` where that is meant, or None. Raises AudioError where the file holds no room."""
    from ddsp_nb import Room

    return learned if room in (LEARN, LEARNED) else None if room == NONE else Room.load(room, sample_rate)


ROOM = (
    room_option(LEARNED, "In which it is heard: the one that was learned with the model, if there was one"),
    click.option("--wet", "wet_db", default=0.0, type=FiniteFloat(-60, 20), help="Raises what the room adds, dB."),
)
TUNING = (
    optional("--keyboard-map", type=Path, is_eager=True, help="Which keys play which steps of the tuning, .kbm."),
    optional(
        "--tuning",
        type=Path,
        callback=lambda ctx, _, scale: scale and read_tuning(scale, ctx.params["keyboard_map"]),
        help="Scale in which MIDI keys and names of notes are played, .scl; each key is a step where no map says more.",
    ),
)
TARGET = optional(
    "--target-lufs",
    type=FiniteFloat(SOFTEST, LOUDEST),
    show_default="as it is",
    help="Loudness of all of it, LUFS (-14 streaming, -16 podcasts, -23 broadcast), with true peaks below -1 dB.",
)
SEED = click.option("--seed", default=0, type=click.IntRange(0, LARGEST_SEED), help="Seed of everything random.")

"""Kinds of values that options take. Light to import: help must come at once."""

import math
from collections.abc import Callable

import click
from click.core import ParameterSource

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.piece.tempo import Tempo, parse_length, parse_lengths
from ddsp_nb.piece.typed import parse_number, parse_numbers, parse_stages


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


class Lengths(click.ParamType):
    """Seconds, or note values at the tempo of the command, whose options are read first: they are eager."""

    def __init__(self, *, several: bool):
        self.name = "length[,length ...]" if several else "length"
        self.parse = parse_lengths if several else parse_length

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        tempo = Tempo(ctx.params["bpm"], ctx.params["beats_per_bar"])
        try:
            lengths_s = self.parse(value, tempo)
        except GrowthError as error:
            self.fail(str(error), param, ctx)
        return lengths_s[0] if isinstance(lengths_s, tuple) and len(lengths_s) == 1 else lengths_s


def parse_curve(text: str) -> float | tuple[float, ...]:
    """A finite number, or several with commas between them."""
    return parse_numbers(text) if "," in text else parse_number(text)


def parse_stage_option(text: str) -> int | tuple:
    """A number of stages, or stages of one's own: counts 1,4,9 or sets 1/1+3/1-8."""
    stages = parse_stages(text)
    return stages[0] if len(stages) == 1 and isinstance(stages[0], int) else stages


def parse_ratios(text: str) -> str | tuple[float, ...]:
    """The name of a table, or numbers with commas between them."""
    return text if text.replace("-", "").isalpha() else parse_numbers(text)


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

    def decorate(function):
        for declaration in reversed(declarations):
            function = declaration(function)
        return function

    return decorate


SEED = click.option("--seed", default=0, type=click.IntRange(0, LARGEST_SEED), help="Seed of everything random.")

"""Kinds of values that options take. Light to import: help must come at once."""

import math

import click

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import parse_numbers, parse_stages

LARGEST_SEED = 2**32 - 1


class FiniteFloat(click.FloatRange):
    """A number within a range; "nan" and "inf" are none."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Sizes(click.ParamType):
    """Whole numbers with commas between them."""

    name = "sizes"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(size) for size in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 2048,1024,512,256.", param, ctx)


def options(*declarations):
    """Several click options as one decorator, in the order in which the help lists them."""

    def decorate(function):
        for declaration in reversed(declarations):
            function = declaration(function)
        return function

    return decorate


class Curve(click.ParamType):
    """A finite number, or several with commas between them."""

    name = "number[,number ...]"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            numbers = parse_numbers(value)
        except GrowthError as error:
            self.fail(str(error), param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


class Number(Curve):
    """One finite number."""

    name = "number"

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if isinstance(number, tuple):
            self.fail(f"{value!r} is not one number.", param, ctx)
        return number


class Stages(click.ParamType):
    """A number of stages, or stages of one's own: counts 1,4,9 or sets 1/1+3/1+3+5."""

    name = "stages"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            stages = parse_stages(value)
        except GrowthError as error:
            self.fail(str(error), param, ctx)
        return stages[0] if len(stages) == 1 and isinstance(stages[0], int) else stages


class Ratios(Curve):
    """The name of a table, or numbers with commas between them."""

    name = "ratios"

    def convert(self, value, param, ctx):
        if isinstance(value, str) and value.replace("-", "").isalpha():
            return value
        numbers = super().convert(value, param, ctx)
        return numbers if isinstance(numbers, str | tuple) else (numbers,)


SEED = click.option("--seed", default=0, type=click.IntRange(0, LARGEST_SEED), help="Seed of everything random.")

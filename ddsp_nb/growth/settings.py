"""Settings of a plan (notebook 05): fields that say what they mean and allow. Light to import."""

from collections.abc import Sequence
from dataclasses import Field, field, fields
from reprlib import repr as short

from ddsp_nb.errors import GrowthError

Curve = float | tuple[float, ...]  # a number for all stages, or points of a curve through them
MOST_STAGES = 1024
LARGEST_SEED = 2**32 - 1
LARGEST = 1e12  # numbers beyond this are refused before anything is computed with them


def setting(default, words: str, **limits):
    """A dataclass field from which command line, panel and checks take all that they need.

    Args:
        words: what it means, a sentence for the help of the command line.
        **limits: `choices`, or `low`, `high` and `unit`.
    """
    return field(default=default, metadata={"help": words} | limits)


def frozen(value):
    """Lists as tuples, all the way down, so that a plan cannot change."""
    return tuple(map(frozen, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value


def check_settings(owner) -> None:
    """Raise GrowthError unless every setting of a dataclass is one of its choices, or in its range."""
    for f in fields(owner):
        # As people read it: without its unit.
        name = f.name.removeprefix("n_").removesuffix("_s").removesuffix("_db").replace("_", " ")
        value = getattr(owner, f.name)
        choices, unit = f.metadata.get("choices"), f.metadata.get("unit", "")
        if choices and (value not in choices or type(value) is not f.type):
            raise GrowthError(f"Unknown {name} {short(value)}; use one of {', '.join(map(str, choices))}.")
        if "low" in f.metadata and not _in_range(value, f):
            span = f"{f.metadata['low']} to {f.metadata['high']} {unit}".strip()
            raise GrowthError(f"{name.capitalize()}: use {'whole ' * (f.type is int)}numbers from {span}.")


def _in_range(value, f: Field) -> bool:
    """Whether a number, or each point of a curve where one is possible, lies in the field's range."""
    values = value if isinstance(value, tuple) and f.type == Curve else (value,)
    low, high = f.metadata["low"], f.metadata["high"]
    numbers = all(is_number(v) and low <= v <= high and (f.type is not int or type(v) is int) for v in values)
    return numbers and 1 <= len(values) <= MOST_STAGES


def is_number(value) -> bool:
    """True for an int or a float of a sensible size, but not for True, False, nan and inf."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST

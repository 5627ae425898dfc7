"""Layers of a piece as options write them: a file, and where it is put. Light to import."""

import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ddsp_nb.cli.options import parse_number
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.layers import Layer
from ddsp_nb.growth.tempo import Tempo, parse_length

PLACES = {"delay": "delay_s", "gain": "gain_db", "pan": "pan"}  # word of the command line, and field of a layer
LEFT, RIGHT = -1.0, 1.0  # as far as a layer goes


def parse_layers(texts: Iterable[str], tempo: Tempo) -> list[tuple[Path, Layer]]:
    """Files and their places; see `parse_layer`."""
    return [parse_layer(text, tempo) for text in texts]


def parse_layer(text: str, tempo: Tempo) -> tuple[Path, Layer]:
    """A file and its place: "bell.json delay=1/2 gain=-6 pan=0.5", of which the places may be left out.

    Returns:
        The file, and a layer without a plan in that place.

    Raises:
        GrowthError: it is not that, or a place is out of its range.
    """
    try:
        path, *words = shlex.split(text)
        places = dict(word.split("=", 1) for word in words)
    except ValueError as error:
        raise GrowthError(f"{text!r}: write a file, then delay=, gain= or pan= with their numbers.") from error
    unknown = sorted(set(places) - set(PLACES))
    if unknown:
        raise GrowthError(f"{text!r}: {unknown[0]!r} is no place. Use {', '.join(PLACES)}.")
    parse = {"delay": lambda length: parse_length(length, tempo)}
    values: dict[str, Any] = {PLACES[word]: parse.get(word, parse_number)(value) for word, value in places.items()}
    return Path(path), Layer(None, **values)


def moved(layer: Layer, place: Layer) -> Layer:
    """A layer, later and louder by a place; what goes beyond left or right stays there. Raises GrowthError."""
    pan = min(max(layer.pan + place.pan, LEFT), RIGHT)
    return replace(layer, delay_s=layer.delay_s + place.delay_s, gain_db=layer.gain_db + place.gain_db, pan=pan)

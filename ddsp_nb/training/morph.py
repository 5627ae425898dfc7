"""What a morph is made of (notebook 07, "What lies between a violin and a clarinet?"). Light to import."""

import math
import re
from reprlib import repr as short

from ddsp_nb.errors import ConfigError

PART = re.compile(r"\s*([^:,]+?)\s*:\s*([0-9.]+(?:,[0-9.]+)*)(?:\s+|$)")
LARGEST_WEIGHT = 1e6
# In the plan of a growth: the instrument that grows, beside those of a family.
OWN = "own"


def parse_morph(words: str) -> dict[str, tuple[float, ...]]:
    """Weights by name of "flute", "flute:0.3 alto sax:0.7", or curves over time "flute:1,0 oboe:0,1".

    Raises ConfigError where it is no morph.
    """
    if ":" not in words:
        return {words.strip(): (1.0,)}
    parts, at = dict[str, tuple[float, ...]](), 0
    while at < len(words):
        part = PART.match(words, at)
        if part is None or part[1] in parts:
            raise ConfigError(f"{short(words)} is no morph; write names and weights such as “flute:0.3 oboe:0.7”.")
        parts[part[1]], at = tuple(map(_number, part[2].split(","))), part.end()
    return parts


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.inf
    if number > LARGEST_WEIGHT:
        raise ConfigError(f"{short(text)} is no weight; use numbers such as 0.5.")
    return number

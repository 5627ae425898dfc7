"""Rules of growth: partials are cells that go on and off because of their neighbours (notebook 08). Light to import.

A rule is outer-totalistic: whether a partial sounds in the next stage depends on whether it sounds now, and on how many
of its neighbours do. Bit 2 c + s of its number says what becomes of one that is on (s = 1) or off (s = 0) while c are
on (Packard & Wolfram, Two-dimensional cellular automata, 1985). With n neighbours there are 4^(n + 1) rules.
"""

import re
from fractions import Fraction
from reprlib import repr as short

from ddsp_nb.errors import GrowthError

# Of a table; each gives two neighbours, one above and one below.
MOST_INTERVALS = 8
# By how many neighbours that sound, of n, a partial is born, and with how many it sounds on.
RULES = {
    "spread": lambda n: (range(1, n + 1), range(n + 1)),
    "bloom": lambda n: ([1], range(n + 1)),
    "settle": lambda n: ([1], [0, 1]),
    "blink": lambda n: (range(1, n + 1), []),
    "fractal": lambda n: (range(1, n + 1, 2), range(1, n + 1, 2)),
    "swarm": lambda n: ([1, 2], [0, 2]),
    "wither": lambda n: ([], range(n // 2 + 1, n + 1)),
}
NEXT = "next"
TOKEN = re.compile(rf"{NEXT}|\+[1-9]\d?|\d{{1,3}}(/[1-9]\d{{,2}}|\.\d{{1,6}})?", re.ASCII)


def parse_neighbours(neighbours: str) -> tuple[int | Fraction, ...]:
    """Distances (ints) and intervals (Fractions) between neighbours of a text such as "next, +2, 3/2".

    "next" is +1, the one beside it, +2 the one after that; 2 is the octave, 3/2 the fifth. Raises GrowthError.
    """
    words = [word.strip() for word in neighbours.split(",")] if isinstance(neighbours, str) else []
    if 1 <= len(words) <= MOST_INTERVALS and all(map(TOKEN.fullmatch, words)):
        found = tuple(1 if w == NEXT else int(w) if w[0] == "+" else Fraction(w) for w in words)
        if all(isinstance(x, int) or x > 1 for x in found):
            return found
    raise GrowthError(
        f"Neighbours {short(neighbours)}: use 1 to {MOST_INTERVALS} of next, +2 (the one after it), 2 (the octave), "
        "3/2 (the fifth) or other ratios above 1, with commas between them."
    )


def rule_number(rule: str | int, neighbours: str) -> int:
    """Number of a rule by its name, or by its number, for such neighbours. Raises GrowthError where there is none."""
    n, text = 2 * len(parse_neighbours(neighbours)), str(rule)
    if text in RULES:
        born, stays = RULES[text](n)
        return sum(4**count for count in born) + sum(2 * 4**count for count in stays)
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 4 ** (n + 1):
        return int(text)
    names, last = ", ".join(RULES), 4 ** (n + 1) - 1
    raise GrowthError(f"Unknown rule {short(rule)}; use {names}, or with {n} neighbours a number from 0 to {last}.")

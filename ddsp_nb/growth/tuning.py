"""Where partials sound: tables of ratios (notebook 05, "How do you make a bell?"). Light to import."""

from reprlib import repr as short
from typing import TYPE_CHECKING

from ddsp_nb.config import MOST_PARTIALS
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.settings import is_number
from ddsp_nb.notes.pitch import pitch_hz
from ddsp_nb.notes.scala import LEAST_PERIOD

if TYPE_CHECKING:
    import torch

WORDS = PHRASE, HELD = "phrase", "held"
LOWEST_HZ = 16.0  # just below C0
HIGHEST_HZ = 20_000.0
# Of logarithms.
ROUNDING = 1e-9
# Before the steps of a scale of one's own.
SCALE = "scale"
# Steps within an octave to which a table moves each partial, the nearest one; 5-limit just intonation has 12.
JUST = (1, 16 / 15, 9 / 8, 6 / 5, 5 / 4, 4 / 3, 45 / 32, 3 / 2, 8 / 5, 5 / 3, 9 / 5, 15 / 8, 2)
STEPS = {
    "just": JUST,
    "equal": tuple(2 ** (i / 12) for i in range(13)),
    "quarter-tones": tuple(2 ** (i / 24) for i in range(25)),
    "whole-tones": tuple(2 ** (i / 6) for i in range(7)),
}
TABLES = ("harmonic", *STEPS)


def check_pitch(pitch: str | float) -> None:
    """Raise GrowthError unless `pitch` is "phrase", "held", a note name such as "C#4", or a frequency in Hz."""
    if pitch not in WORDS and not LOWEST_HZ <= pitch_hz(pitch, WORDS) <= HIGHEST_HZ:
        raise GrowthError(f"Pitch {short(pitch)} is out of reach; use a note from C0 or a frequency up to 20000 Hz.")


def ratio_table(ratios: str | tuple[float, ...], inharmonicity: float, n_partials: int) -> "torch.Tensor | None":
    """[n_partials] frequency of each partial as a multiple of the pitch, None where all are whole multiples.

    Args:
        ratios: "harmonic"; "just", "equal", "quarter-tones" or "whole-tones" (each partial moved to the nearest step
            of that scale); or a sequence of numbers, after which the partials stay at their whole multiples; or "scale"
            and the steps of a scale of one's own, of which the last is its period.
        inharmonicity: B of a stiff string: partial k is sharp by sqrt((1 + B k²) / (1 + B)) (Fletcher 1964).
    """
    if ratios == "harmonic" and inharmonicity == 0:
        return None
    import torch

    k = torch.arange(1, n_partials + 1, dtype=torch.float64)
    table = k.clone()
    if is_scale(ratios):
        table = nearest_step(k, ratios)
    elif ratios != "harmonic":
        own = torch.tensor(ratios[:n_partials], dtype=torch.float64)
        table[: len(own)] = own
    return table * ((1 + inharmonicity * k.square()) / (1 + inharmonicity)).sqrt()


def is_scale(ratios: str | tuple) -> bool:
    """Whether each partial is moved to the nearest step of a scale."""
    return ratios in STEPS or (isinstance(ratios, tuple) and ratios[0] == SCALE)


def nearest_step(multiples: "torch.Tensor", ratios: str | tuple) -> "torch.Tensor":
    """[n] steps of a scale, in all its periods, that are nearest to [n] multiples of a pitch."""
    import torch

    steps = torch.tensor(STEPS[ratios] if isinstance(ratios, str) else (1, *ratios[1:]), dtype=torch.float64)
    period = steps[-1] ** (multiples.log2() / steps[-1].log2() + ROUNDING).floor()
    return period * steps[((multiples / period).log2()[:, None] - steps.log2()).abs().argmin(1)]


def harmonised(
    hz: "torch.Tensor", f0_hz: float, ratios: str | tuple[float, ...], inharmonicity: float
) -> "torch.Tensor":
    """[n_partials] factors that move partials at [n_partials] Hz to the nearest place of a table above f0.

    The table is as of `ratio_table`; of a scale it has the steps of all octaves, of a list only what is in it.
    """
    import torch

    multiples = hz.double() / f0_hz
    if is_scale(ratios):
        return nearest_step(multiples, ratios) / multiples
    n = MOST_PARTIALS if isinstance(ratios, str) else len(ratios)
    own = ratio_table(ratios, inharmonicity, n)
    table = torch.arange(1, n + 1, dtype=torch.float64) if own is None else own
    return table[(multiples.log2()[:, None] - table.log2()).abs().argmin(1)] / multiples


def check_ratios(ratios: str | tuple[float, ...]) -> None:
    """Raise GrowthError unless `ratios` names or is a table that `ratio_table` can make."""
    own = ratios[ratios[:1] == (SCALE,) :] if isinstance(ratios, tuple) else ()
    numbers = 1 <= len(own) <= MOST_PARTIALS and all(is_number(r) and 0.01 <= r <= 1000 for r in own)
    if ratios not in TABLES and not (numbers and (own == ratios or own[-1] >= LEAST_PERIOD)):
        raise GrowthError(
            f"Ratios {short(ratios)}: use {', '.join(TABLES)}, 1 to {MOST_PARTIALS} numbers from 0.01 to 1000, one for "
            "each partial, or a scale."
        )

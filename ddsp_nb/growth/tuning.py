"""Where partials sound: tables of ratios (notebook 05, "How do you make a bell?"). Light to import."""

from reprlib import repr as short
from typing import TYPE_CHECKING

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.settings import is_number
from ddsp_nb.notes.pitch import pitch_hz

if TYPE_CHECKING:
    import torch

WORDS = PHRASE, HELD = "phrase", "held"
LOWEST_HZ = 16.0  # just below C0
HIGHEST_HZ = 20_000.0
MOST_RATIOS = 512
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
            of that scale); or a sequence of numbers, after which the partials stay at their whole multiples.
        inharmonicity: B of a stiff string: partial k is sharp by sqrt((1 + B k²) / (1 + B)) (Fletcher 1964).
    """
    if ratios == "harmonic" and inharmonicity == 0:
        return None
    import torch

    k = torch.arange(1, n_partials + 1, dtype=torch.float64)
    table = k.clone()
    if ratios in STEPS:
        octave = 2 ** k.log2().floor()  # powers of 2 have exact logarithms
        steps = torch.tensor(STEPS[ratios], dtype=torch.float64)
        table = octave * steps[((k / octave).log2()[:, None] - steps.log2()).abs().argmin(1)]
    elif ratios != "harmonic":
        own = torch.tensor(ratios[:n_partials], dtype=torch.float64)
        table[: len(own)] = own
    return table * ((1 + inharmonicity * k.square()) / (1 + inharmonicity)).sqrt()


def check_ratios(ratios: str | tuple[float, ...]) -> None:
    """Raise GrowthError unless `ratios` names or is a table that `ratio_table` can make."""
    if isinstance(ratios, str):
        if ratios not in TABLES:
            raise GrowthError(
                f"Unknown ratios {short(ratios)}; use {', '.join(TABLES)}, or a list such as 1, 2.01, 3.03."
            )
    elif (
        not isinstance(ratios, tuple)
        or not 1 <= len(ratios) <= MOST_RATIOS
        or not all(is_number(r) and 0.01 <= r <= 1000 for r in ratios)
    ):
        raise GrowthError(f"Ratios: use 1 to {MOST_RATIOS} numbers from 0.01 to 1000, one for each partial.")

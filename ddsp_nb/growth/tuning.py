"""Pitches of stages and of partials: note names, and tables of the ratios at which partials sound. Light to import."""

import re
from reprlib import repr as short
from typing import TYPE_CHECKING

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.settings import is_number

if TYPE_CHECKING:
    import torch

PHRASE, HELD = "phrase", "held"
LOWEST_HZ = 16.0  # just below C0
HIGHEST_HZ = 20_000.0
MOST_RATIOS = 512
NOTE_NAME = re.compile(r"([A-Ga-g])([#♯b♭]?)(-?\d{1,2}|'+)")  # C#4, or with Helmholtz' primes c#'
FIRST_PRIME = 3  # c' is C4
IN_HZ = re.compile(r"(\d+(?:\.\d*)?) ?hz", re.IGNORECASE)
MIDI_LIKE = range(12, 128)  # whole numbers that may be meant as MIDI notes or as Hz
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
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
    if pitch not in (PHRASE, HELD) and not LOWEST_HZ <= pitch_hz(pitch) <= HIGHEST_HZ:
        raise GrowthError(f"Pitch {short(pitch)} is out of reach; use a note from C0 or a frequency up to 20000 Hz.")


def pitch_hz(pitch: str | float) -> float:
    """Frequency of a note name (A4 = 440 Hz) or of a number, which is Hz already.

    Raises:
        GrowthError: it is neither.
    """
    if is_number(pitch):
        return float(pitch)
    note = NOTE_NAME.fullmatch(pitch) if isinstance(pitch, str) else None
    if note is None:
        raise GrowthError(
            f'Pitch {short(pitch)} is no note; use "phrase", "held", a note such as "C#4", or a number of Hz.'
        )
    letter, accidental, place = note.groups()
    octave = FIRST_PRIME + len(place) if place.startswith("'") else int(place)
    semitones = 12 * (octave - 4) + SEMITONES[letter.upper()] - SEMITONES["A"] + SEMITONES[accidental]
    return 440.0 * 2 ** (semitones / 12)


def ratio_table(ratios: str | tuple[float, ...], inharmonicity: float, n_partials: int) -> "torch.Tensor | None":
    """Frequency of each partial as a multiple of the pitch.

    Args:
        ratios: "harmonic"; "just", "equal", "quarter-tones" or "whole-tones" (each partial moved to the nearest step
            of that scale); or a sequence of numbers, after which the partials stay at their whole multiples.
        inharmonicity: B of a stiff string: partial k is sharp by sqrt((1 + B k²) / (1 + B)) (Fletcher 1964).
        n_partials: length of the table.

    Returns:
        [n_partials] float64, or None where every partial is a whole multiple.
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


def parse_melody(text: str) -> tuple[str | float, ...]:
    """Pitches with commas or spaces between them: notes such as a3, Bb4 or c#', or Hz such as 440 or 60Hz.

    Raises:
        GrowthError: the numbers may be MIDI notes as well as Hz; the message says how to write either.
    """
    pitches = tuple(map(parse_pitch, re.split(r"[,;\s]+", IN_HZ.sub(r"\1Hz", text.strip()))))
    if all(isinstance(pitch, float) and pitch in MIDI_LIKE for pitch in pitches) and not IN_HZ.search(text):
        names, numbers = " ".join(midi_name(int(pitch)) for pitch in pitches), " ".join(f"{p:g}Hz" for p in pitches)
        raise GrowthError(f"Are these MIDI notes or Hz? Write {names} for the notes, or {numbers}.")
    return pitches


def midi_name(number: int) -> str:
    """Name of a MIDI note: 69 is A4."""
    return f"{('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')[number % 12]}{number // 12 - 1}"


def parse_pitch(text: str) -> str | float:
    """A number of Hz where the text is one, else the text."""
    hz = IN_HZ.fullmatch(text)
    try:
        return float(hz[1] if hz else text)
    except ValueError:
        return text

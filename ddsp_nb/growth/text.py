"""What people type for a growth, as values: lists of numbers, stages, pitches. Light to import."""

import math

from ddsp_nb.errors import GrowthError


def numbers_of(text: str) -> tuple[float, ...]:
    """Finite numbers with commas between them. Raises GrowthError where one is none."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise GrowthError(f"{text!r} is not a number, nor a list such as 0.5,0.1.") from error
    if not all(map(math.isfinite, numbers)):
        raise GrowthError(f"{text!r} is not finite.")
    return numbers


def stages_of(text: str) -> tuple:
    """Stages as written: counts 1,4,9 or sets of partials 1/1+3/1+3+5. Raises GrowthError where they are neither."""
    try:
        if "/" in text or "+" in text:
            return tuple(tuple(int(k) for k in stage.split("+")) for stage in text.split("/"))
        numbers = tuple(int(n) for n in text.split(","))
    except ValueError as error:
        raise GrowthError(f"{text!r} is not a number such as 8, counts such as 1,4,9 or sets such as 1/1+3.") from error
    if min(numbers) < 1:
        raise GrowthError(f"{text!r}: use numbers from 1 on.")
    return numbers


def melody_of(text: str) -> tuple:
    """Pitches with commas between them: notes such as C#4, or Hz."""
    return tuple(one_pitch(pitch.strip()) for pitch in text.split(","))


def one_pitch(text: str):
    """A number of Hz where the text is one, else the text."""
    try:
        return float(text)
    except ValueError:
        return text

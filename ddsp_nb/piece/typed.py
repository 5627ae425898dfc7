"""Lists of a plan as people type them, in a field of the panel or an option (notebook 05). Light to import."""

import math
import re
from itertools import chain, pairwise
from reprlib import repr as short

from ddsp_nb.config import MOST_PARTIALS
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.tuning import SCALE
from ddsp_nb.notes.scala import read_scale


def parse_number(text: str) -> float:
    """One finite number. As all that is typed: raises GrowthError where it is none."""
    try:
        number = float(text)
    except ValueError as error:
        raise GrowthError(f"{short(text)} is not one number; write such as 0.5.") from error
    if not math.isfinite(number):
        raise GrowthError(f"{short(text)} is not finite.")
    return number


def parse_numbers(text: str) -> tuple[float, ...]:
    """Finite numbers with commas between them."""
    try:
        return tuple(map(parse_number, text.split(",")))
    except GrowthError as error:
        raise GrowthError(f"{short(text)} is not a number, nor a list such as 0.5,0.1.") from error


def parse_curve(text: str) -> float | tuple[float, ...]:
    """A finite number, or several with commas between them."""
    return parse_numbers(text) if "," in text else parse_number(text)


def parse_ratios(text: str) -> str | tuple:
    """The name of a table, numbers with commas between them, "scale" with its steps, or a scale's .scl file."""
    if text.endswith(".scl"):
        return (SCALE, *read_scale(text.strip()))
    if text.startswith(f"{SCALE},"):
        return (SCALE, *parse_numbers(text.partition(",")[2]))
    return text if text.replace("-", "").isalpha() else parse_numbers(text)


def parse_stages(text: str) -> tuple:
    """Stages as written: counts 1,4,9, or sets of partials as in `parse_sets`; 8 alone is a count, 0 an empty set."""
    if text.strip() == "0" or set(text) & set("/+-"):
        return parse_sets(text)
    try:
        numbers = tuple(int(n) for n in text.split(","))
    except ValueError as error:
        raise GrowthError(f"{short(text)} is not a number, counts such as 1,4,9 or sets such as 1/1+3/1-8.") from error
    if min(numbers) < 1:
        raise GrowthError(f"{short(text)}: use numbers from 1 on.")
    return numbers


def parse_stage_option(text: str) -> int | tuple:
    """A number of stages, or stages of one's own as in `parse_stages`."""
    stages = parse_stages(text)
    return stages[0] if len(stages) == 1 and isinstance(stages[0], int) else stages


def parse_sets(text: str) -> tuple[tuple[int, ...], ...]:
    """Sets of partials or bands, one for each stage: 1/1+3/1-8+12, and 0 for an empty one."""
    try:
        spans = ([] if stage.strip() == "0" else map(_span, stage.split("+")) for stage in text.split("/"))
        return tuple(tuple(chain(*parts)) for parts in spans)
    except ValueError as error:
        raise GrowthError(f"{short(text)} is not a list of sets such as 1/1+3/1-8, with 0 for an empty one.") from error


def _span(text):
    """The numbers of 5 or 1-8. Raises ValueError where it is neither."""
    first, *last = map(int, text.split("-"))
    (last,) = last or [first]
    if not 1 <= first <= last <= MOST_PARTIALS:
        raise ValueError(text)
    return range(first, last + 1)


def parse_timbre(text: str) -> str | tuple[str, ...]:
    """Timbres with commas between them: own,oboe or flute,flute:0.5 oboe:0.5; a comma within weights parts none."""
    points = [point.strip() for point in re.split(r",(?!\s*[\d.]+\s*(?:,|\s|$))" if ":" in text else ",", text)]
    return points[0] if len(points) == 1 else tuple(points)


def stages_in_words(stages: tuple) -> str:
    """Stages, or noise stages, as `parse_stages` reads them: 1,4,9 or 0/1-8+12; "" for a mixture of both."""
    if all(isinstance(stage, int) for stage in stages):
        return ",".join(map(str, stages))
    if not all(isinstance(stage, tuple) for stage in stages):
        return ""
    words = "/".join(map(_set_in_words, stages))
    return f"{words}-{words}" if words.isdigit() and words != "0" else words  # 5 alone would be a count


def _set_in_words(numbers):
    numbers = sorted(numbers)
    breaks = [i for i, (a, b) in enumerate(pairwise(numbers), 1) if b > a + 1]
    runs = [numbers[i:j] for i, j in pairwise([0, *breaks, len(numbers)])]
    return "+".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs if run) or "0"

"""Whose timbre sounds in which stage (notebook 07, "How does one instrument become another?"). Light to import."""

from collections.abc import Mapping
from reprlib import repr as short

from ddsp_nb.errors import ConfigError, GrowthError
from ddsp_nb.growth.adsr import curve
from ddsp_nb.growth.settings import MOST_STAGES
from ddsp_nb.training.morph import OWN, parse_morph

Timbre = str | tuple[str, ...]
LONGEST_WORDS = 1000
# Of a share, in decimals and as a number: nobody hears less.
DECIMALS, LEAST = 3, 0.001


def weights_of(timbre: Timbre) -> dict[str, list[float]]:
    """Weights of each instrument at the points of a timbre, as in `GrowthPlan`; raises GrowthError where it is none."""
    points = timbre if isinstance(timbre, tuple) else (timbre,)
    is_words = lambda point: isinstance(point, str) and 0 < len(point) <= LONGEST_WORDS and point.isprintable()
    if not 1 <= len(points) <= MOST_STAGES or not all(map(is_words, points)):
        raise GrowthError(f"Timbre {short(timbre)}: use a name such as flute, or a list such as flute,trumpet.")
    try:
        morphs = [parse_morph(point) for point in points]
    except ConfigError as error:
        raise GrowthError(f"Timbre: {error}") from error
    if len(morphs) == 1:
        return {name: list(weights) for name, weights in morphs[0].items()}
    if any(len(weights) > 1 for morph in morphs for weights in morph.values()):
        raise GrowthError("Timbre: in a list each morph has one weight a name, such as flute:0.3 oboe:0.7.")
    fixed = [_whole({name: weight for name, (weight,) in morph.items()}) for morph in morphs]
    return {name: [morph.get(name, 0.0) for morph in fixed] for morph in fixed for name in morph}


def shares_of(timbre: Timbre, n_stages: int) -> list[dict[str, float]]:
    """Share of each instrument that sounds in each stage; they add to 1. Raises GrowthError where all weights are 0."""
    rows = {name: curve(weights, n_stages) for name, weights in weights_of(timbre).items()}
    stages = (_whole({name: row[i] for name, row in rows.items()}) for i in range(n_stages))
    return [{name: round(share, DECIMALS) for name, share in stage.items() if share >= LEAST} for stage in stages]


def others_of(timbre: Timbre) -> list[str]:
    """Names of the instruments in it beside the own one."""
    return [name for name in weights_of(timbre) if name != OWN]


def check_timbre(timbre: Timbre) -> None:
    """Raise GrowthError unless `shares_of` can read it; whether a family has its names is seen when it is played."""
    for n_points in {len(weights) for weights in weights_of(timbre).values()}:
        shares_of(timbre, n_points)


def in_words(shares: Mapping[str, float]) -> str:
    """A name, or a morph such as "flute:0.3 oboe:0.7"."""
    return next(iter(shares)) if len(shares) == 1 else " ".join(f"{name}:{share:g}" for name, share in shares.items())


def _whole(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights that add to 1. Raises GrowthError where all are 0."""
    total = sum(weights.values())
    if not 0 < total < float("inf"):
        raise GrowthError("Timbre: all weights are 0 somewhere; give at least one instrument more.")
    return {name: weight / total for name, weight in weights.items()}

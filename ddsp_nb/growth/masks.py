"""Which partials and bands sound in which stage, and their order (notebook 05, "What is a mask?")."""

import numpy as np
import torch

from ddsp_nb.config import Config
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.automaton import parse_neighbours, rule_number
from ddsp_nb.growth.plan import RULE, GrowthPlan, grow_counts
from ddsp_nb.synthesis.noise import nearest_band

Each = torch.Tensor | None  # a number of each partial, or band
# Octaves by which an interval may be missed: those of a bell, or of a scale, are never exact. Bands are wider.
QUARTER_TONE, SEMITONE = 1 / 24, 1 / 12
INAUDIBLE = 1e-4  # of the loudest, -80 dB


def partial_masks(
    plan: GrowthPlan, n_harmonics: int, *, levels: Each = None, lives: Each = None, seed: int = 0, hz: Each = None
) -> torch.Tensor:
    """Which partials sound in which stage: [n_stages, n_harmonics] of 0 and 1.

    Args:
        levels: [n_harmonics] how loud each partial gets, linear; those 80 dB below the loudest are never heard
            and do not count. All count, and "loudest" means "low", if None.
        lives: [2, n_harmonics] when each begins, and for how long it is heard; all alike if None.
        seed: of the random order, and of a rule's chance.
        hz: [n_harmonics] where the partials lie, in Hz or as multiples of one pitch; whole multiples if None.

    Raises:
        GrowthError: a written stage names a partial that the instrument does not have.
    """
    levels = torch.ones(n_harmonics) if levels is None else levels
    order = entrance(plan.order, levels, seed, lives)
    rule = plan.strategy == RULE
    stages = plan.stages or (() if rule else grow_counts(plan.strategy, len(order), plan.n_stages))
    masks = _written(stages, order, n_harmonics, "partial") * audible(levels)
    masks = _run_on(plan, masks, plan.n_stages, order, hz, seed) if rule else masks
    return masks.flip(0) if plan.shrinking else masks


def noise_masks(
    plan: GrowthPlan, n_bands: int, n_stages: int, *, levels: Each = None, seed: int = 0, hz: Each = None
) -> torch.Tensor:
    """Which bands of the noise sound in which stage: [n_stages, n_bands] of 0 and 1; see `partial_masks`."""
    masks = torch.zeros(n_stages, n_bands)
    order = entrance(plan.noise_order, torch.ones(n_bands) if levels is None else levels, seed)
    if plan.has_noise_rule:
        painted = _written((plan.noise_stages or ())[:n_stages], order, n_bands, "band")
        masks = _run_on(plan, painted, n_stages, order, hz, seed, SEMITONE)
    elif plan.noise == "bands":
        counts = grow_counts(plan.noise_strategy, len(order), n_stages)
        spread = np.linspace(0, len(counts) - 1, n_stages).round().astype(int)  # the strategy over all the stages
        masks = _written([counts[i] for i in spread], order, n_bands, "band")
        masks[-1] = 1
    elif plan.noise_stages is not None:
        stages = (*plan.noise_stages, *plan.noise_stages[-1:] * n_stages)[:n_stages]
        masks = _written(stages, order, n_bands, "band")
    elif plan.noise != "none":
        masks[0 if plan.noise == "every" else -1 :] = 1
    return masks.flip(0) if plan.shrinking else masks


def _written(stages, order, n, kind):
    """[n_stages, n] masks of stages: counts, the first ones in order, or sets."""
    masks = torch.zeros(len(stages), n)
    for mask, stage in zip(masks, stages, strict=True):
        mask[order[:stage] if isinstance(stage, int) else _indices(stage, n, kind)] = 1
    return masks


def neighbour_table(places: torch.Tensor, neighbours: str, within: float = QUARTER_TONE) -> torch.Tensor:
    """[n, n] of 0 and 1: the neighbours (columns) of each (rows) of [n] places, of Hz or multiples of one pitch.

    Distances are steps in their order; of an interval the nearest one counts, within so many octaves.
    """
    octaves, cells = places.detach().cpu().double().log2(), torch.arange(len(places))
    table = torch.zeros(len(cells), len(cells))
    for step in parse_neighbours(neighbours):
        at, by, reach = (cells, step, 0.5) if isinstance(step, int) else (octaves, np.log2(float(step)), within)
        for wanted in (at + by, at - by):
            misses, nearest = (at - wanted[:, None]).abs().min(1)
            table[cells[misses < reach], nearest[misses < reach]] = 1
    return table.fill_diagonal_(0)


def _run_on(plan, painted, n_stages, cells, hz, seed, within=QUARTER_TONE):
    """[n_stages, n] painted masks, and what a plan's rule makes of the last one, step by step, of cells in their order.

    Where none is painted, it begins with the first cell; by a rule that bears none, with all.
    """
    hz = torch.arange(1, painted.shape[1] + 1) if hz is None else hz
    table, number = neighbour_table(hz[cells], plan.neighbours, within), rule_number(plan.rule, plan.neighbours)
    sounds = torch.tensor([float(number >> bit & 1) for bit in range(2 * int(table.sum(1).max()) + 2)])
    stages = [*painted[:, cells]] or [(torch.arange(len(cells)) < (1 if sounds[2::2].any() else len(cells))).float()]
    chance = torch.rand(n_stages, len(cells), generator=torch.Generator().manual_seed(seed))
    for waits in chance[len(stages) :] < plan.rule_chance:
        on = stages[-1]
        stages.append(torch.where(waits, on, sounds[(2 * (table @ on) + on).long()]))
    masks = torch.zeros(len(stages), painted.shape[1])
    masks[:, cells] = torch.stack(stages)
    masks[: len(painted)] = painted
    return masks


def _indices(numbers, n, kind):
    """Indices of numbers from 1 on. Raises GrowthError where the instrument has no such partial or band."""
    if max(numbers, default=0) > n:
        raise GrowthError(f"There is no {kind} {max(numbers)}: the instrument has {n}.")
    return torch.tensor(numbers, dtype=torch.long) - 1


def audible(levels: torch.Tensor) -> torch.Tensor:
    """[n] bool: less than 80 dB below the loudest of [n] linear levels; all of them where nothing sounds."""
    return levels > INAUDIBLE * levels.max() if levels.max() > 0 else torch.ones_like(levels, dtype=torch.bool)


def entrance(order: str, levels: torch.Tensor, seed: int = 0, lives: torch.Tensor | None = None) -> torch.Tensor:
    """Indices of the audible ones among [n] linear levels, in the order in which they enter, one of `ORDERS`.

    Lives are as of `partial_masks`.
    """
    levels = levels.detach().cpu()
    index = torch.arange(len(levels))[audible(levels)]
    number = index + 1
    births, durations = torch.zeros(2, len(levels)) if lives is None else lives
    keys = {
        "low": lambda: index,
        "high": lambda: -index,
        "odd": lambda: index + len(levels) * (number % 2 == 0),
        "octaves": lambda: index + len(levels) * (number & (number - 1) != 0),
        "loudest": lambda: -levels[index].double(),
        "longest": lambda: -durations[index],
        "birth": lambda: births[index],
        "random": lambda: torch.randperm(len(levels), generator=torch.Generator().manual_seed(seed))[index],
    }
    return index[torch.argsort(keys[order](), stable=True)]


def band_widths(config: Config) -> torch.Tensor:
    """[n_bands] bins of the filterbank in each band, 0.1 for those narrower than a bin."""
    bins_hz = torch.fft.rfftfreq(config.noise_n_fft, 1 / config.sample_rate)
    return torch.bincount(nearest_band(bins_hz, config), minlength=config.n_bands).float().clamp(min=0.1)

"""Which partials and bands sound in which stage, and their order (notebook 05, "What is a mask?")."""

from itertools import chain, repeat

import numpy as np
import torch

from ddsp_nb.config import Config
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan, grow_counts
from ddsp_nb.synthesis.noise import nearest_band

INAUDIBLE = 1e-4  # of the loudest, -80 dB


def partial_masks(
    plan: GrowthPlan, n_harmonics: int, *, levels: torch.Tensor | None = None, seed: int = 0
) -> torch.Tensor:
    """Which partials sound in which stage: [n_stages, n_harmonics] of 0 and 1.

    Args:
        levels: [n_harmonics] how loud each partial gets, linear; those 80 dB below the loudest are never heard
            and do not count. All count, and "loudest" means "low", if None.
        seed: of the random order.

    Raises:
        GrowthError: a written stage names a partial that the instrument does not have.
    """
    levels = torch.ones(n_harmonics) if levels is None else levels
    order = entrance(plan.order, levels, seed)
    stages = plan.stages or grow_counts(plan.strategy, len(order), plan.n_stages)
    masks = torch.zeros(len(stages), n_harmonics)
    for mask, stage in zip(masks, stages, strict=True):
        mask[order[:stage] if isinstance(stage, int) else _indices(stage, n_harmonics, "partial")] = 1
    masks *= audible(levels)
    return masks.flip(0) if plan.shrinking else masks


def noise_masks(
    plan: GrowthPlan, n_bands: int, n_stages: int, *, levels: torch.Tensor | None = None, seed: int = 0
) -> torch.Tensor:
    """Which bands of the noise sound in which stage: [n_stages, n_bands] of 0 and 1; see `partial_masks`."""
    masks = torch.zeros(n_stages, n_bands)
    if plan.noise == "bands":
        order = entrance(plan.noise_order, torch.ones(n_bands) if levels is None else levels, seed)
        counts = grow_counts(plan.noise_strategy, len(order), n_stages)
        spread = np.linspace(0, len(counts) - 1, n_stages).round().astype(int)  # the strategy over all the stages
        for mask, i in zip(masks, spread, strict=True):
            mask[order[: counts[i]]] = 1
        masks[-1] = 1
    elif plan.noise_stages is not None:
        for mask, bands in zip(masks, chain(plan.noise_stages, repeat(plan.noise_stages[-1])), strict=False):
            mask[_indices(bands, n_bands, "band")] = 1
    elif plan.noise != "none":
        masks[0 if plan.noise == "every" else -1 :] = 1
    return masks.flip(0) if plan.shrinking else masks


def _indices(numbers, n, kind):
    """Indices of numbers from 1 on. Raises GrowthError where the instrument has no such partial or band."""
    if max(numbers, default=0) > n:
        raise GrowthError(f"There is no {kind} {max(numbers)}: the instrument has {n}.")
    return torch.tensor(numbers, dtype=torch.long) - 1


def audible(levels: torch.Tensor) -> torch.Tensor:
    """[n] bool: less than 80 dB below the loudest of [n] linear levels; all of them where nothing sounds."""
    return levels > INAUDIBLE * levels.max() if levels.max() > 0 else torch.ones_like(levels, dtype=torch.bool)


def entrance(order: str, levels: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Indices of the audible ones among [n] linear levels, in the order in which they enter, one of `ORDERS`."""
    levels = levels.detach().cpu()
    index = torch.arange(len(levels))[audible(levels)]
    number = index + 1
    keys = {
        "low": lambda: index,
        "high": lambda: -index,
        "odd": lambda: index + len(levels) * (number % 2 == 0),
        "octaves": lambda: index + len(levels) * (number & (number - 1) != 0),
        "loudest": lambda: -levels[index].double(),
        "random": lambda: torch.randperm(len(levels), generator=torch.Generator().manual_seed(seed))[index],
    }
    return index[torch.argsort(keys[order](), stable=True)]


def band_widths(config: Config) -> torch.Tensor:
    """[n_bands] bins of the filterbank in each band, 0.1 for those narrower than a bin."""
    bins_hz = torch.fft.rfftfreq(config.noise_n_fft, 1 / config.sample_rate)
    return torch.bincount(nearest_band(bins_hz, config), minlength=config.n_bands).float().clamp(min=0.1)

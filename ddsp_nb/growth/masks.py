"""The order in which partials, or bands of noise, enter."""

import torch

ORDERS = ("low", "high", "odd", "octaves", "loudest", "random")
BAND_ORDERS = ("low", "high", "odd", "loudest", "random")
INAUDIBLE = 1e-4  # -80 dB: of the loudest


def audible(levels: torch.Tensor) -> torch.Tensor:
    """[n] bool: less than 80 dB below the loudest of [n] linear levels; all of them where nothing sounds."""
    return levels > INAUDIBLE * levels.max() if levels.max() > 0 else torch.ones_like(levels, dtype=torch.bool)


def entrance(order: str, levels: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Indices of the audible ones in the order in which they enter.

    Args:
        order: one of `ORDERS`.
        levels: [n] linear level of each.
        seed: of the random order.
    """
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

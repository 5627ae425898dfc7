"""Histories of the rules as one picture: `python -m tests.benchmarks.rules docs/rules.png`."""

import sys

import matplotlib.pyplot as plt

from ddsp_nb import GrowthPlan, partial_masks, plots
from ddsp_nb.growth.automaton import RULES

N_PARTIALS, N_STAGES = 48, 24
NEIGHBOURS = {"next": "next", "2, 3/2": "octaves and fifths", "next, 2": "next and octaves"}


def draw(path: str) -> None:
    """Rules from left to right, neighbours from top to bottom; in each, stages to the right and partials upwards."""
    plots.look()
    figure, axes = plt.subplots(len(NEIGHBOURS), len(RULES), figsize=(10, 5), sharex=True, sharey=True)
    for row, (neighbours, words) in zip(axes, NEIGHBOURS.items(), strict=True):
        for ax, rule in zip(row, RULES, strict=True):
            masks = partial_masks(GrowthPlan("rule", N_STAGES, rule=rule, neighbours=neighbours), N_PARTIALS)
            extent = (0.5, N_STAGES + 0.5, 0.5, N_PARTIALS + 0.5)
            ax.imshow(
                masks.T, origin="lower", aspect="auto", cmap="Blues", vmax=1.3, extent=extent, interpolation="nearest"
            )
            ax.set(title=rule if neighbours == "next" else "", xticks=(1, 12, 24), yticks=(1, 16, 32, 48))
        row[0].set_ylabel(f"{words}\nPartial")
    axes[-1][len(RULES) // 2].set_xlabel("Stage")
    figure.tight_layout()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    draw(sys.argv[1])

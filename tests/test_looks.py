"""Figures and colours that are read on light pages and on dark ones."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_rgb

from ddsp_nb import plots
from ddsp_nb.training.train import Epoch

# JupyterLab's pages.
WHITE, BLACK = "#ffffff", "#111111"
BRIGHTER = 1.12  # ink on a dark page, by what plots.IMAGE says


def luminance(colour, times=1.0):
    """As WCAG has it."""
    rgb = np.minimum(np.array(to_rgb(colour)) * times, 1)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)


def contrast(colour, paper, times=1.0):
    darker, brighter = sorted((luminance(colour, times), luminance(paper)))
    return (brighter + 0.05) / (darker + 0.05)


def test_ink_and_colours_are_seen_on_light_and_dark_pages():
    assert f"brightness({BRIGHTER})" in plots.IMAGE
    assert min(contrast(plots.INK, WHITE), contrast(plots.INK, BLACK, BRIGHTER)) >= 4.5
    kinds = plots.looks_of([str(number) for number in range(18)])
    for colour in (*plots.LINES, *(colour for colour, _ in kinds.values())):
        assert min(contrast(colour, WHITE), contrast(colour, BLACK)) >= 3, colour


def test_a_figure_is_named_by_its_axes_and_has_no_paper():
    with rc_context(plots.LOOK):
        ax = plots.loss_curve([Epoch(i, 3, 1.0, None, 1.0, 1.0, 0) for i in (1, 2, 3)])
        ax.set_title("A < B")
        html = plots.shown(ax.figure)
    assert 'alt="A &lt; B, Loss, Epoch"' in html and "data:image/png;base64,iVBOR" in html
    assert ax.figure.get_facecolor()[3] == ax.get_facecolor()[3] == 0
    assert [tick % 1 for tick in ax.get_xticks()] == pytest.approx([0] * len(ax.get_xticks()))
    plt.close(ax.figure)

"""Every notebook in a real JupyterLab: all cells run, every player plays, every picture shows, nothing calls out."""

import sys

import nbformat
import pytest

from browser.lab_server import ROOT

NAMES = sorted(path.stem for path in ROOT.glob("notebooks/*.ipynb"))
IN_CELLS = ".jp-OutputArea-output audio:not(.jupyter-widgets)"
SAMPLE_RATE = 44_100


def stored(name):
    """How many players and pictures the committed notebook says that its cells make."""
    cells = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4).cells
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return sum("♪" in data.get("text/plain", "") for data in outputs), sum("image/png" in data for data in outputs)


@pytest.mark.parametrize("name", NAMES)
def test_run_all(notebook, lab, name):
    page = notebook(name)
    counts = page.execution_counts()
    assert counts == list(range(counts[0], counts[0] + len(counts)))  # every cell ran, once, in its order
    players, pictures = page.page.locator(IN_CELLS), page.page.locator(".jp-RenderedImage img")
    assert (players.count(), pictures.count()) == stored(name)
    sounds = [page.sound(player, SAMPLE_RATE) for player in players.all()]
    assert all(len(sound) > 0.3 * SAMPLE_RATE and 1e-4 < abs(sound).max() <= 1 for sound in sounds)
    assert all(picture.evaluate("picture => picture.naturalWidth") > 300 for picture in pictures.all())
    assert [session["path"] for session in lab.sessions()].count(f"{name}.ipynb") == 1


def test_kernels_run_this_checkout_with_the_interpreter_of_the_tests(notebook):
    page = notebook(NAMES[0])
    page.do("import sys, ddsp_nb")
    assert page.value("[sys.executable, ddsp_nb.__file__]") == [sys.executable, str(ROOT / "ddsp_nb/__init__.py")]

"""Kernels die and notebooks are run again: nothing is lost, and a growth plays what a training has learned."""

import pytest

from ddsp_nb import load_model
from ddsp_nb.piece.digests import model_sha256

KEPT = "output/ddsp_model.pt"


def files(lab):
    return {path.name for path in (lab.notebooks / "output").iterdir()}


def played(page):
    """SHA-256 of the model in the kernel."""
    page.do("from ddsp_nb.piece.digests import model_sha256")
    return page.value("model_sha256(model)")


@pytest.mark.notebook("growth", "training")
def test_a_growth_plays_the_trained_model_after_restarts(notebook, lab):
    notebook("training").restart()
    checkpoint = lab.notebooks / KEPT
    written, names = checkpoint.stat().st_mtime_ns, files(lab)
    growth = notebook("growth")
    growth.restart_and_run_all()
    assert played(growth) == model_sha256(load_model(checkpoint)[0])
    assert checkpoint.stat().st_mtime_ns == written and names <= files(lab)


@pytest.mark.notebook("training")
def test_a_training_run_twice_learns_the_same_and_loses_nothing(page, lab):
    checkpoint = lab.notebooks / KEPT
    first, written, names = model_sha256(load_model(checkpoint)[0]), checkpoint.stat().st_mtime_ns, files(lab)
    page.restart_and_run_all()
    assert checkpoint.stat().st_mtime_ns > written and names <= files(lab)
    assert model_sha256(load_model(checkpoint)[0]) == first == played(page)

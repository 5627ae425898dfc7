"""Notebooks as one reads them in JupyterLab: code opens at a click, and the way back from the foot is one click."""

import pytest

from browser.lab_server import ROOT
from browser.notebook_page import NotebookPage

IN_SIGHT = """heading => {
    const {top, bottom} = heading.getBoundingClientRect();
    return top >= 0 && bottom < innerHeight;
}"""


@pytest.fixture
def reading(chromium, lab):
    """Notebook 06 with what it shows before anything is run."""
    (lab.notebooks / "reading.ipynb").write_bytes((ROOT / "notebooks/06_play.ipynb").read_bytes())
    page = NotebookPage(chromium, lab, "reading.ipynb")
    yield page
    page.close()


def test_folded_code_opens_at_a_click_and_the_foot_leads_back_to_the_keyboard(reading):
    page = reading.page
    folded = page.locator(".jp-Placeholder")
    n_folded = folded.count()
    assert n_folded > 10 and page.get_by_text("import timeit").count() == 1  # its bar says how it begins
    folded.first.click()
    page.get_by_text("import soundfile as sf").wait_for()
    assert folded.count() == n_folded - 1
    page.get_by_role("link", name="Back to the keyboard").click()
    reading.wait_for(page.get_by_role("heading", name="Play it"), IN_SIGHT)

"""The browser tests themselves: no browser is a failure under CI only, and what is broken is seen."""

import nbformat
import pytest

from browser.conftest import browser_path
from browser.notebook_page import NotebookPage

BROKEN = """
    import sys
    import ipywidgets
    from IPython.display import HTML, display

    button = ipywidgets.Button(description="Break")
    button.on_click(lambda _: 1 / 0)
    display(button, HTML('<img src="http://192.0.2.1/picture.png">'))
    print("a warning", file=sys.stderr)
    raise RuntimeError("in the cell")
"""


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_browser_fails_under_ci_and_is_skipped_elsewhere(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="install it"):
        browser_path(["no-such-browser"])


def test_what_is_broken_is_seen(chromium, lab):
    path = lab.notebooks / "broken.ipynb"
    nbformat.write(nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "P"}}), path)
    page = NotebookPage(chromium, lab, path.name)
    page.append(BROKEN)
    page.page.get_by_role("button", name="Break").click()
    page.page.wait_for_function("() => unseen.length > 1")
    wrongs = " ".join(page.wrongs())
    for sign in ("RuntimeError: in the cell", "a warning", "ZeroDivisionError", "192.0.2.1"):
        assert sign in wrongs
    page.close()

"""Chromium, a JupyterLab server and notebooks that are run once; a picture of each is kept."""

import os
import re
import shutil
from pathlib import Path

import pytest

from browser.ear import Ear
from browser.lab_server import ROOT, LabServer
from browser.notebook_page import NotebookPage

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def browser_path(names=CHROMIUM) -> str:
    """Where Chromium is; without one, the test fails under CI and is skipped elsewhere."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("There is no Chromium to drive JupyterLab with; install it (Debian: apt-get install chromium).")
    return found


# Package scope: while Playwright is open, no other test could run an event loop of its own.
@pytest.fixture(scope="package")
def chromium():
    """The browser."""
    path = browser_path()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def lab(chromium, tmp_path_factory):
    """The server; asked for after the browser, which may be missing."""
    server = LabServer(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(scope="package")
def opened():
    """Pages that are open, by the name of their notebook."""
    return {}


@pytest.fixture
def notebook(chromium, lab, opened, request):
    """Opener of a notebook: `notebook("training")` is its page, after a first Run All; checked at the end."""
    used, before = set(), set(opened)

    def open_notebook(name):
        if name not in opened:
            opened[name] = NotebookPage(chromium, lab, f"{name}.ipynb")
            opened[name].ear = Ear(opened[name].page)
            used.add(name)
            opened[name].run_all()
        used.add(name)
        return opened[name]

    yield open_notebook
    # One of each: a picture takes a second.
    for name in used - before:
        opened[name].keep_picture(artefact(request.node.name, name))
    for name in used:
        assert opened[name].wrongs() == []


@pytest.fixture
def ear(page):
    """What listens to the page of a test."""
    return page.ear


def artefact(test: str, notebook: str) -> Path:
    """File for the picture of a test, in the folder that ARTIFACTS names."""
    folder = Path(os.environ.get("ARTIFACTS") or ROOT / "artifacts") / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    words = re.sub(r"[^a-z0-9]+", "_", f"{test.removeprefix('test_')} {notebook}".lower())
    return folder / f"{words[:100]}.png"

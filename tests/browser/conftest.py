"""Chromium, a JupyterLab server and notebooks that are run once; a picture of each is kept."""

import os
import re
import shutil
from pathlib import Path

import pytest

from browser.ear import Ear
from browser.lab_server import ROOT, LabServer
from browser.notebook_page import NotebookPage
from browser.play_view import PlayView

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
# Of a test: names of notebooks that no later one uses.
DONE_WITH = pytest.StashKey[set]()


def browser_path(names=CHROMIUM) -> str:
    """Where a program is; without it, the test fails under CI and is skipped elsewhere."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"There is no {names[0]} to drive JupyterLab with; install it (Debian: apt-get install {names[0]}).")
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


def notebooks_of(item) -> tuple[str, ...]:
    """Names of the notebooks that a test uses, of its mark `notebook`."""
    return item.get_closest_marker("notebook").args if "notebook" in item.fixturenames else ()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Tests of one notebook stand together, and the last one closes its page: an idle page keeps a processor busy."""
    first, last = {}, {}
    for place, item in enumerate(items):
        first.setdefault(notebooks_of(item)[:1] or item, place)
    items.sort(key=lambda item: first[notebooks_of(item)[:1] or item])
    for item in items:
        last |= dict.fromkeys(notebooks_of(item), item)
    for name, item in last.items():
        item.stash.setdefault(DONE_WITH, set()).add(name)


@pytest.fixture(scope="package")
def opened():
    """Pages that are open, by the name of their notebook."""
    return {}


@pytest.fixture
def notebook(chromium, lab, opened, request):
    """Opener of a notebook: `notebook("training")` is its page, after a first Run All; checked at the end."""
    used, before = set(), set(opened)

    def open_notebook(name):
        assert name in notebooks_of(request.node), f"Mark the test: notebook({name!r})"
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
    wrongs = [wrong for name in used for wrong in opened[name].wrongs()]
    for name in request.node.stash.get(DONE_WITH, set()) & set(opened):
        opened.pop(name).close()
    assert wrongs == []


@pytest.fixture
def page(notebook, request):
    """Page of the first notebook that the test's mark names."""
    return notebook(notebooks_of(request.node)[0])


@pytest.fixture
def ear(page):
    """What listens to the page of a test."""
    return page.ear


@pytest.fixture
def played(page):
    """The keyboard of a test's page, as it is at first; silent again at the end."""
    view = page.page.locator(".ddsp").filter(has=page.page.locator(".keys")).first
    instrument = PlayView(page, view)
    instrument.wait()
    usual = view.evaluate("root => ({partials: root.engine.about.n_harmonics, bands: root.engine.about.n_bands})")
    instrument.set(**usual, order="low", level_db=0, bend_semitones=0, octave=4, room="none", guesses=False, wet_db=0)
    view.focus()
    yield instrument
    # Or the key of a test that failed is down in the next one.
    page.page.keyboard.up("KeyA")
    if view.count():
        page.page.mouse.up()
        instrument.release_all()
        instrument.wait_for_silence()


def artefact(test: str, notebook: str) -> Path:
    """File for the picture of a test, in the folder that ARTIFACTS names."""
    folder = Path(os.environ.get("ARTIFACTS") or ROOT / "artifacts") / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    words = re.sub(r"[^a-z0-9]+", "_", f"{test.removeprefix('test_')} {notebook}".lower())
    return folder / f"{words[:100]}.png"

"""Three users' journeys through the real notebooks in a real browser, timed and counted in clicks.

    python -m tests.benchmarks.journeys [composer|student|designer ...] [--memo FILE] [--sax FILE]

A composer brings a voice memo and hears it grow; a student runs every notebook; a sound designer takes an instrument
home as a sampler's zip. Each begins in an empty workspace of a fresh copy of the workbook.
"""

import argparse
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser.conftest import FLAGS, browser_path  # noqa: E402
from browser.lab_server import LabServer  # noqa: E402
from browser.notebook_page import NotebookPage  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

# Longest wait for anything, s.
RUN_S = 300
# A player runs, and is not in its first silence.
SOUNDS = "() => [...document.querySelectorAll('.ddsp.player')].some(({playback}) => playback.position() > 0.05)"


class Journey:
    """A browser at a fresh workbook, a clock and a count of clicks."""

    def __init__(self, browser, folder):
        self.lab = LabServer(Path(folder), make=copy_workbook)
        self.browser, self.clicks = browser, 0

    def open(self, name):
        page = NotebookPage(self.browser, self.lab, f"{name}.ipynb")
        self.began = time.perf_counter()
        return page

    def bring(self, page, path, panel):
        """Into the chooser of a notebook that has run, and run it again; until it has another panel of this class."""
        page.page.evaluate("panel => { window.old = document.querySelector(panel); }", panel)
        self.began, self.clicks = time.perf_counter(), 2
        page.page.locator("input[type=file]").first.set_input_files(path)
        page.page.get_by_role("button", name="Run all cells", exact=True).last.click(timeout=RUN_S * 1000)
        found = "panel => [...document.querySelectorAll(panel)].some(each => each !== window.old)"
        page.page.wait_for_function(found, arg=panel, timeout=RUN_S * 1000)

    def seconds(self):
        return time.perf_counter() - self.began


def copy_workbook(folder):
    """Notebooks and recordings of this checkout, as a user has them."""
    for name in ("notebooks", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("my", "output", ".ipynb_checkpoints"))


def composer(journey, memo, _):
    page = journey.open("05_growth")
    page.run_all()
    print(f"composer: the shipped violin has run after {journey.seconds():.0f} s")
    journey.bring(page, memo, ".ddsp.score")
    ready_s = journey.seconds()
    page.page.locator(".ddsp.score button.play").last.click()
    page.page.wait_for_function(SOUNDS, timeout=RUN_S * 1000)
    words = f"own growth sounds after {journey.seconds():.0f} s, {ready_s:.0f} of them until its score is there"
    print(f"composer: {words}; {journey.clicks + 1} clicks")


def student(journey, *_):
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        page = journey.open(path.stem)
        page.run_all()
        print(f"student: {path.stem} ran in {journey.seconds():.0f} s")
        page.close()


def designer(journey, _, sax):
    page = journey.open("06_play")
    page.run_all()
    journey.bring(page, sax, ".ddsp.played")
    ran_s = journey.seconds()
    with page.page.expect_download(timeout=RUN_S * 1000) as coming:
        page.page.get_by_role("button", name="Export for a sampler (zip)").last.click()
        names = zipfile.ZipFile(coming.value.path()).namelist()
    kinds = {suffix: sum(name.endswith(suffix) for name in names) for suffix in (".sfz", ".wav", ".flac")}
    words = f"the zip is there after {journey.seconds():.0f} s, {ran_s:.0f} of them until its keys are there"
    print(f"designer: {words}; {journey.clicks + 1} clicks; {kinds}")


JOURNEYS = {"composer": composer, "student": student, "designer": designer}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("journeys", nargs="*", default=list(JOURNEYS))
    parser.add_argument("--memo", default=ROOT / "data/voice.flac")
    parser.add_argument("--sax", default=ROOT / "data/trumpet.flac")
    asked = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        for name in asked.journeys:
            with tempfile.TemporaryDirectory() as folder:
                journey = Journey(browser, folder)
                try:
                    JOURNEYS[name](journey, asked.memo, asked.sax)
                finally:
                    journey.lab.stop()

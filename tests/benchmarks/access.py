"""What axe-core finds in all notebooks after Run All, in both themes: rule, impact and number; takes minutes.

python -m tests.benchmarks.access [NAME ...]      e.g. 00_start; all of them if none is named
"""

import collections
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser.axe import findings
from browser.conftest import FLAGS, browser_path
from browser.lab_server import ROOT, LabServer
from browser.looks import THEMES, show_theme
from browser.notebook_page import NotebookPage

IMPACTS = ("minor", "moderate", "serious", "critical")


def look(chromium, lab, path: Path) -> None:
    """Print what is found in one notebook."""
    shutil.copy(path, lab.notebooks)
    page = NotebookPage(chromium, lab, path.name)
    page.run_all()
    for theme in THEMES:
        show_theme(page, theme)
        found = collections.Counter(found[:2] for found in findings(page, IMPACTS))
        words = ", ".join(f"{rule} ({impact}) {number}" for (impact, rule), number in sorted(found.items()))
        print(f"{path.stem:24} {theme:6} {words or 'nothing'}", flush=True)
    page.close()


if __name__ == "__main__":
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        lab = LabServer(Path(folder))
        try:
            shutil.copytree(ROOT / "data", lab.notebooks.parent / "data", dirs_exist_ok=True)
            for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
                if not sys.argv[1:] or path.stem in sys.argv[1:]:
                    look(chromium, lab, path)
        finally:
            lab.stop()

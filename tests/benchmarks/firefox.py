"""All notebooks once in Firefox: `python -m tests.benchmarks.firefox [NAME ...]`, such as 01_features.

Each is run from top to bottom, and its players are played one after the other. Said are seconds, what went wrong in
cells and in the page, how many players there are, and which were silent: one that is empty, such as 05's.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser.conftest import browser_path  # noqa: E402
from browser.firefox import Firefox  # noqa: E402
from browser.lab_server import LabServer  # noqa: E402
from browser.loudspeaker import loudspeaker  # noqa: E402
from browser.notebook_page import BEGIN, READY  # noqa: E402
from browser.test_browser_firefox import FIREFOX  # noqa: E402

RUN_S = 900
WRONG = """jupyterapp.shell.currentWidget.content.widgets.flatMap(cell => cell.model.outputs?.toJSON() ?? [])
    .filter(output => output.output_type === 'error').map(({ename, evalue}) => ename + ': ' + evalue)"""
PLAYED = """(async () => {
    const wait = () => new Promise((over) => setTimeout(over, 50));
    const until = async (done) => { for (let i = 0; i < 200 && !done(); i++) await wait(); };
    const players = [...document.querySelectorAll('.ddsp.player')];
    const silent = [];
    for (const player of players) {
        const {playback} = player;
        player.scrollIntoView();
        await until(() => playback.sounds.size);
        playback.play();
        await until(() => playback.position() > 0.05);
        if (!(playback.position() > 0.05)) silent.push(player.getAttribute('aria-label'));
        playback.pause();
    }
    return [players.length, silent];
})()"""


def main(names):
    folder = Path(tempfile.mkdtemp())
    server = LabServer(folder / "lab")
    try:
        shutil.copytree(ROOT / "data", server.notebooks.parent / "data", dirs_exist_ok=True)
        (folder / "profile").mkdir()
        with loudspeaker(browser_path(("pulseaudio",)), folder) as socket:
            firefox = Firefox(browser_path(FIREFOX), folder / "profile", socket)
            for path in sorted((ROOT / "notebooks").glob("0*.ipynb")):
                if not names or path.stem in names:
                    shutil.copy(path, server.notebooks)
                    run(firefox, server, path.name)
            firefox.close()
    finally:
        server.stop()


def run(firefox, server, name):
    begun, firefox.faults = time.monotonic(), []
    firefox.open(server.page_of(name))
    firefox.wait(f"({READY})()")
    firefox.value(f"({BEGIN})('notebook:run-all-cells')")
    firefox.wait("run.over", RUN_S)
    seconds = time.monotonic() - begun
    # A page sounds once a hand has touched it.
    firefox.click("document.querySelector('.jp-Notebook')")
    n, silent = firefox.value(PLAYED)
    wrong = firefox.value(WRONG) + firefox.faults
    print(f"{name}: {seconds:.0f} s, {n} players, silent: {silent}, wrong: {wrong}", flush=True)
    firefox.value("jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")


if __name__ == "__main__":
    main(sys.argv[1:])

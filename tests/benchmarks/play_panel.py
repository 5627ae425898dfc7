"""The instrument in the page under load: `python -m tests.benchmarks.play_panel [SECONDS]`.

The full network (2 x 512) against PyTorch's controls; from a key to its place in the stream of sound, while the page
draws; then eight held voices for a minute: frames that came too late, underruns of the device, and what the page holds;
then a dense passage of eight voices while the panel's picture of it moves and while it stands, in turns.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser import small_notebooks  # noqa: E402
from browser.conftest import FLAGS, browser_path  # noqa: E402
from browser.ear import Ear  # noqa: E402
from browser.lab_server import LabServer  # noqa: E402
from browser.notebook_page import NotebookPage  # noqa: E402
from browser.play_view import PlayView, controls_of_pytorch, controls_of_the_page  # noqa: E402

from ddsp_nb import load_model  # noqa: E402

NOTEBOOK = (
    small_notebooks.SET_UP + "from ddsp_nb.panels import PlayPanel\nconfig = Config()",
    'model, take = load_or_train("output/full.pt", audio_path, config, epochs=1, seed=seed)',
    "panel = PlayPanel(model, take)\npanel",
)
DRAW = """() => {
    const canvas = document.body.appendChild(document.createElement("canvas")), g = canvas.getContext("2d");
    globalThis.drawn = 0;
    const draw = () => {
        g.clearRect(0, 0, 300, 150);
        for (let i = 0; i < 300; i++) g.fillRect(i, 75 + 60 * Math.sin(i / 20 + drawn / 9), 2, 2);
        drawn++;
        requestAnimationFrame(draw);
    };
    draw();
}"""
# A new note each 90 ms, eight at a time. The picture stands where the audio thread is not asked for it.
PASSAGE = """root => {
    const {hands, node: {port}} = root.engine, ask = port.postMessage.bind(port);
    globalThis.sight = {moves: true, n: 0};
    port.postMessage = (message, ...more) => {
        if (!message.look) return ask(message, ...more);
        sight.n++;
        if (sight.moves) ask(message);
        else root.engine.asked = null;
    };
    let i = 0;
    setInterval(() => { hands.press(`passage ${i % 8}`, 48 + 7 * (i++ * 5 % 6) + i % 4, 90); }, 90);
}"""
UNDERRUNS = "root => root.engine.node.context.playbackStats?.underrunEvents ?? NaN"
N_KEYS, N_VOICES = 15, 8
N_TURNS, TURN_S = 12, 5
BEGINNING_S = 3  # in which the browser compiles, and all notes begin at once


def main() -> None:
    """Print what was measured."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    small_notebooks.NOTEBOOKS["full"] = NOTEBOOK
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LabServer(Path(folder))
        try:
            browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
            page, play = opened(browser, server)
            tell_controls(page, server)
            tell_voices(page, play, seconds)
            tell_sight(page, play)
            page.close()
            page, play = opened(browser, server, listen=True)
            tell_latency(page, play)
        finally:
            server.stop()


def opened(browser, server, listen=False):
    """A page with the panel, drawing all the time; what it plays is kept for an `Ear` where one listens."""
    page = NotebookPage(browser, server, "full.ipynb")
    page.ear = Ear(page.page) if listen else None
    page.run_all()
    play = PlayView(page, page.page.locator(".ddsp").filter(has=page.page.locator(".keys")).first)
    play.wait()
    page.page.evaluate(DRAW)
    return page, play


def tell_controls(page, server):
    """Largest difference from PyTorch's controls, and what a frame takes."""
    model, _ = load_model(server.notebooks / "output/full.pt")
    mine, ms_a_frame = controls_of_the_page(page.page, model)
    wanted = controls_of_pytorch(model)
    apart = [np.abs(np.array(a) - b).max() for a, b in zip(mine, wanted, strict=True)]
    print(
        f"controls beside PyTorch's: amplitudes {apart[0]:.1e}, noise gains {apart[1]:.1e}; {ms_a_frame:.2f} ms a frame"
    )


def tell_latency(page, play):
    """Milliseconds from a key to the first sample that is not 0, in the clock of the audio context."""
    late_ms, ear = [], page.ear
    play.view.focus()
    page.page.keyboard.press("KeyA")
    play.wait_for_silence()
    for _ in range(N_KEYS):
        page.page.wait_for_timeout(37)
        ear.forget()
        page.page.keyboard.down("KeyA")
        ear.hear(0.2, settle_s=0)
        late_ms.append(ear.late_ms())
        page.page.keyboard.up("KeyA")
        play.wait_for_silence()
    print(f"key to sound, page drawing: median {np.median(late_ms):.1f} ms, at most {max(late_ms):.1f} ms")


def tell_voices(page, play, seconds):
    """Quanta for which a voice had no frame, in held notes; counted anew each time."""
    session = page.context.new_cdp_session(page.page)
    for i in range(N_VOICES):
        play.press(60 + 3 * i)
    for length_s in (BEGINNING_S, seconds):
        under, drawn = play.view.evaluate(UNDERRUNS), page.page.evaluate("drawn")
        page.page.wait_for_timeout(1000 * length_s)
        counts, under = play.counts(), play.view.evaluate(UNDERRUNS) - under
        pictures = (page.page.evaluate("drawn") - drawn) / length_s
        session.send("HeapProfiler.collectGarbage")
        heap, nodes = page.page.evaluate("performance.memory.usedJSHeapSize"), session.send("Memory.getDOMCounters")
        print(
            f"{N_VOICES} voices, {length_s} s: {counts['starved']} of {counts['frames']} frames late, "
            f"{under} underruns, "
            f"{pictures:.0f} pictures a second; {heap / 1e6:.0f} MB of heap, {nodes['nodes']} nodes"
        )
    play.release_all()


def tell_sight(page, play):
    """Frames that came too late and underruns of a dense passage, with its picture moving and standing, in turns."""
    play.view.evaluate(PASSAGE)
    found = {True: [], False: []}
    for turn in range(N_TURNS):
        moves = turn % 2 == 0
        page.page.evaluate("moves => { sight.moves = moves; }", moves)
        page.page.wait_for_timeout(500)
        play.counts()
        page.page.evaluate("() => { sight.n = 0; }")
        under, begun = play.view.evaluate(UNDERRUNS), time.monotonic()
        page.page.wait_for_timeout(1000 * TURN_S)
        rate = page.page.evaluate("sight.n") / (time.monotonic() - begun)
        counts = play.counts()
        late = 100 * counts["starved"] / counts["frames"]
        found[moves].append((rate, late, play.view.evaluate(UNDERRUNS) - under))
    for moves, turns in found.items():
        rate, late, under = np.median(turns, axis=0)
        print(
            f"dense passage, picture {'moving' if moves else 'standing'}, medians of {N_TURNS // 2} x {TURN_S} s: "
            f"{rate if moves else 0:.0f} pictures a second, {late:.2f} % of frames late, {under:.0f} underruns"
        )


if __name__ == "__main__":
    main()

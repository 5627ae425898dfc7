"""How fast the growth panel answers in a page, and what it leaves there: `python -m tests.benchmarks.growth_panel`.

For 8, 16 and 64 stages of the shipped violin: from a key on a knob to the map, from a key on the map to its picture,
from that to the sound that the player holds, and what of this is computing. Then 50 renders, and what the page holds.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser import small_notebooks  # noqa: E402
from browser.conftest import FLAGS, browser_path  # noqa: E402
from browser.lab_server import LabServer  # noqa: E402
from browser.notebook_page import NotebookPage  # noqa: E402

SET_UP = """
import time
from dataclasses import replace
import ipywidgets
from ddsp_nb import GrowthPlan, instrument
from ddsp_nb.panels import GrowthPanel
model, take = instrument("violin")
"""
TIMED = """
panel = GrowthPanel(model, take)
render = panel._render
def timed(*args):
    global render_s
    begin = time.perf_counter()
    render(*args)
    render_s = time.perf_counter() - begin
panel._render = timed
panel
"""
N_TRIES = 7
N_RENDERS = 50
SETTLED_MS = 700
SLIDER = "Stage length (s)"
# The page notes when a key went down, when the map was painted with other stages, and when other sounds were held.
WATCH = """root => {
    const view = root.score, paint = view.paint.bind(view);
    root.times = {};
    addEventListener("keydown", () => { root.times = { key: performance.now() }; root.seen = view.stages; }, true);
    view.paint = () => { paint(); if (view.stages !== root.seen) root.times.map ??= performance.now(); };
    const hold = view.playback.hold.bind(view.playback);
    view.playback.hold = (...sounds) => { hold(...sounds); root.times.sound ??= performance.now(); };
}"""
SINCE_KEY = "(root, what) => root.times[what] - root.times.key"


def main() -> None:
    """Print both tables."""
    small_notebooks.NOTEBOOKS["speed"] = (SET_UP, TIMED)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LabServer(Path(folder))
        try:
            page = NotebookPage(
                playwright.chromium.launch(executable_path=browser_path(), args=FLAGS), server, "speed.ipynb"
            )
            page.run_all()
            score = page.page.locator(".ddsp.score")
            score.evaluate(WATCH)
            print("stages   knob -> map   key on map -> picture   -> sound   of it computing (ms)")
            for n_stages in (8, 16, 64):
                print(
                    f"{n_stages:6}   {'   '.join(f'{ms:8.0f}' for ms in times_ms(page, score, n_stages))}", flush=True
                )
            tell_memory(page)
        finally:
            server.stop()


def times_ms(page, score, n_stages):
    """Medians of the four times."""
    grow = f"strategy='linear', n_stages={n_stages}, stage_duration_s=0.1, silence_duration_s=0.0"
    page.do(f"panel.plan = GrowthPlan({grow})")
    tries = [one_try(page, score, i, n_stages) for i in range(N_TRIES)]
    return [median(each) for each in zip(*tries, strict=True)]


def one_try(page, score, i, n_stages):
    """A key on the knob of the stages' length, then one that switches a partial on the map, and play."""
    page.page.wait_for_timeout(SETTLED_MS)
    slider = page.page.locator(".widget-slider").filter(has=page.page.get_by_text(SLIDER, exact=True))
    slider.locator(".noUi-handle").press("ArrowRight")
    page.wait_for(score, "root => root.times.map")
    knob_ms = score.evaluate(SINCE_KEY, "map")
    page.page.wait_for_timeout(SETTLED_MS)
    score.evaluate("(root, stage) => root.score.choose(stage)", i % n_stages)
    score.locator("canvas").press("t")
    score.evaluate("root => root.score.render()")
    page.wait_for(score, "root => root.times.sound")
    picture_ms, sound_ms = (score.evaluate(SINCE_KEY, what) for what in ("map", "sound"))
    page.do("panel.player.pause()")
    page.do(f"panel.knobs['attack_s'].value = {0.03 + i / 100}")  # no render of before comes back
    return knob_ms, picture_ms, sound_ms, 1000 * page.value("render_s")


def tell_memory(page):
    """What the page and the kernel hold before and after many renders, each of another piece."""
    session = page.context.new_cdp_session(page.page)
    for n in (0, N_RENDERS):
        for i in range(n):
            page.do(f"panel.plan = replace(panel.plan, loudness_db=(-{1.0 + i % 48}, 0.0)); panel.render()")
        page.page.wait_for_timeout(SETTLED_MS)
        session.send("HeapProfiler.collectGarbage")
        counted, heap = session.send("Memory.getDOMCounters"), page.page.evaluate("performance.memory.usedJSHeapSize")
        held = page.value(
            "[sum(t.piece is not None for t in panel.renders.all), len(ipywidgets.widgets.widget._instances)]"
        )
        print(
            f"after {n} renders: {heap / 1e6:.1f} MB of heap, {counted['nodes']} nodes, "
            f"{counted['jsEventListeners']} listeners, {held[0]} renders with sound, {held[1]} widgets in the kernel"
        )


if __name__ == "__main__":
    main()

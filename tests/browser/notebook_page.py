"""A notebook in a page of the browser: cells that run, what the page shows and holds, and what went wrong unseen."""

import ast
import base64
import json
import textwrap
import time

import numpy as np

# For what takes a moment on an idle machine, and for a whole notebook on a busy one.
WAIT_S, RUN_S = 120, 400
# Of the page, in pixels; Chromium draws no taller pictures.
WIDTH, HEIGHT, TALLEST = 1400, 1000, 14_000
OUTPUT = ".jp-OutputArea-output"

READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.context, session = context?.sessionContext;
    return Boolean(context?.isReady && session?.isReady && session.session?.kernel?.status === 'idle');
}"""

# A traceback of a callback is in no cell: the kernel's messages are the only place to see it.
EAVESDROP = """() => {
    window.unseen = [];
    jupyterapp.shell.currentWidget.context.sessionContext.iopubMessage.connect((_, message) => {
        if (message.header.msg_type === 'error') unseen.push(message.content.ename + ': ' + message.content.evalue);
    });
}"""

BEGIN = """command => {
    window.run = {over: false};
    jupyterapp.commands.execute(command).then(ok => { run = {over: true, ok}; },
                                              error => { run = {over: true, error: String(error)}; });
}"""

CELLS = """() => jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')
    .map(({model}) => ({outputs: model.outputs.toJSON(), count: model.executionCount}))"""

EXECUTE = """async ([code, expression]) => {
    const kernel = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
    const request = {code, store_history: false, user_expressions: expression ? {value: expression} : {}};
    return (await kernel.requestExecute(request).done).content;
}"""

APPEND = """async source => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.length - 1;
    await jupyterapp.commands.execute('notebook:insert-cell-below');
    notebook.activeCell.model.sharedModel.setSource(source);
    await jupyterapp.commands.execute('notebook:run-cell');
}"""

LAID_OUT = """async width => {
    const book = document.querySelector('.jp-Notebook');
    for (let before = 0, same = 0; innerWidth !== width || same < 6; before = book.clientWidth) {
        await new Promise(requestAnimationFrame);
        same = book.clientWidth === before ? same + 1 : 0;
    }
}"""

PLAYER = ".ddsp.player"
HELD = "player => [...player.playback.sounds].map(([name, sound]) => [name, pack(sound.getChannelData(0))])"
# Tools in the page. Numbers leave it as text, quicker than as a list. What a playback sounds is overheard on its way to
# the loudspeaker, by a function that gives its last samples; a busy page connects it late.
TOOLS = """() => {
    window.pack = numbers => {
        const bytes = new Uint8Array(Float32Array.from(numbers).buffer), part = 32768;
        let text = '';
        for (let i = 0; i < bytes.length; i += part) text += String.fromCharCode(...bytes.subarray(i, i + part));
        return btoa(text);
    };
    window.overhear = async (playback, fftSize) => {
        const analyser = new AnalyserNode(playback.context, {fftSize}), samples = new Float32Array(fftSize);
        for (const {gain} of playback.nodes.values()) gain.connect(analyser);
        const last = () => (analyser.getFloatTimeDomainData(samples), samples);
        while (!last()[0]) await new Promise(done => setTimeout(done, 50));
        return last;
    };
}"""


def unpacked(text: str) -> np.ndarray:
    """What `pack` made a text of in the page."""
    return np.frombuffer(base64.b64decode(text), "<f4")


class NotebookPage:
    """A notebook, by the name of its file, opened in JupyterLab with a browser of Playwright."""

    def __init__(self, browser, lab, name: str):
        self.lab, self.name, self.strangers, self.faults = lab, name, [], []
        size = {"width": WIDTH, "height": HEIGHT}
        # One cache for all pages: JupyterLab is read and compiled once.
        self.context = browser.contexts[0] if browser.contexts else browser.new_context(viewport=size)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_S * 1000)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", lambda websocket: self._note(websocket.url))
        self.page.on("pageerror", self._note_fault)
        self.load()

    def load(self) -> None:
        """Open the page, again if it was open."""
        self.page.goto(self.lab.page_of(self.name))
        self._wait(READY)
        self.page.evaluate(EAVESDROP)
        self.page.evaluate(TOOLS)

    def _note_fault(self, error):
        # JupyterLab's own, from a timer: it takes its splash away twice where two parts of it asked for one.
        calls = (error.stack or "").split("\n    at ")[1:]
        if "removeChild" not in str(error) or len(calls) != 1 or "jlab_core" not in calls[0]:
            self.faults.append(f"{error} {error.stack}")

    def _note(self, url):
        here = self.lab.address.removeprefix("http://")
        if not url.startswith((f"http://{here}/", f"ws://{here}/", "data:", "blob:")):
            self.strangers.append(url)

    def _wait(self, condition, argument=None, seconds=WAIT_S, every_ms="raf"):
        self.page.wait_for_function(condition, arg=argument, timeout=seconds * 1000, polling=every_ms)

    # Cells

    def run_all(self) -> None:
        """Run → Run All Cells, and wait for the end."""
        self._wait(READY)
        self.page.evaluate(BEGIN, "notebook:run-all-cells")
        self._wait_for_run()

    def restart_and_run_all(self) -> None:
        """Kernel → Restart Kernel and Run All Cells, with the question that JupyterLab asks, and wait for the end."""
        self.page.evaluate(BEGIN, "notebook:restart-run-all")
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        self._wait_for_run()

    def restart(self) -> None:
        """A new kernel; nothing runs."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
        self._wait(READY)

    def _wait_for_run(self):
        # To look at every picture would keep the page drawing.
        self._wait("() => run.over", seconds=RUN_S, every_ms=100)
        assert "error" not in self.page.evaluate("() => run"), self.page.evaluate("() => run.error")
        self._wait(READY)
        assert self.wrongs() == [], self.wrongs()

    def append(self, source: str):
        """Add a cell at the end and run it; returns it, which shows its outputs some pictures later."""
        self.page.evaluate(APPEND, textwrap.dedent(source).strip())
        return self.page.locator(".jp-Notebook .jp-Cell").last

    def do(self, statements: str) -> None:
        """Run statements in the kernel, outside of any cell."""
        answer = self.page.evaluate(EXECUTE, [statements, ""])
        assert answer["status"] == "ok", answer

    def value(self, expression: str):
        """What a Python expression is in the kernel; it must fit into JSON."""
        answer = self.page.evaluate(EXECUTE, ["", f"__import__('json').dumps({expression})"])
        result = answer["user_expressions"]["value"]
        assert result["status"] == "ok", result
        return json.loads(ast.literal_eval(result["data"]["text/plain"]))

    def wait_for_value(self, expression: str, wanted) -> None:
        """Wait until a Python expression has a value in the kernel."""
        end = time.monotonic() + WAIT_S
        while self.value(expression) != wanted:
            assert time.monotonic() < end, f"{expression} is {self.value(expression)}, not {wanted}"
            self.page.wait_for_timeout(50)

    def execution_counts(self) -> list:
        """The number in front of each code cell."""
        return [cell["count"] for cell in self.page.evaluate(CELLS)]

    def wrongs(self) -> list[str]:
        """Error outputs, tracebacks of callbacks, words on stderr, exceptions in the page, requests to others."""
        outputs = [output for cell in self.page.evaluate(CELLS) for output in cell["outputs"]]
        shown = [f"{o['ename']}: {o['evalue']}" for o in outputs if o["output_type"] == "error"]
        said = [o["text"] for o in outputs if o.get("name") == "stderr"]
        return [*shown, *said, *self.page.evaluate("() => unseen"), *self.faults, *self.strangers]

    def resize(self, width: int, height: int = HEIGHT) -> None:
        """Give the window another size, and wait until the notebook has kept its width for some pictures."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.evaluate(LAID_OUT, width)

    # What the page holds

    def output_with(self, button: str):
        """The last output that has a button of this name: a panel."""
        has = self.page.get_by_role("button", name=button)
        return self.page.locator(OUTPUT).filter(has=has).last

    def sounds(self, player) -> dict[str, np.ndarray]:
        """What a player holds in the page, by name, [n_samples] each; waits until it holds something."""
        player.scroll_into_view_if_needed()
        self._wait("player => player.playback.sounds.size > 0", player.element_handle())
        return {name: unpacked(text) for name, text in player.evaluate(HELD)}

    def sound(self, player) -> np.ndarray:
        """What is heard of it: the version that is chosen."""
        return self.sounds(player)[player.evaluate("player => player.playback.now")]

    def mark(self, player) -> None:
        """Remember what a player holds now, for `wait_for_sound`."""
        player.evaluate("player => { player.before = [...player.playback.sounds.values()].at(-1); }")

    def wait_for_sound(self, player) -> None:
        """Wait until a player holds other sounds than when it was marked."""
        latest = "[...player.playback.sounds.values()].at(-1)"
        self._wait(f"player => {latest} && {latest} !== player.before", player.element_handle())

    def wait_for(self, element, condition: str) -> None:
        """Wait until a JavaScript function of an element is true."""
        self._wait(condition, element.element_handle())

    def wait_for_words(self, output, *words: str) -> str:
        """Wait until an output says one of the words; returns what it says."""
        says = "([output, words]) => words.some(word => output.innerText.includes(word))"
        self._wait(says, [output.element_handle(), list(words)])
        return output.inner_text()

    def wait_for_pictures(self, output) -> None:
        """Wait until every picture in an output shows something."""
        all_drawn = "output => [...output.querySelectorAll('img')].every(image => image.naturalWidth > 0)"
        self._wait(all_drawn, output.element_handle())

    # Keeping and leaving

    def keep_picture(self, path) -> None:
        """Write the whole notebook as a picture."""
        height = self.page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer').scrollHeight")
        self.page.set_viewport_size({"width": WIDTH, "height": min(max(height + 120, HEIGHT), TALLEST)})
        self.page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
        self.page.screenshot(path=path, timeout=WAIT_S * 1000)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")

    def close(self) -> None:
        """Shut the kernel down and leave the page."""
        self.shut_down()
        self.page.close()

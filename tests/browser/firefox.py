"""Firefox, driven by its own protocol, WebDriver BiDi: no other program is needed."""

import json
import os
import subprocess
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from websocket import create_connection

from browser.lab_server import free_port

START_S, WAIT_S = 60, 120
# No calls of its own. Sound needs a click, as ever.
PREFERENCES = """user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);"""
MIDDLE = """(element => {
    element.scrollIntoView({block: 'center'});
    const {x, y, width, height} = element.getBoundingClientRect();
    return [x + width / 2, y + height / 2];
})"""


class Firefox:
    """A window; profile and log are in `folder`, `loudspeaker` is a socket of PulseAudio, `faults` are of its pages."""

    def __init__(self, path: str, folder: Path, loudspeaker: Path):
        (folder / "user.js").write_text(PREFERENCES)
        port, self.ids, self.faults = free_port(), count(1), []
        command = [path, "--headless", f"--remote-debugging-port={port}", "--profile", str(folder)]
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                command, env=os.environ | {"PULSE_SERVER": f"unix:{loudspeaker}"}, stdout=log, stderr=log
            )
        end = time.monotonic() + START_S
        while not hasattr(self, "socket"):
            time.sleep(0.1)
            with suppress(OSError):
                self.socket = create_connection(f"ws://127.0.0.1:{port}/session", WAIT_S, suppress_origin=True)
            assert self.process.poll() is None and time.monotonic() < end, "Firefox does not answer"
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        # Only a window of its own has the focus though nobody sees it.
        self.page = self.command("browsingContext.create", type="window")["context"]
        self.command("browsingContext.activate", context=self.page)
        self.command("browsingContext.setViewport", context=self.page, viewport={"width": 1400, "height": 1000})

    def command(self, method: str, **parameters) -> dict:
        """Have Firefox do something; what it says meanwhile is looked through for errors."""
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            said = answer.get("params", {})
            if said.get("level") == "error" and said["type"] == "javascript":
                self.faults.append(said["text"])
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address: str) -> None:
        """Go to a page."""
        self.command("browsingContext.navigate", context=self.page, url=address, wait="complete")

    def value(self, expression: str):
        """What a JavaScript expression is, or becomes, in the page; it must fit into JSON."""
        text, target = f"(async () => JSON.stringify((await ({expression})) ?? null))()", {"context": self.page}
        answer = self.command("script.evaluate", expression=text, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def wait(self, expression: str, seconds: float = WAIT_S) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, expression
            time.sleep(0.1)

    def press(self, element: str) -> None:
        """Press the element that a JavaScript expression gives, as a hand would, and stay on it."""
        x, y = map(round, self.value(f"{MIDDLE}({element})"))
        self._move({"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0})

    def release(self) -> None:
        """Let go of what was pressed."""
        self._move({"type": "pointerUp", "button": 0})

    def click(self, element: str) -> None:
        """Press and let go."""
        self.press(element)
        self.release()

    def _move(self, *actions):
        hand = {"type": "pointer", "id": "hand", "actions": actions}
        self.command("input.performActions", context=self.page, actions=[hand])

    def close(self) -> None:
        """End Firefox."""
        self.command("browser.close")
        self.process.wait(START_S)

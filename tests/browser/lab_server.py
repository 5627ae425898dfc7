"""A JupyterLab server for small notebooks of its own, with recordings short enough to train in seconds."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import soundfile as sf

from browser.small_notebooks import NOTEBOOKS

ROOT = Path(__file__).resolve().parents[2]
CLIP_S = 1.4  # of the violin: its first notes, all of whose partials up to the 15th lie below 8 kHz
START_S, END_S = 120, 20  # how long the server may take on a machine that is busy
TOKEN = "test"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # cells out of sight are in the page too
}
# Else each page that opens has the server ask Node.js whether JupyterLab has to be built.
PAGE = {"buildCheck": False, "buildAvailable": False}


class LabServer:
    """JupyterLab on small notebooks, run by the interpreter of the tests on the code of this checkout.

    Copies, settings and the log are kept in `folder`; `make` fills its workbook.
    """

    def __init__(self, folder: Path, make=None):
        self.log, self.notebooks = folder / "lab.log", folder / "workbook/notebooks"
        (make or make_workbook)(folder / "workbook")
        overrides = folder / "config/labconfig/default_setting_overrides.json"
        overrides.parent.mkdir(parents=True)
        overrides.write_text(json.dumps(SETTINGS))
        (overrides.parent / "page_config.json").write_text(json.dumps(PAGE))
        self.address = f"http://127.0.0.1:{free_port()}"
        with self.log.open("w") as log:
            options = {
                "ServerApp.ip": "127.0.0.1",
                "ServerApp.port": self.address.rpartition(":")[2],
                "ServerApp.port_retries": 0,
                "ServerApp.root_dir": self.notebooks,
                "IdentityProvider.token": TOKEN,
                "LabApp.expose_app_in_browser": True,
                "LabApp.extension_manager": "readonly",
            }
            words = ["--no-browser", "--allow-root", *(f"--{name}={value}" for name, value in options.items())]
            command = [sys.executable, "-m", "jupyterlab", *words]
            self.process = subprocess.Popen(command, env=environment(folder), stdout=log, stderr=log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def page_of(self, name: str) -> str:
        """Address of a notebook, by the name of its file, in a workspace of its own: one browser may show several."""
        return f"{self.address}/doc/workspaces/{Path(name).stem}/tree/{name}?token={TOKEN}"

    def sessions(self) -> list[dict]:
        """What the server knows of running notebooks: one entry for each kernel."""
        with urllib.request.urlopen(f"{self.address}/api/sessions?token={TOKEN}", timeout=START_S) as answer:
            return json.load(answer)

    def stop(self) -> None:
        """End the server and its kernels."""
        self.process.terminate()  # on SIGTERM it shuts its kernels down
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait_until_it_answers(self):
        end = time.monotonic() + START_S
        while True:
            try:
                return self.sessions()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
                time.sleep(0.1)


def make_workbook(folder: Path) -> None:
    """The small notebooks, and the beginning of the violin."""
    (folder / "notebooks").mkdir(parents=True)
    for name, sources in NOTEBOOKS.items():
        cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), folder / f"notebooks/{name}.ipynb")
    (folder / "data").mkdir()
    rate = sf.info(ROOT / "data/violin.flac").samplerate
    clip, _ = sf.read(ROOT / "data/violin.flac", frames=int(CLIP_S * rate))
    sf.write(folder / "data/violin.flac", clip, rate)


def environment(folder: Path) -> dict[str, str]:
    """The variables of the tests, with settings of no one and the modules of this checkout."""
    folders = "JUPYTER_DATA_DIR JUPYTER_RUNTIME_DIR JUPYTERLAB_SETTINGS_DIR JUPYTERLAB_WORKSPACES_DIR IPYTHONDIR"
    ours = {name: str(folder / "lab" / name.lower()) for name in folders.split()}
    ours |= {"JUPYTER_CONFIG_DIR": str(folder / "config"), "PYTHONPATH": str(ROOT)}
    # Several kernels share the cores.
    calm = {"OMP_WAIT_POLICY": "passive"}
    return calm | {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "DDSP_NB_WORKSPACE"))} | ours


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]

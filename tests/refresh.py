"""Run notebooks from top to bottom and keep their text and pictures, not their sounds.

    python -m tests.refresh [NAME ...]      e.g. 01_features; all of them if none is named

A notebook is written only if every cell ran. The workspace is an empty one, so the recording is the shipped violin, and
players leave a picture for pages without a kernel.
"""

import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
N_COLOURS = 192  # of a picture: half of the bytes, and no difference that the eye would notice
PLAYER, PANEL = "♪ run this cell to hear it", "▣ run this cell to see its panel"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KEPT = ("tags", "jupyter")  # of a cell's metadata: what is checked, and what is folded
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def refresh(path: Path) -> None:
    """Execute one notebook in its folder and write it back without what is heavy or of one session only."""
    notebook = nbformat.read(path, as_version=4)
    options = dict(timeout=600, kernel_name="python3", record_timing=False, store_widget_state=False)
    with tempfile.TemporaryDirectory() as workspace:
        env = os.environ | {"DDSP_NB_PICTURES": "1", "DDSP_NB_WORKSPACE": workspace}
        NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}, **options).execute(env=env)
    for cell in notebook.cells:
        cell.metadata = {name: cell.metadata[name] for name in KEPT if cell.metadata.get(name)}
        for output in cell.get("outputs", []):
            lighten(output.get("data", {}))
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    nbformat.write(notebook, path)


def lighten(data: dict) -> None:
    """Take live widgets out of an output, leaving a line of text in their place, and colours out of pictures."""
    if data.pop(WIDGET_VIEW, None):
        data["text/plain"] = PLAYER if "image/png" in data else PANEL
    if "image/png" in data:
        picture, file = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"), io.BytesIO()
        picture.quantize(N_COLOURS, Image.Quantize.MAXCOVERAGE).save(file, format="png", optimize=True)
        data["image/png"] = base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    for file in sorted(FOLDER.glob("*.ipynb")):
        if not sys.argv[1:] or {file.name, file.stem} & set(sys.argv[1:]):
            refresh(file)
            print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")

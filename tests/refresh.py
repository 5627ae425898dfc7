"""Run notebooks from top to bottom and keep their text and pictures, not their sounds.

    python -m tests.refresh [NAME ...]      e.g. 01_features; all of them if none is named

A notebook is written only if every cell ran. The workspace is an empty one, so the recording is the shipped violin (the
bell in notebook 8), and players and panels leave their stills.
"""

import base64
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
PICTURE = re.compile(r"(?<=data:image/png;base64,)[\w+/=]+")
N_COLOURS = 256  # of a picture: a third of the bytes, and no difference that the eye would notice
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KEPT = ("tags", "jupyter")  # of a cell's metadata: what is checked, and what is folded
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def refresh(path: Path) -> None:
    """Execute one notebook in its folder and write it back without what is heavy or of one session only."""
    notebook = nbformat.read(path, as_version=4)
    options = dict(
        timeout=600, kernel_name="python3", record_timing=False, store_widget_state=False, coalesce_streams=True
    )
    with tempfile.TemporaryDirectory() as workspace:
        env = os.environ | {"DDSP_NB_WORKSPACE": workspace}
        NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}, **options).execute(env=env)
    for cell in notebook.cells:
        cell.metadata = {name: cell.metadata[name] for name in KEPT if cell.metadata.get(name)}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET_VIEW not in output.get("data", {})]
            for output in cell.outputs:
                lighten(output.get("data", {}))
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    nbformat.write(notebook, path)


def lighten(data: dict) -> None:
    """Take colours out of the pictures of an output."""
    if "text/html" in data:
        data["text/html"] = PICTURE.sub(lambda found: with_fewer_colours(found[0]), data["text/html"])


def with_fewer_colours(png: str) -> str:
    """The same of a PNG file in base64; its paper stays clear. One that has a palette stays as it is."""
    picture, file = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    if picture.mode == "P":
        return png
    picture.convert("RGBA").quantize(N_COLOURS, Image.Quantize.FASTOCTREE).save(file, format="png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    for file in sorted(FOLDER.glob("*.ipynb")):
        if not sys.argv[1:] or {file.name, file.stem} & set(sys.argv[1:]):
            refresh(file)
            print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")

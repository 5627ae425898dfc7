"""Run notebooks from top to bottom and keep their text and pictures, not their sounds.

    python notebooks/refresh.py [NAME ...]      e.g. 01_features; all of them if none is named

A notebook is written only if every cell ran.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
CELL_TIMEOUT_S = 600
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def refresh(path: Path) -> None:
    """Execute one notebook in its folder and write it back without what is heavy or of one session only."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    options = dict(timeout=CELL_TIMEOUT_S, kernel_name="python3", record_timing=False, store_widget_state=False)
    NotebookClient(notebook, resources=where, **options).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            strip(output)
    notebook.metadata = METADATA
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def strip(output: dict) -> None:
    """Remove sound and live widgets from an output; its plain text still shows where they were."""
    data = output.get("data", {})
    data.pop(WIDGET_VIEW, None)
    if "data:audio" in "".join(data.get("text/html", "")):
        del data["text/html"]


if __name__ == "__main__":
    names = sys.argv[1:]
    for file in sorted(FOLDER.glob("*.ipynb")):
        if not names or file.stem in names or file.name in names:
            refresh(file)
            print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")

"""The notebooks on other recordings than the violin: they run to their end, and what was true is true again.

`pytest tests/second_recording.py`, the last part of `make test`. A voice glides and breathes; a bassoon lies low, in
tones of a hundred partials and more, and rests. Each notebook is run on one of them, and most with a small instrument,
for time.
"""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from ddsp_nb import load_audio
from ddsp_nb.store.workspace import FOLDER_VARIABLE, Workspace

ROOT = Path(__file__).resolve().parent.parent
SMALL = "Config(sample_rate=16_000, hidden_size=64)"
# One kernel for each recording: to start one takes as long as all the cells of a short notebook.
CASES = {"voice": ("01", "03", "05", "07", "08"), "bassoon": ("02", "04", "06")}
SMALLER = ("04", "05", "06", "07", "08")
# Their answers train again, which takes as long as all the others; they are tried by hand.
WITHOUT_ANSWERS = ("04", "07")
CHECKED = "nbval-check-output"
FIRST = "violin"
ANSWER = re.compile(r"```python\n(.*?)```", re.DOTALL)


def findings(cell):
    """Lines that say True of a checked cell's output, but for those about the recording itself, which name it."""
    text = "\n".join(output.get("text", "") for output in cell.outputs)
    return {line for line in text.splitlines() if "True" in line and FIRST not in line}


def read(name):
    """A notebook with the answers that are folded in it, which a reader pastes into a cell at the end."""
    (path,) = (ROOT / "notebooks").glob(f"{name}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    answers = [code for cell in notebook.cells for code in ANSWER.findall(cell.source) if cell.cell_type == "markdown"]
    assert len(answers) >= 3
    if name not in WITHOUT_ANSWERS:
        notebook.cells += map(nbformat.v4.new_code_cell, answers)
    if name in SMALLER:
        imports = next(cell for cell in notebook.cells if cell.cell_type == "code")
        assert imports.source.count("Config()") == 1
        imports.source = imports.source.replace("Config()", SMALL)
    return notebook


@pytest.mark.parametrize("recording", CASES)
def test_the_notebooks_hold_on_another_recording(tmp_path, recording):
    notebook, *others = map(read, CASES[recording])
    notebook.cells += [cell for other in others for cell in other.cells]
    checked = [cell for cell in notebook.cells if CHECKED in cell.metadata.get("tags", ())]
    wanted = [findings(cell) for cell in checked]
    # A place of its own, as notebooks write beside themselves, and others may be running.
    (tmp_path / "data").symlink_to(ROOT / "data")
    (folder := tmp_path / "notebooks").mkdir()
    workspace = Workspace(folder / "my", ROOT / "data")
    if recording == "bassoon":
        workspace.add(recording, load_audio(ROOT / "tests" / "data" / "bassoon.flac"), 44_100)
    workspace.choose(recording)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | {FOLDER_VARIABLE: str(workspace.folder)})
    assert not [lost for cell, lines in zip(checked, wanted, strict=True) if (lost := lines - findings(cell))]

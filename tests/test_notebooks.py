"""What every notebook keeps to: executed in order, thin cells, pictures but no sound stored, checks that check."""

import ast
import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
START = "00_start"  # plays, and explains nothing: few cells, nothing to check
NAMES = {START, "01_features", "02_harmonic_oscillator", "03_noise_filterbank", "04_training", "05_growth", "06_play"}
NAMES |= {"07_between", "08_any_sound"}
MAX_BYTES = 1_500_000  # of a notebook with its pictures
N_CELLS = range(15, 36)  # of code: what one sitting holds
MEDIAN_LINES, MAX_LINES = 5, 12  # of code in a cell, imports aside
MAX_OPEN_LINES, MAX_OPEN_SHARE = (
    9,
    1 / 3,
)  # of code that is not folded: what a reader is asked to change, and core ideas
MAX_FUNCTION_LINES = 3
MAX_CODE_CELLS_IN_A_ROW = 6  # nobody reads on through more of it without a word
CHECKED, MIN_CHECKED = "nbval-check-output", 3  # a tag of the cell
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


def parsed(cell):
    return ast.parse("\n".join("" if line.startswith(("%", "!")) else line for line in cell.source.splitlines()))


def n_lines(cell):
    """Lines that are neither blank nor a comment nor of an import, which the formatter may break into many."""
    imports = (node for node in parsed(cell).body if isinstance(node, IMPORTS))
    imported = {number for node in imports for number in range(node.lineno, node.end_lineno + 1)}
    lines = enumerate(cell.source.splitlines(), 1)
    return sum(bool(line.strip()) and line.lstrip()[0] != "#" and number not in imported for number, line in lines)


def is_folded(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def anchors(notebook):
    """Of the headings, as JupyterLab makes them."""
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return {heading.strip().replace(" ", "-") for heading in re.findall(r"^#+ (.*)", words, re.MULTILINE)}


def shown_text(output):
    return (output.get("text", "") or output.get("data", {}).get("text/plain", "")).strip()


def faults(notebook):
    """Every rule that a notebook breaks, as one line of words."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    nodes = [[*ast.walk(parsed(cell))] for cell in cells]
    lengths = [n_lines(cell) for cell in cells]
    checked = [cell for cell in cells if CHECKED in cell.metadata.get("tags", ())]
    definitions = [node.name for cell in nodes for node in cell if isinstance(node, DEFINITIONS)]
    functions = [node for cell in nodes for node in cell if isinstance(node, FUNCTIONS)]
    title = notebook.cells[0]
    open_lengths = [length for cell, length in zip(cells, lengths, strict=True) if not is_folded(cell)]
    links = re.findall(r"\]\(#([^)]*)\)", "\n".join(cell.source for cell in notebook.cells))
    rules = {
        "was not executed from top to bottom": [c.execution_count for c in cells] == [*range(1, len(cells) + 1)],
        f"{len(cells)} code cells are too few or too many": len(cells) in N_CELLS,
        f"cells are thick: {lengths}": median(lengths) <= MEDIAN_LINES and max(lengths) <= MAX_LINES,
        "imports are not folded": is_folded(cells[0]),
        "much code is not folded": len(open_lengths) <= MAX_OPEN_SHARE * len(cells),
        "an open cell is long": max(open_lengths, default=0) <= MAX_OPEN_LINES,
        "a link leads nowhere": set(links) <= anchors(notebook),
        "a function is long": all(node.end_lineno - node.lineno < MAX_FUNCTION_LINES for node in functions),
        "something is defined twice": len(set(definitions)) == len(definitions),
        "imports are not all in the first cell": any(isinstance(node, IMPORTS) for node in nodes[0])
        and not any(isinstance(node, IMPORTS) for cell in nodes[1:] for node in cell),
        "begins without a title": title.cell_type == "markdown" and title.source.startswith("# "),
        "much code without a word": not re.search(
            f"c{{{MAX_CODE_CELLS_IN_A_ROW + 1}}}", "".join(cell.cell_type[0] for cell in notebook.cells)
        ),
        "an error is stored": all(output.output_type != "error" for output in outputs),
        "a warning is stored": all(output.get("name") != "stderr" for output in outputs),
        "no picture is stored": "image/png" in str(outputs),
        "sound is stored": not re.search(r'data:audio|"audio/', nbformat.writes(notebook)),
        "is large": len(nbformat.writes(notebook).encode()) < MAX_BYTES,
        "hardly anything is checked": len(checked) >= MIN_CHECKED,
        "a checked cell shows nothing": all(any(map(shown_text, cell.outputs)) for cell in checked),
    }
    return [fault for fault, holds in rules.items() if not holds]


def test_every_notebook_keeps_to_the_rules():
    found = {path.stem: nbformat.read(path, as_version=4) for path in FOLDER.glob("*.ipynb")}
    assert set(found) == NAMES
    for notebook in found.values():
        nbformat.validate(notebook)
    broken = {name: faults(notebook) for name, notebook in found.items()}
    broken[START] = [fault for fault in broken[START] if not fault.endswith(("too many", "is checked"))]
    assert not {name: rules for name, rules in broken.items() if rules}


@pytest.mark.parametrize("name", ["05_growth", "06_play"])
def test_run_all_ends_at_the_panel_or_at_a_link_to_it(name):
    last = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells[-1]
    assert last.source.startswith("panel =") or "](#" in last.source


def test_the_rules_see_what_is_broken():
    long_function = "def f():\n    a = 1\n    b = 2\n    return a + b"
    notes = [{"output_type": "stream", "name": "stderr", "text": "careful"}]
    error = [{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}]
    sound = [{"output_type": "display_data", "data": {"text/html": "data:audio/wav;base64,"}, "metadata": {}}]
    cells = [
        nbformat.v4.new_markdown_cell("[Back](#nowhere)"),
        nbformat.v4.new_code_cell("x = 1\n" * 16, outputs=nbformat.from_dict(notes)),
        *(nbformat.v4.new_code_cell(long_function, outputs=nbformat.from_dict(out)) for out in (error, sound)),
        *(nbformat.v4.new_code_cell("import math", metadata={"tags": [CHECKED]}) for _ in range(4)),
    ]
    found = faults(nbformat.v4.new_notebook(cells=cells))
    untested = {"is large", "hardly anything is checked"}
    assert len(found) == 19 - len(untested), found

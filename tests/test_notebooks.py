"""What every notebook keeps to: executed in order, thin cells, pictures but no sound stored, checks that check."""

import ast
import re
from pathlib import Path
from statistics import median

import nbformat
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = ("01_features", "02_harmonic_oscillator", "03_noise_filterbank", "04_training", "05_growth")
LARGEST = 1_000_000  # bytes
CHECKED = "NBVAL_CHECK_OUTPUT"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@pytest.fixture(params=NAMES)
def path(request):
    return FOLDER / f"{request.param}.ipynb"


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def cells(notebook):
    """The code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def code_lines(source):
    """Lines that are neither blank nor a comment."""
    return [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def tree(cell):
    source = "\n".join("" if line.startswith(("%", "!")) else line for line in cell.source.splitlines())
    return compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def is_import(node):
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_there_are_no_other_notebooks():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


def test_is_valid_and_every_cell_has_an_id(notebook):
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))


def test_was_executed_from_top_to_bottom(cells):
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_has_a_sitting_of_code_cells(cells):
    assert 15 <= len(cells) <= 35


def test_cells_are_thin(cells):
    lengths = [len(code_lines(cell.source)) for cell in cells]
    assert median(lengths) <= 5 and max(lengths) <= 15


def test_functions_are_at_most_three_lines(cells):
    for cell in cells:
        for node in ast.walk(tree(cell)):
            if isinstance(node, FUNCTIONS):
                assert node.end_lineno - node.lineno < 3, cell.source


def test_nothing_is_defined_twice(cells):
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [node.name for cell in cells for node in ast.walk(tree(cell)) if isinstance(node, definitions)]
    assert len(names) == len(set(names))


def test_all_imports_are_in_the_first_code_cell(cells):
    assert any(is_import(node) and "ddsp_nb" in ast.unparse(node) for node in tree(cells[0]).body)
    for cell in cells[1:]:
        assert not any(map(is_import, ast.walk(tree(cell)))), cell.source


def test_begins_with_a_title_and_explains_every_section(notebook):
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    assert re.search("c{7}", kinds) is None  # nobody reads on through that much code alone


def test_is_small_and_holds_no_sound(path):
    assert path.stat().st_size < LARGEST
    text = path.read_text()
    assert "data:audio" not in text and '"audio/' not in text


def test_no_output_is_an_error_or_a_warning(cells):
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


def test_pictures_are_kept(cells):
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)


def test_checked_cells_have_outputs_to_check(cells):
    checked = [cell for cell in cells if CHECKED in cell.source]
    assert len(checked) >= 3
    for cell in checked:
        texts = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
        assert any(text.strip() for text in texts), cell.source

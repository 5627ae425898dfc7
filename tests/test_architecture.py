"""The house (docs/architecture.md): imports run one way, the lesson names its notebooks, which know the public face."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import nbformat

import ddsp_nb

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ddsp_nb"
LESSON = ("sound", "synthesis", "analysis", "training", "growth")
GROUND = {"config", "errors", "files", "progress"}
SOUND = GROUND | {"sound"}
NOTES = GROUND | {"notes"}
SYNTHESIS = SOUND | {"synthesis"}
ANALYSIS = SYNTHESIS | {"analysis"}
TRAINING = ANALYSIS | {"training"}
STORE = TRAINING | {"store"}
GROWTH = TRAINING | NOTES | {"growth"}
PIECE = GROWTH | {"piece", "plots"}
PLAYING = GROWTH | {"playing"}
STUDIO = PLAYING | {"studio"}
MAY_USE = {  # each room, and the rooms it may import from; lazy imports inside functions count too
    "errors": set(),
    "progress": set(),
    "files": {"errors"},
    "config": {"errors"},
    "sound": SOUND,
    "notes": NOTES,
    "synthesis": SYNTHESIS,
    "analysis": ANALYSIS,
    "training": TRAINING,
    "store": STORE,
    "growth": GROWTH,
    "piece": PIECE,
    "plots": {"errors", "config", "synthesis"},
    "playing": PLAYING,
    "studio": STUDIO,
    "panels": STUDIO | PIECE | STORE | {"panels"},
    "cli": STUDIO | PIECE | STORE | {"cli"},
}


def modules_imported(source: str, inside: str = "") -> set[str]:
    """Full names of all modules and names that a source imports, anywhere in it; `inside` resolves relative ones."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [inside if node.level else "", node.module]))
            found |= {f"{base}.{name.name}" for name in node.names}
    return found


def public_modules() -> dict[str, str]:
    """Public name to the module that it comes from, "growth.plan", as `__init__.pyi` says."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {name.name: node.module or name.name for node in imports for name in node.names}


def modules_used(path: Path) -> set[str]:
    """What a file imports from the package, "growth.plan.GrowthPlan", also through the public face."""
    names = [name for name in modules_imported(path.read_text(), "ddsp_nb") if name.startswith("ddsp_nb.")]
    public = public_modules()
    return {public.get(name.removeprefix("ddsp_nb."), name.removeprefix("ddsp_nb.")) for name in names}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def room(module: str) -> str:
    return module.split(".")[0]


FILES = [path for path in PACKAGE.rglob("*.py") if path.stem not in ("__init__", "__main__")]


def test_imports_run_one_way_between_folders():
    assert len(FILES) > 30 and {room(name_of(path)) for path in FILES} == set(MAY_USE)
    wrong = {name_of(path): {*map(room, modules_used(path))} - MAY_USE[room(name_of(path))] for path in FILES}
    assert not {name: rooms for name, rooms in wrong.items() if rooms}


def test_no_modules_import_each_other_in_a_circle():
    names = {name_of(path) for path in FILES}
    # `from module import name` is "module.name" here.
    parents = lambda used: {used, used.rpartition(".")[0]} & names
    uses = {name_of(path): set().union(*map(parents, modules_used(path))) for path in FILES}
    assert sum(map(len, uses.values())) > 200
    TopologicalSorter(uses).prepare()  # raises CycleError, which names the circle


def test_the_check_sees_lazy_and_indirect_imports(tmp_path):
    (tmp_path / "lazy.py").write_text("def f():\n    from ddsp_nb import grow\n    import ddsp_nb.panels.listen\n")
    assert modules_used(tmp_path / "lazy.py") == {"growth.render", "panels.listen"}


def test_every_module_of_the_lesson_names_its_notebook():
    lesson = [path for path in FILES if room(name_of(path)) in LESSON]
    first_lines = {name_of(path): ast.get_docstring(ast.parse(path.read_text())).split("\n\n")[0] for path in lesson}
    assert len(lesson) > 30
    assert not {name: line for name, line in first_lines.items() if "notebook" not in line}


def test_notebooks_import_the_public_face_alone():
    notebooks = sorted(ROOT.glob("notebooks/*.ipynb"))
    assert len(notebooks) == 9
    panels = {f"panels.{name}" for name in ddsp_nb.panels.__all__}
    for path in notebooks:
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        lines = [line for cell in cells for line in cell.source.splitlines() if not line.startswith(("%", "!"))]
        ours = {name for name in modules_imported("\n".join(lines)) if name.startswith("ddsp_nb")}
        assert ours and {name.removeprefix("ddsp_nb.") for name in ours} <= panels | set(ddsp_nb.__all__), path.name

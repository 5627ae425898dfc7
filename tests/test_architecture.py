"""The house: imports run one way between folders, and notebooks know the public face alone (docs/architecture.md)."""

import ast
from pathlib import Path

import nbformat

import ddsp_nb

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ddsp_nb"
GROUND = {"config", "errors", "files"}
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
    "panels": PLAYING | PIECE | STORE | {"panels"},
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


def public_rooms() -> dict[str, str]:
    """Public name to the room that it comes from, as `__init__.pyi` says."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {name.name: (node.module or name.name).split(".")[0] for node in imports for name in node.names}


def rooms_imported(path: Path) -> set[str]:
    """Rooms of the package that a file imports from, also through the public face."""
    names = [name.split(".") for name in modules_imported(path.read_text(), "ddsp_nb") if name.startswith("ddsp_nb.")]
    return {public_rooms().get(parts[1], parts[1]) for parts in names}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_imports_run_one_way_between_folders():
    files = [path for path in PACKAGE.rglob("*.py") if path.stem not in ("__init__", "__main__")]
    assert len(files) > 30 and {room_of(path) for path in files} == set(MAY_USE)
    wrong = {str(path.relative_to(ROOT)): rooms_imported(path) - MAY_USE[room_of(path)] for path in files}
    assert not {path: rooms for path, rooms in wrong.items() if rooms}


def test_the_check_sees_lazy_and_indirect_imports(tmp_path):
    (tmp_path / "lazy.py").write_text("def f():\n    from ddsp_nb import grow\n    import ddsp_nb.panels.listen\n")
    assert rooms_imported(tmp_path / "lazy.py") == {"growth", "panels"}


def test_notebooks_import_the_public_face_alone():
    notebooks = sorted(ROOT.glob("notebooks/*.ipynb"))
    assert len(notebooks) == 7
    panels = {f"panels.{name}" for name in ddsp_nb.panels.__all__}
    for path in notebooks:
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        lines = [line for cell in cells for line in cell.source.splitlines() if not line.startswith(("%", "!"))]
        ours = {name for name in modules_imported("\n".join(lines)) if name.startswith("ddsp_nb")}
        assert ours and {name.removeprefix("ddsp_nb.") for name in ours} <= panels | set(ddsp_nb.__all__), path.name

"""What holds the repository together: one set of versions everywhere, and a README whose commands run."""

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ddsp_nb.cli import main as cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
# In the order in which a reader tries their commands: later ones use what earlier ones wrote.
PAGES = [README, *((ROOT / f"docs/{name}.md").read_text() for name in ("command_line", "growing", "playing"))]
SMALL = shlex.split("--sample-rate 16000 --hidden-size 32 --epochs 2 --duration 1.5")
MACHINE = ("/work/", "/root/", "/opt/", "/home/", "/tmp/", "pypi.org", "pythonhosted", "index-url")


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    """Package name to exact version, as constraints.txt has them."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    return {canonical(name): pinned for name, pinned in (line.split("==") for line in lines)}


def requirements():
    """What pyproject.toml asks for: name to the rest of the line."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["dev"]
    return {canonical(name): rest for name, rest in (re.fullmatch(r"([\w.-]+)(.*)", line).groups() for line in lines)}


def test_every_direct_dependency_is_pinned():
    assert set(requirements()) <= set(pins())
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(map(canonical, extras["live"])) <= set(pins())


def test_conda_installs_the_same_versions_and_torch_is_pinned_in_one_place():
    assert re.fullmatch(r">=[\d.]+", requirements()["torch"]), "a range: only constraints.txt names the version"
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == "timbre-grower" and "python=3.11" in environment["dependencies"]
    assert environment["dependencies"][-1]["pip"] == ["-c constraints.txt", "-e .[dev]"]


def test_the_installed_versions_are_the_pinned_ones():
    different = {}
    for name, pinned in pins().items():
        try:
            installed = version(name).split("+")[0]
        except PackageNotFoundError:
            installed = None if name in requirements() else pinned  # some are for other Pythons only
        if installed != pinned:
            different[name] = (installed, pinned)
    assert not different


def make(*args):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "-n", *args]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_lab_keeps_its_token_and_stays_on_this_machine():
    assert make("lab").splitlines()[-1] == ".venv/bin/jupyter lab notebooks/00_start.ipynb"


def test_set_up_asks_for_torch_first_and_alone(tmp_path):
    installs = [line for line in make("-W", "pyproject.toml", "lab").splitlines() if "pip install" in line]
    assert " pip==" in installs[0]
    assert installs[1].endswith(f" torch=={pins()['torch']}")
    assert "-c constraints.txt" in installs[2]


def test_make_test_runs_tests_notebooks_and_style():
    recipe = make("test")
    for part in (
        "mypy",
        "pytest --durations=10 tests/browser",
        "pytest --durations=10 --ignore=tests/browser tests",
        "--nbval-lax --nbval-current-env --nbval-cell-timeout=",
        "pytest --durations=10 -k voice tests/second_recording.py",
        'pytest --durations=10 -k "not voice" tests/second_recording.py',
        "format --check",
        "ruff check",
        "oxlint --deny-warnings",
        "oxfmt --check",
    ):
        assert part in recipe


def test_ci_stops_at_the_first_failure_and_ends_with_make_test():
    script = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in script and script.rstrip().endswith("exec make test")
    assert os.access(ROOT / ".ci/run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)


def test_no_file_names_a_machine_or_a_registry():
    patterns = (
        "[!.]*",
        ".gitignore",
        ".ci/*",
        ".github/**/*",
        "ddsp_nb/**/*.py*",
        "ddsp_nb/panels/js/**/*",
        "docs/*.md",
        "notebooks/*.*",
        "data/*.md",
    )
    texts = [path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file() and path.suffix != ".pyc"]
    assert len(texts) > 60 and ROOT / "ddsp_nb/training/model.py" in texts
    found = {str(path): [place for place in MACHINE if place in path.read_text(errors="ignore")] for path in texts}
    assert not {name: places for name, places in found.items() if places}


def blocks(language, pages=PAGES):
    return [block for page in pages for block in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the recordings, as a reader has it."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "data", folder / "data")
    return folder


def test_readme_commands_run_in_their_order(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("ddsp-nb")]
    assert len(lines) > 12
    for line in lines:
        _, *args = shlex.split(line)
        small = SMALL if args[0] == "train" and "--help" not in args else []
        result = CliRunner().invoke(cli.main, args + small)
        assert result.exit_code == 0, f"{line}\n{result.stderr}"
        if "--output" in args:
            assert Path(args[args.index("--output") + 1]).exists()


def test_readme_make_targets_exist():
    targets = {line.split()[1] for block in blocks("sh") for line in block.splitlines() if line.startswith("make ")}
    targets |= {words.split()[-1] for words in re.findall(r"`make ([^`]+)`", README)}
    assert {"lab", "test"} <= targets
    for target in targets:
        make(target)


def test_readme_module_example_runs(workplace, monkeypatch):
    (example,) = blocks("python", [README])
    assert len([line for line in example.splitlines() if line and "import " not in line]) <= 10
    small = example.replace("Config()", "Config(sample_rate=16_000, hidden_size=32)").replace("epochs=20", "epochs=1")
    assert small.count("16_000") == small.count("epochs=1,") == 1
    monkeypatch.chdir(workplace)
    exec(compile(small, "README.md", "exec"), {})
    assert (workplace / "grown.wav").is_file()


def test_readme_links_and_pictures_exist():
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            path = page.parent / target
            assert path.is_file(), f"{page.name}: {target}"
            assert path.suffix != ".png" or path.stat().st_size < 200_000


def test_the_readme_is_a_door():
    assert README.count("\n") <= 130

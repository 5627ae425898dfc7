"""Faults at the worst moment: kills, full disks, read-only places, two writers; the last good file survives."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from shlex import split

import pytest
from click.testing import CliRunner

from ddsp_nb import AudioError, CheckpointError, files, load_audio, load_model, save_audio, save_model
from ddsp_nb.cli import main as cli
from ddsp_nb.cli import train as train_command

if sys.platform == "win32":
    pytest.skip("signals and limits of POSIX", allow_module_level=True)

SMALL = split("--sample-rate 16000 --hidden-size 32 --harmonics 20 --epochs 2 --duration 1")
DATA = Path(__file__).parent.parent / "data"
PRODUCTS = {"ddsp_model.pt", train_command.LOSS_PICTURE, *train_command.SOUNDS}


@pytest.fixture
def saved(tmp_path, trained, take):
    """A checkpoint alone in a folder."""
    (tmp_path / "models").mkdir()
    return save_model(tmp_path / "models" / "model.pt", trained, take)


def training(folder, *more):
    """Arguments of a short training that writes into a folder."""
    return ["train", "--audio", DATA / "violin.flac", "--output", folder / "ddsp_model.pt", *SMALL, *more]


def run(args):
    """A command in this process."""
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


def start(args):
    """A command in a process of its own, with text pipes."""
    single = os.environ | {"OMP_NUM_THREADS": "1"}  # as the tests have it: threads round differently
    command = [sys.executable, "-m", "ddsp_nb", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=single)


# Kills

KILLS = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
from ddsp_nb import files, load_model, save_model
path = Path(sys.argv[1])
model, take = load_model(path)

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def die_half_written(unfinished):
    os.truncate(unfinished, unfinished.stat().st_size // 2)
    die()

moments = {
    "nothing written": (files.os, "close", die),
    "half written": (files, "reach_disk", die_half_written),
    "written": (files, "reach_disk", die),
    "on the disk": (Path, "replace", die),
    "renamed": (Path, "unlink", die),
}
for moment, patch in moments.items():
    if (child := os.fork()) == 0:
        setattr(*patch)
        save_model(path, model, replace(take, ceiling_db=1.0))
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, moment
    print(load_model(path)[1].ceiling_db, len(list(path.parent.glob(".model.pt.????????.unfinished"))))
"""


def test_a_kill_at_any_point_of_saving_leaves_a_whole_file(saved, take):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # threads do not survive a fork
    killed = subprocess.run([sys.executable, "-c", KILLS, saved], capture_output=True, text=True, env=environment)
    assert killed.returncode == 0, killed.stderr
    old_and_what_is_left = [f"{take.ceiling_db} {i}" for i in (1, 2, 3, 4)]
    assert killed.stdout.splitlines() == [*old_and_what_is_left, "1.0 4"]  # the new one only after its renaming


def test_what_kills_left_is_swept_away_after_a_day(saved, trained, take):
    names = ("model.pt.a1b2c3d4", "model.pt.e5f6g7h8", "my")
    old, young, others = (saved.parent / f".{name}.unfinished" for name in names)
    for path in (old, young, others):
        path.write_bytes(b"half")
    for path in (old, others):
        os.utime(path, (time.time() - files.STALE_S - 60,) * 2)
    save_model(saved, trained, take)
    assert not old.exists()
    assert young.exists() and others.exists()  # another run may be writing it; it is no file of ours


def test_a_file_is_on_the_disk_before_it_takes_its_name(saved, trained, take, monkeypatch):
    order = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(files.os, "fsync", lambda handle: (order.append("fsync"), fsync(handle)))
    monkeypatch.setattr(Path, "replace", lambda path, to: (order.append("replace"), replace(path, to)))
    save_model(saved, trained, take)
    assert order == ["fsync", "replace"]


@pytest.mark.parametrize(
    ("epochs", "moment", "exit_code", "says", "left"),
    [
        # The first line: it knows what it will learn from.
        (2, "\n", cli.INTERRUPTED, "Stopped", set()),
        # The bar says that an epoch is done.
        (100_000, r"\b[1-9]\d*/100000", 0, "the best model so far is kept", {*PRODUCTS, "ddsp_model.run.pt"}),
    ],
)
def test_sigterm_ends_training_with_the_best_model_so_far(tmp_path, epochs, moment, exit_code, says, left):
    process, seen = start(training(tmp_path, "--epochs", epochs)), ""
    while not re.search(moment, seen):
        seen += (letter := process.stderr.read(1))
        assert letter, seen
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate()
    assert process.returncode == exit_code
    assert says in words and "Traceback" not in words
    assert {path.name for path in tmp_path.iterdir()} == left
    if left:
        load_model(tmp_path / "ddsp_model.pt")


# Places that cannot be written


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB, where the machine lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], capture_output=True, check=False
    )
    if not mount or mount.returncode:
        if os.environ.get("CI"):
            pytest.fail("CI has to be able to mount a small disk, or these tests would never run")
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk_keeps_the_last_good_files(small_disk, trained, take, clip):
    model = save_model(small_disk / "model.pt", trained, take)
    sound = save_audio(small_disk / "sound.wav", clip)
    before = model.read_bytes(), sound.read_bytes()
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))
    for save, error, path in (
        (lambda: save_model(model, trained, take), CheckpointError, model),
        (lambda: save_audio(sound, -clip), AudioError, sound),
        (lambda: save_audio(small_disk / "new.flac", -clip), AudioError, small_disk / "new.flac"),
    ):
        with pytest.raises(error, match=r"cannot be written .*free some space") as problem:
            save()
        assert path.name in str(problem.value) and "\n" not in str(problem.value)
    assert (model.read_bytes(), sound.read_bytes()) == before
    assert {path.name for path in small_disk.iterdir()} == {"model.pt", "sound.wav", "ballast"}
    (small_disk / "ballast").unlink()
    save_model(model, trained, take)  # and goes on when there is space again


def test_training_onto_a_full_disk_ends_in_one_line(small_disk):
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))
    result = run(training(small_disk))
    assert result.exit_code == cli.BAD_INPUT and "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ") and "ddsp_model.pt: cannot be written" in last
    assert "could not be resumed" in result.stderr  # nor can its state be kept meanwhile, which is no reason to stop
    assert {path.name for path in small_disk.iterdir()} == {"ballast"}


# Two writers, and files that are there already


def test_two_trainings_in_one_folder_both_end_and_leave_whole_files(tmp_path):
    processes = [start(training(tmp_path / "shared", "--overwrite", "--seed", seed)) for seed in "12"]
    for seed in "12":
        assert run(training(tmp_path / seed, "--seed", seed)).exit_code == 0
    for process in processes:
        _, words = process.communicate()
        assert process.returncode == 0, words
    alone = {seed: {path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()} for seed in "12"}
    left = {path.name: path.read_bytes() for path in (tmp_path / "shared").iterdir()}
    assert set(left) == PRODUCTS
    for name in PRODUCTS - {train_command.LOSS_PICTURE}:  # whose axis shows seconds
        assert left[name] in (alone["1"][name], alone["2"][name]), name


def test_files_of_an_earlier_run_are_replaced_only_when_asked(tmp_path):
    (tmp_path / "ddsp_residual.wav").write_text("mine")
    (tmp_path / "ddsp_model.pt").write_text("mine too")
    result = run(training(tmp_path))
    assert result.exit_code == cli.BAD_INPUT and result.stderr.count("\n") == 1
    for words in ("ddsp_model.pt", "ddsp_residual.wav", "--overwrite"):
        assert words in result.stderr
    assert (tmp_path / "ddsp_residual.wav").read_text() == "mine" and len(os.listdir(tmp_path)) == 2
    result = run(training(tmp_path, "--overwrite"))
    assert result.exit_code == 0, result.stderr
    load_model(tmp_path / "ddsp_model.pt")
    assert len(load_audio(tmp_path / "ddsp_residual.wav", 16_000)) == 16_000

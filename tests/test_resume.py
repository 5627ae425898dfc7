"""An interrupted run ends as one that was never stopped, bit for bit; steps without finite numbers do no harm."""

import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

import ddsp_nb.training.train as training_run
from ddsp_nb import CheckpointError, ConfigError, DDSPModel, train
from ddsp_nb.cli import main as cli
from ddsp_nb.errors import TrainingError
from ddsp_nb.panels.training_job import TrainingJob
from ddsp_nb.store import tensor_file
from ddsp_nb.store.run_file import RunFile
from ddsp_nb.training.losses import MultiScaleSpectralLoss

EPOCHS = 6


def new_model(config, seed=0):
    torch.manual_seed(seed)
    return DDSPModel(config)


def identical(one, other):
    other = other.state_dict()
    return all(torch.equal(weights, other[name]) for name, weights in one.state_dict().items())


@pytest.fixture(scope="module")
def uninterrupted(small_config, corpus):
    """A model whose training was left alone."""
    model = new_model(small_config)
    for _ in train(model, corpus, epochs=EPOCHS, seed=3):
        pass
    return model


@pytest.fixture(scope="module")
def other(study, small_config, clip):
    """Half as loud: another recording."""
    return study(0.5 * clip, small_config)[1]


@pytest.fixture(scope="module")
def state_after_two_epochs(small_config, corpus, tmp_path_factory):
    """Bytes of the file of a run that was stopped after two epochs."""
    model, run_file = new_model(small_config), RunFile(tmp_path_factory.mktemp("stopped") / "model.pt")
    steps = train(model, corpus, epochs=EPOCHS, seed=3)
    for _ in range(2):
        progress = next(steps)
    run_file.keep(progress, now=True)
    steps.close()
    return run_file.path.read_bytes()


@pytest.fixture
def stopped(state_after_two_epochs, tmp_path):
    """The file of that run, this test's own."""
    run_file = RunFile(tmp_path / "model.pt")
    run_file.path.write_bytes(state_after_two_epochs)
    return run_file


def test_a_resumed_run_ends_as_if_it_had_never_stopped(uninterrupted, stopped, corpus):
    state = stopped.load()
    for _ in range(2):  # the state is not used up
        model = new_model(state.config, seed=99)  # whatever was in the model before
        history = list(train(model, corpus, seed=1, epochs=1, resume=state))
        assert [progress.epoch for progress in history] == [3, 4, 5, 6]  # only what is new
        assert identical(model, uninterrupted)


def test_a_run_on_other_recordings_or_of_another_model_is_refused(stopped, other, corpus):
    state = stopped.load()
    with pytest.raises(ConfigError, match="other recordings"):
        next(train(new_model(state.config), other, resume=state))
    for change in ({"best_weights": {}}, {"moments": {}}, {"generator": "none"}):
        with pytest.raises(CheckpointError, match="another model"):
            next(train(new_model(state.config), corpus, resume=replace(state, **change)))


def test_a_run_that_is_missing_or_truncated_is_refused(stopped):
    stopped.path.write_bytes(stopped.path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="not a ddsp_nb run"):
        stopped.load()
    stopped.remove()
    with pytest.raises(CheckpointError, match="no interrupted run"):
        stopped.load()


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"epochs": 1, "learning_rate": 1e-3, "seed": 0, "start": "shared"}},
        {"settings": {"epochs": 9, "learning_rate": float("nan"), "seed": 0, "start": "shared"}},
        {"history": [{"epoch": 1}]},
        {"config": {"colour": "red"}},
        {"version": 99},
    ],
)
def test_a_run_whose_parts_do_not_fit_is_refused(stopped, change):
    tensor_file.write(stopped.path, "run", tensor_file.read(stopped.path, "run") | change)
    with pytest.raises(CheckpointError, match="holds no run"):
        stopped.load()


def test_a_stopped_job_resumes_and_removes_its_file(uninterrupted, small_config, corpus, tmp_path):
    run_file = RunFile(tmp_path / "model.pt")
    job = TrainingJob(new_model(small_config), corpus, epochs=EPOCHS, seed=3, run_file=run_file)
    job.on_progress = lambda progress: job.stop() if progress.epoch == 2 else None
    job.start()
    job.join()
    assert 2 <= len(job.history) < EPOCHS and run_file.path.is_file()
    job.on_progress = lambda progress: None
    job.start()
    job.join()
    assert [progress.epoch for progress in job.history] == [1, 2, 3, 4, 5, 6]
    assert identical(job.model, uninterrupted)
    assert not run_file.path.exists()


def test_a_new_kernel_takes_up_the_run_of_the_old_one(uninterrupted, stopped, small_config, corpus):
    job = TrainingJob(new_model(small_config, seed=7), corpus, epochs=99, run_file=RunFile(stopped.path))
    assert job.resumable is None  # a file of another name
    checkpoint = stopped.path.with_name("model.pt")
    job = TrainingJob(new_model(small_config, seed=7), corpus, epochs=99, run_file=RunFile(checkpoint))
    job.start()
    job.join()
    assert identical(job.model, uninterrupted) and len(job.history) == EPOCHS


def test_a_job_leaves_the_run_of_another_recording_alone(stopped, small_config, other):
    before = stopped.path.read_bytes()
    job = TrainingJob(new_model(small_config), other, epochs=1, run_file=RunFile(stopped.path.with_name("model.pt")))
    assert job.resumable is None
    job.start()
    job.join()
    assert stopped.path.read_bytes() == before


LINE = shlex.split("train --epochs 8 --duration 1 --sample-rate 16000 --hidden-size 32 --harmonics 16 --bands 16")
KILLED = """
import os, signal, sys
import ddsp_nb.store.run_file as run_file
from ddsp_nb.cli.main import main

run_file.PAUSE_S, keep = 0.0, run_file.RunFile.keep  # the state of every epoch is kept

def die_in_the_fourth_epoch(self, progress, *args, **how):
    if progress.epoch == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    keep(self, progress, *args, **how)

run_file.RunFile.keep = die_in_the_fourth_epoch
main()
"""


def test_a_killed_run_loses_nothing(tmp_path, data):
    # Only what is killed needs a process of its own. It has one thread, as the tests have: threads round differently.
    def line(folder, *more):
        return [*LINE, "--audio", str(data / "violin.flac"), "--output", str(tmp_path / folder / "model.pt"), *more]

    def run(*args):
        return CliRunner().invoke(cli.main, line(*args))

    whole = run("whole")
    assert whole.exit_code == 0, whole.stderr
    command, single = [sys.executable, "-c", KILLED, *line("killed")], os.environ | {"OMP_NUM_THREADS": "1"}
    killed = subprocess.run(command, env=single, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["model.run.pt"]
    again = run("killed")
    assert again.exit_code == cli.BAD_INPUT and "--resume" in again.stderr
    resumed = run("killed", "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    left = {path.name for path in (tmp_path / "killed").iterdir()}
    assert left == {path.name for path in (tmp_path / "whole").iterdir()}
    for name in left:
        if not name.endswith(".png"):  # whose axis shows seconds
            assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def poisoned(real, bad_calls):
    """A spectral loss that is not a number at the given calls."""
    calls = iter(range(10_000))
    return lambda self, *args: real(self, *args) * (float("nan") if next(calls) in bad_calls else 1.0)


def test_a_step_without_finite_numbers_is_left_out_and_counted(small_config, corpus, monkeypatch):
    loss = MultiScaleSpectralLoss
    monkeypatch.setattr(loss, "__call__", poisoned(loss.__call__, {3, 5}))
    model = new_model(small_config)
    history = list(train(model, corpus, epochs=5))
    assert [progress.skipped for progress in history] == [0, 1, 2, 2, 2]
    assert all(weights.isfinite().all() for weights in model.state_dict().values())
    assert model(corpus.example.features).audio.isfinite().all()


def test_training_ends_in_words_where_numbers_stay_broken(small_config, corpus, monkeypatch):
    loss = MultiScaleSpectralLoss
    monkeypatch.setattr(loss, "__call__", poisoned(loss.__call__, set(range(3, 10_000))))
    model, history = new_model(small_config), []
    with pytest.raises(TrainingError, match="10 epochs in a row"):
        for progress in train(model, corpus, epochs=50):
            history.append(progress)
    assert len(history) == training_run.PATIENCE
    assert all(weights.isfinite().all() for weights in model.state_dict().values())

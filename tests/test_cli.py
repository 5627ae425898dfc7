"""The command line: what it writes, what it says, and that bad input leaves no trace."""

import ast
import inspect
import shutil
from dataclasses import replace
from shlex import split

import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner

import ddsp_nb
from ddsp_nb import ADSR, Config, GrowthPlan, cli, load_model, training
from ddsp_nb.growth import NOISE_CHOICES, STRATEGIES

SMALL = split("--sample-rate 16000 --hidden-size 32 --harmonics 20 --epochs 2 --duration 1.5")
PRODUCTS = {cli.LOSS_PICTURE, *cli.SOUNDS}


@pytest.fixture
def run(tmp_path, monkeypatch, data):
    """Runner of one command line in a folder that holds only `violin.flac`."""
    shutil.copy(data / "violin.flac", tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(cli.main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, data):
    """A model that the command line trained, with its products beside it."""
    path = tmp_path_factory.mktemp("trained") / "ddsp_model.pt"
    result = CliRunner().invoke(
        cli.main, ["train", "--audio", str(data / "violin.flac"), "--output", str(path), *SMALL]
    )
    assert result.exit_code == 0, result.stderr
    for name in (path.name, *PRODUCTS):
        assert name in result.stdout  # it says what it wrote
    assert "of ceiling" in result.stdout
    return path


def test_training_writes_the_model_its_picture_and_four_sounds(checkpoint):
    assert {path.name for path in checkpoint.parent.iterdir()} == {checkpoint.name, *PRODUCTS}
    sounds = {name: sf.read(checkpoint.parent / name) for name in cli.SOUNDS}
    assert {(len(sound), rate) for sound, rate in sounds.values()} == {(24_000, 16_000)}
    whole, harmonic, noise, _ = (sounds[name][0] for name in cli.SOUNDS)
    assert np.abs(harmonic + noise - whole).max() < 1e-4  # 16 bits
    assert (checkpoint.parent / cli.LOSS_PICTURE).read_bytes().startswith(b"\x89PNG")


def test_residual_and_harmonic_part_make_up_the_recording(checkpoint, data):
    recording = ddsp_nb.load_audio(data / "violin.flac", 16_000, duration_s=1.5).numpy()
    harmonic, residual = (sf.read(checkpoint.parent / f"ddsp_{name}.wav")[0] for name in ("harmonic_only", "residual"))
    assert np.abs(harmonic + residual - np.round(recording * 32_768) / 32_768).max() == 0  # a null test


def test_options_reach_the_model(checkpoint):
    model, features = load_model(checkpoint)
    assert model.config == replace(Config(), sample_rate=16_000, hidden_size=32, n_harmonics=20)
    assert features.n_samples == 24_000


def test_the_same_seed_gives_the_same_model(run, checkpoint):
    assert run("train", "--audio", "violin.flac", *SMALL).exit_code == 0
    first, second = (load_model(path)[0].state_dict() for path in (checkpoint, "ddsp_model.pt"))
    for name, weights in first.items():
        torch.testing.assert_close(second[name], weights)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_growing_writes_as_many_samples_as_the_plan_says(run, checkpoint, strategy):
    result = run("grow", "--model", checkpoint, "--strategy", strategy, "--output", f"{strategy}.flac")
    assert result.exit_code == 0, result.stderr
    sound, rate = sf.read(f"{strategy}.flac")
    plan = GrowthPlan(strategy)
    assert len(sound) == round((len(plan.counts(20)) * 0.7 - 0.2) * rate)
    assert ", ".join(map(str, plan.counts(20))) in result.stdout


def test_growth_options_reach_the_piece(run, checkpoint):
    plan = "--strategy linear --stages 3 --stage-duration 0.1 --silence-duration 0 --noise none --attack 0.05"
    assert run("grow", "--model", checkpoint, *split(plan)).exit_code == 0
    sound, rate = sf.read("ddsp_grown_timbre.wav")
    assert len(sound) == round(0.3 * rate)


def test_stages_that_a_strategy_ignores_are_mentioned(run, checkpoint):
    result = run("grow", "--model", checkpoint, "--stages", 3)
    assert result.exit_code == 0 and result.stderr.startswith("Warning: --stages") and result.stderr.count("\n") == 1


def test_a_warning_is_one_plain_line(run, checkpoint, monkeypatch):
    loud = lambda *args, **kwargs: replace(grown(*args, **kwargs), audio=torch.full((100,), 2.0))
    grown = ddsp_nb.grow
    monkeypatch.setattr(ddsp_nb, "grow", loud)
    result = run("grow", "--model", checkpoint)
    assert result.stderr == "Warning: ddsp_grown_timbre.wav: peak 2.00 turned down to full scale.\n"


def test_warnings_of_the_recording_are_lines_of_their_own(run):
    sf.write("odd.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000) + 0.3, 16_000)
    result = run("train", "--audio", "odd.wav", *SMALL)
    assert result.exit_code == 0, result.stderr
    warned = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(warned) == 2
    assert "DC offset of 0.3 removed" in warned[0] and "No pitch found in" in warned[1]


def interrupt_after(n_epochs):
    """`train`, interrupted from the keyboard after n_epochs."""
    real = ddsp_nb.train

    def interrupted(*args, **kwargs):
        steps = real(*args, **kwargs)
        for _ in range(n_epochs):
            yield next(steps)
        steps.close()
        raise KeyboardInterrupt

    return interrupted


def test_interrupted_training_keeps_the_best_model(run, monkeypatch):
    monkeypatch.setattr(ddsp_nb, "train", interrupt_after(1))
    result = run("train", "--audio", "violin.flac", *SMALL)
    assert result.exit_code == 0
    assert "Stopped after epoch 1; the best model so far is kept." in result.stderr
    load_model("ddsp_model.pt")


def test_training_interrupted_before_the_first_epoch_writes_nothing(run, monkeypatch, tmp_path):
    monkeypatch.setattr(ddsp_nb, "train", interrupt_after(0))
    result = run("train", "--audio", "violin.flac", *SMALL)
    assert result.exit_code == cli.INTERRUPTED
    assert "Stopped before the end" in result.stderr and "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["violin.flac"]


def write_bad_inputs():
    with open("text.wav", "w") as file:
        file.write("This is no sound.")
    sf.write("silence.wav", np.zeros(44_100), 44_100)
    sf.write("short.wav", np.ones(10), 44_100)
    torch.save({"other": 1}, "other.pt")


BAD_INPUT = [
    ("train --audio missing.wav", "missing.wav: no such file"),
    ("train --audio text.wav", "text.wav: not a readable sound file"),
    ("train --audio silence.wav", "silent"),
    ("train --audio short.wav", "10 samples"),
    ("train", "Missing option '--audio'"),
    ("train --audio violin.flac --epochs 0", "--epochs"),
    ("train --audio violin.flac --learning-rate nan", "--learning-rate"),
    ("train --audio violin.flac --duration inf", "--duration"),
    ("train --audio violin.flac --start somewhere", "--start"),
    ("train --audio violin.flac --fft-sizes 2048,many", "--fft-sizes"),
    ("train --audio violin.flac --fft-sizes 3", "fft_sizes"),
    ("train --audio violin.flac --harmonics 0", "n_harmonics"),
    ("train --audio violin.flac --sample-rate 100", "sample_rate"),
    ("train --audio violin.flac --output out/model.wav", "ends in .pt"),
    ("train --audio violin.flac --output text.wav/model.pt", "cannot be written there"),
    ("train --audio violin.flac --output out", "ends in .pt"),
    ("grow --model {model} --strategy golden", "'golden' is not one of 'linear', 'exponential', 'fibonacci'"),
    ("grow --model {model} --noise some", "--noise"),
    ("grow --model {model} --stages 0", "--stages"),
    ("grow --model {model} --stage-duration 0", "0.02"),
    ("grow --model {model} --stage-duration 599", "3600 s"),
    ("grow --model {model} --silence-duration nan", "--silence-duration"),
    ("grow --model {model} --sustain 2", "sustain"),
    ("grow --model {model} --attack -1", "ADSR"),
    ("grow --model {model} --output out/grown.mp3", ".wav or .flac"),
    ("grow --model {model} --output text.wav/grown.wav", "cannot be written there"),
    ("grow --model missing.pt", "missing.pt: no such checkpoint"),
    ("grow --model text.wav", "text.wav: not a ddsp_nb checkpoint"),
    ("grow --model other.pt", "other.pt: not a ddsp_nb checkpoint"),
    ("shrink", "No such command 'shrink'"),
]


@pytest.mark.parametrize(("line", "message"), BAD_INPUT)
def test_bad_input_is_answered_in_one_line_and_writes_nothing(run, tmp_path, checkpoint, line, message):
    write_bad_inputs()
    (tmp_path / "out").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    args = split(line.format(model=checkpoint))
    if "--output" not in args and len(args) > 1:
        args += ["--output", "out/model.pt" if args[0] == "train" else "out/grown.wav"]
    result = run(*args)
    assert result.exit_code == cli.BAD_INPUT
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
    assert result.stdout == ""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_output_never_replaces_its_input(run, tmp_path, checkpoint):
    shutil.copy("violin.flac", "ddsp_residual.wav")
    result = run("train", "--audio", "ddsp_residual.wav", *SMALL)
    assert result.exit_code == cli.BAD_INPUT and "is the input" in result.stderr
    shutil.copy(checkpoint, "model.wav")
    result = run("grow", "--model", "model.wav", "--output", tmp_path / "model.wav")
    assert result.exit_code == cli.BAD_INPUT and "is the input" in result.stderr


def defaults(command):
    return {option.name: option.default for option in cli.main.commands[command].params}


def test_defaults_are_the_libraries_own():
    train, grow = defaults("train"), defaults("grow")
    assert train["epochs"] == training.DEFAULT_EPOCHS
    assert train["start"] == inspect.signature(ddsp_nb.train).parameters["start"].default
    settings = set(train) & set(Config.__dataclass_fields__)
    assert len(settings) == 7
    assert Config(**{name: train[name] for name in settings}) == Config()
    adsr = ADSR(grow["attack"], grow["decay"], grow["sustain"], grow["release"])
    durations = dict(stage_duration_s=grow["stage_duration"], silence_duration_s=grow["silence_duration"])
    assert GrowthPlan(grow["strategy"], adsr=adsr, noise=grow["noise"], **durations) == GrowthPlan()


def test_choices_are_the_libraries_own():
    options = {o.name: o for command in cli.main.commands.values() for o in command.params}
    assert tuple(options["strategy"].type.choices) == STRATEGIES
    assert tuple(options["noise"].type.choices) == NOISE_CHOICES
    assert set(options["start"].type.choices) == set(training.LEARNING_RATES)
    assert options["stages"].show_default == str(GrowthPlan.n_stages)


@pytest.mark.parametrize("command", ["train", "grow"])
def test_help_shows_every_option_with_its_default(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    for option in cli.main.commands[command].params:
        assert option.opts[0] in result.stdout
    required = sum(option.required for option in cli.main.commands[command].params)
    assert result.stdout.count("[default:") == len(cli.main.commands[command].params) - required


def test_the_command_line_imports_nothing_heavy_before_a_command_runs():
    tree = ast.parse(inspect.getsource(cli))
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not imported & {"torch", "numpy", "librosa", "matplotlib", "tqdm", "ddsp_nb"}

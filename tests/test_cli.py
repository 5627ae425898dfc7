"""The command line: what it writes, what it says, and that bad input leaves no trace."""

import inspect
import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from shlex import split

import click
import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner

import ddsp_nb
from ddsp_nb import ADSR, Composition, Config, GrowthPlan, Layer, Tempo, load_audio, load_model, save_audio
from ddsp_nb.cli import grow as grow_command
from ddsp_nb.cli import main as cli
from ddsp_nb.cli import train as train_command
from ddsp_nb.piece import sidecar
from ddsp_nb.piece.presets import PRESETS
from ddsp_nb.piece.randomise import random_preset
from ddsp_nb.sound.save import SUBTYPES
from ddsp_nb.store.fit import load_or_train
from ddsp_nb.training import train as training

SMALL = split("--sample-rate 16000 --hidden-size 32 --harmonics 20 --epochs 2 --duration 1.5")
PRODUCTS = {train_command.LOSS_PICTURE, *train_command.SOUNDS}


@pytest.fixture
def run(tmp_path, monkeypatch, data):
    """Runner of one command line in a folder that holds only `violin.flac`."""
    shutil.copy(data / "violin.flac", tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(cli.main, [str(arg) for arg in args])


@pytest.fixture
def grow(run, checkpoint):
    """Runner of `grow` with the checkpoint: options as they are typed, to what it said, without an error."""

    def grown(options, model=checkpoint):
        result = run("grow", "--model", model, *split(options))
        assert result.exit_code == 0, result.stderr
        return result

    return grown


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, data):
    """A model that the command line trained, with its products beside it."""
    path = tmp_path_factory.mktemp("trained") / "ddsp_model.pt"
    train = ["train", "--audio", str(data / "violin.flac"), "--output", str(path), *SMALL]
    result = CliRunner().invoke(cli.main, train)
    assert result.exit_code == 0, result.stderr
    for name in (path.name, *PRODUCTS):
        assert name in result.stdout  # it says what it wrote
    assert "The take: loss" in result.stdout and "No room was heard." in result.stderr
    return path


def test_a_bell_is_taken_apart_into_tracks_that_grow(run, data):
    train = ("train", "--audio", data / "bell.flac", "--output", "bell.pt", *SMALL)
    result = run(*train)
    assert result.exit_code == 0 and "the take is made of" in result.stderr and "tracks" in result.stderr
    _, take = load_model("bell.pt")
    assert take.hz is not None and take.ceiling_db > 15
    written = sum(sf.read(name)[0] for name in ("ddsp_harmonic_only.wav", "ddsp_residual.wav"))
    recording = np.round(load_audio(data / "bell.flac", 16_000, duration_s=1.5).numpy() * 32_768) / 32_768
    assert np.abs(written - recording).max() == 0  # a null test
    grown = run("grow", "--model", "bell.pt", "--order", "longest", "--harmonise", "0,1", "--output", "grown.wav")
    assert grown.exit_code == 0 and "are tracks" in grown.stdout
    assert run(*train, "--partials", "harmonic", "--overwrite").exit_code == 0
    assert load_model("bell.pt")[1].hz is None


def test_training_writes_the_model_its_picture_and_four_sounds(checkpoint, data):
    assert {path.name for path in checkpoint.parent.iterdir()} == {checkpoint.name, *PRODUCTS}
    model, take = load_model(checkpoint)
    assert model.config == replace(Config(), sample_rate=16_000, hidden_size=32, n_harmonics=20)
    assert take.features.n_samples == 24_000
    sounds = {name: sf.read(checkpoint.parent / name) for name in train_command.SOUNDS}
    assert {(len(sound), rate) for sound, rate in sounds.values()} == {(24_000, 16_000)}
    whole, harmonic, noise, residual = (sounds[name][0] for name in train_command.SOUNDS)
    assert np.abs(harmonic + noise - whole).max() < 1e-4  # 16 bits
    recording = load_audio(data / "violin.flac", 16_000, duration_s=1.5).numpy()
    assert np.abs(harmonic + residual - np.round(recording * 32_768) / 32_768).max() == 0  # a null test
    assert (checkpoint.parent / train_command.LOSS_PICTURE).read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_notes_is_learned_and_what_is_held_out_is_played(run, tmp_path):
    notes, silence = tmp_path / "notes", np.zeros(1600)
    notes.mkdir()
    sound, rate = sf.read("violin.flac")
    for i in range(3):
        sf.write(notes / f"{i}.wav", np.concatenate([sound[i * 60_000 : i * 60_000 + 50_000], silence]), rate)
    (notes / "4.wav").write_text("no sound")
    result = run("train", "--audio", "notes", "--audio", "violin.flac", "--holdout", 0.3, *SMALL)
    assert result.exit_code == 0, result.stderr
    assert "4.wav: not a readable sound file" in result.stderr and "held out" in result.stderr
    assert "of what it never heard" in result.stdout and "ddsp_unheard.wav" in result.stdout
    played, rate = sf.read("ddsp_unheard.wav")
    assert rate == 16_000 and 0.5 * rate < len(played) < 3 * rate and np.abs(played).max() > 0.02


def test_growing_writes_as_many_samples_as_the_plan_says(grow):
    result = grow("--strategy primes --output piece.flac")
    sound, rate = sf.read("piece.flac")
    audible = int(result.stdout.split(" partials")[0].split()[-1])
    counts = GrowthPlan("primes").counts(audible)
    assert 10 < audible <= 20
    assert len(sound) == round((len(counts) * 0.7 - 0.2) * rate)
    assert ", ".join(map(str, counts)) in result.stdout


@pytest.mark.parametrize(
    ("options", "preset", "seed"),
    [
        ("--preset pulse", PRESETS["Pulse"], 0),
        ("--chance 7", random_preset(7), 7),
        ("--preset Bell --chance 3 --chance-group loudness", random_preset(3, ["Loudness"], PRESETS["Bell"]), 3),
    ],
)
def test_presets_and_chance_are_those_of_the_panel(grow, options, preset, seed):
    grow(f"--output piece.wav --attack 0.02 --tempo 90 {options}")
    (layer,) = sidecar.read_sidecar("piece.json").composition.layers
    plan = preset.at(Tempo(90))
    assert layer.plan == replace(plan, adsr=replace(plan.adsr, attack_s=0.02))
    assert layer.seed == seed


def test_warnings_are_plain_lines(grow, monkeypatch):
    words = grow("--stages 3").stderr
    assert words.startswith("Warning: --stages") and words.count("\n") == 1
    loud = lambda *args, **kwargs: replace(grown(*args, **kwargs), audio=torch.full((100,), 2.0))
    grown = ddsp_nb.compose
    monkeypatch.setattr(ddsp_nb, "compose", loud)
    assert grow("--overwrite").stderr == "Warning: ddsp_grown_timbre.wav: peak 2.00 turned down to full scale.\n"


def test_warnings_of_the_recording_are_lines_of_their_own(run):
    sf.write("odd.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000) + 0.3, 16_000)
    result = run("train", "--audio", "odd.wav", *SMALL)
    assert result.exit_code == 0, result.stderr
    warned = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert len(warned) == 2
    assert "DC offset of 0.3 removed" in warned[0] and "No pitch found in" in warned[1]


def test_every_option_of_the_plan_reaches_it(grow):
    grow(
        "--output piece.wav --seed 5 "
        "--stages 1+3/2/5+6 --shrink --order odd --stage-duration 0.3,0.1 --silence-duration 0.1,0.05 --loudness -12,0 "
        "--noise bands --noise-strategy primes --noise-order random --melody A3,220.5,held --ratios 1,2.1 "
        "--inharmonicity 0.001 --crossfade 0.03 --sustain 0.5 --timbre own,flute:1"
    )
    (layer,) = sidecar.read_sidecar("piece.json").composition.layers
    assert layer.seed == 5
    assert layer.plan == GrowthPlan(
        stages=((1, 3), (2,), (5, 6)),
        shrinking=True,
        order="odd",
        stage_duration_s=(0.3, 0.1),
        silence_duration_s=(0.1, 0.05),
        loudness_db=(-12.0, 0.0),
        noise="bands",
        noise_strategy="primes",
        noise_order="random",
        pitch=("A3", 220.5, "held"),
        timbre=("own", "flute:1"),
        ratios=(1.0, 2.1),
        inharmonicity=0.001,
        crossfade_s=0.03,
        adsr=ADSR(sustain=0.5),
    )


def test_a_piece_and_what_goes_with_it(grow, tmp_path):
    options = "--strategy linear --stages 3 --stems --stage-files --midi --map --certificate --subtype PCM_24"
    result = grow(f"--output out/piece.wav {options}")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *("piece.wav", "piece.json", "piece.mid", "piece_map.png", "piece_harmonic.wav", "piece_noise.wav"),
        *(f"piece_stage_{i:02d}.wav" for i in (1, 2, 3)),
    }
    assert all(name in result.stdout for name in names)
    assert "Passed." in result.stdout
    assert sf.info("out/piece.wav").subtype == "PCM_24"


@pytest.mark.parametrize("source", ["first.json", "first.wav"])
def test_a_sidecar_renders_the_identical_file(grow, source):
    options = "--noise bands --order random --seed 7 --melody A3,C4 --stage-duration 0.2,0.1 --subtype FLOAT"
    grow(f"{options} --timbre own,oboe --output first.wav")
    assert grow(f"--from {source} --output again.wav").stderr == ""
    assert Path("again.wav").read_bytes() == Path("first.wav").read_bytes()
    assert Path("again.json").read_bytes() == Path("first.json").read_bytes()


def test_a_sidecar_of_another_model_is_refused_and_other_versions_are_told(run, grow, tmp_path, checkpoint):
    grow("--output first.wav")
    text = Path("first.json").read_text()
    Path("other.json").write_text(text.replace(json.loads(text)["layers"][0]["origin"]["model_sha256"], "0" * 64))
    Path("older.json").write_text(text.replace(f'"torch":"{torch.__version__}"', '"torch":"1.0"'))
    result = run("grow", "--from", "other.json", "--model", checkpoint, "--output", "out.wav")
    assert result.exit_code == cli.BAD_INPUT and "another model" in result.stderr
    assert not (tmp_path / "out.wav").exists()
    words = grow("--from older.json --output out.wav").stderr
    assert words.startswith("Warning: Other versions") and words.count("\n") == 1 and "torch" in words


def test_lengths_are_note_values_and_drawn_stages_are_written(grow):
    grow(
        "--output piece.wav "
        "--tempo 96 --beats-per-bar 3 --stage-duration 1/8,1/16. --silence 1/16t --crossfade 0 --attack 1/64 "
        "--sustain 0.9,0.2 --stages 0/1-3+5/1-8 --noise-stages 0/1-8/1-64 --gain -3 --pan 0.5 --delay 1/2"
    )
    composition, tempo = sidecar.read_sidecar("piece.wav").composition, Tempo(96, 3)
    plan = GrowthPlan(
        stages=((), (1, 2, 3, 5), tuple(range(1, 9))),
        noise_stages=((), tuple(range(1, 9)), tuple(range(1, 65))),
        stage_duration_s=(0.3125, 0.234375),
        silence_duration_s=tempo.seconds("1/16t"),
        adsr=ADSR(attack_s=tempo.seconds("1/64"), sustain=(0.9, 0.2)),
    )
    assert composition == Composition((Layer(plan, delay_s=1.25, gain_db=-3, pan=0.5),), tempo)
    sound, rate = sf.read("piece.wav")
    assert sound.shape[1] == 2 and not sound[: round(1.25 * rate)].any()


def test_pieces_and_recordings_are_added_as_layers(run, grow, checkpoint, other_checkpoint):
    short = "--strategy linear --stages 2 --stage-duration 0.2"
    grow(f"--output other.wav --delay 0.1 --pan 0.5 {short}", model=other_checkpoint)
    more = "--add other.json 1/4 -6 0.7 --add-recording violin.flac 0 -12 0 --midi --certificate"
    models = ("--model", checkpoint, "--model", other_checkpoint)
    result = grow(f"--model {other_checkpoint} {short} --tempo 60 {more} --output trio.zip")
    assert result.stdout.count("Passed.") == 2 and "Layer 3: the recording as it is" in result.stdout
    with zipfile.ZipFile("trio.zip") as archive:
        assert set(archive.namelist()) == {"trio.wav", "trio.json", "trio.mid"}
        archive.extractall("trio")
    first, second, third = sidecar.read_sidecar("trio/trio.json").composition.layers
    assert (second.delay_s, second.gain_db, second.pan) == (1.1, -6, 1) and second.plan == first.plan
    assert third.plan is None and third.gain_db == -12
    lost = run("grow", "--from", "trio/trio.wav", *models, "--output", "again.wav")
    assert lost.exit_code == cli.BAD_INPUT and "Layer 3 plays a recording that is not there" in lost.stderr
    assert "Layer 2 was grown from another model" in run("grow", "--from", "trio/trio.wav", *models[:2]).stderr
    swapped = f"--model {checkpoint} --recording violin.flac"
    assert grow(f"--from trio/trio.wav {swapped} --output again.wav", model=other_checkpoint).stderr == ""
    assert Path("again.wav").read_bytes() == Path("trio/trio.wav").read_bytes()


@pytest.fixture(scope="module")
def other_checkpoint(checkpoint, tmp_path_factory):
    """Another instrument with the same take."""
    path = tmp_path_factory.mktemp("other") / "other.pt"
    model, take = load_model(checkpoint)
    with torch.no_grad():
        model.network.amplitude_head[3].bias += 0.1
    return ddsp_nb.save_model(path, model, take)


def test_the_command_line_trains_the_model_of_a_notebook(run):
    assert run("train", "--audio", "violin.flac", *SMALL).exit_code == 0
    config = Config(sample_rate=16_000, hidden_size=32, n_harmonics=20)
    audio = load_audio("violin.flac", config.sample_rate, duration_s=1.5)
    sf.write("short.wav", audio.numpy(), config.sample_rate, subtype="FLOAT")
    _, take = load_or_train("notebook.pt", "short.wav", config, epochs=2)
    assert Path("notebook.pt").read_bytes() == Path("ddsp_model.pt").read_bytes()
    save_audio("notebook.wav", take.render(config).audio, config.sample_rate)
    assert Path("notebook.wav").read_bytes() == Path("ddsp_reconstructed.wav").read_bytes()


def write_bad_inputs():
    with open("text.wav", "w") as file:
        file.write("This is no sound.")
    sf.write("silence.wav", np.zeros(44_100), 44_100)
    torch.save({"other": 1}, "other.pt")
    Path("notes.json").write_text('{"format": "shopping list"}')


BAD_INPUT = [
    ("train --audio missing.wav", "missing.wav: no such file"),
    ("train --audio text.wav", "text.wav: not a readable sound file"),
    ("train --audio silence.wav", "silent"),
    ("train", "Missing option '--audio'"),
    ("train --audio violin.flac --epochs 0", "--epochs"),
    ("train --audio violin.flac --holdout 0.3 --duration 0.3 --sample-rate 16000", "too little sound"),
    ("train --audio violin.flac --holdout 0.9", "--holdout"),
    ("train --audio out", "no sound files in this folder"),
    ("train --audio violin.flac --learning-rate nan", "--learning-rate"),
    ("train --audio violin.flac --duration inf", "--duration"),
    ("train --audio violin.flac --start somewhere", "--start"),
    ("train --audio violin.flac --fft-sizes 2048,many", "--fft-sizes"),
    ("train --audio violin.flac --harmonics 0", "n_harmonics"),
    ("train --audio violin.flac --sample-rate 100", "sample_rate"),
    ("train --audio violin.flac --output out/model.wav", "ends in .pt"),
    ("train --audio violin.flac --output text.wav/model.pt", "cannot be written there"),
    ("grow --model {model} --strategy golden", "'golden' is not one of 'linear', 'exponential', 'fibonacci'"),
    ("grow --model {model} --stage-duration 599", "3600 s"),
    ("grow --model {model} --sustain 2", "Sustain: use numbers from 0 to 1"),
    ("grow --model {model} --stages 1,two", "--stages"),
    ("grow --model {model} --stages 1/400", "There is no partial 400"),
    ("grow --model {model} --crossfade 1,2", "--crossfade"),
    ("grow --model {model} --pitch H4", "C#4"),
    ("grow --model {model} --subtype FLOAT --output out/grown.flac", "Use .wav for floating point"),
    ("grow --model {model} --from text.wav", "text.wav: it is not JSON"),
    ("grow --model {model} --from missing.json", "missing.json: cannot be read"),
    ("grow --model {model} --from notes.json", "notes.json: it is not the sidecar of a grown piece"),
    ("grow --model {model} --output silence.wav", "silence.wav: exists already"),
    ("grow --model {model} --output out/grown.mp3", ".wav or .flac"),
    ("grow --model {model} --output text.wav/grown.wav", "cannot be written there"),
    ("grow --model missing.pt", "missing.pt: no such checkpoint"),
    ("grow --model {model} --stage-duration 1/3", "is no note value"),
    ("grow --model {model} --tempo 10", "from 20 to 400"),
    ("grow --model {model} --gain 20", "Gain: use numbers from -60 to 12 dB"),
    ("grow --model {model} --delay 1/8,1/4", "--delay"),
    ("grow --model {model} --add missing.json 0 0 0", "missing.json: cannot be read"),
    ("grow --model {model} --add notes.json soon 0 0", "soon"),
    ("grow --model {model} --add notes.json", "--add"),
    ("grow --model {model} --add-recording text.wav 0 0 0", "text.wav: not a readable sound file"),
    ("grow --model {model} --add-recording violin.flac 0 0 3", "Pan: use numbers"),
    ("grow --model {model} --add-recording out/grown.wav 0 0 0", "is the input"),
    ("grow --model {model} --output silence.zip --subtype PCM_8", "--subtype"),
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
    context = click.Context(cli.main.commands[command])
    return {option.name: option.get_default(context) for option in cli.main.commands[command].params}


def test_defaults_are_the_libraries_own():
    train, grow = defaults("train"), defaults("grow")
    assert train["epochs"] == training.DEFAULT_EPOCHS
    assert train["learning_rate"] == training.LEARNING_RATE
    assert train["start"] == inspect.signature(ddsp_nb.train).parameters["start"].default
    settings = set(train) & set(Config.__dataclass_fields__)
    assert len(settings) == 9
    assert Config(**{name: train[name] for name in settings}) == Config()
    with click.Context(cli.main.commands["grow"]):  # where nothing was left to its default: all count as typed
        assert grow_command.changed_plan(grow_command.starting_plan(grow), grow) == GrowthPlan()
    assert grow["subtype"] == inspect.signature(ddsp_nb.export).parameters["subtype"].default


def test_choices_are_the_libraries_own():
    options = {o.name: o for command in cli.main.commands.values() for o in command.params}
    assert tuple(options["subtype"].type.choices) == SUBTYPES
    assert {*options["start"].type.choices, "model"} == set(training.STARTS)


@pytest.mark.parametrize("command", ["train", "grow"])
def test_help_shows_every_option_with_its_default(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    for option in cli.main.commands[command].params:
        assert option.opts[0] in result.stdout
    plain = sum(option.required or option.is_flag for option in cli.main.commands[command].params)
    assert result.stdout.count("[default:") == len(cli.main.commands[command].params) - plain


@pytest.mark.parametrize(
    "line", ["grow --sustain 2", "grow --stage-duration 1/3", "grow --add a.json 0 0 9", "train --epochs 0"]
)
def test_wrong_options_are_answered_before_anything_heavy_is_imported(tmp_path, line):
    code = f"import sys, ddsp_nb.cli.main as c; sys.argv[1:] = {split(line)}\n"
    code += "try: c.main()\nfinally: print(*{'torch', 'numpy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == cli.BAD_INPUT and result.stdout == "\n" and result.stderr.startswith("Error: ")

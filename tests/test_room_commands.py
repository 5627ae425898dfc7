"""Rooms on the command line: what trains without one is heard in it again, in another, or in none; files add up."""

from dataclasses import replace
from shlex import split

import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner

import ddsp_nb.store.fit as fit_module
from ddsp_nb import StreamingSynthesizer, load_audio, load_model, save_audio, save_model
from ddsp_nb.analysis import room
from ddsp_nb.cli import main as cli
from ddsp_nb.playing.stream import blocks_of
from ddsp_nb.synthesis.stream import in_room
from tests.midi_files import midi_file, notes, track

RATE = 16_000
STEP = 1 / 32768
TRAIN = split("train --audio wet.wav --sample-rate 16000 --hidden-size 32 --harmonics 20 --epochs 2 --room hall.wav")


@pytest.fixture(scope="module")
def place(tmp_path_factory, trained, take, hall, data):
    """A folder with a hall, a violin in it, and the small instrument that was learned in it."""
    place = tmp_path_factory.mktemp("rooms")
    hall.save(place / "hall.wav")
    save_audio(place / "wet.wav", 0.5 * hall(load_audio(data / "violin.flac", RATE, duration_s=1.5)), RATE)
    save_model(place / "model.pt", trained, replace(take, room=hall))
    (place / "two.mid").write_bytes(midi_file(track(*notes(69), *notes(76))))
    return place


@pytest.fixture
def run(place, monkeypatch):
    """Runner of one command line there, to what it said."""
    monkeypatch.chdir(place)

    def ran(line, exit_code=0):
        result = CliRunner().invoke(cli.main, line if isinstance(line, list) else split(line))
        assert result.exit_code == exit_code, result.stderr
        return result

    return ran


def read(place, *names):
    return (sf.read(place / f"{name}.wav")[0] for name in names)


def level_db(sound):
    return 10 * np.log10(np.square(np.asarray(sound)).mean())


def test_training_in_a_room_is_interrupted_and_gone_on_with_and_all_files_add_up(run, place, hall, monkeypatch):
    class Interrupted(fit_module.tqdm):
        def update(self, n):
            raise KeyboardInterrupt

    line = [*TRAIN, "--output", "trained/model.pt"]
    with monkeypatch.context() as context:
        context.setattr(fit_module, "tqdm", Interrupted)
        assert "Stopped after epoch 1" in run(line).stderr
    other = run([*line, "--room", "none", "--resume"], cli.BAD_INPUT)
    assert "another room" in other.stderr and other.stderr.count("\nError: ") == 1
    result = run([*line, "--resume"])
    assert "Room: 0.4 s, C50" in result.stderr and "ddsp_room.wav" in result.stdout

    names = ("reconstructed", "harmonic_only", "noise_only", "residual", "room")
    whole, harmonic, noise, residual, added = read(place / "trained", *(f"ddsp_{name}" for name in names))
    (recording,) = read(place, "wet")
    assert np.abs(harmonic + noise + added - whole).max() < STEP / 2
    assert np.abs(harmonic + residual + added - recording).max() < STEP / 2
    _, take = load_model(place / "trained" / "model.pt")
    assert torch.equal(take.room.impulse, hall.impulse)
    tail = slice(round(1.55 * RATE), round(1.7 * RATE))
    assert abs(level_db(whole[tail]) - level_db(recording[tail])) < 3 < level_db(whole[tail]) - level_db(harmonic[tail])
    assert abs(level_db(whole) - level_db(recording)) < 1


@pytest.mark.parametrize("command", ["play --notes A4:0.4", "play --audio wet.wav", "live --midi two.mid"])
def test_what_is_played_stands_in_the_room_that_was_learned_or_in_none(run, place, command, hall):
    for name, options in (("wet", ""), ("dry", "--room none"), ("wetter", "--wet 6"), ("file", "--room hall.wav")):
        run(f"{command} --model model.pt --output played_{name}.wav --overwrite {options}")
    sounds = read(place, *(f"played_{name}" for name in ("wet", "dry", "wetter", "file")))
    wet, dry, wetter, file = map(torch.from_numpy, sounds)
    n = min(len(wet), len(dry) + len(hall.impulse) - 1)
    assert len(dry) < n and torch.allclose(wet[:n], hall(dry)[:n], atol=1e-3)
    assert torch.allclose(wetter[:n], hall(dry, 6)[:n], atol=1e-3)
    assert torch.equal(file, wet)


def test_a_performance_is_heard_without_its_room(run, place, hall, monkeypatch):
    tails_db = []
    for learned in (None, hall):
        monkeypatch.setattr(room, "learn_room", lambda sound, config, learned=learned: learned)
        run("play --audio wet.wav --model model.pt --room none --output performed.wav --overwrite")
        (sound,) = read(place, "performed")
        tails_db.append(level_db(sound[round(1.6 * RATE) : round(1.8 * RATE)]) - level_db(sound[:RATE]))
    assert tails_db[1] < tails_db[0] - 3


def test_stems_of_what_is_played_have_a_room_and_add_up(run, place):
    run("play --notes 'A4:0.4 E5:0.4' --model model.pt --output song.wav --stems --wet 3")
    whole, *stems = read(place, "song", "song_harmonic", "song_noise", "song_room")
    assert np.abs(sum(stems) - whole).max() < STEP / 2 and level_db(stems[2]) > -50
    run("play --notes A4:0.4 --model model.pt --output alone.wav --stems --room none")
    assert not (place / "alone_room.wav").exists()
    whole, *stems = read(place, "alone", "alone_harmonic", "alone_noise")
    assert np.abs(sum(stems) - whole).max() < STEP / 2


@pytest.mark.parametrize("block", [64, 500, 8192])
def test_a_room_live_is_the_room_of_the_whole(trained, hall, block):
    events = [(0.01, "on", 69, 96), (0.4, "off", 69), (0.41, "on", 76, 96), (0.6, "off", 76)]
    dry, heard = (blocks_of(StreamingSynthesizer(trained), events, block) for _ in range(2))
    dry, wet = torch.cat(list(dry)), torch.cat(list(in_room(heard, hall, 6.0, block)))
    whole = hall(dry, 6.0)
    assert torch.allclose(wet[: len(whole)], whole, atol=1e-5)
    assert len(wet) < len(whole) + 2 * block and wet[len(whole) :].abs().max() < 1e-5


def test_a_growth_rings_on_has_a_room_as_a_stem_and_is_rendered_again(run, place):
    short = "--model model.pt --strategy linear --stages 2 --stage-duration 0.2"
    dry = run(f"grow {short} --room none --output dry.wav")
    wet = run(f"grow {short} --output wet_grown.wav --stems")
    assert "Room: 0.4 s" in wet.stdout and "Room" not in dry.stdout
    whole, *stems = read(place, "wet_grown", "wet_grown_harmonic", "wet_grown_noise", "wet_grown_room")
    assert np.abs(sum(stems) - whole).max() == 0 and len(whole) > len(*read(place, "dry")) + 0.1 * RATE
    assert not stems[0][len(*read(place, "dry")) :].any()
    run("grow --model model.pt --from wet_grown.wav --output again.wav")
    assert (place / "again.wav").read_bytes() == (place / "wet_grown.wav").read_bytes()

    run(f"grow {short} --room hall.wav --wet -6 --output file.wav")
    again = "grow --model model.pt --from file.json --output file_again.wav"
    for file in ("hall.wav", "file_impulse.wav"):
        run(f"{again} --room {file} --overwrite")
        assert (place / "file_again.wav").read_bytes() == (place / "file.wav").read_bytes()
    for options, words in (("", "a room that is not there"), (" --room wet.wav", "of another file")):
        assert words in run(f"{again}{options} --overwrite", cli.BAD_INPUT).stderr


BAD = {
    "missing.wav": "missing.wav: no such file",
    "text.wav": "text.wav: not a readable sound file",
    "silence.wav": "silence.wav: silent",
    "click.wav": "follow its loudest moment",
    "long.wav": "follow its loudest moment",
    "played.wav": "is the input",
}
COMMANDS = (
    "train --audio wet.wav --output out/model.pt --epochs 1",
    "play --model model.pt --notes A4:0.2 --output out/played.wav",
    "live --model model.pt --midi two.mid --output out/played.wav",
    "grow --model model.pt --output out/played.wav",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_files_that_are_no_room_are_refused_in_one_line_and_nothing_is_written(run, place, command):
    (place / "text.wav").write_text("This is no sound.")
    sf.write(place / "silence.wav", np.zeros(RATE), RATE)
    sf.write(place / "click.wav", np.eye(1, RATE, RATE - 9)[0], RATE)
    sf.write(place / "long.wav", np.eye(1, 12 * RATE)[0] + 1e-3 * (-1.0) ** np.arange(12 * RATE), RATE)
    before = sorted(place.rglob("*"))
    for name, words in BAD.items():
        if name == "played.wav":
            if command.startswith("train"):
                continue
            name = "out/played.wav"
        result = run(f"{command} --room {name}", cli.BAD_INPUT)
        assert words in result.stderr and result.stderr.count("\n") == 1 and result.stderr.startswith("Error: ")
    assert sorted(place.rglob("*")) == before


def test_a_clipped_impulse_response_is_told_of(run, place, hall):
    sf.write(place / "clipped.wav", np.append(np.ones(9), 0.1 * hall.impulse.numpy()[1:]), RATE)
    words = run("play --model model.pt --notes A4:0.2 --output clipped_room.wav --room clipped.wav").stderr
    assert words.startswith("Warning: clipped.wav: clipped in") and words.count("\n") == 1

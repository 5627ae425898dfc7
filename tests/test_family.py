"""Instruments by name: enrolled from seconds of sound, kept in a file, morphed, one for each channel of MIDI."""

from dataclasses import replace
from pathlib import Path
from shlex import split

import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner

from ddsp_nb import (
    AnalysedRecording,
    ConfigError,
    Family,
    Performance,
    draw,
    enrolled,
    instrument,
    load_family,
    parse_notes,
    save_family,
)
from ddsp_nb.cli.main import BAD_INPUT
from ddsp_nb.cli.main import main as cli
from ddsp_nb.notes.general_midi import NAMES, nearest_name
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.store import tensor_file
from ddsp_nb.store.family_file import KIND
from tests.midi_files import midi_file, notes, track

LOW, HIGH = 60, 66
OBOE, VIOLIN = NAMES.index("oboe"), NAMES.index("violin")


def colour_db(sound, rate):
    """[20] levels of bands from 200 Hz to 10 kHz beside the whole."""
    power = np.square(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))))
    edges = np.searchsorted(np.fft.rfftfreq(len(sound), 1 / rate), np.geomspace(200, 10_000, 21))
    return 10 * np.log10(np.add.reduceat(power, edges)[:-1] / power.sum() + 1e-7)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runner of one command line in an empty folder: what it said, without an error."""
    monkeypatch.chdir(tmp_path)

    def ran(line, code=0):
        result = CliRunner().invoke(cli, split(line))
        assert result.exit_code == code, result.output
        return result

    return ran


@pytest.fixture(scope="module")
def mine(small_config):
    """What the oboe plays, 30 dB softer, enrolled."""
    model, take = instrument("oboe", config=small_config)
    phrase = draw(parse_notes("A4:0.4 -:0.2 C5:0.4 -:0.2 E4:0.4 -:0.2"), model, take)
    sound = 0.03 * model(phrase, envelope=False).audio
    return enrolled([AnalysedRecording.of("sound", sound, small_config)], small_config)


def played(path):
    sound, rate = sf.read(path)
    return sound, rate


def channel(number, program, *keys):
    """A track whose channel has a program and plays keys, each for a quarter of a second."""
    return track((0, 0xC0 + number, program), *notes(*keys, channel=number, ticks=240))


def level_db(sound, hz, rate):
    """Of the loudest bin within a quarter tone of a frequency."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    near = np.abs(np.log2(np.maximum(np.fft.rfftfreq(4 * len(sound), 1 / rate), 1) / hz)) < 1 / 24
    return 20 * np.log10(spectrum[near].max() / spectrum.max())


def test_each_channel_is_played_by_the_instrument_of_its_program(run):
    programs = {"ab": (OBOE, VIOLIN), "ba": (VIOLIN, OBOE)}
    for name, (first, second) in programs.items():
        low, high = channel(0, first, LOW), channel(1, second, HIGH)
        Path(f"{name}.mid").write_bytes(midi_file(low, high))
        assert run(f"play --midi {name}.mid --output {name}.wav").stderr == ""
    Path("low.mid").write_bytes(midi_file(channel(0, 0, LOW)))
    Path("high.mid").write_bytes(midi_file(channel(1, 0, HIGH)))
    run("play --instrument oboe --midi low.mid --output low.wav")
    run("play --instrument violin --midi high.mid --output high.wav --seed 1")
    (ab, rate), (ba, _), (low, _), (high, _) = map(played, ("ab.wav", "ba.wav", "low.wav", "high.wav"))
    for sound in (ab, ba):
        assert min(level_db(sound, 440 * 2 ** ((key - 69) / 12), rate) for key in (LOW, HIGH)) > -30
    n = min(map(len, (ab, ba, low, high)))
    assert np.abs(low[:n] + high[:n] - ab[:n]).max() < 1e-4
    assert np.abs(low[:n] + high[:n] - ba[:n]).max() > 0.01


def test_programs_change_between_notes_and_a_key_goes_up_where_it_went_down(tmp_path):
    path = tmp_path / "changes.mid"
    low, high = notes(LOW, ticks=480), notes(HIGH, ticks=480)
    path.write_bytes(midi_file(track((0, 0xC0, 5), low[0], (240, 0xC0, 7), (0, *high[0][1:]), low[1], high[1])))
    parts = Performance.of_midi(path).by_player(str)
    keys = {
        name: [(kind, key) for _, kind, key, *_ in part.events if kind != "program"] for name, part in parts.items()
    }
    assert keys == {"5": [("on", LOW), ("off", LOW)], "7": [("on", HIGH), ("off", HIGH)]}


def test_a_program_that_is_not_there_is_told_and_played_by_what_is_alike(run):
    family = Family.shipped()
    for program, name in enumerate(NAMES):
        there = nearest_name(program, family)
        assert there in family and (there == name or name not in family)
    assert nearest_name(NAMES.index("oboe"), ["violin", "clarinet", "flute"]) == "clarinet"
    Path("hit.mid").write_bytes(midi_file(channel(0, NAMES.index("gunshot"), LOW)))
    words = run("play --midi hit.mid").stderr
    assert words.startswith("Warning: ") and "gunshot by " in words and words.count("\n") == 1


def test_the_ends_of_a_morph_are_its_instruments(run):
    for name, words in {
        "violin": "violin",
        "flute": "flute",
        "end": "flute:0 violin:1",
        "other": "flute:2 violin:0",
    }.items():
        run(f"play --morph '{words}' --notes 'A4:0.3 C5:0.3' --output {name}.wav")
    assert Path("end.wav").read_bytes() == Path("violin.wav").read_bytes()
    assert Path("other.wav").read_bytes() == Path("flute.wav").read_bytes() != Path("violin.wav").read_bytes()


@pytest.mark.parametrize("what", ["--notes A4:1.2", "--midi long.mid", "--audio violin.wav"])
def test_a_curve_begins_as_one_instrument_and_ends_as_another(run, data, what):
    Path("long.mid").write_bytes(midi_file(track(*notes(69, ticks=1200))))
    sf.write("violin.wav", sf.read(data / "violin.flac", stop=52_000)[0], 44_100)
    curve = "oboe:1,1,0,0 flute:0,0,1,1"  # the first third is one's alone, and the last the other's
    for name, words in {"oboe": "oboe", "flute": "flute", "morph": curve}.items():
        run(f"play --instrument '{words}' {what} --output {name}.wav")
    (oboe, rate), (flute, _), (morph, _) = map(played, ("oboe.wav", "flute.wav", "morph.wav"))
    begin, end = (slice(int(start * rate), int((start + 0.12) * rate)) for start in (0.3, 1.05))
    far = lambda other, part: np.abs(colour_db(morph[part], rate) - colour_db(other[part], rate)).mean()
    assert far(oboe, begin) < 0.4 * far(flute, begin) and far(flute, end) < 0.4 * far(oboe, end)


def test_an_enrolled_instrument_plays_the_same_from_its_file(tmp_path, mine):
    path = tmp_path / "family.safetensors"
    save_family(path, Family.shipped().with_member("my own / violin", mine))
    assert set(tensor_file.read(path, KIND)["members"]) == {"0"}
    family = load_family(path)
    assert set(family) - set(Family.shipped()) == {"my own / violin"}
    model, take = instrument("my own / violin:0.5 flute:0.5", family)
    before, _ = instrument("mine:0.5 flute:0.5", Family.shipped().with_member("mine", mine))
    melody = draw(parse_notes("A4:0.3 C5:0.2"), model, take)
    assert torch.equal(model(melody, envelope=False).audio, before(melody, envelope=False).audio)
    assert save_family(tmp_path / "again.safetensors", family).read_bytes() == path.read_bytes()
    assert load_family(tmp_path / "none.safetensors").members == Family.shipped().members


def test_what_is_enrolled_sounds_like_its_recording_at_the_level_of_all_others(mine, small_config):
    family = Family.shipped()
    note = draw(parse_notes("B4:0.4"), *instrument("oboe", config=small_config))
    spectrum = lambda member: member.model(small_config).controls(note, envelope=False).amplitudes[5:10].log()
    apart = lambda name: (spectrum(mine) - spectrum(family[name]))[:, :8].abs().mean()
    assert apart("oboe") < 0.5 * min(map(apart, ("violin", "alto sax", "acoustic bass", "xylophone")))
    assert mine.model(small_config).network.instrument.usual_db == pytest.approx(-20, abs=0.1)


def test_what_is_known_of_its_notes_is_kept():
    shape = torch.tensor([0.2, 25.0, 1.5])
    plucked = replace(Family.shipped()["oboe"], shape=shape)
    _, take = instrument("mine", Family.shipped().with_member("mine", plucked))
    assert Articulation.of(take) == Articulation(*shape.tolist())


@pytest.mark.parametrize("name", ["oboe", "", " a", "a:1", "a,b", "x" * 61, "a\nb"])
def test_names_that_are_taken_or_cannot_be_written_in_a_morph_are_refused(mine, name):
    with pytest.raises(ConfigError, match=r"already|cannot be a name"):
        Family.shipped().with_member(name, mine)


def test_unknown_names_suggest_the_nearest_and_weights_must_be_some(run):
    assert "oboe" in run("play --instrument OBOE --notes A4:1", BAD_INPUT).stderr
    assert "mean acoustic grand piano or" in run("play --instrument Piano --notes A4:1", BAD_INPUT).stderr
    assert "soprano sax" in run("grow --morph 'sax:0.5 oboe:0.5'", BAD_INPUT).stderr
    for words in (
        "oboe:0 flute:0",
        "oboe:1,0 flute:0,0",
        "oboe:1e9",
        "oboe:",
        ":1",
        "oboe:1 oboe:2",
        "oboe:" + "9" * 400,
    ):
        result = run(f"play --morph '{words}' --notes A4:1", BAD_INPUT)
        assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert "one of them" in run("play --instrument oboe --model a.pt --notes A4:1", BAD_INPUT).stderr
    assert not any(Path().iterdir())


def test_own_instruments_are_enrolled_listed_moved_and_removed(run, data):
    said = run(f"enrol --audio '{data / 'flute.flac'}' --name mine --duration 1").stdout
    assert said.startswith("mine lies near: ") and said.count(",") == 2
    listed = run("instruments").stdout.splitlines()
    (line,) = [line for line in listed if line.startswith("mine")]
    assert line.endswith("your own") and len(listed) == len(Family.shipped()) + 1
    assert "already" in run(f"enrol --audio '{data / 'flute.flac'}' --name mine", BAD_INPUT).stderr
    run("instruments --export mine out/one.safetensors")
    assert "would be replaced" in run("instruments --export mine out/one.safetensors", BAD_INPUT).stderr
    run("instruments --remove mine")
    assert "mine" in run("instruments --remove mine", BAD_INPUT).stderr
    assert "stays" in run("instruments --remove oboe", BAD_INPUT).stderr
    run("instruments --import out/one.safetensors")
    assert "already" in run("instruments --import out/one.safetensors", BAD_INPUT).stderr
    assert run("instruments").stdout.splitlines() == listed
    run("play --instrument mine --notes A4:0.3 --output out/mine.wav")
    assert level_db(*played("out/mine.wav")[:1], 440, 44_100) > -20


def test_sound_without_an_instrument_is_refused_in_one_line_and_nothing_is_written(run):
    sf.write("noise.wav", 0.1 * np.random.default_rng(0).standard_normal(44_100), 44_100)
    sf.write("silent.wav", np.zeros(44_100), 44_100)
    sf.write("empty.wav", np.zeros(0), 44_100)
    sf.write("click.wav", np.eye(1, 44_100)[0], 44_100)
    before = set(Path().iterdir())
    for name in ("noise", "silent", "empty", "click", "missing"):
        result = run(f"enrol --audio {name}.wav --name mine", BAD_INPUT)
        assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1 and name in result.stderr
    assert set(Path().iterdir()) == before


def test_a_chord_is_told_when_it_is_enrolled(run):
    seconds = np.arange(2 * 44_100) / 44_100
    saws = (np.sin(2 * np.pi * hz * k * seconds) / k for hz in (261.6, 329.6, 392.0) for k in range(1, 12))
    sf.write("chord.wav", 0.05 * sum(saws), 44_100)
    assert "Several notes sound at once" in run("enrol --audio chord.wav --name chord").stderr


def test_a_grown_instrument_is_found_again_and_a_live_one_plays(run):
    run("grow --instrument 'oboe:0.5 flute:0.5' --strategy linear --stages 2 --stage-duration 0.2 --output a.wav")
    run("grow --from a.json --instrument violin --instrument 'oboe:0.5 flute:0.5' --output b.wav")
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    assert "another model" in run("grow --from a.json --instrument oboe --output c.wav", BAD_INPUT).stderr
    assert "--instrument" in run("grow --from a.json --output c.wav", BAD_INPUT).stderr
    Path("a.mid").write_bytes(midi_file(track(*notes(69))))
    run("live --instrument oboe --midi a.mid --output live.wav")
    sound, rate = played("live.wav")
    assert level_db(sound, 440, rate) > -20

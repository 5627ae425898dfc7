"""Melodies and other people's performances: what is written is what sounds, or one line says why not."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner
from scipy.signal import sosfilt

from ddsp_nb import (
    Config,
    ConfigError,
    DDSPModel,
    FeatureExtractor,
    Performance,
    WorkbookWarning,
    draw,
    load_audio,
    parse_notes,
    save_audio,
    save_model,
)
from ddsp_nb.analysis.mel import loudness_db
from ddsp_nb.cli.main import main
from ddsp_nb.playing.transfer import transfer, transfer_lines
from ddsp_nb.sound.loudness import k_weighting
from tests.midi_files import midi_file, notes, track

CONFIG = Config(sample_rate=16_000, hidden_size=32)


@pytest.fixture(scope="module")
def home(data, study):
    """An instrument that has heard two seconds of violin, and their features and take."""
    features, corpus, take = study(load_audio(data / "violin.flac", CONFIG.sample_rate, duration_s=2), CONFIG)
    torch.manual_seed(0)
    model = DDSPModel(CONFIG)
    model.hear(corpus.inputs())
    return model, features, take


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data, home):
    folder = tmp_path_factory.mktemp("playing")
    model, _, take = home
    save_model(folder / "model.pt", model, take)
    shutil.copy(data / "flute.flac", folder / "flute.flac")
    return folder


def play(folder, *args, command="play"):
    arguments = [command, "--model", str(folder / "model.pt"), "--output", str(folder / "played.wav"), "--overwrite"]
    return CliRunner().invoke(main, [*arguments, *map(str, args)])


def pitches_hz(path):
    features = FeatureExtractor(CONFIG)(load_audio(path, CONFIG.sample_rate))
    return features, features.f0_hz


def test_written_notes_sound_at_their_pitch_and_time(folder):
    result = play(folder, "--notes", "A4:0.6 -:0.3 E5:0.6", "--stems")
    assert result.exit_code == 0, result.stderr
    features, f0_hz = pitches_hz(folder / "played.wav")
    at = lambda seconds: round(seconds * CONFIG.sample_rate / CONFIG.hop_length)
    assert f0_hz[at(0.3)].item() == pytest.approx(440, rel=0.01)
    assert f0_hz[at(1.2)].item() == pytest.approx(659.26, rel=0.01)
    assert features.loudness_db[at(0.8)] < features.loudness_db[at(0.3)] - 40  # the rest
    whole, harmonic, noise = (sf.read(folder / f"played{name}.wav")[0] for name in ("", "_harmonic", "_noise"))
    assert abs(whole - harmonic - noise).max() < 3 / 32768


def test_a_performance_is_as_loud_as_it_was_asked_to_be(folder, data):
    """A recording that reaches full scale is played at its level: turned down it would be off in every frame."""
    recording = load_audio(data / "violin.flac", CONFIG.sample_rate, duration_s=2)
    save_audio(folder / "full.wav", recording / recording.abs().max(), CONFIG.sample_rate)
    for options in ([], ["--from-pitch-and-loudness"]):
        result = play(folder, "--audio", folder / "full.wav", *options)
        assert result.exit_code == 0 and "turned down" not in result.stderr, result.stderr
        asked, played = (pitches_hz(folder / name)[0].loudness_db for name in ("full.wav", "played.wav"))
        assert abs((played - asked)[asked > asked.max() - 30].median()) < 0.05


def level_db(sound, hz, from_s, to_s):
    """Level of the loudest sine within a quarter tone of a frequency, between two seconds of a sound."""
    part = sound[int(from_s * CONFIG.sample_rate) : int(to_s * CONFIG.sample_rate)]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)))) / len(part)
    all_hz = np.fft.rfftfreq(len(part), 1 / CONFIG.sample_rate)
    return 20 * np.log10(spectrum[np.abs(np.log2(all_hz.clip(1) / hz)) < 1 / 24].max())


@pytest.mark.parametrize("command", ["play", "live"])
def test_a_midi_file_sounds_as_it_is_written(folder, command):
    """A note whose channel bends by an octave, a short one that a pedal holds, and a third channel, silent and bent."""
    bend_range = [(0, 0xB0, *pair) for pair in ((101, 0), (100, 0), (6, 12))]
    low = [*bend_range, (0, 0x90, 81, 96), (480, 0xE0, 0, 0), (960, 0x80, 81, 0)]
    high = [(0, 0xB1, 64, 127), (0, 0x91, 83, 96), (240, 0x81, 83, 0), (1200, 0xB1, 64, 0)]
    silent = [(0, 0xB2, 7, 0), (0, 0xE2, 127, 127), (0, 0x92, 85, 60), (1440, 0x82, 85, 0)]
    (folder / "two.mid").write_bytes(midi_file(track(*low), track(*high), track(*silent)))
    result = play(folder, "--midi", folder / "two.mid", command=command)
    assert result.exit_code == 0, result.stderr
    sound, _ = sf.read(folder / "played.wav")
    # A5 and A4, B5, and the C#6 that is bent to D#6.
    before = {hz: level_db(sound, hz, 0.15, 0.45) for hz in (440, 880, 987.8, 1244.5)}
    after = {hz: level_db(sound, hz, 0.7, 1.4) for hz in before}
    assert before[880] > before[440] + 20 and after[440] > before[440] + 20
    assert min(before[987.8], after[987.8]) > before[880] - 25 and after[987.8] > before[987.8] - 10
    assert max(before[1244.5], after[1244.5]) < before[880] - 30
    assert 1.5 < len(sound) / CONFIG.sample_rate < 3


@pytest.mark.filterwarnings("ignore:.*outside the instrument's own")
def test_lines_are_moved_by_the_same_octaves_and_add_up(folder, home):
    (folder / "octaves.mid").write_bytes(midi_file(track(*notes(45)), track(*notes(57, channel=1))))
    assert play(folder, "--midi", folder / "octaves.mid", "--octave", "auto", "--stems").exit_code == 0
    whole, harmonic, noise = (sf.read(folder / f"played{name}.wav")[0] for name in ("", "_harmonic", "_noise"))
    assert abs(whole - harmonic - noise).max() < 3 / 32768
    lines = [line.features(home[0]) for line in Performance.of_midi(folder / "octaves.mid").lines()]
    low, high = (line.f0_hz[10].item() for line in transfer_lines(lines, home[0], nearest_octave=True))
    assert high == 2 * low > 220 and level_db(whole, low, 0.15, 0.45) > level_db(whole, 110, 0.15, 0.45) + 30


@pytest.mark.parametrize("velocity", [1, 40, 127])
def test_short_notes_are_played_without_a_word(folder, velocity):
    keys = [
        (at, *key) for note in (69, 71, 72, 74) for at, key in ((0, (0x90, note, velocity)), (100, (0x80, note, 0)))
    ]
    (folder / "short.mid").write_bytes(midi_file(track(*keys)))
    result = play(folder, "--midi", folder / "short.mid")
    assert result.exit_code == 0 and result.stderr == ""


def test_another_performance_is_played_in_the_nearest_octave(folder):
    assert play(folder, "--audio", folder / "flute.flac", "--transpose", -12, "--octave", "auto").exit_code == 0
    _, moved = pitches_hz(folder / "played.wav")
    _, played = pitches_hz(folder / "flute.flac")
    octaves = torch.log2(moved.median() / played.median())
    assert octaves.item() == pytest.approx(0, abs=0.05)  # a flute lies where a violin does


def test_loudness_is_matched_by_quantiles(home):
    model, features, _ = home
    loud = replace(features, loudness_db=0.5 * features.loudness_db + 3)
    matched = transfer(loud, model, match_loudness=True).loudness_db
    heard = features.voiced
    for quantile in (0.1, 0.5, 0.9):
        ours, theirs = (torch.quantile(x[heard], quantile) for x in (matched, features.loudness_db))
        assert ours.item() == pytest.approx(theirs.item(), abs=1)


@pytest.mark.filterwarnings("ignore:100 % of the notes")
def test_loudness_is_matched_as_the_ear_has_it(home, data):
    model, features, _ = home
    config = model.config
    read = lambda name: load_audio(data / f"{name}.flac", config.sample_rate, duration_s=2)
    phrase = FeatureExtractor(config)(read("flute"))

    def levels_db(sound, features):
        """Of the voiced frames, K-weighted, at five quantiles."""
        weighted = torch.from_numpy(sosfilt(k_weighting(config.sample_rate), sound.double().numpy()))
        padded = torch.nn.functional.pad(weighted, (0, (len(features) - 1) * config.hop_length - len(sound)))
        return loudness_db(padded, config)[features.voiced].quantile(torch.linspace(0.1, 0.9, 5).double())

    wanted, off_db = levels_db(read("violin"), features), {}
    for how in ("rms", "heard"):
        moved = transfer(phrase, model, semitones=-24, match_loudness=how)
        off_db[how] = (levels_db(model(moved).audio, moved) - wanted).abs().mean().item()
    assert off_db["heard"] < 0.7 * off_db["rms"]
    with pytest.raises(ConfigError, match="rms, heard"):
        transfer(features, model, match_loudness="dB")


def test_a_melody_beyond_the_instrument_is_told(home):
    with pytest.warns(
        WorkbookWarning, match=r"outside the instrument's own.* Transposed by \+\d+ semitones it would fit"
    ):
        transfer(draw(parse_notes("C2:1"), home[0]), home[0])
    with pytest.warns(WorkbookWarning, match="a guess.$"):  # as wide as that, it does not fit anywhere
        transfer(draw(parse_notes("C1:1 C3:1 C5:1 C7:1 C8:1"), home[0]), home[0])


def test_a_tape_moves_the_spectrum_and_the_instrument_does_not(home):
    """An octave up: partial k of a tape has the level that partial k had; the instrument looks at its new place."""
    model, features, _ = home
    level = lambda f: model.controls(f, loudness=False).amplitudes[features.voiced, :8].mean(0)
    moved = transfer(features, model, semitones=12, tape=True), transfer(features, model, semitones=12)
    played, tape, asked = map(level, (features, *moved))
    assert torch.allclose(tape, played)
    assert (asked / played).log().abs().max() > 0.3


def test_nothing_to_play_and_broken_files_are_refused(folder, tmp_path):
    (tmp_path / "text.mid").write_text("no music")
    for args, words in (
        ([], "Say what to play"),
        (["--notes", "A4:1", "--midi", "x.mid"], "Say what to play"),
        (["--midi", tmp_path / "text.mid"], "cannot be read as MIDI"),
        (["--audio", tmp_path / "none.wav"], "no such file"),
        (["--audio", folder / "played.wav"], "is the input"),
    ):
        result = play(folder, *args)
        assert result.exit_code == 2 and words in result.stderr and result.stderr.count("\n") == 1, result.stderr

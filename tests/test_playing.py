"""Melodies and other people's performances: what is written is what sounds, or one line says why not."""

import shutil
from dataclasses import replace

import pytest
import soundfile as sf
import torch
from click.testing import CliRunner

from ddsp_nb import Config, DDSPModel, FeatureExtractor, WorkbookWarning, draw, load_audio, parse_notes, save_model
from ddsp_nb.cli.main import main
from ddsp_nb.playing.transfer import transfer

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


def play(folder, *args):
    arguments = ["play", "--model", str(folder / "model.pt"), "--output", str(folder / "played.wav"), "--overwrite"]
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


def test_a_melody_beyond_the_instrument_is_told(home):
    with pytest.warns(WorkbookWarning, match="outside the instrument's own"):
        transfer(draw(parse_notes("C2:1"), home[0]), home[0])


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

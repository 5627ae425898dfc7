"""Several notes at once are told from one: what is said of sounds whose truth is known."""

import itertools

import numpy as np
import pytest
import torch

from ddsp_nb import Config, load_audio
from ddsp_nb.analysis.polyphony import several_notes
from ddsp_nb.panels.chooser import judge

CONFIG = Config()
RATE = CONFIG.sample_rate
NAMES = ("violin", "flute", "trumpet", "voice")


def recorded(data, name):
    audio = load_audio(data / f"{name}.flac", duration_s=5)
    return audio / audio.square().mean().sqrt()


@pytest.mark.parametrize("name", NAMES)
def test_one_player_is_one_voice_also_in_a_room(data, name):
    audio = recorded(data, name)
    assert several_notes(audio, CONFIG) == ""
    echoes = torch.randn(RATE // 2, generator=torch.Generator().manual_seed(0)) * torch.exp(
        -torch.arange(RATE // 2) / 3000
    )
    room = torch.fft.irfft(torch.fft.rfft(audio, 2 * len(audio)) * torch.fft.rfft(echoes, 2 * len(audio)))[: len(audio)]
    assert several_notes(audio + 0.2 * room / room.square().mean().sqrt(), CONFIG) == ""


@pytest.mark.parametrize("names", itertools.combinations(NAMES, 2), ids="-".join)
def test_two_players_are_two_voices(data, names):
    one, other = (recorded(data, name) for name in names)
    said = several_notes(one + 0.6 * other[: len(one)], CONFIG)
    assert said.startswith("Several notes") and "\n" not in said


@pytest.mark.parametrize("semitones", [(0, 4, 7), (0, 3, 7), (0, 5), (0, 7), (0, 9), (0, 1), (0, 7, 12, 16)])
def test_chords_are_several_notes(sawtooth, semitones):
    notes = [sawtooth(196 * 2 ** (step / 12), 1.0) for step in semitones]
    assert several_notes(sum(notes), CONFIG)


@pytest.mark.parametrize(
    "harmonics", [None, [1], [1, 3, 5, 7, 9], [2, 3, 4, 5, 6]], ids=["all", "sine", "odd", "no first"]
)
@pytest.mark.parametrize("f0_hz", [65, 220, 1800])
def test_a_note_that_lacks_partials_or_sings_with_vibrato_is_one(sawtooth, harmonics, f0_hz):
    vibrato = 2 ** (30 / 1200 * np.sin(2 * np.pi * 5.5 * np.arange(RATE) / RATE))
    for pitch_hz in (f0_hz, f0_hz * vibrato):
        assert several_notes(sawtooth(pitch_hz, 1.0, harmonics=harmonics), CONFIG) == ""


def test_octaves_and_noise_are_not_several_notes(sawtooth):
    assert several_notes(sawtooth(220, 1.0) + sawtooth(440, 1.0), CONFIG) == ""
    assert several_notes(0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0)), CONFIG) == ""
    assert several_notes(torch.zeros(RATE), CONFIG) == several_notes(torch.zeros(10), CONFIG) == ""


def test_the_chooser_does_not_promise_a_likeness_of_a_chord(sawtooth):
    said = judge(sum(sawtooth(196 * 2 ** (step / 12), 1.0) for step in (0, 4, 7)), CONFIG)
    assert "Several notes" in said and "It suits" not in said

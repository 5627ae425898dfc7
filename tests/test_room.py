"""The room: what it adds, how it is learned from a sound, and what is heard without it."""

import re

import pytest
import torch
from matplotlib.figure import Figure

from ddsp_nb import (
    AnalysedRecording,
    AudioError,
    Config,
    load_audio,
    plots,
    record_take,
    save_audio,
)
from ddsp_nb.analysis.room import learn_room, without_room
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.synthesis.room import Room, centres_hz

RATE = 16_000
CONFIG = Config(sample_rate=RATE, n_harmonics=16, n_bands=16)


@pytest.fixture(scope="module")
def room():
    """One of 0.8 s, whose reverberation is as loud as the direct sound."""
    bands = torch.ones(len(centres_hz(RATE)))
    return Room.of_bands(0 * bands, 0.8 * bands, RATE)


@pytest.mark.parametrize("name", ["flute", "violin"])
def test_a_dry_recording_stays_what_it_was(name, data):
    audio = load_audio(data / f"{name}.flac", RATE, duration_s=3)
    found = AnalysedRecording.of(name, audio, CONFIG)
    assert found.room is None and torch.equal(found.instrument, audio)
    assert record_take(found, CONFIG).room is None


def test_a_note_that_ends_rings_on_in_the_room_and_not_in_the_partials(room, sawtooth):
    note = torch.cat([sawtooth(330, 1.2, RATE), torch.zeros(RATE)])
    wet = room(note)[: len(note)]
    heard, known = (AnalysedRecording.of("note", wet, CONFIG, room=given) for given in (None, room))
    assert record_take(known, CONFIG).room is room and torch.equal(known.audio, wet)
    level_db = lambda sound, at_s: 10 * sound[round(at_s * RATE) :][: RATE // 5].square().mean().log10()
    # One partial meets one frequency of the room, which lets through more or less than the others.
    assert level_db(without_room(wet, room), 0.8) == pytest.approx(float(level_db(note, 0.8)), abs=4)
    assert level_db(heard.analysis.harmonic, 1.4) - level_db(known.analysis.harmonic, 1.4) > 10


def test_the_room_of_notes_is_found(room, sawtooth):
    notes = [sawtooth(hz, 0.45, RATE) for hz in (220, 294, 262, 330, 247, 392)]
    wet = room(torch.cat([*notes, torch.zeros(RATE // 2)]))
    found = learn_room(wet, CONFIG)
    assert found.rt60_s == pytest.approx(room.rt60_s, rel=0.2) and found.c50_db == pytest.approx(room.c50_db, abs=2.5)
    assert learn_room(torch.cat(notes), CONFIG) is None


def test_a_bell_has_no_room(data):
    assert learn_room(load_audio(data / "bell.flac", RATE), CONFIG) is None


@pytest.mark.parametrize("ringing", ["bells", "strings", "let go"])
def test_notes_that_ring_by_themselves_have_no_room(ringing, sawtooth):
    """Bells and strings that ring into one another, and a synthesizer whose notes die away slowly."""
    config = Config()
    at_s = torch.arange(2 * config.sample_rate) / config.sample_rate
    falling = lambda hz, rt60_s: torch.sin(2 * torch.pi * hz * at_s) * 10 ** (-3 * at_s / rt60_s)
    note, gap_s = {
        "bells": (lambda hz: sum(falling(hz * k, 3 / k) for k in (1, 2, 2.4, 3, 4, 5.4, 10.6)), 0.6),
        "strings": (lambda hz: sum(falling(hz * k, 4 / k) / k for k in range(1, 20)), 0.5),
        "let go": (lambda hz: 3 * sawtooth(hz, 2) * 10 ** (-3 * (at_s - 0.5).clamp(min=0) / 0.7), 1.2),
    }[ringing]
    audio = torch.zeros(8 * config.sample_rate)
    for i, hz in enumerate((262, 330, 392, 349, 294, 440)):
        audio[round(gap_s * i * config.sample_rate) :][: len(at_s)] += 0.1 * note(hz)
    assert learn_room(audio, config) is None


def test_what_is_played_ends_as_the_instrument_does_and_not_as_its_room(room, sawtooth):
    notes = [torch.cat([sawtooth(hz, 0.6, RATE), torch.zeros(RATE)]) for hz in (220, 294, 262)]
    take = record_take(AnalysedRecording.of("notes", room(torch.cat(notes)), CONFIG, room=room), CONFIG)
    assert Articulation.measured(take.features).release_s > 0.2 > Articulation.of(take).release_s


def test_a_room_is_the_same_from_its_file(room, tmp_path):
    again = Room.load(room.save(tmp_path / "room.wav"), RATE)
    assert torch.equal(again.impulse, room.impulse)


@pytest.mark.parametrize(("samples", "words"), [(2, "follow its loudest"), (12, "follow its loudest"), (0, "silent")])
def test_what_is_no_impulse_response_is_refused_in_one_line(tmp_path, samples, words):
    sound = torch.zeros(max(samples, 1) * RATE)
    sound[-100 if samples == 2 else 0] = 0.9 if samples else 0.0
    sound[-1] = 0.01 if samples else 0.0
    path = save_audio(tmp_path / "no_room.wav", sound, RATE)
    with pytest.raises(AudioError, match=words) as error:
        Room.load(path, RATE)
    assert "no_room.wav" in str(error.value) and "\n" not in str(error.value)


def test_a_picture_shows_how_long_each_band_rings(room):
    ax = plots.decay(room, ax=Figure().subplots())
    solid = [line for line in ax.lines if line.get_linestyle() == "-"]
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [re.fullmatch(r"around (\d+) Hz: 0.[789] s", words)[1] for words in said] == ["250", "1000", "4000"]
    assert all(line.get_ydata()[RATE * 2 // 5] == pytest.approx(-30, abs=4) for line in solid)

"""The playable panel as far as it is Python: what the page gets, and what comes back from hands."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddsp_nb import Config, DDSPModel, GrowthPlan, Performance, StreamingSynthesizer, grow
from ddsp_nb.errors import ConfigError, NotesError
from ddsp_nb.growth.plan import NOTE_ORDERS
from ddsp_nb.panels import PlayPanel, TimbreMap
from ddsp_nb.panels.keyboard.panel import PIECE
from ddsp_nb.panels.keyboard.weights import LANE, WASM, orders, packed, settings
from ddsp_nb.panels.timbre_map import principal_axes
from ddsp_nb.playing.family import instrument
from ddsp_nb.training.family import Family

EVENTS = ((0.0, "on", 69, 96), (0.2, "bend", 0.5), (0.3, "level", -6.0), (0.5, "off", 69), (0.6, "on", 72, 80))
PLAYED = Performance((*EVENTS, (0.9, "off", 72)), 1.0)


def arrays(model):
    """What the page reads, by name."""
    layout, numbers = packed(model)
    found, at = {}, 0
    for name, n in layout:
        found[name] = numbers[at : at + n]
        at += -(-n // LANE) * LANE
    assert at == len(numbers) and numbers.dtype == np.float32
    return found


def test_every_number_of_the_playing_network_is_sent(trained):
    sent, config = arrays(trained), trained.config
    gru = trained.network.gru
    np.testing.assert_array_equal(sent["gru.weight_hh_l1"], gru.weight_hh_l1.detach().flatten())
    first = sent["gru.weight_ih_l0"].reshape(-1, LANE)
    np.testing.assert_array_equal(first[:, :3], gru.weight_ih_l0.detach()[:, :3])
    assert not first[:, 3:].any()  # MFCCs are 0 where notes are played
    assert len(sent["amplitude.3.weight"]) == config.n_harmonics * config.hidden_size
    bands = trained.network.instrument.correctors[3]
    np.testing.assert_array_equal(sent["bands.5.weight"], bands.layers[5].weight.detach()[0])
    assert (sent["bands.std"] > 0).all()


def test_the_page_hears_how_the_instrument_begins_and_ends(trained, take):
    about = settings(trained, take, 8)
    streamed = StreamingSynthesizer(trained, take)
    assert vars(streamed.articulation).items() <= about.items()
    assert about["usual_db"] == streamed.usual_db and about["n_voices"] == 8
    assert about["heard_notes"][0] < about["heard_notes"][1]


def test_orders_have_every_partial_and_band_once(trained):
    config, found = trained.config, orders(trained)
    assert set(found) == set(NOTE_ORDERS)
    for order in found.values():
        assert sorted(order["partials"]) == list(range(config.n_harmonics))
        assert sorted(order["bands"]) == list(range(config.n_bands))
    assert found["low"]["partials"][:3] == [0, 1, 2] and found["odd"]["partials"][:3] == [0, 2, 4]


def test_a_page_that_asks_gets_the_instrument_in_pieces(trained, take, monkeypatch):
    panel, sent = PlayPanel(trained, take), []
    monkeypatch.setattr(panel, "send", lambda content, buffers=(): sent.append((content, buffers)))
    panel._handle_custom_msg({"type": "ready"}, [])
    *pieces, (about, (wasm,)), _ = sent
    assert b"".join(bytes(piece) for _, (piece,) in pieces) == packed(trained)[1].tobytes()
    assert all(len(piece) <= PIECE for _, (piece,) in pieces)
    assert wasm == WASM.read_bytes() and wasm[:4] == b"\0asm"
    panel.use(trained)
    assert sent[-2][0]["settings"]["attack_s"] == about["settings"]["attack_s"]
    assert repr(panel) == "PlayPanel()"


def test_the_page_gets_rooms_without_their_direct_sound_and_python_hears_the_same(trained, take, hall, monkeypatch):
    panel, sent, sound = PlayPanel(trained, replace(take, room=hall), rooms={"cave": hall}), [], torch.rand(4000)
    monkeypatch.setattr(panel, "send", lambda content, buffers=(): sent.append((content, buffers)))
    panel._handle_custom_msg({"type": "ready"}, [])
    told, (none, *impulses) = sent[-1]
    assert told["names"] == ["none", "as recorded", "small room", "hall", "cave"] and not none
    recorded = np.frombuffer(impulses[0], "<f4")
    assert recorded[0] == 0 and np.array_equal(recorded[1:], hall.impulse[1:])
    panel.wet_db = -6.0
    assert panel.room == "as recorded" and torch.equal(panel.in_room(sound), hall(sound, -6.0))
    panel.room = "small room"
    assert 0.25 < panel.rooms["small room"].rt60_s < 0.35 and 1.2 < panel.rooms["hall"].rt60_s < 1.8
    with pytest.raises(ConfigError, match="Use one of: none, as recorded"):
        panel.room = "moon"
    panel.room = "as recorded"
    panel.use(trained, take)
    assert panel.room == "none" and panel.in_room(sound) is sound


@pytest.mark.parametrize(
    ("changes", "words"), [({"hidden_size": 30}, "multiple of 4"), ({"hop_length": 500}, "64, 128, 256")]
)
def test_what_the_page_cannot_compute_is_said(trained, changes, words):
    other = DDSPModel(Config(**({"hidden_size": 32, "n_layers": 1} | changes)))
    with pytest.raises(ConfigError, match=words):
        PlayPanel(other)
    with pytest.raises(ConfigError, match=words):
        PlayPanel(trained).use(other)


def test_voices_and_performances_that_cannot_be_are_said(trained):
    with pytest.raises(ConfigError, match="1 to 16"):
        PlayPanel(trained, n_voices=17)
    with pytest.raises(NotesError, match="Nothing was played"):
        PlayPanel(trained).performance()


def test_what_was_played_comes_back(trained, take):
    panel = PlayPanel(trained, take)
    message = {"type": "performance", "events": [list(event) for event in PLAYED.events], "seconds": 1.0}
    sent = []
    panel.send = lambda content, buffers: sent.append((content, buffers))
    panel._handle_custom_msg(message, [])
    assert panel.performance() == PLAYED
    ((content, (midi,)),) = sent
    assert content == {"type": "midi"} and midi.startswith(b"MThd")
    panel._handle_custom_msg({"type": "performance", "events": [], "seconds": 1.0}, [])
    with pytest.raises(NotesError, match="Nothing was played"):
        panel.performance()


def test_a_performance_is_notes_and_features(trained, take):
    assert PLAYED.n_notes == 2
    features = PLAYED.features(trained, take)
    frame = lambda seconds: round(seconds * features.sample_rate / features.hop_length)
    assert features.f0_hz[frame(0.1)] == pytest.approx(440) and len(features) == len(features.loudness_db)
    assert features.f0_hz[frame(0.4)] == pytest.approx(440 * 2 ** (0.5 / 12))
    assert features.voiced[frame(0.1)] and features.loudness_db[frame(0.25)] > features.loudness_db[frame(0.45)] + 5
    assert trained(features, envelope=False).audio.abs().max() > 0.01


def test_a_performance_is_a_phrase_to_grow(trained, take):
    phrase = PLAYED.take(trained, take)
    growth = grow(trained, phrase, GrowthPlan(stages=(1, 8), pitch="phrase"))
    assert len(growth.stages) == 2 and growth.audio.abs().max() > 0.01


def test_all_voices_of_a_performance_are_rendered_as_they_were_heard(trained, take):
    chord = Performance(((0.0, "on", 60, 96), (0.0, "on", 67, 96), (0.5, "off", 60), (0.6, "off", 67)), 0.7)
    sound = chord.render(trained, take)
    streamed = StreamingSynthesizer(trained, take)
    streamed.note_on(60), streamed.note_on(67)
    torch.testing.assert_close(sound[:8000], streamed.render(8000))
    assert len(sound) >= 0.7 * trained.config.sample_rate


def test_a_performance_is_a_midi_file(tmp_path):
    again = Performance.of_midi(PLAYED.save_midi(tmp_path / "played.mid"))
    assert [round(seconds, 2) for seconds, *_ in again.events] == [0.0, 0.2, 0.3, 0.5, 0.6, 0.9]
    assert again.events[1][1:] == ("bend", 0.5, 0) and again.n_notes == 2


# The map of instruments


@pytest.fixture(scope="module")
def family():
    shipped = Family.shipped()
    return shipped.with_member("mine", shipped.member("flute:0.3 oboe:0.7"))


def test_the_map_sends_every_instrument_as_python_plays_it(family, monkeypatch):
    timbres, sent = TimbreMap(family, {"other": family["oboe"]}, words="flute:0.5 oboe:0.5"), []
    monkeypatch.setattr(timbres, "send", lambda content, buffers=(): sent.append((content, buffers)))
    timbres._handle_custom_msg({"type": "ready"}, [])
    content, (buffer,) = sent[-1]
    rows = dict(zip(content["names"], np.frombuffer(buffer, "<f4").reshape(len(content["names"]), -1), strict=True))
    model, take = instrument("oboe", timbres.family)
    about, own = settings(model, take, 8), model.network.instrument
    np.testing.assert_allclose(rows["oboe"][2:-5], [*own.code.tolist(), *own.noise_bias.tolist()], atol=1e-6)
    habits = [about["attack_s"], about["decay_db_per_s"], about["release_s"], *about["heard_notes"]]
    np.testing.assert_allclose(rows["oboe"][-5:], habits, rtol=1e-5)
    looks = [content["looks"][i] for i in content["kinds"]]
    marks = {name: (kind, mark) for name, (kind, _, mark) in zip(content["names"], looks, strict=True)}
    assert marks["flute"][0] == "pipe" and marks["recorded flute"][0] == "recorded"
    assert {name for name, (_, mark) in marks.items() if mark == "★"} == {"mine", "other"}


def test_a_timbre_is_told_without_the_noise_of_its_recording(family, monkeypatch):
    panel, sent = PlayPanel(*instrument("flute")), []
    monkeypatch.setattr(panel, "send", lambda content, buffers=(): sent.append((content, buffers)))
    panel.play_as(family["oboe"].timbre(Config()))
    ((content, (row,)),) = sent
    assert content == {"type": "timbre"}
    np.testing.assert_array_equal(np.frombuffer(row, "<f4"), [*family["oboe"].code, *family["oboe"].noise_bias])


def test_the_map_shows_the_two_directions_in_which_codes_differ_most(family):
    timbres = TimbreMap(family)
    at = torch.linspace(0, 1, 3)[:, None]
    places, share = principal_axes(torch.cat([at * torch.eye(16)[4], at * torch.eye(16)[9] / 2]))
    assert share == pytest.approx(1) and places.min() == 0 and places.amax(0).tolist() == pytest.approx([1.8, 1])
    assert 0.2 < timbres.share < 1 and timbres.places.shape == (len(family), 2)


def test_words_of_the_map_are_checked_and_it_has_a_picture(family):
    timbres = TimbreMap(family)
    for words, said in (("flut", "Did you mean flute"), ("flute:1,0 oboe:0,1", "one weight for each")):
        with pytest.raises(ConfigError, match=said):
            timbres.words = words
    assert timbres.words == "flute"
    names = [words.get_text() for words in timbres.picture().axes[0].texts]
    assert len(names) > 30 and set(names) <= set(family)

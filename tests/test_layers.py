"""Layers: each sounds in its place, and together they are their sum."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from ddsp_nb import Composition, GrowthError, GrowthPlan, Layer, RoomSetting, Source, compose, grow
from ddsp_nb.piece import compose as piece_module
from ddsp_nb.piece.compose import Piece

RATE = 16_000
SHORT = GrowthPlan("linear", n_stages=3, stage_duration_s=0.2, silence_duration_s=0.05, noise="every")
NOTE = GrowthPlan(stages=((1,), (), (1, 2, 3)), stage_duration_s=0.25, pitch="A4", noise="bands")


@pytest.fixture(scope="module")
def source(trained, take, clip):
    return Source(trained, take, clip)


@pytest.fixture(scope="module")
def trio(source):
    """Two growths and the recording, each in a place of its own."""
    layers = (
        Layer(SHORT, seed=3, pan=-1),
        Layer(NOTE, delay_s=0.5, gain_db=-6, pan=0.5),
        Layer(None, delay_s=0.1, gain_db=-12),
    )
    return compose(Composition(layers), [source])


@pytest.mark.parametrize("plan", [SHORT, NOTE, GrowthPlan()])
def test_one_layer_alone_is_the_growth_to_the_last_bit(source, plan):
    growth = grow(source.model, source.take, plan, seed=4)
    for piece in (compose(Composition((Layer(plan, seed=4),)), [source]), Piece.of(growth)):
        assert torch.equal(piece.audio, growth.audio) and piece.gain == 1
        assert torch.equal(piece.stems[0]["harmonic"], growth.harmonic)
        assert torch.equal(piece.stage_audio(0, 1), growth.stage_audio(1))
        assert piece.remarks == growth.remarks and piece.n_samples == len(growth.audio)


def test_stems_of_all_layers_add_up_to_the_piece(trio):
    assert [set(stems) for stems in trio.stems] == [{"harmonic", "noise"}] * 2 + [{"recording"}]
    together = sum(stem for stems in trio.stems for stem in stems.values())
    assert trio.audio.shape == together.shape == (2, trio.n_samples)
    assert torch.allclose(together, trio.audio, atol=1e-6)
    assert trio.audio.abs().max() <= 0.9 * (1 + 1e-6)


def test_a_layer_sounds_where_and_how_loud_it_is_put(trio, source):
    left, right = trio.stems[0]["harmonic"]
    assert left.abs().max() > 0.1 and not right.any()
    growth, (left, right) = trio.growths[1], trio.stems[1]["harmonic"]
    assert not left[: RATE // 2].any() and not right[: RATE // 2].any()
    alone = growth.harmonic * trio.gain * 10 ** (-6 / 20)
    power = (left.square() + right.square())[RATE // 2 :][: len(alone)]
    assert torch.allclose(power, 2 * alone.square(), atol=1e-6)  # wherever it is, it is as loud
    assert right.abs().max() > 1.5 * left.abs().max()
    left, right = trio.stems[2]["recording"]
    assert torch.equal(left, right)
    start = RATE // 10
    assert torch.allclose(
        left[start : start + len(source.audio)], source.audio * trio.gain * 10 ** (-12 / 20), atol=1e-6
    )


def in_room(source, layers, **setting):
    """A piece of layers in the room of the first one's take, or as the setting says."""
    room = setting.pop("room", None)
    return compose(Composition(layers, room=RoomSetting(**setting)), [source], room=room)


def level_db(sound):
    return 10 * sound.double().square().mean().log10().item()


def test_a_piece_rings_on_in_the_room_of_its_take_until_nobody_hears_it(source, hall):
    standing, layers = replace(source, take=replace(source.take, room=hall)), (Layer(SHORT, gain_db=-6, pan=0.3),)
    dry, wet, wetter, softer = (
        in_room(standing, layers, kind="none"),
        in_room(standing, layers),
        in_room(standing, layers, wet_db=6),
        in_room(standing, layers, wet_db=-60),
    )
    assert torch.equal(dry.audio, in_room(source, layers).audio) and dry.room is None and wet.room is hall
    assert dry.gain == wet.gain == wetter.gain == 1
    added = hall.added(dry.audio)
    whole = F.pad(dry.audio, (0, added.shape[1] - dry.n_samples)) + added
    assert torch.allclose(wet.audio, whole[:, : wet.n_samples], atol=1e-6)
    assert whole[:, wet.n_samples :].abs().max() < 10 ** (-90 / 20) < wet.audio[:, -1].abs().max()
    tail, louder = (piece.audio[:, dry.n_samples :][:, : RATE // 5] for piece in (wet, wetter))
    assert level_db(louder) - level_db(tail) == pytest.approx(6, abs=0.01) and level_db(tail) > -50
    assert dry.n_samples <= softer.n_samples < wet.n_samples < wetter.n_samples
    assert wet.marks == dry.marks and torch.equal(wet.stage_audio(0, 1), dry.stage_audio(0, 1))
    assert [str(c) for c in wet.certificates()] == [str(c) for c in dry.certificates()]


def test_what_the_room_adds_is_a_stem_and_all_fit_in_a_file(source, hall):
    loud = in_room(source, (Layer(SHORT), Layer(NOTE, gain_db=3, delay_s=0.2)), kind="file", room=hall, wet_db=12)
    assert loud.audio.abs().max().item() == pytest.approx(0.9, abs=1e-4) and loud.gain < 1
    assert any("turned down by" in remark and "in the room" in remark for remark in loud.remarks)
    assert [set(stems) for stems in loud.stems] == [{"harmonic", "noise"}] * 2 + [{"room"}]
    assert torch.allclose(sum(stem for stems in loud.stems for stem in stems.values()), loud.audio, atol=1e-6)
    dry = in_room(source, loud.composition.layers, kind="none")
    added = hall.added(dry.audio) / dry.gain * loud.gain * 10 ** (12 / 20)
    assert torch.allclose(loud.stems[-1]["room"], added[: loud.n_samples], atol=1e-5)


def test_a_recording_as_it_is_brings_its_own_room_but_stands_in_that_of_a_file(source, hall):
    standing, layers = replace(source, take=replace(source.take, room=hall)), (Layer(None, gain_db=-6),)
    dry = in_room(standing, layers, kind="none")
    assert torch.equal(in_room(standing, layers).audio, dry.audio)
    assert in_room(standing, layers, kind="file", room=hall).n_samples > dry.n_samples
    for room, message in (
        (None, "a room that is not there"),
        (replace(hall, sample_rate=8_000), "another sample rate"),
    ):
        with pytest.raises(GrowthError, match=message):
            in_room(source, layers, kind="file", room=room)


def test_marks_are_the_stages_of_all_layers_in_time(trio):
    times_s = [0, 0.25, 0.5, 0.5, 0.95, 1.4]
    assert [mark[0] for mark in trio.marks] == pytest.approx(times_s, abs=1e-4)
    assert [mark[1:] for mark in trio.marks] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_layers_are_turned_down_together_and_only_where_they_must(source):
    quiet = compose(Composition((Layer(SHORT, gain_db=-12), Layer(SHORT, seed=1, gain_db=-12))), [source])
    assert quiet.gain == 1 and not any("turned down" in remark for remark in quiet.remarks)
    loud = compose(Composition((Layer(SHORT), Layer(SHORT, seed=1, gain_db=6))), [source])
    assert loud.audio.abs().max().item() == pytest.approx(0.9, abs=1e-4)
    assert any("turned down by" in remark for remark in loud.remarks)
    first, second = (stems["harmonic"].square().mean() for stems in loud.stems)
    assert 10 * (second / first).log10().item() == pytest.approx(6, abs=0.01)


def test_what_is_rendered_already_is_not_rendered_again(trio, source, monkeypatch):
    rendered, real = [], piece_module.grow
    monkeypatch.setattr(piece_module, "grow", lambda *args, **more: rendered.append(args[2]) or real(*args, **more))
    first, second, third = trio.composition.layers
    moved = Composition((replace(first, gain_db=-3, pan=0.2), replace(second, delay_s=0), third))
    again = compose(moved, [source], before=trio)
    assert not rendered and again.growths[0] is trio.growths[0]
    fresh = compose(moved, [source])
    assert torch.equal(again.audio, fresh.audio)
    rendered.clear()
    compose(Composition((replace(first, seed=9), second, second, third)), [source], before=trio)
    assert rendered == [SHORT]
    other = Source(source.model, replace(source.take), source.audio)
    rendered.clear()
    compose(Composition((first,)), [other], before=trio)
    assert rendered == [SHORT]


def test_each_layer_that_grows_is_certified(trio):
    certificates = trio.certificates()
    assert len(certificates) == 2 and all(certificate.passed for certificate in certificates), str(certificates)


def test_pieces_that_cannot_be_are_refused(source, trained, take):
    bare = Source(trained, take)
    slow = Source(replace_rate(trained), take, torch.zeros(100))
    hour = Source(trained, take, torch.zeros(3600 * RATE))
    for layers, sources, message in (
        ((Layer(None),), [bare], "holds no recording"),
        ((Layer(None), Layer(SHORT, source=2)), [source], "^Layer 2: There is no source 2"),
        ((Layer(None), Layer(None, source=1)), [source, slow], "different sample rates"),
        ((Layer(None, delay_s=1),), [hour], "3600"),
        ((Layer(GrowthPlan(noise_stages=((99,),))),), [source], "no band 99"),
    ):
        with pytest.raises(GrowthError, match=message):
            compose(Composition(layers), sources)


def replace_rate(model):
    """A model of another sample rate, as far as its config goes."""
    return type("Model", (), {"config": replace(model.config, sample_rate=22_050)})()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Layer("fibonacci"),
        lambda: Layer(None, delay_s=601),
        lambda: Layer(None, gain_db=13),
        lambda: Layer(None, pan=1.1),
        lambda: Layer(None, pan=float("nan")),
        lambda: Layer(None, source=-1),
        lambda: Layer(None, seed=1.5),
        lambda: Composition(()),
        lambda: Composition((Layer(None),) * 9),
        lambda: Composition((SHORT,)),
        lambda: Composition((Layer(None),), 120),
        lambda: Composition((Layer(None),), room="hall"),
        lambda: RoomSetting("hall"),
        lambda: RoomSetting(wet_db=21),
        lambda: RoomSetting(wet_db=float("nan")),
        lambda: RoomSetting("learned", sha256="0" * 64),
        lambda: RoomSetting("file", sha256="0"),
        lambda: RoomSetting("file", sha256=5),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(make):
    with pytest.raises(GrowthError) as error:
        make()
    assert "\n" not in str(error.value)

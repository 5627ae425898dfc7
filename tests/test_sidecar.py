"""Sidecars: a piece is rendered again from its text, and strangers' texts do no harm."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from ddsp_nb import (
    Composition,
    DDSPModel,
    GrowthPlan,
    Layer,
    RoomSetting,
    Source,
    Tempo,
    WorkbookError,
    compose,
    grow,
)
from ddsp_nb.errors import WorkbookWarning
from ddsp_nb.piece.digests import model_sha256, recording_sha256, room_sha256, take_sha256
from ddsp_nb.piece.sidecar import parse_sidecar, read_sidecar, regrow, sidecar_of

PLAN = GrowthPlan("linear", n_stages=3, noise="bands", pitch=("A3", "C#4"), stage_duration_s=0.2)
DRAWN = GrowthPlan(stages=((), (1, 2), (1, 3)), noise_stages=((1, 2, 3), ()), stage_duration_s=0.3)


@pytest.fixture(scope="module")
def growth(trained, take):
    return grow(trained, take, PLAN, seed=5)


def louder(take):
    """Another take, by a hair."""
    return replace(take, controls=take.controls.scaled(torch.full((len(take.features),), 1.001)))


@pytest.fixture(scope="module")
def sources(trained, take, clip):
    return [Source(trained, take, clip), Source(trained, louder(take))]


@pytest.fixture(scope="module")
def piece(sources):
    layers = (
        Layer(PLAN, seed=1, pan=-0.5),
        Layer(None, seed=3, delay_s=0.25, gain_db=-6),
        Layer(DRAWN, seed=2, source=1, delay_s=0.1),
        Layer(DRAWN, seed=2, delay_s=0.5, pan=1),
    )
    return compose(Composition(layers, Tempo(96, 3)), sources)


def test_a_piece_of_layers_is_rendered_again_from_its_text(piece, sources):
    sidecar = parse_sidecar(sidecar_of(piece, "PCM_24").to_json())
    assert sidecar == sidecar_of(piece, "PCM_24") and sidecar.composition.tempo == Tempo(96, 3)
    first, second = sources
    again = regrow(sidecar, (first.model, second.take), first)  # in any order, as a tuple too
    assert torch.equal(again.audio, piece.audio)
    assert sidecar_of(again, "PCM_24").to_json() == sidecar.to_json()


@pytest.mark.parametrize("kind", ["learned", "file"])
def test_a_piece_in_a_room_is_rendered_again_in_it_and_in_no_other(sources, hall, kind):
    cave = replace(hall, impulse=hall.impulse[:1000])
    given = hall if kind == "file" else None
    standing = replace(sources[0], take=replace(sources[0].take, room=None if given else hall))
    piece = compose(Composition((Layer(PLAN),), room=RoomSetting(kind, wet_db=3)), [standing], room=given)
    sidecar = parse_sidecar(sidecar_of(piece).to_json())
    assert sidecar.composition.room == RoomSetting(kind, wet_db=3, sha256=given and room_sha256(hall))
    again = regrow(sidecar, standing, room=given)
    assert torch.equal(again.audio, piece.audio) and sidecar_of(again) == sidecar
    elsewhere = replace(standing, take=replace(standing.take, room=None if given else cave))
    for room in (None, cave):
        with pytest.raises(WorkbookError, match=r"another recording|a room that is not there|room of another file"):
            regrow(sidecar, elsewhere, room=room)


def test_the_text_of_a_layer_has_what_it_was_played_from_and_no_more(piece, sources, clip):
    values = json.loads(sidecar_of(piece).to_json())
    assert {frozenset(layer) for layer in values["layers"]} == {
        frozenset({"plan", "seed", "origin", "delay_s", "gain_db", "pan"})
    }
    grown = {"model_sha256", "take_sha256"}
    assert [set(layer["origin"]) for layer in values["layers"]] == [grown, {"recording_sha256"}, grown, grown]
    assert values["layers"][1]["origin"]["recording_sha256"] == recording_sha256(clip)
    assert values["tempo"] == {"bpm": 96, "beats_per_bar": 3}


def test_what_a_layer_lacks_is_told(piece, sources, trained, take):
    sidecar, (first, second) = sidecar_of(piece), sources
    for given, message in (
        ([second], "Layer 1 was grown from another recording"),
        ([first], "Layer 3 was grown from another recording"),
        ([], "Layer 1 was grown from another model"),
        ([(trained, take), second], "Layer 2 plays a recording that is not there"),
    ):
        with pytest.raises(WorkbookError, match=message):
            regrow(sidecar, *given)


def test_digests_change_with_what_they_stand_for(trained, take, growth):
    assert model_sha256(trained) == sidecar_of(growth).origins[0].model_sha256
    assert take_sha256(take) != take_sha256(louder(take))
    moved = replace(take.features, f0_hz=take.features.f0_hz * 1.0001)
    assert take_sha256(take) != take_sha256(replace(take, features=moved))
    changed = DDSPModel(trained.config)
    changed.load_state_dict(trained.state_dict())
    changed.octave_quantiles.add_(1e-6)
    assert model_sha256(changed) != model_sha256(trained)


def test_another_recording_is_refused(growth, trained, take):
    with pytest.raises(WorkbookError, match=r"^The piece was grown from another recording"):
        regrow(sidecar_of(growth), (trained, louder(take)))


def test_other_versions_are_told(growth, trained, take):
    sidecar = sidecar_of(growth)
    older = replace(sidecar, versions=sidecar.versions | {"torch": "1.0"})
    with pytest.warns(WorkbookWarning, match=r"Other versions .*\(torch\)"):
        regrow(older, (trained, take))


def broken(growth):
    """Texts that are no sidecar, each with what is wrong."""
    good = json.loads(sidecar_of(growth).to_json())
    change = lambda **values: json.dumps(good | values)
    layer = lambda **values: change(layers=[good["layers"][0] | values])
    yield from ("", "[]", "null", "{", "[" * 100_000, "NaN", json.dumps(good)[:-1], b"\xff\xfe\x00")
    yield from (change(format=name) for name in ("other", "ddsp_nb growth 7", 8, None, ["ddsp_nb growth 8"]))
    yield change(version=4)
    yield json.dumps(good | {"ex\ntra": 1})
    yield json.dumps({name: value for name, value in good.items() if name != "tempo"})
    yield from (change(subtype=subtype) for subtype in ("MP3", 1, None, ["PCM_16"]))
    yield from (change(versions=value) for value in ([], None, {"torch": 2}, {"torch": "x" * 1000}, {"a\nb": "1"}))
    yield from (change(layers=value) for value in ([], None, {}, [None], [[]], [{}], good["layers"] * 9, 5))
    yield from (change(tempo=value) for value in (None, {}, {"bpm": 120}, {"bpm": 0, "beats_per_bar": 4}, [120, 4]))
    yield from (change(room=value) for value in (None, {}, {"kind": "learned"}, ["none"], good["room"] | {"ex": 1}))
    yield from (
        change(room={"kind": kind, "wet_db": wet_db, "sha256": sha256})
        for kind, wet_db, sha256 in (
            ("hall", 0, None),
            (1, 0, None),
            ("none", 99, None),
            ("file", 0, "f"),
            ("file", 0, {}),
        )
    )
    yield from (change(target_lufs=value) for value in (0, -41, "-16", True, [-16]))
    yield from (layer(seed=seed) for seed in (-1, 2**32, 1.5, True, "1", None, 10**300))
    origin = good["layers"][0]["origin"]
    yield from (layer(origin=origin | {"model_sha256": value}) for value in ("", 5, "0" * 63, "G" * 64, None))
    yield from (layer(origin=value) for value in (None, {}, [], {"recording_sha256": "0" * 64}, origin | {"ex": 1}))
    yield from (layer(source=0), layer(ex=1))
    yield from (layer(delay_s=value) for value in (-1, 601, None, "1", [1], 10**400))
    yield from (layer(gain_db=13), layer(gain_db=-61), layer(pan=2), layer(pan="left"))
    yield from (layer(plan=value) for value in (None, [], 5, {"speed": 1}, {"n_stages": 1e9}, {"pitch": [[]]}))
    yield from (
        layer(plan={"timbre": value}) for value in ("flute:0", ["own", 5], [], "x:" * 400_000, ["flute"] * 2000)
    )
    yield from (layer(plan={"timbre": "oboe"}), layer(origin=origin | {"family_sha256": "0" * 64}))
    yield from (layer(plan={"spe\ned": 1}), layer(plan={"stage_duration_s": float("nan")}))
    dry = {"plan": None, "seed": 0, "delay_s": 0, "gain_db": 0, "pan": 0}
    yield from (change(layers=[dry | {"origin": {"recording_sha256": value}}]) for value in (None, 5, "0"))
    yield " " * 2_000_000


def test_sidecars_of_strangers_are_refused_in_one_line(growth, tmp_path):
    texts = list(broken(growth))
    assert len(texts) > 60
    for text in texts:
        with pytest.raises(WorkbookError) as error:
            parse_sidecar(text)
        assert "\n" not in str(error.value) and len(str(error.value)) < 1000
        path = tmp_path / "sidecar.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(WorkbookError, match=r"sidecar\.json: "):
            read_sidecar(path)


def test_sidecars_that_are_not_there(tmp_path):
    for name in ("missing.json", ".", "missing.wav"):
        with pytest.raises(WorkbookError, match="cannot be read"):
            read_sidecar(tmp_path / name)


def test_plans_of_a_sidecar_are_plain_values(piece):
    plans = [layer["plan"] for layer in json.loads(sidecar_of(piece).to_json())["layers"]]
    assert plans[1] is None and GrowthPlan.from_dict(plans[2]) == DRAWN
    assert json.loads(json.dumps(asdict(DRAWN))) == plans[2]

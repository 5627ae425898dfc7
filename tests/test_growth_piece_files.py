"""Files of a piece of layers: stems, cue points, MIDI on its grid, and a zip of all of it."""

import struct
import zipfile
from dataclasses import replace
from itertools import pairwise

import mido
import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import Composition, GrowthError, GrowthPlan, Layer, RoomSetting, Source, Tempo, compose, regrow
from ddsp_nb.panels.growth.export_box import ExportBox
from ddsp_nb.piece.export import export
from ddsp_nb.piece.sidecar import read_sidecar
from ddsp_nb.sound.load import load_audio

RATE, TEMPO = 16_000, Tempo(93, 3)
EIGHTHS = GrowthPlan(
    stages=(1, 2, 3, 4, 5, 6, 7),
    stage_duration_s=TEMPO.seconds("1/8"),
    silence_duration_s=TEMPO.seconds("1/16t"),
    pitch="A4",
    noise="every",
)
DRAWN = GrowthPlan(stages=((), (1, 2)), noise_stages=((1, 2),), stage_duration_s=TEMPO.seconds("1/4."), pitch="E4")
ALL = dict(stems=True, stages=True, midi=True, stage_map=True)


@pytest.fixture(scope="module")
def sources(trained, take, clip):
    return [Source(trained, take, clip)]


@pytest.fixture(scope="module")
def stereo(sources):
    layers = (
        Layer(EIGHTHS, seed=3, pan=-0.7),
        Layer(DRAWN, delay_s=TEMPO.seconds("1/2"), gain_db=-6, pan=0.5),
        Layer(None, delay_s=0.1, gain_db=-12),
    )
    return compose(Composition(layers, TEMPO), sources)


@pytest.fixture(scope="module")
def mono(stereo, sources):
    layers = tuple(replace(layer, pan=0.0) for layer in stereo.composition.layers)
    return compose(Composition(layers, TEMPO), sources, before=stereo)


@pytest.fixture(scope="module")
def reverberant(stereo, sources, hall):
    """The same in a room."""
    composition = replace(stereo.composition, room=RoomSetting("file", wet_db=3))
    return compose(composition, sources, room=hall, before=stereo)


@pytest.mark.parametrize("kind", ["stereo", "mono", "reverberant"])
@pytest.mark.parametrize(("subtype", "suffix"), [("PCM_16", "wav"), ("PCM_24", "flac"), ("FLOAT", "wav")])
def test_stems_of_all_layers_add_up_to_the_piece_to_the_last_bit(request, tmp_path, kind, subtype, suffix):
    piece = request.getfixturevalue(kind)
    export(piece, tmp_path / f"piece.{suffix}", stems=True, subtype=subtype)
    read = lambda name: sf.read(tmp_path / f"{name}.{suffix}", dtype="float64")[0]
    whole = read("piece")
    assert whole.shape == ((piece.n_samples,) if kind == "mono" else (piece.n_samples, 2))
    names = ("1_harmonic", "1_noise", "2_harmonic", "2_noise", "3_recording")
    stems = [read(f"piece_layer_{name}") for name in names] + ([read("piece_room")] if piece.room else [])
    assert all(np.abs(stem).max() > 1e-3 for stem in stems)
    difference = np.abs(sum(stems) - whole).max()
    assert difference == 0 if subtype != "FLOAT" else difference < 1e-6
    bits = 16 if subtype == "PCM_16" else 24
    assert np.abs(whole - piece.audio.double().numpy().T).max() <= 0.5001 / 2 ** (bits - 1)


def test_every_layer_has_its_own_stages_and_map(stereo, tmp_path):
    paths = export(stereo, tmp_path / "piece.wav", **ALL)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    stages = [f"piece_layer_1_stage_{i:02d}.wav" for i in range(1, 8)] + [
        f"piece_layer_2_stage_0{i}.wav" for i in (1, 2)
    ]
    maps = ["piece_layer_1_map.png", "piece_layer_2_map.png"]
    assert {*stages, *maps, "piece.mid", "piece.json"} <= {path.name for path in paths}
    sound, _ = sf.read(tmp_path / "piece_layer_2_stage_02.wav")
    stage, start = stereo.growths[1].stages[1], round(stereo.composition.layers[1].delay_s * RATE)
    whole = sum(sf.read(tmp_path / f"piece_layer_2_{part}.wav")[0] for part in ("harmonic", "noise"))
    assert np.abs(whole[start + stage.start : start + stage.stop] - sound).max() < 2 / 32768


def chunks_of(content):
    """Chunks of a WAV file, (name, content) each, read to the last byte."""
    assert (
        content[:4] == b"RIFF" and content[8:12] == b"WAVE" and struct.unpack("<I", content[4:8])[0] == len(content) - 8
    )
    return list(pieces(content, 12))


def pieces(content, at):
    while at < len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        assert at + 8 + size <= len(content)
        yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(content)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_stages_are_cue_points_with_their_names(stereo, tmp_path, subtype):
    path = export(stereo, tmp_path / "piece.wav", subtype=subtype)[0]
    chunks = chunks_of(path.read_bytes())
    (cue,) = [content for name, content in chunks if name == b"cue "]
    (labels,) = [content for name, content in chunks if name == b"LIST" and content[:4] == b"adtl"]
    points = list(struct.iter_unpack("<II4sIII", cue[4:]))
    assert struct.unpack("<I", cue[:4])[0] == len(points) == len(stereo.marks) == 9
    names = {}
    for kind, content in pieces(labels, 4):
        assert kind == b"labl" and content[-1:] == b"\0"
        names[struct.unpack("<I", content[:4])[0]] = content[4:-1].decode()
    for (number, _, chunk, _, _, at), (at_s, i, j) in zip(points, stereo.marks, strict=True):
        assert chunk == b"data" and at == round(at_s * RATE) < stereo.n_samples
        assert names[number] == f"Layer {i + 1} stage {j + 1}"


def test_other_programs_find_what_a_growth_was_made_of(mono, tmp_path):
    path = export(mono.growths[0], tmp_path / "alone.wav")[0]
    assert sf.SoundFile(path).comment.startswith('{"format"')


def test_a_sound_with_cue_points_is_read_as_the_same_sound(mono, tmp_path):
    path = export(mono, tmp_path / "piece.wav", subtype="FLOAT")[0]
    assert torch.equal(load_audio(path, RATE), mono.audio)
    chunks = chunks_of(export(mono.growths[0], tmp_path / "alone.wav")[0].read_bytes())
    assert any(b"Stage 7\0" in content for name, content in chunks if name == b"LIST")


def test_midi_is_on_the_grid_of_the_tempo(stereo, tmp_path):
    export(stereo, tmp_path / "piece.wav", midi=True)
    file = mido.MidiFile(tmp_path / "piece.mid")
    assert file.type == 1 and [track.name for track in file.tracks[1:]] == ["Layer 1", "Layer 2", "Layer 3"]
    head = {message.type: message for message in file.tracks[0]}
    assert mido.tempo2bpm(head["set_tempo"].tempo) == pytest.approx(93, abs=1e-3)
    assert (head["time_signature"].numerator, head["time_signature"].denominator) == (3, 4)
    beat, eighth, gap = 960, 480, 160  # ticks; a triplet of sixteenths is two thirds of 240
    on = lambda track: [(tick, m.note) for tick, m in timed(track) if m.type == "note_on"]
    off = lambda track: [tick for tick, m in timed(track) if m.type == "note_off"]
    assert file.ticks_per_beat == beat
    assert on(file.tracks[1]) == [(k * (eighth + gap), 69) for k in range(7)]
    assert off(file.tracks[1]) == [k * (eighth + gap) + eighth for k in range(7)]
    # Of breath and tone, the tone; 0.2 s between them are 297.6 ticks.
    assert [tick for tick, _ in on(file.tracks[2])] == [2 * beat + 1440 + 298]
    assert not on(file.tracks[3])


def timed(track):
    """Messages with their ticks since the start."""
    now = 0
    for message in track:
        now += message.time
        yield now, message


def test_markers_name_the_stages(stereo, tmp_path):
    export(stereo, tmp_path / "piece.wav", midi=True)
    markers = [
        (tick, m.text) for tick, m in timed(mido.MidiFile(tmp_path / "piece.mid").tracks[0]) if m.type == "marker"
    ]
    assert len(markers) == 9 and (1920, "Layer 2 stage 1") in markers
    assert all(a[0] <= b[0] for a, b in pairwise(markers))


def test_beats_stay_on_the_grid_of_midi_for_minutes(sources, tmp_path):
    """Rounding each stage to samples would be a tick off after some hundred stages."""
    tempo = Tempo(133, 4)
    plan = replace(EIGHTHS, stages=(1,) * 600, stage_duration_s=tempo.seconds("1/16"), silence_duration_s=0)
    export(compose(Composition((Layer(plan),), tempo), sources), tmp_path / "piece.wav", midi=True)
    track = mido.MidiFile(tmp_path / "piece.mid").tracks[1]
    assert [tick for tick, m in timed(track) if m.type == "note_on"] == [240 * k for k in range(600)]


def test_everything_fits_into_one_zip_of_the_same_bytes(stereo, tmp_path):
    (path,) = export(stereo, tmp_path / "duet.zip", **ALL)
    assert [p.name for p in tmp_path.iterdir()] == ["duet.zip"]
    loose = export(stereo, tmp_path / "loose" / "duet.wav", **ALL)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(p.name for p in loose)
        assert all(archive.read(p.name) == p.read_bytes() for p in loose)
    assert export(stereo, tmp_path / "again" / "duet.zip", **ALL)[0].read_bytes() == path.read_bytes()
    with pytest.raises(GrowthError, match=r"duet\.zip: exists already"):
        export(stereo, path)
    export(stereo, path, overwrite=True)
    assert zipfile.ZipFile(path).namelist() == ["duet.wav", "duet.json"]


def test_a_download_has_all_files_of_the_piece(stereo, sources, tmp_path):
    box = ExportBox(lambda: None, lambda: None)
    box.file_name.value, box.bits.value = "elsewhere/duet.wav", "PCM_24"
    name, content = box.zipped(stereo)
    (path,) = export(stereo, tmp_path / "duet.zip", **ALL, subtype="PCM_24")
    assert name == "duet.zip" and content == path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        archive.extract("duet.wav", tmp_path)
    assert torch.equal(regrow(read_sidecar(tmp_path / "duet.wav"), *sources).audio, stereo.audio)


def test_a_full_disk_leaves_no_half_zip(stereo, tmp_path, full_disk):
    with full_disk(), pytest.raises(Exception, match="cannot be written"):
        export(stereo, tmp_path / "duet.zip")
    assert not list(tmp_path.iterdir())

"""Files of a growth: sound, stems, stages, sidecar, MIDI and picture."""

import matplotlib.image
import mido
import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import AudioError, GrowthError, GrowthPlan, grow
from ddsp_nb.growth.export import export
from ddsp_nb.growth.sidecar import read_sidecar, regrow, sidecar_of
from ddsp_nb.notes.level import midi_value

FORMATS = [("PCM_16", "wav"), ("PCM_24", "wav"), ("FLOAT", "wav"), ("PCM_16", "flac"), ("PCM_24", "flac")]


@pytest.fixture(scope="module")
def growth(trained, take):
    plan = GrowthPlan(
        "linear", n_stages=3, noise="bands", pitch=("A3", "C#4", "E5"), loudness_db=(-16, 0), stage_duration_s=0.3
    )
    return grow(trained, take, plan, seed=5)


@pytest.mark.parametrize(("subtype", "suffix"), FORMATS)
def test_stems_add_up_to_the_piece_and_stages_are_cut_from_it(growth, tmp_path, subtype, suffix):
    paths = export(growth, tmp_path / f"piece.{suffix}", stems=True, stages=True, subtype=subtype)
    assert sorted(path.name for path in paths) == sorted(path.name for path in tmp_path.iterdir())
    read = lambda name: sf.read(tmp_path / f"{name}.{suffix}", dtype="float64")[0]
    piece = read("piece")
    assert sf.info(paths[0]).subtype == subtype and sf.info(paths[0]).samplerate == 16_000
    bits = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 24}[subtype]
    assert np.abs(piece - growth.audio.double().numpy()).max() <= 0.5001 / 2 ** (bits - 1)
    difference = np.abs(read("piece_harmonic") + read("piece_noise") - piece).max()
    assert difference == 0 if subtype != "FLOAT" else difference < 1e-7
    for i, stage in enumerate(growth.stages, 1):
        assert np.array_equal(read(f"piece_stage_{i:02d}"), piece[stage.start : stage.stop])


@pytest.mark.parametrize(("subtype", "suffix"), [FORMATS[0], FORMATS[2], FORMATS[4]])
def test_the_file_itself_can_be_rendered_again(growth, trained, take, tmp_path, subtype, suffix):
    path = export(growth, tmp_path / f"piece.{suffix}", subtype=subtype)[0]
    assert read_sidecar(path) == read_sidecar(tmp_path / "piece.json") == sidecar_of(growth, subtype)
    again = regrow(read_sidecar(path), (trained, take))
    assert torch.equal(again.audio, growth.audio)
    other = export(again, tmp_path / f"again.{suffix}", subtype=subtype)[0]
    assert other.read_bytes() == path.read_bytes()


def test_a_long_plan_fits_into_the_comment(trained, take, tmp_path):
    everything = [list(range(1, n + 1)) for n in range(1, 33)] * 4
    growth = grow(trained, take, GrowthPlan(stages=everything, stage_duration_s=0.02, silence_duration_s=0))
    for name in ("piece.wav", "piece.flac"):
        path = export(growth, tmp_path / name, overwrite=True)[0]
        assert read_sidecar(path).composition.layers[0].plan == growth.plan
        assert len(sf.read(path)[0]) == len(growth.audio)


def test_float_files_do_not_depend_on_the_time(growth, tmp_path):
    content = export(growth, tmp_path / "piece.wav", subtype="FLOAT")[0].read_bytes()
    at = content.find(b"PEAK")
    assert at < 0 or content[at + 12 : at + 16] == bytes(4)


def test_midi_has_a_note_for_every_stage(growth, tmp_path):
    export(growth, tmp_path / "piece.wav", midi=True)
    now, notes = 0.0, []
    for message in mido.MidiFile(tmp_path / "piece.mid"):
        now += message.time
        if message.type in ("note_on", "note_off"):
            notes.append((message.type, message.note, message.velocity, now))
    assert [note[:3] for note in notes if note[0] == "note_on"] == [
        ("note_on", 57, midi_value(-16)),
        ("note_on", 61, midi_value(-8)),
        ("note_on", 76, midi_value(0)),
    ]
    edges_s = [x / 16_000 for stage in growth.stages for x in (stage.start, stage.stop)]
    assert [note[3] for note in notes] == pytest.approx(edges_s, abs=0.001)


def test_the_map_shows_partials_and_bands(growth, tmp_path):
    export(growth, tmp_path / "piece.wav", stage_map=True)
    picture = matplotlib.image.imread(tmp_path / "piece_map.png")[..., :3]
    blue = (picture[..., 2] - picture[..., 0] > 0.3).sum()
    orange = (picture[..., 0] - picture[..., 2] > 0.3).sum()
    assert blue > 0.03 * picture[..., 0].size and orange > 0.01 * picture[..., 0].size


def test_existing_files_stay_unless_asked(growth, tmp_path):
    (tmp_path / "piece.mid").write_text("mine")
    with pytest.raises(GrowthError, match=r"piece\.mid: exists already"):
        export(growth, tmp_path / "piece.wav", midi=True)
    assert [path.name for path in tmp_path.iterdir()] == ["piece.mid"]
    export(growth, tmp_path / "piece.wav", midi=True, overwrite=True)
    assert (tmp_path / "piece.mid").read_bytes().startswith(b"MThd")


def test_names_and_formats_that_cannot_be_are_refused(growth, tmp_path):
    names = {"piece.mp3": "PCM_16", "piece.flac": "FLOAT", "piece.wav": "PCM_8", "": "PCM_16"}
    for name, subtype in names.items():
        with pytest.raises(GrowthError):
            export(growth, tmp_path / name, subtype=subtype)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_half_file(growth, tmp_path, full_disk):
    with full_disk(), pytest.raises((AudioError, GrowthError), match="cannot be written"):
        export(growth, tmp_path / "piece.wav", stems=True)
    assert all(path.suffix == ".json" for path in tmp_path.iterdir())


def test_a_stranger_cannot_ask_for_hours(trained, take):
    melody = [100.0 + i for i in range(1000)]
    for plan in (
        GrowthPlan(pitch=melody, stage_duration_s=600),
        GrowthPlan(stages=[1] * 1000, stage_duration_s=10),
        GrowthPlan(stages=[1] * 300, stage_duration_s=10, crossfade_s=0.1, pitch=("A3", "A4", "A5")),
    ):
        with pytest.raises(GrowthError, match="3600"):
            grow(trained, take, plan)

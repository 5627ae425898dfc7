"""Files of a growth: sound, stems, stages, sidecar, MIDI and picture."""

import matplotlib.image
import pytest
import soundfile as sf
import torch

from ddsp_nb import GrowthError, GrowthPlan, grow
from ddsp_nb.piece.export import export
from ddsp_nb.piece.sidecar import read_sidecar, regrow, sidecar_of

FORMATS = [("PCM_16", "wav"), ("PCM_24", "wav"), ("FLOAT", "wav"), ("PCM_16", "flac"), ("PCM_24", "flac")]


@pytest.fixture(scope="module")
def growth(trained, take):
    plan = GrowthPlan(
        "linear", n_stages=3, noise="bands", pitch=("A3", "C#4", "E5"), loudness_db=(-16, 0), stage_duration_s=0.3
    )
    return grow(trained, take, plan, seed=5)


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


def test_a_stranger_cannot_ask_for_hours(trained, take):
    melody = [100.0 + i for i in range(1000)]
    for plan in (
        GrowthPlan(pitch=melody, stage_duration_s=600),
        GrowthPlan(stages=[1] * 1000, stage_duration_s=10),
        GrowthPlan(stages=[1] * 300, stage_duration_s=10, crossfade_s=0.1, pitch=("A3", "A4", "A5")),
    ):
        with pytest.raises(GrowthError, match="3600"):
            grow(trained, take, plan)

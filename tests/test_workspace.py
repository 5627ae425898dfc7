"""The workspace: what is chosen stays chosen, and a model is never taken for another recording's."""

import json

import pytest
import torch

from ddsp_nb import AudioError, load_audio
from ddsp_nb.store.workspace import Workspace

RATE = 16_000


@pytest.fixture
def workspace(tmp_path, data):
    return Workspace(tmp_path / "my", data)


def tone(hz):
    return 0.5 * torch.sin(2 * torch.pi * hz * torch.arange(RATE) / RATE)


def test_the_violin_is_current_until_something_is_chosen(workspace):
    assert workspace.current.name == "violin" and not workspace.folder.exists()
    workspace.choose("flute")
    assert Workspace(workspace.folder, workspace.shipped).current.name == "flute"
    with pytest.raises(AudioError, match="choose one of"):
        workspace.choose("kazoo")
    assert workspace.current.name == "flute"


def test_what_is_added_is_kept_and_current(workspace):
    added = workspace.add("tone.wav", tone(440), RATE)
    assert added == workspace.current and not added.shipped and not added.trained
    assert torch.allclose(load_audio(added.path, RATE), tone(440), atol=1e-3)
    assert [r.name for r in workspace.recordings()][-1] == "tone"


def test_models_belong_to_sounds_not_to_names(workspace):
    first = workspace.add("tone", tone(440), RATE)
    first.model_path.parent.mkdir()
    first.model_path.write_bytes(b"its model")
    assert workspace.current.trained
    second = workspace.add("tone", tone(550), RATE)
    assert second.name == "tone 2" and second.model_path != first.model_path and not second.trained
    first.path.write_bytes(second.path.read_bytes())  # another sound under the name
    assert not next(r for r in workspace.recordings() if r.name == "tone").trained


@pytest.mark.parametrize("content", ["", "[]", '{"name": 3}', '{"name": "gone"}', "\udcff"])
def test_a_damaged_choice_is_no_choice(workspace, content):
    workspace.folder.mkdir()
    (workspace.folder / "current.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert workspace.current.name == "violin"


def test_without_recordings_the_error_says_where_to_start(tmp_path):
    with pytest.raises(AudioError, match="folder of the notebooks"):
        _ = Workspace(tmp_path, tmp_path / "none").current


def test_the_choice_is_plain_json(workspace):
    workspace.choose("voice")
    assert json.loads((workspace.folder / "current.json").read_text()) == {"name": "voice"}

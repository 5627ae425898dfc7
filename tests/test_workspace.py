"""The workspace: what is chosen stays chosen, and a model is never taken for another recording's or stretch's."""

import io
import json

import pytest
import soundfile as sf
import torch

from ddsp_nb import AudioError, Config, load_audio, load_or_train
from ddsp_nb.panels import RecordingChooser
from ddsp_nb.sound.overview import outline, sounding_stretch
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


# Long recordings


def silence(seconds):
    return torch.zeros(round(seconds * RATE))


@pytest.fixture(scope="module")
def phrase(data):
    return load_audio(data / "violin.flac", RATE)


@pytest.fixture(scope="module")
def memo(phrase):
    """Three minutes as a phone has them: someone fumbles with it for 8 s, then the violin begins, softer each time."""
    torch.manual_seed(0)
    fumbling = torch.randn(8 * RATE) * 1e-3
    for knock in range(1, 8):
        fumbling[knock * RATE :][:800] += 0.2 * torch.randn(800)
    again = [part for i in range(27) for part in (phrase * (1 - i / 40), silence(0.5))]
    return torch.cat([fumbling, silence(0.4), *again])[: 180 * RATE]


@pytest.fixture
def with_memo(workspace, memo):
    workspace.add("memo", memo, RATE)
    return workspace


def test_the_first_choice_begins_with_the_music_and_ends_in_a_rest(with_memo, memo):
    recording = with_memo.current
    start_s, stop_s = recording.stretch_s
    assert recording.is_long and 7 <= start_s <= 8.5 and 24 <= stop_s - start_s <= 30
    assert memo[round(stop_s * RATE) :][: RATE // 50].abs().max() < 0.05 * memo.abs().max()
    whole = load_audio(recording.path, RATE)
    assert torch.equal(recording.audio(RATE), whole[round(start_s * RATE) : round(stop_s * RATE)])


def test_long_rests_are_not_chosen(phrase):
    start_s, stop_s = sounding_stretch(torch.cat([silence(150), phrase, silence(20)]), RATE, 30)
    assert 149 < start_s < 151 and 155 < stop_s < 158
    assert sounding_stretch(phrase, RATE, 30) == (0, len(phrase) / RATE)


def test_a_stretch_is_kept_and_has_a_model_of_its_own(with_memo):
    first = with_memo.current
    second = with_memo.choose_stretch(60, 75.128)
    assert second.stretch_s == (60, 75.13) and second == Workspace(with_memo.folder, with_memo.shipped).current
    assert second.model_path != first.model_path and second.path == first.path
    with_memo.choose("violin")
    assert with_memo.choose("memo") == second
    assert with_memo.choose_stretch(*first.stretch_s) == first
    assert with_memo.choose_stretch(*first.stretch_s, learn_all=True).model_path != first.model_path


def test_a_stretch_lies_within_the_recording_and_sounds(with_memo):
    assert with_memo.choose_stretch(100, 500).stretch_s == (100, 160)
    assert with_memo.choose_stretch(-5, 0).stretch_s == (0, 1)
    last = with_memo.choose_stretch(179.9, 300)
    assert last.stretch_s == (179, 180)
    quiet = with_memo.add("rests", torch.cat([tone(440), silence(60)]), RATE)
    with pytest.raises(AudioError, match="silent"):
        with_memo.choose_stretch(20, 30)
    assert with_memo.current == quiet and quiet.stretch_s[0] == 0


@pytest.mark.parametrize("content", ["[]", '{"memo": 3}', '{"memo": [8, 4, false]}', '{"memo": [170, 190, true]}', "{"])
def test_a_damaged_stretch_is_the_beginning(with_memo, content):
    (with_memo.folder / "stretches.json").write_text(content)
    assert with_memo.current.stretch_s == (0, 30) and not with_memo.current.learn_all


def test_all_of_it_is_learned_once_and_the_take_is_the_stretch(workspace, phrase):
    config = Config(sample_rate=RATE, hidden_size=16, n_harmonics=8, n_bands=8)
    workspace.add("lesson", torch.cat([silence(12), phrase, silence(7), 0.5 * phrase]), RATE)
    recording = workspace.choose_stretch(12, 18)
    _, take = load_or_train(recording.model_path, recording, config, epochs=1)
    assert recording.trained and take.features.n_samples == 6 * RATE
    both = workspace.choose_stretch(12, 18, learn_all=True)
    first, second = both.analyse(config)
    assert not both.trained and torch.equal(first.features.f0_hz, take.features.f0_hz)
    assert second.name == "lesson.flac (18-31 s)" and len(second.audio) > 12 * RATE


def test_the_outline_shows_where_it_sounds(with_memo):
    low, high = outline(with_memo.current.path, 180).astype(int)
    assert high.max() == 127 or low.min() == -127
    assert (high - low)[0] < 3 and (high - low)[9:].min() > 30


def test_the_chooser_says_what_is_used_and_cuts_elsewhere(workspace, memo):
    chooser = RecordingChooser(workspace, Config(sample_rate=RATE, n_harmonics=8, n_bands=8))
    assert not chooser.picker.about and "long" not in chooser.words.value
    sf.write(file := io.BytesIO(), memo.numpy(), RATE, format="WAV")
    chooser.bring("my memo.wav", file.getvalue())
    assert "It is 3:00 long; from 0:0" in chooser.words.value and "sines reach" in chooser.words.value
    assert chooser.picker.about["stretch"] == list(chooser.recording.stretch_s)
    assert chooser.picker.about["seconds"] == 180 and len(chooser.picker.outline) > 2000
    chooser.cut(100, 104, True)
    assert "from 1:40 to 1:44 is used" in chooser.words.value and "learns from all of it" in chooser.words.value
    assert "4.0 s" in chooser.words.value and chooser.recording.stretch_s == (100, 104)
    workspace.choose("violin")
    assert not RecordingChooser(workspace).picker.about

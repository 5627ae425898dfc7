"""The workspace: what is chosen stays chosen, and a model is never taken for another recording's or stretch's."""

import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import soundfile as sf
import torch

from ddsp_nb import AudioError, Config, load_audio, load_or_train
from ddsp_nb.errors import WorkbookError
from ddsp_nb.panels import RecordingChooser
from ddsp_nb.panels.chooser import judge
from ddsp_nb.sound.overview import outline, sounding_stretch
from ddsp_nb.store.workspace import Workspace

RATE = 16_000
STRETCHES = Path("stretches.json")


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


# Other names, and none any more


@pytest.fixture
def trained(workspace):
    """Two recordings of one's own; the second is current, long, and has a model, a run and renders."""
    workspace.add("horn", tone(440), RATE)
    workspace.add("memo", torch.cat([tone(330), tone(550)] * 16), RATE)
    recording = workspace.choose_stretch(2, 12)
    stem = recording.model_path.stem
    for name in (f"models/{stem}.pt", f"models/{stem}.run.pt", f"growth/{stem}-renders.json", "growth/presets.json"):
        (workspace.folder / name).parent.mkdir(exist_ok=True)
        (workspace.folder / name).write_text(name)
    return workspace


def files_of(workspace):
    """Everything in a workspace, by its name."""
    return {path.relative_to(workspace.folder): path.read_bytes() for path in workspace.folder.rglob("*.*")}


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Свирель 口笛", "Свирель 口笛"),
        ("मेरी बाँसुरी", "मेरी बाँसुरी"),
        (" a/b: «c»?", "a b «c»"),
        ("Op. 3.", "Op. 3"),
        ("笛" * 99, "笛" * 60),
    ],
)
def test_a_recording_renamed_in_any_language_keeps_what_belongs_to_it(trained, wanted, name):
    before = trained.current
    after = trained.rename("memo", wanted)
    assert after == trained.current and after.name == name and not before.path.exists()
    assert after.trained and replace(after, name="memo", path=before.path) == before
    assert trained.rename(name, "memo") == before


def test_names_of_others_and_shipped_recordings_are_left_alone(trained):
    before = files_of(trained)
    for name, wanted in (("memo", "Horn"), ("memo", "violin"), ("memo", " / "), ("violin", "mine"), ("gone", "x")):
        with pytest.raises(WorkbookError, match=r"no other recording|none of your own"):
            trained.rename(name, wanted)
    with pytest.raises(WorkbookError, match="none of your own"):
        trained.delete("violin")
    assert files_of(trained) == before


def test_what_is_deleted_goes_with_all_that_belongs_to_it(trained):
    assert trained.delete("memo").name == "violin"
    kept = {".lock", "current.json", "horn.flac", "presets.json", "stretches.json"}
    assert {path.name for path in files_of(trained)} == kept
    assert trained.add("memo", tone(440), RATE).seconds == 1


def test_a_model_stays_while_its_sound_has_another_name(trained):
    twin = trained.current.path.with_stem("twin")
    twin.write_bytes(trained.current.path.read_bytes())
    trained.delete("memo")
    trained.choose("twin")
    assert trained.choose_stretch(2, 12).trained


REFUSALS = [("rename", "replace", 0), ("rename", "replace", 1), ("rename", "unlink", 2)]
REFUSALS += [("delete", "replace", i) for i in range(5)]


@pytest.mark.parametrize(("act", "refused", "at"), REFUSALS)
def test_where_the_disk_refuses_all_is_as_before_and_a_line_says_so(trained, monkeypatch, act, refused, at):
    before, calls, real = files_of(trained), [], getattr(Path, refused)

    def refuse(path, *arguments, **more):
        calls.append(path)
        if len(calls) == at + 1:
            raise OSError(28, "No space left on device", str(path))
        return real(path, *arguments, **more)

    monkeypatch.setattr(Path, refused, refuse)
    with pytest.raises(WorkbookError) as raised:
        trained.rename("memo", "new") if act == "rename" else trained.delete("memo")
    assert str(raised.value).endswith(": No space left on device. All is as it was; try again.")
    # A stretch of a recording that is not there does no harm.
    assert files_of(trained) | {STRETCHES: 0} == before | {STRETCHES: 0}
    assert trained.current.name == "memo" and trained.current.stretch_s == (2, 12)


def test_sounds_of_one_moment_are_told_apart_under_each_others_names(workspace):
    added = [workspace.add(name, tone(hz), RATE) for name, hz in (("a", 440), ("b", 550))]
    for recording in added:
        os.utime(recording.path, (1, 1))
    for name, wanted in (("a", "c"), ("b", "a"), ("c", "b")):
        workspace.rename(name, wanted)
    found = {recording.name: recording.key for recording in workspace.recordings()}
    assert [found["b"], found["a"]] == [recording.key for recording in added]


def test_kernels_at_once_leave_whole_files_and_every_sound(trained):
    def work(i):
        mine, chance = Workspace(trained.folder, trained.shipped), Random(i)
        for _ in range(25):
            name, other = chance.sample("abcd", 2)
            # Where it is gone meanwhile, or the name is taken.
            with suppress(WorkbookError):
                mine.rename(name, other)
            with suppress(WorkbookError):
                mine.choose(name)
            assert mine.current.seconds

    for name in "ab":
        trained.add(name, tone(50 * ord(name)), RATE)
    sounds = sorted(recording.key for recording in trained.recordings())
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, range(4)))
    assert sorted(recording.key for recording in trained.recordings()) == sounds
    assert not [path for path in files_of(trained) if path.name.endswith(".unfinished")]
    assert json.loads((trained.folder / "current.json").read_text())["name"] in "abcd"


def test_a_notebook_made_of_another_recording_says_so(workspace):
    chooser = RecordingChooser(workspace, Config(sample_rate=RATE))
    assert "F3 to F4" in Workspace.heard(workspace, workspace.choose("voice"))
    chooser._show()
    # Nothing in this notebook was made of any.
    assert not chooser.notice.words and "F3 to F4" in chooser.words.value
    assert chooser.recording.name == "voice"
    workspace.choose("flute")
    chooser._show()
    assert chooser.notice.words == "The current recording is now “flute”. This notebook still shows “voice”."
    assert chooser.recording.name == "flute" and not chooser.notice.words
    for name, words in (("horn", "shows “flute”"), ("bugle", "calls it “horn”")):
        workspace.add("horn", tone(440), RATE) if name == "horn" else workspace.rename("horn", "bugle")
        chooser._show()
        assert chooser.notice.words == f"The current recording is now “{name}”. This notebook still {words}."
        assert chooser.recording.name == name


def test_what_is_said_of_the_violin_is_what_is_heard(data):
    violin = Workspace("none", data).current
    assert Workspace("none", data).heard(violin) == judge(violin.audio(44_100), Config())


def test_a_notebook_may_begin_with_another_recording_until_one_is_chosen(tmp_path, data):
    bells = Workspace(tmp_path, data, first="bell")
    assert bells.current.name == "bell" and bells.heard(bells.current)
    Workspace(tmp_path, data).choose("flute")
    assert bells.current.name == "flute"

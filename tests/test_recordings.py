"""Many recordings: found, cut where it is quiet, analysed on all cores as on one, and remembered."""

import os
import warnings

import joblib
import pytest
import torch

from ddsp_nb import AudioError, Config, FeatureExtractor, WorkbookWarning, load_audio, save_audio
from ddsp_nb.sound.find import find_recordings
from ddsp_nb.store import recordings
from ddsp_nb.store.recordings import analyse_recordings, piece_edges
from ddsp_nb.synthesis.room import Room

RATE = 16_000


@pytest.fixture(scope="module")
def config():
    """A small instrument whose analysis takes a tenth of a sound's duration."""
    return Config(sample_rate=RATE, n_harmonics=16, n_bands=16)


@pytest.fixture(scope="module")
def flute(data):
    """Maker of long sounds: seconds to [n_samples] of the flute, again and again."""
    sound = load_audio(data / "flute.flac", RATE)
    return lambda seconds: sound.repeat(int(seconds * RATE / len(sound)) + 1)[: round(seconds * RATE)].clone()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Folder of the cache, this test's own."""
    monkeypatch.setenv("DDSP_NB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def analysed(monkeypatch):
    """List that gets the length of each sound which is analysed in this process."""
    lengths, extract = [], FeatureExtractor.__call__

    def counted(self, audio):
        lengths.append(len(audio))
        return extract(self, audio)

    monkeypatch.setattr(FeatureExtractor, "__call__", counted)
    return lengths


@pytest.fixture
def cached_from_2_s(monkeypatch):
    """The cache keeps shorter sounds than it does elsewhere, which are analysed sooner."""
    monkeypatch.setattr(recordings, "SHORTEST_CACHED_S", 2.0)


@pytest.fixture
def long_file(tmp_path, flute, cached_from_2_s):
    """A file that is long enough for the cache."""
    return save_audio(tmp_path / "long.wav", flute(2.1), RATE)


def same(one, other):
    """Whether two dataclasses hold the same, tensors bit for bit."""
    pairs = [(value, getattr(other, name)) for name, value in vars(one).items()]
    return all(torch.equal(a, b) and a.dtype == b.dtype if torch.is_tensor(a) else a == b for a, b in pairs)


def assert_identical(one, other):
    assert [recording.name for recording in one] == [recording.name for recording in other]
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.audio, b.audio) and same(a.features, b.features) and same(a.analysis, b.analysis)


def entries(cache):
    """Results in the cache."""
    return list(cache.rglob("output.pkl"))


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_folders_are_searched_and_each_file_is_found_once(tmp_path):
    first, second, third = (touch(tmp_path / name) for name in ("a.wav", "b/deep/c.FLAC", "b/d.mp3"))
    for name in ("b/notes.txt", "b/._a.wav", ".trash/f.wav"):
        touch(tmp_path / name)
    odd = touch(tmp_path / "odd.sound")
    (tmp_path / "link.wav").symlink_to(first)
    paths = [str(tmp_path / "b"), first, tmp_path / "b" / "d.mp3", tmp_path / "link.wav", odd]
    assert find_recordings(paths) == sorted([first, third, second, odd])


def test_linked_folders_are_searched_and_end(tmp_path):
    folder = tmp_path / "mine"
    own, far = touch(folder / "a.bwf"), touch(tmp_path / "elsewhere" / "deep" / "b.wave")
    (folder / "far").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(tmp_path / "elsewhere" / "deep")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    (folder / "up").symlink_to(tmp_path)
    assert {path.resolve() for path in find_recordings([folder])} == {own, far}


def test_what_looks_like_sound_but_is_not_read_is_named_in_one_line(tmp_path):
    kept = touch(tmp_path / "a.wma")
    for name in ("b/c.ape", "d.AVI", "notes.txt", ".e.wv"):
        touch(tmp_path / name)
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    with pytest.warns(WorkbookWarning, match=r"left out.*: b/c\.ape, d\.AVI, gone\.wav\. ") as caught:
        assert find_recordings([tmp_path]) == [kept]
    assert len(caught) == 1
    for i in range(20):
        touch(tmp_path / f"{i}.dsf")
    with pytest.warns(WorkbookWarning, match=r"12\.dsf and 18 more\. "):
        find_recordings([tmp_path])


def test_what_is_not_there_is_said_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, words in ((tmp_path / "nowhere", "no such file or folder"), (tmp_path / "empty", "no sound files")):
        with pytest.raises(AudioError, match=words) as error:
            find_recordings([path])
        assert path.name in str(error.value) and "\n" not in str(error.value)


def test_a_folder_is_analysed_in_order_and_said(data, config):
    lines = []
    found = analyse_recordings([data], config, duration_s=1, say=lines.append)
    assert [recording.name for recording in found] == [
        "bell.flac",
        "flute.flac",
        "trumpet.flac",
        "violin.flac",
        "voice.flac",
    ]
    assert all(len(recording.audio) == recording.features.n_samples == RATE for recording in found)
    assert all(recording.analysis.snr_db > 5 for recording in found)
    assert lines[0] == "Analysed 1 of 5: bell.flac" and len(lines) == 5
    (part,) = analyse_recordings([data / "flute.flac"], config, start_s=2, duration_s=1)
    assert part.name == "flute.flac (2-3 s)"
    assert torch.equal(part.audio, load_audio(data / "flute.flac", RATE, start_s=2, duration_s=1))


def test_a_bad_file_is_named_and_left_out(data, tmp_path, config):
    bad = touch(tmp_path / "bad.wav")
    with pytest.warns(WorkbookWarning, match=r"bad\.wav.*left out") as caught:
        (good,) = analyse_recordings([bad, data / "flute.flac"], config, duration_s=1)
    assert good.name == "flute.flac" and len(caught) == 1 and caught[0].filename == __file__


def test_warnings_of_the_analysis_name_their_file(tmp_path, config, cached_from_2_s):
    torch.manual_seed(0)
    save_audio(tmp_path / "hiss.wav", 0.1 * torch.randn(3 * RATE), RATE)
    for _ in range(2):  # analysed, then remembered
        with pytest.warns(WorkbookWarning, match=r"^hiss\.wav: No pitch found"):
            analyse_recordings([tmp_path / "hiss.wav"], config)


SECONDS = (27, 70, 92)


def test_a_long_sound_is_cut_where_it_is_quiet(flute):
    sound = flute(130) + 0.01  # so that it has no rests of its own
    for second in SECONDS:
        sound[second * RATE : second * RATE + RATE // 5] *= 1e-3
    pieces = piece_edges(sound, RATE)
    assert len(pieces) == 4 and pieces[0][0] == 0 and pieces[-1][1] == len(sound)
    assert all(abs(stop / RATE - second - 0.1) < 0.1 for (_, stop), second in zip(pieces, SECONDS, strict=False))


@pytest.mark.parametrize("seconds", [9, 59.9, 60, 60.01, 75, 75.1, 112.5, 113, 300])
def test_no_piece_is_too_long_or_a_scrap(seconds):
    sound = torch.linspace(1, 2, round(seconds * 1000))  # quietest at the earliest cut
    for audio in (sound, sound.flip(0), torch.zeros_like(sound)):
        pieces = piece_edges(audio, 1000)
        assert [start for start, _ in pieces[1:]] == [stop for _, stop in pieces[:-1]]
        assert pieces[0][0] == 0 and pieces[-1][1] == len(audio)
        assert len(pieces) == 1 or all(9_800 <= stop - start <= 60_000 for start, stop in pieces)


def test_pieces_are_named_by_their_place_and_silent_ones_skipped(tmp_path, flute):
    sound = flute(130)
    sound[50 * RATE : 111 * RATE] = 0
    loaded = recordings.load_pieces([save_audio(tmp_path / "rests.wav", sound, RATE)], RATE, 0.0, None)
    assert loaded[0][0] == "rests.wav" and loaded[-1][0].endswith("-130 s)") and len(loaded) == 3
    assert all(piece.abs().max() > 0.01 for _, piece in loaded)


def test_what_was_analysed_is_remembered(long_file, config, cache, analysed):
    first = analyse_recordings([long_file], config)
    second = analyse_recordings([long_file], config)
    assert len(analysed) == 1 and len(entries(cache)) == 1
    assert_identical(first, second)
    analyse_recordings([long_file], Config(sample_rate=RATE, n_harmonics=8, n_bands=16))
    assert len(analysed) == 2 and len(entries(cache)) == 2


def test_a_damaged_entry_is_analysed_anew(long_file, config, cache, analysed, caplog):
    first = analyse_recordings([long_file], config)
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    for damaged in (b"", whole[:-1000], whole[:-1000] + bytes(1000)):
        entry.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_identical(first, analyse_recordings([long_file], config))
    assert len(analysed) == 4 and not caplog.records
    assert_identical(first, analyse_recordings([long_file], config))
    assert len(analysed) == 4


def test_short_sounds_and_an_empty_name_leave_no_cache(data, long_file, config, cache, monkeypatch, analysed):
    analyse_recordings([data / "flute.flac"], config, duration_s=1)
    monkeypatch.setenv("DDSP_NB_CACHE", "")
    analyse_recordings([long_file], config)
    assert not entries(cache) and len(analysed) == 2


def test_a_folder_that_cannot_be_written_does_no_harm(long_file, config, cache):
    cache.write_text("a file in its place")
    assert len(analyse_recordings([long_file], config)) == 1
    assert cache.read_text() == "a file in its place"


def test_the_least_recently_used_entries_make_room(tmp_path, flute, config, cache, monkeypatch, cached_from_2_s):
    files = [save_audio(tmp_path / f"{i}.wav", flute(2.1 + i / 10), RATE) for i in range(3)]
    analyse_recordings(files[:2], config)
    older, old = sorted(entries(cache), key=lambda path: path.stat().st_size)
    for age_s, path in ((20, older), (10, old)):
        os.utime(path, (path.stat().st_ctime - age_s,) * 2)
    monkeypatch.setattr(recordings, "CACHE_BYTES", 2.5 * old.stat().st_size)
    analyse_recordings(files[2:], config)
    assert len(entries(cache)) == 2 and old in entries(cache) and older not in entries(cache)


def test_workers_find_what_one_process_finds(tmp_path, config, flute, monkeypatch, analysed):
    monkeypatch.setenv("DDSP_NB_CACHE", "")
    paths = [save_audio(tmp_path / f"{name}.wav", flute(seconds), RATE) for name, seconds in (("b", 3), ("a", 2))]
    monkeypatch.setattr(recordings, "PARALLEL_S", 4.0)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    parallel = analyse_recordings(paths, config)
    assert not analysed and [recording.name for recording in parallel] == ["a.wav", "b.wav"]
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    threads = torch.get_num_threads()
    assert_identical(parallel, analyse_recordings(paths, config))
    assert len(analysed) == 2 and torch.get_num_threads() == threads


def test_with_another_room_it_is_another_analysis(long_file, config, cache, analysed):
    impulse = torch.tensor([1.0, *[0.0] * 999, 0.5])
    for room in (None, Room(impulse, RATE), Room(impulse.clone(), RATE)):
        (found,) = analyse_recordings([long_file], config, room=room)
        assert (found.room is None) is (room is None)
    assert torch.equal(found.room.impulse, impulse) and len(analysed) == len(entries(cache)) == 2

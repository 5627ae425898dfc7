"""What phones record: read like any other sound file, at the same level, pitch and length, and refused in one line."""

import shutil
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from ddsp_nb import AudioError, Config, load_audio
from ddsp_nb.panels import RecordingChooser
from ddsp_nb.sound import blocks, load
from ddsp_nb.sound.find import find_recordings
from ddsp_nb.sound.time_line import in_time
from ddsp_nb.store.workspace import Workspace
from tests.phone import RECORDINGS, encode, encoded, retimed

RATE = 16_000
SECONDS = 2
RATES = {"libopencore_amrnb": (8_000,), "libopus": (48_000,)}  # of codecs that do not know those below
CASES = [
    (name, rate, n_channels)
    for name, codec in RECORDINGS.items()
    for rate in RATES.get(codec, (44_100, 48_000))
    for n_channels in ((1,) if rate == 8_000 else (1, 2))
]


@pytest.fixture(scope="module")
def violin(data):
    """Maker of [n_samples, n_channels] float32 of it at a sample rate; the second channel is a little quieter."""

    def make(rate, n_channels=1):
        sound = load_audio(data / "violin.flac", rate, duration_s=SECONDS).numpy()
        return np.stack([sound, 0.9 * sound][:n_channels], 1)

    return make


@pytest.fixture
def short_blocks(monkeypatch):
    """Sound comes in many blocks."""
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 1000)


def heard(path, sample_rate=RATE, **how):
    """[n_samples] sound of a file that is read without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_audio(path, sample_rate, **how).numpy()


def refusal(path):
    """The one line with which a file is refused."""
    with pytest.raises(AudioError) as error:
        load_audio(path, RATE)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    return str(error.value)


def level_db(sound):
    return 10 * np.log10(np.mean(np.square(sound, dtype=np.float64)))


def strongest_hz(sound, rate):
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return spectrum.argmax() * rate / len(sound)


@pytest.mark.parametrize(("name", "rate", "n_channels"), CASES)
def test_level_pitch_and_length_are_those_of_the_sound(tmp_path, violin, name, rate, n_channels):
    sound = violin(rate, n_channels)
    read, mixed = heard(encode(tmp_path / name, sound, rate, RECORDINGS[name]), rate), sound.mean(1)
    telephone = rate == 8_000  # which is not true to the level
    assert read.dtype == np.float32 and len(read) / rate == pytest.approx(SECONDS, abs=0.1)
    assert level_db(read) == pytest.approx(level_db(mixed), abs=3 if telephone else 0.5)
    assert strongest_hz(read, rate) == pytest.approx(strongest_hz(mixed, rate), abs=2 if telephone else 1)


@pytest.mark.parametrize("name", ["lossless_memo.m4a", "film.mov"])
def test_lossless_sound_comes_back_within_one_16_bit_step_and_in_its_place(tmp_path, violin, short_blocks, name):
    sound = violin(44_100, 2)
    read = heard(encode(tmp_path / name, sound, 44_100, RECORDINGS[name]), 44_100)
    np.testing.assert_allclose(read, sound.mean(1), rtol=0, atol=1 / 32_768)


@pytest.mark.parametrize("name", ["voice_memo.m4a", "browser.webm", "film.mp4"])
def test_the_encoders_delay_is_cut_off(tmp_path, violin, name):
    sound = violin(48_000)
    read = heard(encode(tmp_path / name, sound, 48_000, RECORDINGS[name]), 48_000)
    size = 2 * len(sound)
    cross = np.fft.irfft(np.fft.rfft(read[: len(sound)], size) * np.conj(np.fft.rfft(sound[:, 0], size)))
    assert abs(np.fft.fftfreq(size, 1 / size)[cross.argmax()]) <= 1


@pytest.mark.parametrize(("name", "n_pictures"), [("film.mp4", 50), ("covered.m4a", 1)])
def test_the_sound_beside_pictures_is_read_whatever_its_name(tmp_path, violin, name, n_pictures):
    sound = violin(44_100)
    path = encode(tmp_path / name, sound, 44_100, "aac", n_pictures=n_pictures)
    read = heard(path, 44_100)
    assert level_db(read) == pytest.approx(level_db(sound), abs=0.5)
    for name in ("no suffix", "wrong.wav", "http:x.raw"):
        assert np.array_equal(heard(shutil.copy(path, tmp_path / name), 44_100), read)


GAPS = [  # file, Hz, when something is missing and for how long, s; and how exact the times of such a file are
    ("browser.webm", 48_000, [(0.5, 0.7)], 1e-4),
    ("browser.webm", 48_000, [(0.3, 0.02), (0.4, 0.1), (1.5, 0.4)], 1e-4),
    ("film.mp4", 44_100, [(1, 1)], 1e-4),
    ("lossless_memo.m4a", 44_100, [(1, 0.5), (1.5, 0.03)], 1e-4),
    ("film.mkv", 44_100, [(1, 0.25)], 1e-3),
]


@pytest.mark.parametrize(("name", "rate", "gaps", "exact_s"), GAPS)
def test_where_a_film_has_no_sound_there_is_silence(tmp_path, violin, short_blocks, name, rate, gaps, exact_s):
    path = encode(tmp_path / f"whole_{name}", violin(rate), rate, RECORDINGS.get(name, "aac"))
    whole, frame = heard(path, rate), 0.1
    read = heard(retimed(path, tmp_path / name, lambda at: sum(length for when, length in gaps if at >= when)), rate)
    assert (len(read) - len(whole)) / rate == pytest.approx(sum(length for _, length in gaps), abs=exact_s)
    ends = round((gaps[0][0] - frame) * rate)
    assert np.array_equal(read[:ends], whole[:ends])
    starts = round((SECONDS - gaps[-1][0] - frame) * rate)
    assert np.array_equal(read[-starts:], whole[-starts:])
    longest = max(np.diff(np.flatnonzero(read))) / rate
    assert longest == pytest.approx(max(length for _, length in gaps), abs=2e-3)


def test_a_gap_between_long_packets_is_found():
    times_s = [0, 0.5, 1.0, 1.7, 2.2]
    frames = [SimpleNamespace(time=time, sample_rate=8_000, samples=4_000) for time in times_s]
    assert [n_silent for n_silent, _ in in_time(iter(frames), "mov,mp4")] == [0, 0, 0, 1_600, 0]
    assert not any(n_silent for n_silent, _ in in_time(iter(frames), "ogg"))


CLOCKS = {  # time in s to how much later a film says that it is
    "starts late": lambda at: 2.0,
    "trembles": lambda at: 0.007 * (at * 50 % 2 < 1),
    "stutters": lambda at: max(0.0, 0.12 - (at - 1) / 2) if at >= 1 else 0.0,
    "is slow": lambda at: 0.01 * at,
    "is set": lambda at: 5e6 * (at >= 1),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_film_whose_clock_is_wrong_has_no_holes(tmp_path, violin, name):
    path = encode(tmp_path / "whole.webm", violin(48_000), 48_000, "libopus")
    read = heard(retimed(path, tmp_path / "film.webm", CLOCKS[name]), 48_000)
    assert np.array_equal(read, heard(path, 48_000))


def test_opposite_channels_are_treated_as_in_any_file(tmp_path, violin, short_blocks):
    sound = violin(44_100)
    path = encode(tmp_path / "a.m4a", np.concatenate([-sound, sound], 1), 44_100, "alac")
    with pytest.warns(UserWarning, match=r"a\.m4a: its channels cancel"):
        assert level_db(load_audio(path, 44_100).numpy()) == pytest.approx(level_db(sound), abs=0.1)


def damaged(change):
    """A memo whose bytes were changed."""
    return lambda path, sound: path.write_bytes(change(encoded(sound, 44_100, "a.m4a", "aac")))


def with_flipped_bytes(content):
    start = content.index(b"mdat") + 4
    return content[:start] + bytes(255 - byte for byte in content[start : start + 4000]) + content[start + 4000 :]


def playlist(text):
    """A text that asks for a private recording beside it to be opened."""
    return lambda path, sound: path.write_text(text.format(encode(path.with_name("private.m4a"), sound, 44_100, "aac")))


def film(sound, n_pictures):
    return lambda path, _: encode(path, sound, RATE, "alac", n_pictures=n_pictures)


UNREADABLE = "not a readable sound file"
REFUSED = {  # file name to what is in it, and what is said of it
    "mute.mp4": (film(None, 50), "holds no sound"),
    "mute.mkv": (film(None, 50), "holds no sound"),
    "silent.m4a": (film(np.zeros((RATE, 1)), 0), "silent"),
    "short.m4a": (film(np.full((RATE // 20, 1), 0.1), 0), "samples long"),
    "long.m4a": (film(np.full((3 * RATE, 1), 0.1), 0), "longer than"),
    "no_index.m4a": (damaged(lambda content: content[: content.index(b"moov")]), f"{UNREADABLE}, or damaged"),
    "flipped.m4a": (damaged(with_flipped_bytes), "damaged"),
    # A decoder that phones do not need.
    "mp2.mkv": (lambda path, sound: encode(path, sound, 44_100, "mp2"), "holds no sound that can be read"),
    "hls.m4a": (playlist("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"), UNREADABLE),
    "concat.m4a": (playlist("ffconcat version 1.0\nfile '{}'\n"), UNREADABLE),
    "sdp.m4a": (playlist("v=0\no=- 0 0 IN IP4 ::1\ns=a\nc=IN IP4 ::1\nt=0 0\nm=audio 9 RTP/AVP 0\n"), UNREADABLE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_recording_is_refused_in_one_line(tmp_path, violin, short_blocks, monkeypatch, name):
    monkeypatch.setattr(load, "LONGEST_S", SECONDS)
    make, saying = REFUSED[name]
    make(tmp_path / name, violin(44_100))
    assert saying in refusal(tmp_path / name)


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_recording_cut_short_gives_its_beginning_or_one_line(tmp_path, violin, name, share):
    content = encoded(violin(8_000), 8_000, name, RECORDINGS[name])
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    try:
        read = load_audio(tmp_path / name, 8_000)
    except AudioError:
        assert refusal(tmp_path / name)
    else:
        assert share > 0.01 and len(read) / 8_000 < SECONDS + 0.1


def test_folders_and_the_chooser_take_them(tmp_path, violin, data):
    for name in RECORDINGS:
        (tmp_path / name).write_bytes(b"")
    assert {path.name for path in find_recordings([tmp_path])} == set(RECORDINGS)
    chooser = RecordingChooser(Workspace(tmp_path / "my", data), Config(sample_rate=RATE))
    assert {f".{name.split('.')[-1]}" for name in RECORDINGS} <= set(chooser.recorder.accept.split(","))
    chooser.bring("my memo.m4a", encoded(violin(44_100), 44_100, "a.m4a", "aac"))
    assert "my memo”" in chooser.words.value and "2.0 s" in chooser.words.value and chooser.recording.name == "my memo"

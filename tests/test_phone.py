"""What phones record: read like any other sound file, at the same level, pitch and length, and refused in one line."""

import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import soundfile as sf

from ddsp_nb import AudioError, Config, load_audio
from ddsp_nb.panels import RecordingChooser
from ddsp_nb.sound import blocks, load
from ddsp_nb.training.recordings import find_recordings
from ddsp_nb.workspace import Workspace
from tests.phone import RECORDINGS, encode, encoded

RATE = 16_000
SECONDS = 2
RATES = {"libopencore_amrnb": (), "libopus": (48_000,)}  # that a codec knows of those below
FULL_BAND = [(name, rate) for name, codec in RECORDINGS.items() for rate in RATES.get(codec, (44_100, 48_000))]


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


def refusal(path, **how):
    """The one line with which a file is refused."""
    with pytest.raises(AudioError) as error:
        load_audio(path, RATE, **how)
    assert "\n" not in str(error.value) and path.name in str(error.value)
    return str(error.value)


def level_db(sound):
    return 10 * np.log10(np.mean(np.square(sound, dtype=np.float64)))


def strongest_hz(sound, rate):
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return spectrum.argmax() * rate / len(sound)


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize(("name", "rate"), FULL_BAND)
def test_level_pitch_and_length_are_those_of_the_sound(tmp_path, violin, name, rate, n_channels):
    sound = violin(rate, n_channels)
    read = heard(encode(tmp_path / name, sound, rate, RECORDINGS[name]), rate)
    mixed = sound.mean(1)
    assert read.dtype == np.float32 and len(read) / rate == pytest.approx(SECONDS, abs=0.1)
    assert level_db(read) == pytest.approx(level_db(mixed), abs=0.5)
    assert strongest_hz(read, rate) == pytest.approx(strongest_hz(mixed, rate), abs=1)


@pytest.mark.parametrize("name", ["old_phone.3gp", "old_phone.amr"])
def test_a_telephone_codec_keeps_pitch_and_length(tmp_path, violin, name):
    sound = violin(8_000)
    read = heard(encode(tmp_path / name, sound, 8_000, RECORDINGS[name]), 8_000)
    assert len(read) / 8_000 == pytest.approx(SECONDS, abs=0.1)
    assert strongest_hz(read, 8_000) == pytest.approx(strongest_hz(sound[:, 0], 8_000), abs=2)


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


def test_the_sound_of_a_film_is_read_whatever_its_name(tmp_path, violin):
    sound = violin(44_100)
    path = encode(tmp_path / "film.mp4", sound, 44_100, "aac", n_pictures=50)
    read = heard(path, 44_100)
    assert level_db(read) == pytest.approx(level_db(sound), abs=0.5)
    for name in ("no suffix", "wrong.wav", "http:x.raw"):
        assert np.array_equal(heard(shutil.copy(path, tmp_path / name), 44_100), read)


@pytest.mark.parametrize("name", ["mute.mp4", "mute.mov", "mute.mkv"])
def test_a_film_without_sound_says_so(tmp_path, name):
    assert "holds no sound" in refusal(encode(tmp_path / name, None, None, None, n_pictures=50))


def test_a_cover_is_passed_over(tmp_path, violin):
    sound = violin(44_100)
    path = encode(tmp_path / "covered.m4a", sound, 44_100, "aac", n_pictures=1)
    assert level_db(heard(path, 44_100)) == pytest.approx(level_db(sound), abs=0.5)


def test_opposite_channels_are_treated_as_in_any_file(tmp_path, violin, short_blocks):
    sound = violin(44_100)
    path = encode(tmp_path / "a.m4a", np.concatenate([-sound, sound], 1), 44_100, "alac")
    with pytest.warns(UserWarning, match=r"a\.m4a: its channels cancel"):
        assert level_db(load_audio(path, 44_100).numpy()) == pytest.approx(level_db(sound), abs=0.1)


def test_silence_and_too_short_a_sound_are_refused(tmp_path):
    assert "silent" in refusal(encode(tmp_path / "a.m4a", np.zeros((RATE, 1)), RATE, "alac"))
    assert "samples long" in refusal(encode(tmp_path / "b.m4a", np.full((RATE // 20, 1), 0.1), RATE, "alac"))


def test_a_part_is_read_of_what_is_too_long(tmp_path, violin, short_blocks, monkeypatch):
    path = encode(tmp_path / "long.m4a", violin(44_100), 44_100, "aac")
    monkeypatch.setattr(load, "LONGEST_S", 1.0)
    assert "longer than" in refusal(path)
    assert len(heard(path, RATE, duration_s=0.5)) == RATE // 2


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


def test_a_recording_whose_index_is_cut_off_is_refused(tmp_path, violin):
    content = encoded(violin(44_100), 44_100, "a.m4a", "aac")
    (tmp_path / "a.m4a").write_bytes(content[: content.index(b"moov")])
    assert "not a readable sound file, or damaged" in refusal(tmp_path / "a.m4a")


def test_a_recording_with_flipped_bytes_is_refused_in_one_line(tmp_path, violin):
    content = bytearray(encoded(violin(44_100), 44_100, "a.m4a", "aac"))
    start = content.index(b"mdat") + 4
    content[start : start + 4000] = bytes(255 - byte for byte in content[start : start + 4000])
    (tmp_path / "a.m4a").write_bytes(content)
    assert "damaged" in refusal(tmp_path / "a.m4a")


PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{path}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{path}'\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    "text": "Dear diary, this is no sound.\n" * 50,
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_file_cannot_make_others_be_opened(tmp_path, violin, kind):
    path = encode(tmp_path / "private.m4a", violin(44_100), 44_100, "aac")
    (tmp_path / "a.m4a").write_text(PLAYLISTS[kind].format(path=path))
    assert "not a readable sound file" in refusal(tmp_path / "a.m4a")


def test_decoders_that_phones_do_not_need_are_not_used(tmp_path, violin):
    assert "holds no sound that can be read" in refusal(encode(tmp_path / "a.mkv", violin(44_100), 44_100, "mp2"))


def test_folders_and_the_chooser_take_them(tmp_path, violin, data):
    for name in RECORDINGS:
        (tmp_path / name).write_bytes(b"")
    assert {path.name for path in find_recordings([tmp_path])} == set(RECORDINGS)
    chooser = RecordingChooser(Workspace(tmp_path / "my", data), Config(sample_rate=RATE))
    assert {f".{name.split('.')[-1]}" for name in RECORDINGS} <= set(chooser.recorder.accept.split(","))
    chooser.bring("my memo.m4a", encoded(violin(44_100), 44_100, "a.m4a", "aac"))
    assert "my memo</b>: 2.0 s" in chooser.words.value and chooser.recording.name == "my memo"


def test_ffmpeg_is_loaded_for_them_alone(data, tmp_path):
    sf.write(tmp_path / "a.wav", np.sin(np.arange(RATE)) / 2, RATE)
    code = "import sys, ddsp_nb; ddsp_nb.load_audio(sys.argv[1]); print('av' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.wav"], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"

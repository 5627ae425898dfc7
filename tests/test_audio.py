"""Sound files: what is written comes back, what is done to a sound is said, and what cannot be used is refused."""

import os
import struct
import subprocess
import sys
import warnings

import librosa
import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddsp_nb import AudioError, WorkbookWarning, load_audio, save_audio, save_together
from ddsp_nb.sound import blocks

RATE = 16_000


@pytest.fixture(scope="module")
def violin(data):
    """One second of it, [RATE] float64."""
    return load_audio(data / "violin.flac", RATE, duration_s=1).double().numpy()


def sine(hz, level=0.5, rate=RATE):
    return level * np.sin(2 * np.pi * hz * np.arange(rate) / rate)


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape) / 10


def write(path, sound, rate=RATE, **how):
    sf.write(path, sound, rate, **how)
    return path


def heard(path, sample_rate=RATE, **how):
    """The sound of a file and the words of its warnings."""
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        sound = load_audio(path, sample_rate, **how)
    assert all(note.category is WorkbookWarning for note in notes)
    assert not any("\n" in str(note.message) for note in notes)
    return sound.numpy(), [str(note.message) for note in notes]


def likeness(a, b):
    """Correlation of two sounds, the best within 100 ms of each other: encoders delay."""
    n = min(len(a), len(b))
    cross = np.fft.irfft(np.fft.rfft(a[:n], 2 * n) * np.conj(np.fft.rfft(b[:n], 2 * n)))
    return np.abs(np.r_[cross[: RATE // 10], cross[-RATE // 10 :]]).max() / np.sqrt((a**2).sum() * (b**2).sum())


# Reading

FORMATS = [("WAV", s) for s in ("PCM_U8", "PCM_24", "DOUBLE", "ULAW", "IMA_ADPCM")]
FORMATS += [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_S8")]
FORMATS += [("CAF", "PCM_16"), ("W64", "PCM_16")]


@pytest.mark.parametrize(("file_format", "subtype"), FORMATS)
def test_every_format_brings_the_same_sound(tmp_path, violin, file_format, subtype):
    path = write(tmp_path / "clip.bin", np.stack([violin, violin], 1), format=file_format, subtype=subtype)
    read, words = heard(path)
    assert likeness(read, violin) > 0.98
    assert np.abs(read).max() == pytest.approx(np.abs(violin).max(), rel=0.1)
    assert not words


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (11_025, 8), (48_000, 1), (192_000, 8)])
def test_every_rate_keeps_duration_pitch_and_level(tmp_path, rate, channels):
    read, words = heard(write(tmp_path / "clip.wav", np.stack([sine(1000, rate=rate)] * channels, 1), rate))
    assert len(read) == RATE and not words
    assert np.abs(np.fft.rfft(read)).argmax() == 1000
    assert np.sqrt((read[1000:-1000] ** 2).mean()) == pytest.approx(0.5 / 2**0.5, rel=0.01)


def test_resampling_down_does_not_alias(tmp_path):
    both = sine(1000, rate=44_100) + sine(12_000, rate=44_100) / 2
    spectrum = np.abs(np.fft.rfft(heard(write(tmp_path / "a.wav", both, 44_100))[0] * np.hanning(RATE)))
    folded_hz = RATE - 12_000
    assert spectrum[folded_hz - 5 : folded_hz + 6].max() < 1e-3 * spectrum[1000]


def test_a_long_file_is_resampled_as_in_one_piece(tmp_path):
    sound = noise(120 * 11_025).astype(np.float32)
    read, _ = heard(write(tmp_path / "long.wav", sound, 11_025, subtype="FLOAT"))
    assert np.array_equal(read, librosa.resample(sound, orig_sr=11_025, target_sr=RATE))


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_samples=st.integers(800, 6_000),
    rate=st.integers(4_000, 8_000) | st.sampled_from([8_000, 11_025, 44_100, 48_000]),
    new_rate=st.sampled_from([8_000, 16_000, 44_100]),
    gains=st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=8),
)
def test_any_mix_is_finite_as_long_as_it_lasted_and_no_louder(tmp_path, n_samples, rate, new_rate, gains):
    sound = noise(n_samples, 1)
    path = write(tmp_path / "a.wav", sound * gains, rate, subtype="FLOAT")
    try:
        read, _ = heard(path, new_rate)
    except AudioError as error:
        assert ("silent" in str(error) and np.abs(gains).max() < 1e-2) or n_samples < 0.1 * rate
    else:
        assert len(read) == -(-n_samples * new_rate // rate)
        assert np.isfinite(read).all()
        assert np.sqrt((read**2).mean()) <= 1.1 * np.abs(gains).max() * np.sqrt((sound**2).mean())


def with_gaps(violin, value):
    sound = violin.copy()
    sound[[100, 2000, 5000]] = value
    return sound


SAID = {  # of the violin: what is in the file, what is heard, what is said
    "quiet": lambda v: (v / 300, v / 300, ""),
    "an offset": lambda v: (v / 2 + 0.3, v / 2 - v.mean() / 2, "DC offset of 0.3 removed."),
    "independent channels": lambda v: (noise(RATE, 8), noise(RATE, 8).mean(1), ""),
    "opposite channels": lambda v: (np.stack([-v, v], 1), -v, "cancel when averaged; channel 1 is used"),
    "the second louder": lambda v: (np.stack([-0.8 * v, v], 1), v, "cancel when averaged; channel 2 is used"),
    "integers": lambda v: (32_768 * v, v / np.abs(v).max(), "turned down"),
    "far too loud": lambda v: (1e30 * v, v / np.abs(v).max(), "turned down"),
    "no numbers": lambda v: (with_gaps(v, np.nan), with_gaps(v, 0), "3 samples were NaN or infinite"),
    "infinite": lambda v: (with_gaps(v, np.inf), with_gaps(v, 0), "3 samples were NaN or infinite"),
    "full scale": lambda v: (sine(60, 0.9999), sine(60, 0.9999), ""),
}


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("block_values", [1000, blocks.BLOCK_VALUES])
def test_what_was_done_to_a_sound_is_said_in_a_line(tmp_path, violin, monkeypatch, name, block_values):
    monkeypatch.setattr(blocks, "BLOCK_VALUES", block_values)
    sound, wanted, saying = SAID[name](violin)
    read, words = heard(write(tmp_path / "a.wav", sound, subtype="FLOAT"))
    np.testing.assert_allclose(read, wanted, atol=1e-6)
    assert [saying in line and "a.wav: " in line for line in words] == [True] * bool(saying)


def test_clipping_is_counted(tmp_path, violin):
    clipped = np.clip(violin * 20, -1, 1)
    _, words = heard(write(tmp_path / "loud.wav", clipped))
    (count,) = (int(line.split("clipped in ")[1].split()[0]) for line in words)
    flat = (np.abs(clipped) == 1).sum()
    assert 0.7 * flat < count <= flat  # the shortest plateaus are let pass


def test_steps_of_8_bits_are_not_taken_for_clipping(tmp_path):
    assert not heard(write(tmp_path / "a.wav", sine(60, 0.9999), subtype="PCM_U8"))[1]


def header(path, **fields):
    """Change fields of a WAV header: `riff`, `data` (bytes that follow), `rate`."""
    content = bytearray(path.read_bytes())
    for name, value in fields.items():
        struct.pack_into("<I", content, {"riff": 4, "rate": 24, "data": 40}[name], value)
    path.write_bytes(content)
    return path


RIFF, ALL_ONES, LIST = 4, 2**32 - 1, b"LIST\x0e\0\0\0INFOICMT\x02\0\0\0a\0"


def sized(path, riff, data, *, before=b"", after=b""):
    """Write these sizes into a WAV file, None for right ones, and put chunks before and after its sound."""
    content = path.read_bytes()
    at = content.index(b"data")
    content = content[:at] + before + content[at:] + after
    for place, value in ((RIFF, riff), (at + len(before) + 4, data)):
        right = len(content) - 8 if place == RIFF else len(content) - len(after) - place - 4
        content = content[:place] + struct.pack("<I", right if value is None else value) + content[place + 4 :]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "IMA_ADPCM"])
@pytest.mark.parametrize(
    "sizes",
    [
        dict(riff=0, data=0),
        dict(riff=36, data=0, before=LIST),
        dict(riff=ALL_ONES, data=ALL_ONES),
        dict(riff=None, data=0),
    ],
)
def test_a_header_that_was_never_finished_costs_no_sound_and_is_said(tmp_path, violin, subtype, sizes):
    path = write(tmp_path / "a.wav", np.stack([violin, violin / 2], 1), subtype=subtype)
    whole, _ = heard(path)
    read, (words,) = heard(sized(path, **sizes))
    assert np.array_equal(read, whole) and "a.wav: its header has a wrong length" in words


def test_of_a_header_that_stands_still_all_that_follows_is_read(tmp_path, violin):
    read, (words,) = heard(sized(write(tmp_path / "a.wav", violin), 10_036, 10_000))
    np.testing.assert_allclose(read, violin, atol=1e-4)
    assert "header" in words


@pytest.mark.parametrize(("riff", "said"), [(None, 0), (0, 1), (10**9, 1)])
def test_what_follows_the_sound_is_not_heard(tmp_path, violin, riff, said):
    for after in (LIST, b"id3 " + struct.pack("<I", 99_000) + bytes(99_000), bytes(5000)):
        read, words = heard(sized(write(tmp_path / "a.wav", violin), riff, None, after=after))
        assert len(read) == RATE and len(words) == said


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT"])
def test_wav_files_for_long_sounds_are_read(tmp_path, violin, magic, subtype):
    path = write(tmp_path / "a.wav", violin, format="RF64", subtype=subtype)
    content = path.read_bytes()
    for lengths, said in ((content[20:36], 0), (bytes(16), 1)):
        path.write_bytes(magic + content[4:20] + lengths + content[36:])
        read, words = heard(path)
        np.testing.assert_allclose(read, violin, atol=1e-6)
        assert len(words) == said


def flac_of(path, sound, n_samples):
    """A FLAC file that tells of so many samples: the last 36 bits of 8 bytes."""
    content = write(path, sound).read_bytes()
    told = int.from_bytes(content[18:26], "big") >> 36 << 36 | n_samples
    path.write_bytes(content[:18] + told.to_bytes(8, "big") + content[26:])
    return path


@pytest.mark.parametrize("n_samples", [0, 100, 10**6, 2**36 - 1])
def test_flac_of_unknown_or_wrong_length_is_read_whole(tmp_path, violin, n_samples):
    read, words = heard(flac_of(tmp_path / "a.flac", violin, n_samples))
    assert len(read) == RATE and ["wrong length" in line for line in words] == [True] * bool(n_samples)
    np.testing.assert_allclose(read, violin, atol=1e-4)


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg"])
def test_files_one_after_the_other_are_all_heard(tmp_path, violin, name):
    path = write(tmp_path / name, violin)
    path.write_bytes(2 * path.read_bytes())
    read, _ = heard(path)
    assert len(read) == pytest.approx(2 * RATE, rel=0.1)
    assert likeness(read[-RATE:], violin) > 0.9


def test_of_a_scratched_file_the_rest_is_heard(tmp_path, violin):
    path = write(tmp_path / "a.mp3", violin)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + content[half + 500 :])
    read, _ = heard(path)
    assert 0.7 * RATE < len(read) < RATE and likeness(read[: RATE // 3], violin[: RATE // 3]) > 0.95


CHANNELS = {  # gain of the violin and level of the hum in each channel, dB, and which are used
    "left only": ([0, None], [None, None], [1]),
    "right only": ([None, 0], [None, None], [2]),
    "hum on the left": ([None, 0], [-60, None], [2]),
    "one far below": ([0, -42], [None, None], [1]),
    "all but one of 5.1": ([None, None, -6, None, None, None], [-70] * 6, [3]),
    "two of 5.1": ([0, -3, None, None, None, None], [None] * 6, [1, 2]),
    "panned": ([0, -12], [None, None], []),
    "alike": ([-3, -3], [-60, -60], []),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_silent_channels_make_nothing_quieter(tmp_path, violin, name):
    gains_db, hums_db, used = CHANNELS[name]
    linear = lambda levels_db: np.array([0 if db is None else 10 ** (db / 20) for db in levels_db])
    sound = np.outer(violin, linear(gains_db)) + np.outer(sine(50, 1), linear(hums_db))
    read, words = heard(write(tmp_path / "a.wav", sound, subtype="FLOAT"))
    wanted = sound[:, np.array(used) - 1] if used else sound
    np.testing.assert_allclose(read, wanted.mean(1), atol=1e-6)
    listed = f"uses only channel{'s' * (len(used) > 1)} {', '.join(map(str, used))} of {len(gains_db)};"
    assert [listed in line for line in words] == [True] * bool(used)


def promising(path, n_bytes=None):
    """A file whose header promises 4 GB."""
    path = header(write(path, sine(440)), riff=2**32 - 1, data=2**32 - 2)
    path.write_bytes(path.read_bytes()[:n_bytes])
    return path


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path):
    np.testing.assert_allclose(heard(promising(tmp_path / "a.wav"))[0], sine(440), atol=1e-4)


REFUSED = {  # what is no recording, and what is said of it
    "missing": (lambda path: path, "no such file. Check the path"),
    "folder": (lambda path: path.mkdir(), "no such file"),
    "empty": (lambda path: path.write_bytes(b""), "not a readable sound file"),
    "text": (lambda path: path.write_text("Dear diary, this is no sound.\n" * 50), "not a readable sound file"),
    "no header": (lambda path: path.write_bytes(bytes(range(256)) * 100), "not a readable sound file"),
    "zeros": (lambda path: write(path, np.zeros(RATE)), "silent"),
    "below -80 dB": (lambda path: write(path, 5e-5 * (-1.0) ** np.arange(RATE), subtype="FLOAT"), "silent"),
    "no samples": (lambda path: write(path, np.zeros(0)), "0 samples"),
    "10 samples": (lambda path: write(path, np.ones(10)), "10 samples"),
    "cut off": (lambda path: promising(path, 100), "28 samples"),
    "of NaN": (lambda path: write(path, np.full(RATE, np.nan), subtype="FLOAT"), "most of its samples are NaN"),
    "400 Hz": (lambda path: header(write(path, sine(440)), rate=400), "400 Hz. Convert"),
    "2 GHz": (lambda path: header(write(path, sine(440)), rate=2 * 10**9), "2000000000 Hz. Convert"),
    "long": (
        lambda path: write(path, np.tile(np.int16([0, 9999, 0, -9999]), 325_000), 1000),
        "longer than 20 minutes. Use a part of it: start_s and duration_s, or --skip and --duration",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_recording_is_refused_in_one_line(tmp_path, name):
    make, saying = REFUSED[name]
    make(path := tmp_path / "bad.wav")
    with pytest.raises(AudioError) as error:
        load_audio(path, RATE)
    assert saying in str(error.value) and "bad.wav: " in str(error.value) and "\n" not in str(error.value)


def test_a_part_is_read_of_what_is_too_long(tmp_path):
    REFUSED["long"][0](tmp_path / "long.wav")
    assert len(load_audio(tmp_path / "long.wav", 8000, duration_s=2)) == 16_000


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_part_is_the_same_samples_as_in_the_whole(tmp_path, data, suffix):
    write(path := tmp_path / f"phrase.{suffix}", sf.read(data / "violin.flac")[0], 44_100)
    whole, part = load_audio(path), load_audio(path, start_s=1.5, duration_s=2)
    assert len(part) == 2 * 44_100 and torch.equal(part, whole[round(1.5 * 44_100) :][: len(part)])
    with pytest.raises(AudioError, match="nothing is left of it after 7 s"):
        load_audio(path, start_s=7)


@pytest.mark.parametrize("name", ["cut.flac", "cut.ogg", "cut.mp3", "cut.wav"])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_file_cut_short_gives_its_beginning_or_one_line(tmp_path, violin, name, share):
    path = write(tmp_path / name, violin)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    try:
        read, _ = heard(path)
    except AudioError as error:
        assert name in str(error) and "\n" not in str(error)
    else:
        assert likeness(read, violin[: len(read)]) > 0.95


LOAD = """
import resource, sys
from ddsp_nb import load_audio
load_audio(sys.argv[1], 44_100, duration_s=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(load_audio(sys.argv[1], 44_100)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
assert "av" not in sys.modules, "FFmpeg takes a while to load, and is for what phones record"
"""


def test_memory_follows_the_sound_and_not_the_file(tmp_path):
    pytest.importorskip("resource")
    path, seconds = tmp_path / "big.wav", 8
    with sf.SoundFile(path, "w", 192_000, 8, "DOUBLE") as file:  # 98 MB, of which 1.4 MB are heard
        for _ in range(seconds):
            file.write(noise(192_000, 8))
    result = subprocess.run([sys.executable, "-c", LOAD, path], capture_output=True, text=True, check=True)
    n_samples, grown_kb = map(int, result.stdout.split())
    assert n_samples == seconds * 44_100
    assert grown_kb < 60_000


# Writing


@pytest.fixture(scope="module")
def tone():
    return torch.from_numpy(sine(440)).float()


@pytest.mark.parametrize(
    ("name", "subtype", "gain", "tolerance"),
    [
        ("new/folder/a.wav", "PCM_16", 1.98, 2**-15),
        ("a.flac", "PCM_16", 1.98, 2**-15),
        ("a.wav", "PCM_24", 1.98, 2**-23 + 1e-8),
        ("a.wav", "FLOAT", 3.4, 0),  # also beyond full scale
    ],
)
def test_a_saved_sound_comes_back(tmp_path, tone, name, subtype, gain, tolerance):
    back = load_audio(save_audio(tmp_path / name, gain * tone, RATE, subtype=subtype), RATE)
    assert back.dtype == torch.float32
    assert (back - gain * tone).abs().max() <= tolerance


def test_too_loud_sound_is_turned_down_and_said_at_the_users_own_line(tmp_path, tone):
    with pytest.warns(WorkbookWarning, match=r"loud\.wav.*2\.00") as notes:
        save_audio(tmp_path / "loud.wav", 4 * tone, RATE)
    assert notes[0].filename == __file__
    assert torch.allclose(load_audio(tmp_path / "loud.wav", RATE), 2 * tone, atol=1 / 16384)


@pytest.mark.parametrize("level", [0.4, 1.0, 3.7])
def test_files_that_belong_together_add_up_at_one_gain(tmp_path, tone, level):
    """Harmonic part and residual are the recording, also where one of them alone is too loud."""
    noise_part = torch.from_numpy(noise(RATE)).float()
    recording, harmonic = level * tone + noise_part, 1.2 * level * tone.roll(18)
    names = ("whole.wav", "harmonic.wav", "noise.wav", "residual.wav")
    whole, part, hiss, rest = paths = [tmp_path / name for name in names]
    mix = harmonic + noise_part
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        written = save_together({whole: mix, part: harmonic}, RATE, rests={hiss: (mix, part), rest: (recording, part)})
    assert written == paths
    down_db = [float(str(note.message).split("down by ")[1].split()[0]) for note in notes]
    assert len(down_db) == (level > 0.5) and all(", ".join(names) in str(note.message) for note in notes)
    gain = 10 ** (-sum(down_db) / 20)
    steps = {path.stem: sf.read(path, dtype="int16")[0].astype(int) for path in paths}
    exact = lambda sound: (gain * sound.double() * 2**15).round().numpy()
    assert np.array_equal(steps["harmonic"] + steps["residual"], exact(recording))
    assert np.array_equal(steps["harmonic"] + steps["noise"], exact(mix))
    assert np.array_equal(steps["whole"], exact(mix)) and np.array_equal(steps["harmonic"], exact(harmonic))


def test_the_gain_bends_around_few_peaks_and_the_level_stays(tmp_path, violin):
    """It moves slowly, no sample reaches full scale, silence is silent, and parts still add up to the last step."""
    sound = torch.from_numpy(1.1 * violin / np.abs(violin).max()).float()
    sound[: RATE // 10] = 0
    whole, stem, rest = paths = [tmp_path / f"{name}.wav" for name in ("whole", "stem", "rest")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_together({whole: sound, stem: sound / 2}, RATE, rests={rest: (sound, stem)})
    steps, stem, rest = (sf.read(path, dtype="int16")[0].astype(int) for path in paths)
    asked = 2**15 * sound.double().numpy()
    assert np.array_equal(stem + rest, steps) and np.abs(steps).max() < 2**15 - 1 and not steps[: RATE // 10].any()
    assert 10 * np.log10((asked @ asked) / (steps @ steps)) < 0.05
    (clear,) = np.nonzero(np.abs(asked) > 2**12)
    gain = steps[clear] / asked[clear]
    assert gain.min() < 0.92 and np.abs(np.diff(gain) / np.diff(clear)).max() < 0.004
    assert (np.abs(gain - 1) < 0.001).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "subtype", "gain"),
    [
        ("a.mp4", "PCM_16", 1),
        ("a", "PCM_16", 1),
        ("a.flac", "FLOAT", 1),
        ("a.wav", "PCM_16", float("nan")),
        ("a.wav", "PCM_16", torch.ones(3, 1)),  # three channels
        ("folder.wav", "PCM_16", 1),
    ],
)
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, tone, name, subtype, gain):
    old = save_audio(tmp_path / "a.wav", tone, RATE).read_bytes()
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(AudioError) as error:
        save_audio(tmp_path / name, gain * tone, RATE, subtype=subtype)
    assert f"{name}: " in str(error.value) and "\n" not in str(error.value)
    assert (tmp_path / "a.wav").read_bytes() == old and set(os.listdir(tmp_path)) == {"a.wav", "folder.wav"}


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_write_leaves_nothing_half_written(tmp_path, tone, monkeypatch, failure):
    path = save_audio(tmp_path / "a.wav", tone, RATE)
    before, whole = path.read_bytes(), sf.SoundFile.write

    def half(file, sound):
        whole(file, sound[: len(sound) // 2])
        raise failure

    monkeypatch.setattr(sf.SoundFile, "write", half)
    for target in (path, tmp_path / "new.wav"):
        with pytest.raises((AudioError, KeyboardInterrupt)):
            save_audio(target, 2 * tone, RATE)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["a.wav"]

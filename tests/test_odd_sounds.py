"""Recordings as people bring them: each one works and says what was done, or is refused in one line."""

import io
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

from ddsp_nb import (
    AnalysedRecording,
    AudioError,
    Config,
    Corpus,
    DDSPModel,
    FeatureExtractor,
    WorkbookWarning,
    load_audio,
    record_take,
    train,
)
from ddsp_nb.panels import RecordingChooser
from ddsp_nb.sound import blocks
from ddsp_nb.workspace import Workspace

RATE = 16_000
TINY = Config(sample_rate=RATE, hidden_size=32, n_harmonics=8, n_bands=8, n_mfcc=4)


@pytest.fixture(scope="module")
def violin(data):
    """One second of it, [RATE] float64."""
    return load_audio(data / "violin.flac", RATE, duration_s=1).double().numpy()


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
def test_every_rate_keeps_the_duration_and_the_pitch(tmp_path, rate, channels):
    t = np.arange(rate) / rate
    sound = np.stack([0.5 * np.sin(2 * np.pi * 1000 * t)] * channels, 1)
    read, words = heard(write(tmp_path / "clip.wav", sound, rate))
    assert len(read) == RATE and not words
    assert np.abs(np.fft.rfft(read)).argmax() == 1000


def test_a_long_file_is_resampled_as_in_one_piece(tmp_path):
    noise = np.random.default_rng(0).standard_normal(120 * 11_025).astype(np.float32) / 10
    read, _ = heard(write(tmp_path / "long.wav", noise, 11_025, subtype="FLOAT"))
    whole = librosa.resample(noise, orig_sr=11_025, target_sr=RATE)
    assert len(read) == len(whole)
    assert np.array_equal(read, whole)


def test_a_file_of_several_blocks_is_read_as_a_whole(tmp_path, monkeypatch, violin):
    monkeypatch.setattr(blocks, "BLOCK_VALUES", 1000)
    read, _ = heard(write(tmp_path / "a.wav", np.stack([violin] * 3, 1), subtype="FLOAT"))
    np.testing.assert_allclose(read, violin, atol=1e-6)


def test_only_the_wanted_part_of_a_long_file_is_read(tmp_path, violin):
    read, _ = heard(write(tmp_path / "a.wav", np.tile(violin, 10)), duration_s=0.5)
    assert len(read) == RATE // 2


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n_samples=st.integers(800, 6_000),
    rate=st.integers(4_000, 8_000) | st.sampled_from([8_000, 11_025, 44_100, 48_000]),
    new_rate=st.sampled_from([8_000, 16_000, 44_100]),
    gains=st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=8),
    seed=st.integers(0, 99),
)
def test_any_mix_is_finite_as_long_as_it_lasted_and_no_louder(tmp_path, n_samples, rate, new_rate, gains, seed):
    noise = np.random.default_rng(seed).standard_normal((n_samples, 1)) / 10
    path = write(tmp_path / "a.wav", noise * gains, rate, subtype="FLOAT")
    try:
        read, _ = heard(path, new_rate)
    except AudioError as error:
        assert ("silent" in str(error) and np.abs(gains).max() < 1e-2) or n_samples < 0.1 * rate
    else:
        assert len(read) == -(-n_samples * new_rate // rate)
        assert np.isfinite(read).all()
        assert np.sqrt((read**2).mean()) <= 1.1 * np.abs(gains).max() * np.sqrt((noise**2).mean())


def test_dc_offset_is_removed_and_named(tmp_path, violin):
    read, words = heard(write(tmp_path / "dc.wav", violin / 2 + 0.3, subtype="FLOAT"))
    assert abs(read.mean()) < 1e-4 and likeness(read, violin) > 0.999
    assert words == [f"{tmp_path / 'dc.wav'}: DC offset of 0.3 removed."]


def test_clipping_is_counted(tmp_path, violin):
    clipped = np.clip(violin * 20, -1, 1)
    _, words = heard(write(tmp_path / "loud.wav", clipped))
    (count,) = (int(line.split("clipped in ")[1].split()[0]) for line in words)
    flat = (np.abs(clipped) == 1).sum()
    assert 0.7 * flat < count <= flat  # the shortest plateaus are let pass


@pytest.mark.parametrize("subtype", ["PCM_U8", "FLOAT"])
def test_a_full_scale_tone_is_not_taken_for_clipped(tmp_path, subtype):
    t = np.arange(RATE) / RATE
    _, words = heard(write(tmp_path / "a.wav", 0.9999 * np.sin(2 * np.pi * 60 * t), subtype=subtype))
    assert not words


@pytest.mark.parametrize("other", [-1, -0.8])
def test_of_opposite_channels_the_louder_is_taken(tmp_path, violin, other):
    read, words = heard(write(tmp_path / "a.wav", np.stack([other * violin, violin], 1), subtype="FLOAT"))
    np.testing.assert_allclose(read, violin if other > -1 else -violin, atol=1e-6)
    (words,) = words
    assert "cancel" in words and f"channel {2 if other > -1 else 1} is used" in words


def test_independent_channels_are_averaged_without_a_word(tmp_path):
    noise = np.random.default_rng(0).standard_normal((RATE, 8)) / 10
    read, words = heard(write(tmp_path / "a.wav", noise, subtype="FLOAT"))
    np.testing.assert_allclose(read, noise.mean(1), atol=1e-6)
    assert not words


@pytest.mark.parametrize("gain", [32_768, 1e30])
def test_levels_far_beyond_full_scale_are_turned_down(tmp_path, violin, gain):
    read, words = heard(write(tmp_path / "a.wav", gain * violin, subtype="FLOAT"))
    np.testing.assert_allclose(read, violin / np.abs(violin).max(), atol=1e-6)
    assert len(words) == 1 and "turned down" in words[0]


def header(path, **fields):
    """Change fields of a WAV header: `riff`, `data` (bytes that follow), `rate`, `channels`."""
    content = bytearray(path.read_bytes())
    places = {"riff": (4, "<I"), "channels": (22, "<H"), "rate": (24, "<I"), "data": (40, "<I")}
    for name, value in fields.items():
        struct.pack_into(places[name][1], content, places[name][0], value)
    path.write_bytes(content)
    return path


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path, violin):
    path = header(write(tmp_path / "a.wav", violin), riff=2**32 - 1, data=2**32 - 2)
    read, _ = heard(path)
    np.testing.assert_allclose(read, violin, atol=1e-4)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(AudioError, match="28 samples"):
        load_audio(path, RATE)


@pytest.mark.parametrize("rate", [400, 2_000_000_000])
def test_an_impossible_sample_rate_is_refused(tmp_path, violin, rate):
    with pytest.raises(AudioError, match=rf"a\.wav: .*{rate} Hz. Convert") as error:
        load_audio(header(write(tmp_path / "a.wav", violin), rate=rate), RATE)
    assert "\n" not in str(error.value)


def test_what_is_too_long_is_refused_with_a_remedy_unless_a_part_is_asked_for(tmp_path):
    seconds = 1300
    path = write(tmp_path / "long.flac", np.tile(np.int16([0, 9999, 0, -9999]), 250 * seconds), 1000)
    with pytest.raises(AudioError, match=r"longer than 20 minutes.*--duration"):
        load_audio(path, 8000)
    assert len(load_audio(path, 8000, duration_s=2)) == 16_000


LOAD = """
import resource, sys
from ddsp_nb import load_audio
load_audio(sys.argv[1], 44_100, duration_s=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(load_audio(sys.argv[1], 44_100)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_follows_the_sound_and_not_the_file(tmp_path):
    pytest.importorskip("resource")
    path, seconds = tmp_path / "big.wav", 8
    with sf.SoundFile(path, "w", 192_000, 8, "DOUBLE") as file:  # 98 MB, of which 1.4 MB are heard
        for _ in range(seconds):
            file.write(np.random.default_rng(0).standard_normal((192_000, 8)) / 10)
    result = subprocess.run([sys.executable, "-c", LOAD, path], capture_output=True, text=True, check=True)
    n_samples, grown_kb = map(int, result.stdout.split())
    assert n_samples == seconds * 44_100
    assert grown_kb < 60_000


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


def test_a_file_without_a_header_is_refused_in_one_line(tmp_path):
    (tmp_path / "noise.raw").write_bytes(bytes(range(256)) * 100)
    with pytest.raises(AudioError, match=r"noise\.raw: not a readable sound file"):
        load_audio(tmp_path / "noise.raw", RATE)


def odd_sounds():
    """Name to [n_samples] sound at RATE, or a function of the violin."""
    t, random = np.arange(RATE) / RATE, np.random.default_rng(0)
    click, hit = np.zeros(RATE), np.exp(-20 * t) * random.standard_normal(RATE) * 0.3
    click[RATE // 2] = 1
    return {
        "noise": 0.1 * random.standard_normal(RATE),
        "drum": hit,
        "click": click,
        "chord": sum(0.2 * np.sin(2 * np.pi * f * t) for f in (220, 277.18, 329.63)),
        "tenth of a second": 0.5 * np.sin(2 * np.pi * 440 * t[: RATE // 10]),
        "clipped": lambda violin: np.clip(20 * violin, -1, 1),
        "late": lambda violin: np.concatenate([np.zeros(2 * RATE), violin]),
        "square": 0.5 * np.sign(np.sin(2 * np.pi * 100.1 * t)),
        "Nyquist": 0.5 * (-1.0) ** np.arange(RATE),
        "infrasound": 0.5 * np.sin(2 * np.pi * 8 * t),
    }


@pytest.mark.parametrize("name", odd_sounds())
@pytest.mark.filterwarnings("ignore::ddsp_nb.WorkbookWarning")
def test_odd_sounds_are_analysed_learned_and_rendered_in_finite_numbers(tmp_path, violin, name):
    sound = odd_sounds()[name]
    audio = load_audio(write(tmp_path / "odd.wav", sound(violin) if callable(sound) else sound, subtype="FLOAT"), RATE)
    recording = AnalysedRecording.of(name, audio, TINY)
    features, analysis = recording.features, recording.analysis
    for values in (features.f0_hz, features.loudness_db, features.mfcc, features.phase):
        assert values.isfinite().all()
    assert analysis.coefficients.isfinite().all() and np.isfinite(analysis.snr_db)
    torch.manual_seed(0)
    model = DDSPModel(TINY)
    corpus = Corpus.of([recording], TINY)
    assert all(np.isfinite(progress.loss) for progress in train(model, corpus, epochs=2))
    assert record_take(recording, TINY).render(TINY).audio.isfinite().all()
    rendered = model(features)
    assert rendered.audio.isfinite().all() and len(rendered.audio) == len(audio)


def test_sound_without_pitch_is_announced():
    with pytest.warns(WorkbookWarning, match=r"No pitch found in (9\d|100) % of the frames: the harmonic part"):
        FeatureExtractor(TINY)(torch.from_numpy(odd_sounds()["drum"]).float())


def test_silence_before_a_note_is_no_missing_pitch(violin):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FeatureExtractor(TINY)(torch.from_numpy(np.concatenate([np.zeros(8 * RATE), violin])).float())


@pytest.mark.parametrize("value", [float("nan"), 1e30])
def test_samples_that_are_no_sound_are_refused_by_the_analysis(violin, value):
    audio = torch.from_numpy(violin).float()
    audio[100] = value
    with pytest.raises(AudioError, match="Scale it"):
        FeatureExtractor(TINY)(audio)


@pytest.fixture
def chooser(tmp_path, data):
    return RecordingChooser(Workspace(tmp_path / "my", data), TINY)


def test_the_chooser_says_the_same_in_the_users_words(chooser):
    file = io.BytesIO()
    noise = np.random.default_rng(0).standard_normal(RATE) / 10
    sf.write(file, noise + 0.3, RATE, format="WAV", subtype="FLOAT")
    chooser.bring("my <own> clip.wav", file.getvalue())
    words = chooser.words.value
    assert "<b>my own clip</b>: 1.0 s, and no pitch" in words and chooser.recording.name == "my own clip"
    assert "Note: my &lt;own&gt; clip.wav: DC offset of 0.3 removed." in words
    assert "Note: No pitch found" in words


@pytest.mark.parametrize("name", ["x" * 300 + ".wav", "a\0b.wav", "../../clip.wav", "noise.raw"])
def test_names_and_bytes_that_are_brought_do_no_harm(chooser, name):
    chooser.bring(name, bytes(range(256)) * 9)
    assert "did not work" in chooser.words.value and chooser.recording.name == "violin"
    assert "/tmp" not in chooser.words.value


@pytest.mark.parametrize("name", ["x" * 300 + ".wav", "a\0b.wav", "../../clip.wav", "", "violin.wav", ".wav", "a/b\\c"])
def test_a_recording_of_any_name_is_kept_where_recordings_are(chooser, violin, name):
    file = io.BytesIO()
    sf.write(file, violin, RATE, format="WAV")
    chooser.bring(name, file.getvalue())
    recording = chooser.recording
    assert not recording.shipped and recording.path.parent == chooser.workspace.folder / "recordings"
    assert recording.name != "violin" and len(recording.name) <= 70


def test_a_notebook_says_notes_in_a_line_and_a_script_as_python_does():
    code = "import warnings; from ddsp_nb import errors, plots; {}; errors.warn_user('It hums.'); warnings.warn('else')"
    said = [
        subprocess.run([sys.executable, "-c", code.format(act)], capture_output=True, text=True, check=True).stderr
        for act in ("plots.look()", "pass")
    ]
    assert said[0].splitlines()[0] == "Note: It hums." and "WorkbookWarning: It hums." in said[1]
    assert all("UserWarning: else" in words for words in said)

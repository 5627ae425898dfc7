"""Sound files: what is written comes back, and what cannot be used says so in one line."""

import os

import numpy as np
import pytest
import soundfile as sf
import torch

from ddsp_nb import AudioError, WorkbookWarning, load_audio, save_audio

RATE = 44_100


def tone(f0_hz=440.0, seconds=0.5, sample_rate=RATE, level=0.5):
    t = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    return (level * torch.sin(2 * torch.pi * f0_hz * t)).float()


def peak_hz(audio, sample_rate):
    spectrum = torch.fft.rfft(audio * torch.hann_window(len(audio)), 8 * len(audio)).abs()
    return spectrum.argmax().item() * sample_rate / (8 * len(audio))


def assert_one_line(error, path):
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    assert len(message) > len(str(path)) + 10  # says more than the name


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_saved_sound_comes_back_within_one_16_bit_step(tmp_path, suffix):
    sound = tone(level=0.99)
    back = load_audio(save_audio(tmp_path / f"a{suffix}", sound), RATE)
    assert back.dtype == torch.float32
    assert (back - sound).abs().max() <= 1 / 32768


def test_float_wav_comes_back_exactly_even_beyond_full_scale(tmp_path):
    sound = tone(level=1.7)
    back = load_audio(save_audio(tmp_path / "a.wav", sound, subtype="FLOAT"), RATE)
    assert torch.equal(back, sound)


def test_24_bit_is_finer_than_16_bit(tmp_path):
    sound = tone(level=0.3)
    errors = {
        s: (load_audio(save_audio(tmp_path / f"{s}.wav", sound, subtype=s), RATE) - sound).abs().max()
        for s in ("PCM_16", "PCM_24")
    }
    assert errors["PCM_24"] < 2**-23 + 1e-8
    assert errors["PCM_16"] > 4 * errors["PCM_24"]


def test_stereo_is_averaged(tmp_path):
    left, right = tone(440), tone(660, level=0.2)
    sf.write(tmp_path / "a.wav", torch.stack([left, right], 1).numpy(), RATE, subtype="FLOAT")
    assert torch.allclose(load_audio(tmp_path / "a.wav", RATE), (left + right) / 2, atol=1e-6)


@pytest.mark.parametrize(("original", "target"), [(22_050, 44_100), (44_100, 16_000)])
def test_resampling_keeps_pitch_level_and_duration(tmp_path, original, target):
    save_audio(tmp_path / "a.wav", tone(1000.0, 0.7, original), original)
    back = load_audio(tmp_path / "a.wav", target)
    assert abs(len(back) / target - 0.7) < 2 / target
    assert peak_hz(back, target) == pytest.approx(1000, abs=0.5)
    assert back[1000:-1000].square().mean().sqrt().item() == pytest.approx(0.5 / 2**0.5, rel=0.01)


def test_resampling_down_does_not_alias(tmp_path):
    save_audio(tmp_path / "a.wav", tone(1000) * 0.5 + tone(12_000) * 0.5)
    back = load_audio(tmp_path / "a.wav", 16_000)  # 12 kHz would fold to 4 kHz
    spectrum = torch.fft.rfft(back * torch.hann_window(len(back))).abs()
    bin_hz = 16_000 / len(back)
    fold, kept = (spectrum[round(f / bin_hz) - 5 : round(f / bin_hz) + 6].max() for f in (4000, 1000))
    assert fold < 1e-3 * kept


@pytest.mark.parametrize("name", ["nowhere.wav", "folder"])
def test_missing_file_or_folder_is_named_with_advice(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(AudioError, match=r"\. [A-Z].*\.$") as error:
        load_audio(tmp_path / name)
    assert_one_line(error, tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"Dear diary, this is no sound.\n" * 50])
def test_file_that_is_no_sound_is_named(tmp_path, content):
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError) as error:
        load_audio(path)
    assert_one_line(error, path)


@pytest.mark.parametrize(
    ("sound", "says"),
    [
        (np.zeros(RATE), "silent"),
        (np.full(RATE, 5e-5) * (-1) ** np.arange(RATE), "silent"),
        (np.zeros(0), "0 samples"),
    ],
    ids=["below -80 dB", "10 samples", "empty"],
)
def test_recording_with_nothing_to_learn_is_refused(tmp_path, sound, says):
    path = tmp_path / "useless.wav"
    sf.write(path, sound, RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=says) as error:
        load_audio(path, RATE)
    assert_one_line(error, path)


def test_quiet_recording_is_accepted(tmp_path):
    sf.write(tmp_path / "a.wav", tone(level=1e-3).numpy(), RATE, subtype="FLOAT")
    assert load_audio(tmp_path / "a.wav", RATE).abs().max().item() == pytest.approx(1e-3, rel=0.01)


def test_samples_that_are_no_numbers_become_silence_with_a_warning(tmp_path):
    sound = tone().numpy().copy()
    sound[[100, 2000]] = np.nan
    sound[5000] = np.inf
    sf.write(tmp_path / "broken.wav", sound, RATE, subtype="FLOAT")
    with pytest.warns(UserWarning, match=r"broken\.wav: 3 samples"):
        back = load_audio(tmp_path / "broken.wav", RATE)
    assert (back[[100, 2000, 5000]] == 0).all()
    kept = np.isfinite(sound)
    assert np.array_equal(back.numpy()[kept], sound[kept])


def test_too_loud_sound_is_turned_down_not_clipped(tmp_path):
    sound = tone(level=2.0)
    with pytest.warns(UserWarning, match=r"loud\.wav.*2\.00"):
        save_audio(tmp_path / "loud.wav", sound)
    back = load_audio(tmp_path / "loud.wav", RATE)
    assert torch.allclose(back, sound / sound.abs().max(), atol=1 / 16384)


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.mp4", "PCM_16"), ("a", "PCM_16"), ("a.flac", "FLOAT")],
)
def test_unknown_format_writes_nothing(tmp_path, name, subtype):
    with pytest.raises(AudioError) as error:
        save_audio(tmp_path / name, tone(), subtype=subtype)
    assert_one_line(error, tmp_path / name)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("bad", [tone() * float("nan"), torch.stack([tone()] * 3)], ids=["NaN", "three channels"])
def test_sound_that_cannot_be_written_leaves_the_old_file(tmp_path, bad):
    path = save_audio(tmp_path / "a.wav", tone())
    before = path.read_bytes()
    with pytest.raises(AudioError) as error:
        save_audio(path, bad)
    assert_one_line(error, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.wav"]


def test_folder_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(AudioError) as error:
        save_audio(tmp_path / "a.wav", tone())
    assert_one_line(error, tmp_path / "a.wav")
    assert os.listdir(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_interrupted_write_leaves_nothing_half_written(tmp_path, monkeypatch, failure):
    path = save_audio(tmp_path / "a.wav", tone())
    before = path.read_bytes()

    whole = sf.SoundFile.write

    def half(file, sound):
        whole(file, sound[: len(sound) // 2])
        raise failure

    monkeypatch.setattr(sf.SoundFile, "write", half)
    for target in (path, tmp_path / "new.wav"):
        with pytest.raises((AudioError, KeyboardInterrupt)):
            save_audio(target, tone(660))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("name", ["old.wav", "new.flac"])
def test_full_disk_is_one_line_and_leaves_the_folder_as_it_was(tmp_path, full_disk, name):
    old = save_audio(tmp_path / "old.wav", tone(seconds=0.1))
    before = old.read_bytes()
    noise = torch.rand(RATE, generator=torch.Generator().manual_seed(0)) - 0.5
    with full_disk(), pytest.raises(AudioError) as error:
        save_audio(tmp_path / name, noise)
    assert_one_line(error, tmp_path / name)
    assert old.read_bytes() == before
    assert os.listdir(tmp_path) == ["old.wav"]


def test_missing_folder_is_made(tmp_path):
    assert save_audio(tmp_path / "new" / "folder" / "a.wav", tone()).is_file()


def test_a_warning_points_at_the_users_own_line(tmp_path):
    with pytest.warns(WorkbookWarning) as notes:
        save_audio(tmp_path / "loud.wav", tone(level=2.0))
    assert notes[0].filename == __file__

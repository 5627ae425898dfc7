"""Features: pitch, loudness and phase of sounds whose truth is known, and of real recordings."""

import librosa
import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

from ddsp_nb import AudioError, Config, ConfigError, FeatureExtractor, load_audio
from ddsp_nb.analysis.decompose import AnalysedRecording, analyse
from ddsp_nb.analysis.mel import loudness_db, mel_cepstrum
from ddsp_nb.analysis.pitch import track_pitch
from ddsp_nb.errors import WorkbookWarning

EDGE = 5  # frames at each end whose window reaches beyond the sound
RATE = 44_100


def extract(audio, **settings):
    return FeatureExtractor(Config(**settings))(audio)


def cents(f0_hz, truth_hz):
    return 1200 * np.log2(np.asarray(f0_hz) / truth_hz)


def sine(f0_hz, seconds=1.0, sample_rate=RATE, level=1.0):
    t = torch.arange(round(seconds * sample_rate), dtype=torch.float64) / sample_rate
    return (level * torch.sin(2 * torch.pi * f0_hz * t)).float()


@pytest.mark.parametrize(("f0_hz", "sample_rate"), [(55, 44_100), (220, 16_000), (440, 44_100), (1500, 16_000)])
def test_pitch_of_a_tone_is_right_within_a_cent(sawtooth, f0_hz, sample_rate):
    found = extract(sawtooth(f0_hz, 1.0, sample_rate), sample_rate=sample_rate)
    error = np.abs(cents(found.f0_hz, f0_hz)[EDGE:-EDGE])
    assert np.median(error) < 1
    assert found.voiced[EDGE:-EDGE].float().mean() > 0.8


@pytest.mark.parametrize("tracker", ["autocorrelation", "yin"])
@pytest.mark.parametrize("notes_hz", [(2349, 3520, 4699), (27.5, 41.2), (31, 220, 659, 4186)])
def test_pitch_is_right_from_the_lowest_string_to_the_piccolo(sawtooth, notes_hz, tracker):
    """Also where both are in one recording, and of a bare sine, whose multiples of a period are all alike."""
    silence = torch.zeros(RATE // 10)
    for tone in (sawtooth, sine):
        audio = torch.cat([part for hz in notes_hz for part in (0.5 * tone(hz, 0.5), silence)])
        f0_hz, voiced = track_pitch(audio.numpy(), Config(), tracker=tracker)
        for i, hz in enumerate(notes_hz):
            # Of a note's 52 frames, without its ends.
            frames = slice(round((0.6 * i + 0.1) * RATE / 512), round((0.6 * i + 0.4) * RATE / 512))
            assert voiced[frames].all() and np.abs(cents(f0_hz[frames], hz)).max() < 35


def test_a_hiss_between_notes_has_no_pitch(sawtooth):
    """A "sh" is noise around 3 kHz, which nearly comes again after one of its periods."""
    noise = np.random.default_rng(0).standard_normal(RATE // 4)
    hiss = sosfilt(butter(4, (2500, 4000), "band", fs=RATE, output="sos"), noise)
    audio = torch.cat([sawtooth(200, 0.5), torch.from_numpy(0.1 * hiss / hiss.std()).float(), sawtooth(200, 0.5)])
    voiced = track_pitch(audio.numpy(), Config())[1]
    frames = slice(round(0.53 * RATE / 512), round(0.72 * RATE / 512))
    assert voiced[frames].mean() < 0.2


def test_a_pitch_at_the_end_of_the_range_is_told(sawtooth):
    with pytest.warns(WorkbookWarning, match=r"lowest .* 220 Hz.*--f0-min"):
        extract(sawtooth(222, 1.0), f0_min_hz=220.0)


def test_partials_of_a_bass_do_not_flutter(sawtooth):
    """A hop is half a period of it: the sound alone does not say which frame has how much of a partial."""
    audio = sawtooth(41.2, 1.5)
    found = AnalysedRecording.of("bass", audio, Config()).analysis
    sine, cosine = found.coefficients[EDGE:-EDGE].chunk(2, -1)
    level_db = 20 * torch.log10(torch.hypot(sine, cosine))[:, :8]
    assert level_db.diff(dim=0).abs().max() < 1 and found.snr_db > 30


@pytest.mark.parametrize("tracker", ["yin", "pyin"])
def test_other_trackers_agree(sawtooth, tracker):
    found = FeatureExtractor(Config(sample_rate=16_000), tracker)(sawtooth(440, 0.5, 16_000))
    assert np.median(np.abs(cents(found.f0_hz, 440)[EDGE:-EDGE])) < 5


def test_unknown_tracker_is_refused():
    with pytest.raises(ConfigError, match=r"guess.*autocorrelation"):
        FeatureExtractor(Config(), "guess")


def test_vibrato_is_followed(sawtooth):
    t = np.arange(2 * RATE) / RATE
    found = extract(sawtooth(440 * 2 ** (50 / 1200 * np.sin(2 * np.pi * 5 * t)), 2.0))
    wanted = 50 * np.sin(2 * np.pi * 5 * found.times_s.numpy())
    error = np.abs(cents(found.f0_hz, 440) - wanted)[EDGE:-EDGE]
    assert np.median(error) < 3
    assert error.max() < 15  # a track that ignored the vibrato would be 50 off


def test_note_change_is_followed_at_once(sawtooth):
    found = extract(sawtooth(np.repeat([330.0, 495.0], RATE // 2), 1.0))
    change = round(0.5 * RATE / 512)
    assert np.abs(cents(found.f0_hz[EDGE : change - 3], 330)).max() < 20
    assert np.abs(cents(found.f0_hz[change + 4 : -EDGE], 495)).max() < 20


@pytest.mark.parametrize("harmonics", [[2, 3, 4, 5, 6], [1, 3, 5, 7], [1]])
def test_pitch_is_not_an_octave_off_where_partials_are_missing(sawtooth, harmonics):
    found = extract(sawtooth(220, 1.0, harmonics=harmonics))
    assert np.abs(cents(found.f0_hz, 220)[EDGE:-EDGE]).max() < 50


def test_white_noise_has_no_pitch():
    noise = 0.1 * torch.randn(2 * RATE, generator=torch.Generator().manual_seed(0))
    found = extract(noise)
    assert found.voiced.float().mean() < 0.05
    assert found.f0_hz.isfinite().all()


def test_silence_between_two_tones_is_unvoiced_and_carries_a_finite_pitch(sawtooth):
    sound = sawtooth(440, 3.0)
    sound[RATE : 2 * RATE] = 0
    found = extract(sound)
    second = RATE // 512
    assert not found.voiced[second + 10 : 2 * second - 10].any()
    assert found.voiced[EDGE : second - 10].all()
    assert found.voiced[2 * second + 10 : -EDGE].all()
    assert np.abs(cents(found.f0_hz, 440)).max() < 100
    assert found.loudness_db[second + second // 2] <= -100 + 1e-3


def test_nothing_but_silence_is_refused():
    with pytest.raises(AudioError, match="silent"):
        extract(torch.zeros(RATE))


def test_10_db_of_gain_are_10_db_of_loudness(data):
    audio = load_audio(data / "violin.flac", duration_s=2)
    loud, quiet = extract(audio), extract(audio * 10**-0.5)
    heard = loud.loudness_db > -80
    assert heard.float().mean() > 0.9
    assert (loud.loudness_db - quiet.loudness_db - 10)[heard].abs().max() < 0.01
    assert (loud.f0_hz / quiet.f0_hz - 1).abs().max() < 1e-3


@pytest.mark.parametrize("sample_rate", [44_100, 16_000])
def test_loudness_and_mfccs_are_those_of_librosa(data, sample_rate):
    config = Config(sample_rate=sample_rate)
    audio = load_audio(data / "voice.flac", sample_rate)
    sound = audio[: len(audio) // config.hop_length * config.hop_length]
    sizes = dict(y=sound.numpy(), hop_length=config.hop_length)
    rms = librosa.feature.rms(frame_length=config.frame_length, **sizes)[0]
    mfcc = librosa.feature.mfcc(sr=sample_rate, n_mfcc=30, n_mels=64, n_fft=config.frame_length, **sizes)
    assert np.allclose(loudness_db(sound, config), 20 * np.log10(rms.clip(1e-5)), atol=1e-3)
    assert np.allclose(mel_cepstrum(sound, config), mfcc.T, atol=1e-2)  # of hundreds of dB


def test_violin_plays_the_phrase_that_its_readme_names(data):
    found = extract(load_audio(data / "violin.flac"))
    midi = 69 + 12 * torch.log2(found.f0_hz[found.voiced] / 440)
    share = torch.bincount(midi.round().int(), minlength=100) / len(midi)
    played = {69, 71, 72, 74, 76, 77, 79}  # A4 B4 C5 D5 E5 F5 G5
    assert share[sorted(played)].sum() > 0.9
    assert share[sorted(played)].min() > 0.03


@pytest.mark.parametrize("extra", [0, 1])
def test_frames_cover_the_clip(sawtooth, extra):
    sound = sawtooth(440, 0.5)[: 30 * 512]
    sound = torch.cat([sound, sound[:extra]])
    found = extract(sound)
    assert found.n_samples == len(sound)
    assert len(sound) <= (len(found) - 1) * 512 < len(sound) + 512
    assert {len(x) for x in (found.f0_hz, found.loudness_db, found.mfcc, found.voiced, found.phase)} == {len(found)}


@pytest.mark.parametrize("vibrato_cents", [0, 50])
def test_phase_lines_up_with_the_waveform(sawtooth, vibrato_cents):
    t = np.arange(2 * RATE) / RATE
    tone = sawtooth(440 * 2 ** (vibrato_cents / 1200 * np.sin(2 * np.pi * 5 * t)), 2.0, harmonics=[1])
    config = Config(n_harmonics=1)
    assert analyse(FeatureExtractor(config)(tone), tone, config).snr_db > 25


@pytest.mark.parametrize(("name", "least_db"), [("violin", 10), ("flute", 18), ("trumpet", 18), ("voice", 15)])
def test_phase_lines_up_with_real_recordings(data, name, least_db):
    config, audio = Config(), load_audio(data / f"{name}.flac", duration_s=3)
    assert analyse(FeatureExtractor(config)(audio), audio, config).snr_db > least_db


def test_transposed_performance_is_higher_and_forgets_its_phase(features):
    higher = features.transpose(12)
    assert torch.allclose(higher.f0_hz, 2 * features.f0_hz)
    assert higher.phase is None
    assert torch.equal(higher.loudness_db, features.loudness_db)

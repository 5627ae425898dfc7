"""What lies under a recording and is not its instrument: it is found in the rests, named, and kept out."""

import warnings

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from ddsp_nb import AnalysedRecording, Config, Corpus, FeatureExtractor, WorkbookWarning, load_audio, record_take
from ddsp_nb.analysis.background import Background
from ddsp_nb.playing.articulation import Articulation

CONFIG = Config(sample_rate=16_000, n_harmonics=12)
RATE = CONFIG.sample_rate
NOTES_HZ = (440, 523, 659, 440)


@pytest.fixture(scope="module")
def phrase(sawtooth):
    """Four notes and the rests after them, in a room that is never quite still."""
    edge, rest = torch.linspace(0, 1, RATE // 50), torch.zeros(RATE // 2)
    notes = [sawtooth(hz, 0.6, RATE) for hz in NOTES_HZ]
    for note in notes:
        note[: len(edge)] *= edge
        note[-len(edge) :] *= edge.flip(0)
    sound = torch.cat([part for note in notes for part in (note, rest)])
    return sound + 3e-5 * torch.randn(len(sound), generator=torch.Generator().manual_seed(0))


def tone(hz, like, level_db, drift=0.0):
    """A sine, [n_samples] as `like`, whose pitch wanders by a share of itself."""
    t = np.arange(len(like)) / RATE
    phase = 2 * np.pi * np.cumsum(hz * (1 + drift * np.sin(t))) / RATE
    return torch.from_numpy(10 ** (level_db / 20) * np.sin(phase)).float()


def hum(base_hz, like, multiples=(1, 2, 3, 5, 9)):
    """As mains do it: not quite at its frequency, and wandering."""
    return sum(tone(1.001 * base_hz * k, like, -42 - 2 * k, drift=5e-4) for k in multiples)


def extract(sound):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", WorkbookWarning)
        return FeatureExtractor(CONFIG)(sound), [str(note.message) for note in caught]


BACKGROUNDS = {
    "50 Hz with its multiples": lambda like: hum(50, like),
    "60 Hz with its multiples": lambda like: hum(60, like),
    "3000 Hz": lambda like: tone(3000, like, -45),
    "439 Hz": lambda like: tone(439, like, -45),
    "137 Hz": lambda like: tone(137, like, -40, drift=1e-3),
}


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_steady_tones_in_the_rests_are_named_and_change_neither_pitch_nor_rests(phrase, name):
    wanted, said = extract(phrase)
    assert not said
    features, said = extract(phrase + BACKGROUNDS[name](phrase))
    assert len(said) == 1 and name in said[0]
    assert (features.voiced == wanted.voiced).float().mean() > 0.98
    both = features.voiced & wanted.voiced & (wanted.loudness_db > -35)
    off = (1200 * torch.log2(features.f0_hz / wanted.f0_hz)).abs()[both] > 50
    assert off.float().mean() < 0.05
    rests = wanted.loudness_db < -85
    assert rests.float().mean() > 0.3
    assert (features.loudness_db[rests] < -65).float().mean() > 0.97


def test_the_instrument_keeps_its_partials_where_a_tone_lies_on_them(phrase):
    tones = tone(440, phrase, -45) + tone(1319, phrase, -45)
    kept = phrase + tones - Background.of(phrase + tones, CONFIG).tones
    first = slice(RATE // 10, RATE // 2)
    assert (kept - phrase)[first].square().mean() < 1e-3 * phrase[first].square().mean()


def test_hum_is_in_the_recording_but_neither_in_the_take_nor_in_what_is_learned(phrase):
    audio = phrase + hum(50, phrase)
    clean, noisy = (AnalysedRecording.of("phrase", sound, CONFIG) for sound in (phrase, audio))
    assert torch.equal(noisy.audio, audio)
    take = record_take(noisy, CONFIG)
    rest = slice(int(0.75 * RATE), int(0.95 * RATE))
    assert take.render(CONFIG).audio[rest].square().mean().sqrt() < 10 ** (-65 / 20)
    assert Articulation.of(take).release_s == pytest.approx(
        Articulation.of(record_take(clean, CONFIG)).release_s, abs=0.02
    )
    learned, wanted = (Corpus.of([recording], CONFIG, 0).inputs()[:, 0] for recording in (noisy, clean))
    assert abs(learned.min() - wanted.min()) < 0.1 and abs(learned.max() - wanted.max()) < 0.1


# Exponent of the spectrum's fall, and where it ends.
NOISES = {"a hiss": (0, 8000), "a fan": (1, 8000), "a street's rumble": (0, 70)}


@pytest.mark.parametrize("name", NOISES)
def test_noise_in_the_rests_is_neither_a_note_nor_a_release(phrase, name):
    slope, highest_hz = NOISES[name]
    hz = np.fft.rfftfreq(len(phrase), 1 / RATE)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(len(phrase)))
    noise = np.fft.irfft(spectrum * np.maximum(hz, 20) ** -slope * (hz < highest_hz), len(phrase))
    sound = phrase + torch.from_numpy(10 ** (-45 / 20) * noise / noise.std()).float()
    wanted, _ = extract(phrase)
    recording = AnalysedRecording.of("noisy", sound, CONFIG)
    features, said = extract(sound)
    assert len(said) == 1 and "oise of -4" in said[0]
    in_rests = torch.from_numpy(~binary_dilation(wanted.voiced.numpy(), iterations=2))
    assert in_rests.float().mean() > 0.1 and not features.voiced[in_rests].any()
    assert features.f0_hz[features.voiced].quantile(0.02) > 400
    assert Articulation.of(record_take(recording, CONFIG)).release_s < 0.3
    heard_s = Corpus.of([recording], CONFIG, 0).seconds
    assert heard_s < 0.8 * len(sound) / RATE  # 55 % of it are notes


@pytest.mark.parametrize(
    "sound",
    [
        lambda phrase, sawtooth: phrase,
        # An organ's one note, with rests; it is gone in them.
        lambda phrase, sawtooth: phrase.sign().abs() * sawtooth(220, len(phrase) / RATE, RATE) * (phrase.abs() > 1e-3),
        # A drone below a melody without rests, soft as it may be.
        lambda phrase, sawtooth: sawtooth(440, 4.0, RATE) + tone(110, torch.zeros(4 * RATE), -40),
        # A soft note and then loud ones, of the same pitch and of others.
        lambda phrase, sawtooth: torch.cat(
            [sawtooth(hz, 1.0, RATE, level=level) for hz, level in ((330, 0.01), (330, 0.2), (440, 0.2), (392, 0.2))]
        ),
    ],
    ids=["stillness", "organ", "drone", "swell"],
)
def test_what_the_instrument_plays_is_not_taken_for_background(phrase, sawtooth, sound):
    assert len(Background.of(sound(phrase, sawtooth), CONFIG).tones_hz) == 0


@pytest.mark.parametrize("name", ["violin", "flute", "trumpet", "voice"])
def test_shipped_recordings_have_no_background(data, name):
    assert not Background.of(load_audio(data / f"{name}.flac", RATE), CONFIG).tones.any()

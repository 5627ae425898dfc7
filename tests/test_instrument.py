"""The instrument plays notes that it never heard, at the loudness that is asked for, and forgets none of its own."""

from dataclasses import replace

import pytest
import torch

from ddsp_nb import Config, DDSPModel, FeatureExtractor, load_audio, train
from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.analysis.mel import loudness_db
from ddsp_nb.training.instrument import Instrument, level_errors

CONFIG = Config(sample_rate=16_000, hidden_size=32)


@pytest.fixture(scope="module")
def recordings(data, study):
    """Corpus and features of the beginning and the end of a phrase whose notes differ."""
    audio = load_audio(data / "flute.flac", CONFIG.sample_rate, duration_s=5.4)
    return [study(sound, CONFIG) for sound in (audio[:48_000], audio[48_000:])]


@pytest.fixture(scope="module")
def model(recordings):
    torch.manual_seed(0)
    model = DDSPModel(CONFIG)
    list(train(model, recordings[0][1], epochs=10))
    return model


def targets(recording):
    return recording[1].heard[0].targets


def error_db(instrument, targets, **how):
    with torch.no_grad():
        return level_errors(instrument, targets, **how)[0].item() / NEPERS_PER_DB


def test_unheard_notes_are_nearer_after_training_on_others(model, recordings):
    shared = Instrument.shared(CONFIG)
    heard, unheard = map(targets, recordings)
    tuned = model.network.instrument
    assert error_db(tuned, heard) < error_db(shared, heard) - 0.3
    assert error_db(tuned, unheard) < error_db(shared, unheard)
    assert error_db(tuned, unheard) < 5


def test_the_shared_instrument_does_better_than_the_envelope_alone(recordings):
    unheard = targets(recordings[1])
    envelope, _ = Instrument.shared(CONFIG).queries.at_partials(unheard.inputs)
    error = (unheard.weights * (envelope - unheard.log_amplitudes).abs()).sum() / unheard.weights.sum()
    assert error_db(Instrument.shared(CONFIG), unheard) < 0.7 * error.item() / NEPERS_PER_DB


@pytest.mark.parametrize("envelope", [True, False])
def test_a_performance_has_the_loudness_that_is_asked_for(model, recordings, envelope):
    features, _, _ = recordings[1]
    quieter = replace(features, loudness_db=features.loudness_db - 10)
    for asked in (features, quieter):
        sound = model(asked, envelope=envelope).audio
        length = (len(asked) - 1) * CONFIG.hop_length
        heard = loudness_db(torch.nn.functional.pad(sound, (0, length - len(sound))), CONFIG)
        audible = asked.loudness_db > asked.loudness_db.max() - 40
        assert (heard - asked.loudness_db)[audible].abs().mean() < 0.3


def test_a_transposed_performance_sounds_where_it_should(model, recordings):
    features, _, _ = recordings[1]
    moved = FeatureExtractor(CONFIG)(model(features.transpose(-4)).audio)
    both = moved.voiced & features.voiced
    semitones = 12 * torch.log2(moved.f0_hz[both] / features.f0_hz[both])
    assert semitones.median() == pytest.approx(-4, abs=0.1)


def test_a_steady_note_has_no_roughness(model, recordings):
    """Between the partials of a note that is held there is nothing above -46 dB: no phase moves."""
    n = 200
    features = replace(
        recordings[0][0],
        f0_hz=torch.full((n,), 900 * 16_000 / 32_768),  # 900 bins of the spectrum below
        loudness_db=torch.full((n,), -20.0),
        mfcc=recordings[0][0].mfcc[40].expand(n, -1),
        voiced=torch.ones(n, dtype=torch.bool),
        phase=None,
        age_s=None,
        n_samples=(n - 1) * CONFIG.hop_length,
    )
    sound = model(features).harmonic[20 * 512 :][:32_768]
    spectrum = torch.fft.rfft(sound * torch.hann_window(len(sound))).abs()
    partial = torch.arange(1, 11) * 900
    between = spectrum[: 10 * 900 + 450].clone()
    for at in partial:
        between[at - 8 : at + 9] = 0
    assert between[450:].max() < 5e-3 * spectrum.max()


def test_making_a_model_takes_no_random_numbers_for_its_instrument():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Instrument.shared(CONFIG)
    assert torch.equal(before, torch.get_rng_state())

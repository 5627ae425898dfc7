"""The instrument plays notes that it never heard, at the loudness that is asked for, and forgets none of its own."""

from dataclasses import replace

import pytest
import torch

from ddsp_nb import (
    AnalysedRecording,
    Config,
    Corpus,
    DDSPModel,
    FeatureExtractor,
    draw,
    instrument,
    load_audio,
    parse_notes,
    train,
)
from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.analysis.mel import loudness_db
from ddsp_nb.analysis.onsets import in_octaves
from ddsp_nb.training.family import Family
from ddsp_nb.training.instrument import Instrument, Targets, level_errors
from ddsp_nb.training.lessons import prepare

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


def error_db(network, targets, **how):
    with torch.no_grad():
        return level_errors(network, targets, **how)[0].item() / NEPERS_PER_DB


def test_unheard_notes_are_nearer_after_training_on_others(model, recordings):
    shared = Instrument.shared(CONFIG)
    heard, unheard = map(targets, recordings)
    tuned = model.network.instrument
    assert error_db(tuned, heard) < error_db(shared, heard) - 0.3
    # The shared weights have heard another flute: with the envelope there is little to win, with the own timbre much.
    assert error_db(tuned, unheard) < min(error_db(shared, unheard) + 0.3, 5)
    assert error_db(tuned, unheard, envelope=False) < error_db(shared, unheard, envelope=False) - 1


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
        age_s=torch.full((n,), 1.0),
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


def test_a_plucked_string_grows_dull_and_a_flute_does_not():
    """At the same loudness: what changes is the time since the onset alone."""

    def falls_db(name):
        levels = []
        for age_s in (0.05, 1.0):
            heard = torch.tensor([[torch.log2(torch.tensor(220 / 440)), -20.0, in_octaves(torch.tensor(age_s))]])
            inputs = torch.nn.functional.pad(heard, (0, CONFIG.n_mfcc))
            with torch.no_grad():
                levels.append(Family.shipped()[name].model(CONFIG).network.instrument(inputs, envelope=False)[0][0])
        # Partials 4 to 12 beside the first.
        bright = [(level[3:12] - level[0]).exp().square().mean().log10() * 10 for level in levels]
        return (bright[0] - bright[1]).item()

    assert falls_db("nylon guitar") > falls_db("flute") + 3


def test_an_instrument_is_found_again_by_its_sound():
    """Of a melody of a sax, the code alone plays other notes nearly as the sax does, and no other comes near."""
    family = Family.shipped()
    model, take = instrument("alto sax", config=CONFIG)
    learned, other = (
        analysed(model(draw(parse_notes(notes), model, take), envelope=False).audio)
        for notes in ("D4:0.5 A4:0.5 E5:0.5 C4:0.5", "F4:0.5 C5:0.5")
    )
    found = DDSPModel(CONFIG)
    prepare(found, Corpus.of([learned], CONFIG, 0), start="shared", seed=0)
    wanted = Targets.of(other.features, other.analysis, CONFIG)
    wanted = wanted[wanted.inputs[:, 1] > wanted.inputs[:, 1].max() - 30]
    off_db = lambda them: error_db(them.network.instrument, wanted, envelope=False)
    others = [family[name].model(CONFIG) for name in ("trumpet", "flute", "oboe")]
    for them in others:
        them.remember(found.octave_quantiles, found.loudness_quantiles_db)
    assert off_db(found) < off_db(model) + 0.8 < min(map(off_db, others)) - 0.8
    assert "sax" in " ".join(family.nearest(found.network.instrument.code))


def analysed(sound):
    return AnalysedRecording.of("melody", sound, CONFIG)


@pytest.mark.parametrize("name", ["flute", "violin"])
def test_no_note_begins_with_a_pop_of_partials_that_no_recording_has(name):
    # The 56th partial of G4 lies between what recordings have and Nyquist.
    model, take = instrument(name)
    features = draw(parse_notes("E4:0.3 G4:0.4"), model, take)
    amplitudes = model.controls(features, envelope=False).amplitudes
    level_db = 10 * (amplitudes.square().sum(1) / 2 + 1e-12).log10()
    assert (level_db - features.loudness_db)[features.loudness_db > -30].max() < 4

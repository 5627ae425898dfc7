"""Phase: harmonic parts that line up with a recording, and held notes that do not flutter."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddsp_nb import Config, DDSPModel, analyse, load_audio
from ddsp_nb.analysis.decompose import snr_db
from ddsp_nb.training.metrics import evaluate

RATE, HOP = 16_000, 256


@pytest.fixture(scope="module")
def violin(data, study):
    """Two seconds of violin, frames as long as at 44.1 kHz: an instrument, features, sound and take."""
    config = Config(sample_rate=RATE, hop_length=HOP, hidden_size=32)
    audio = load_audio(data / "violin.flac", RATE, duration_s=2)
    features, _, take = study(audio, config)
    torch.manual_seed(0)
    return DDSPModel(config), features, audio, take


def test_a_take_lines_up_with_the_waveform(violin):
    model, _, audio, take = violin
    reached = snr_db(audio, take.render(model.config).harmonic)
    assert reached > 13.5
    assert reached == pytest.approx(take.ceiling_db, abs=0.05)  # but for 16 bits


def test_the_instrument_alone_does_not(violin):
    model, features, audio, _ = violin
    assert snr_db(audio, model(features).harmonic) < 3


def test_noise_of_a_take_is_fitted_to_the_recording(violin):
    model, features, audio, take = violin
    gains = analyse(features, audio, model.config).noise_magnitudes
    measured = replace(take, controls=replace(take.controls, noise_magnitudes=gains))
    loss = [evaluate(audio, one.render(model.config), model.config).loss for one in (take, measured)]
    assert loss[0] < 0.95 * loss[1]


@pytest.mark.parametrize("hz", [220.0, 880.0])
def test_a_held_note_has_no_sidebands_at_the_frame_rate(violin, hz):
    model, features, _, _ = violin
    loudest = int(features.loudness_db.argmax())
    hold = lambda x: x[loudest].expand(500, *x.shape[1:]).clone()
    held = replace(
        features,
        f0_hz=torch.full((500,), hz),
        recorded_hz=hold(features.f0_hz),
        phase=None,
        loudness_db=hold(features.loudness_db),
        mfcc=hold(features.mfcc),
        voiced=torch.ones(500, dtype=torch.bool),
        age_s=None,
        n_samples=499 * HOP,
    )
    sound = model(held).harmonic[-4 * RATE :].double().numpy()
    spectrum = np.abs(np.fft.rfft(sound * np.blackman(len(sound))))
    level = lambda f: spectrum[round(f * 4) - 8 : round(f * 4) + 9].max()  # bins are 0.25 Hz apart
    sidebands = [hz + side * RATE / HOP for side in (-2, -1, 1, 2)]
    assert all(20 * np.log10(level(f) / level(hz)) < -50 for f in sidebands)


def test_quality_knows_the_recording_itself_and_what_was_changed(violin):
    model, features, audio, _ = violin
    config, sound = model.config, model(features)
    itself = evaluate(audio, replace(sound, audio=audio, harmonic=audio), config)
    assert itself.loss == 0 and itself.loudness_error_db == 0 and itself.pitch_off < 0.02
    quieter = evaluate(audio, replace(sound, audio=audio / 2, harmonic=audio / 2), config)
    assert quieter.loudness_error_db == pytest.approx(6.02, abs=0.1)
    assert quieter.snr_db == pytest.approx(6.02, abs=0.1)
    transposed = model(features.transpose(1))
    assert evaluate(audio, transposed, config).pitch_error_cents == pytest.approx(100, abs=5)

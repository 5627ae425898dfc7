"""Phase: harmonic parts that line up with a recording, and held notes that do not flutter."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddsp_nb import Config, DDSPModel, FeatureExtractor, load_audio, train
from ddsp_nb.analysis.decompose import snr_db
from ddsp_nb.training.metrics import evaluate

RATE, HOP = 16_000, 256


@pytest.fixture(scope="module")
def violin(data):
    """Two seconds of violin and a model of it at its full width, frames as long as at 44.1 kHz."""
    config = Config(sample_rate=RATE, hop_length=HOP)
    audio = load_audio(data / "violin.flac", RATE, duration_s=2)
    features = FeatureExtractor(config)(audio)
    torch.manual_seed(0)
    model = DDSPModel(config)
    history = list(train(model, features, audio, epochs=30))
    return model, features, audio, history


def test_the_sines_line_up_with_the_waveform(violin):
    model, features, audio, history = violin
    reached = snr_db(audio, model(features).harmonic)
    assert reached > 12
    assert reached > history[-1].ceiling_db - 1.5


def test_sines_without_learned_offsets_do_not(violin):
    model, features, audio, _ = violin
    integrated = model(replace(features, phase=None)).harmonic
    assert snr_db(audio, integrated) < 3


@pytest.mark.parametrize("hz", [220.0, 880.0])
def test_a_held_note_has_no_sidebands_at_the_frame_rate(violin, hz):
    model, features, _, _ = violin
    loudest = int(features.loudness_db.argmax())
    hold = lambda x: x[loudest].expand(500, *x.shape[1:]).clone()
    held = replace(
        features.transpose(12 * np.log2(hz / features.f0_hz[loudest].item())),
        f0_hz=torch.full((500,), hz),
        loudness_db=hold(features.loudness_db),
        mfcc=hold(features.mfcc),
        voiced=torch.ones(500, dtype=torch.bool),
        n_samples=499 * HOP,
    )
    sound = model(held).harmonic[-4 * RATE :].double().numpy()
    spectrum = np.abs(np.fft.rfft(sound * np.blackman(len(sound))))
    level = lambda f: spectrum[round(f * 4) - 8 : round(f * 4) + 9].max()  # bins are 0.25 Hz apart
    sidebands = [hz + side * RATE / HOP for side in (-2, -1, 1, 2)]
    assert all(20 * np.log10(level(f) / level(hz)) < -50 for f in sidebands)


def test_quality_knows_the_recording_itself_and_what_was_changed(violin):
    model, features, audio, _ = violin
    sound = model(features)
    itself = evaluate(audio, replace(sound, audio=audio, harmonic=audio), RATE)
    assert itself.log_magnitude_loss == 0 and itself.loudness_error_db == 0 and itself.pitch_off == 0
    quieter = evaluate(audio, replace(sound, audio=audio / 2, harmonic=audio / 2), RATE)
    assert quieter.loudness_error_db == pytest.approx(6.02, abs=0.1)
    assert quieter.snr_db == pytest.approx(6.02, abs=0.1)
    transposed = model(features.transpose(1))
    assert evaluate(audio, transposed, RATE).pitch_error_cents == pytest.approx(100, abs=5)

"""Training: it learns the clip, keeps the best it had, repeats itself, and refuses what it cannot do."""

import gc

import pytest
import torch

from ddsp_nb import (
    Config,
    ConfigError,
    DDSPModel,
    FeatureExtractor,
    GrowthPlan,
    MultiScaleSpectralLoss,
    grow,
    load_audio,
    load_model,
    save_model,
    train,
)
from ddsp_nb.analysis.decompose import snr_db


def new_model(config, seed=0):
    torch.manual_seed(seed)
    return DDSPModel(config)


def own_loss(model, features, clip):
    return MultiScaleSpectralLoss(model.config)(model(features).audio, clip).item()


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def test_random_start_learns_the_clip(small_config, features, clip):
    model = new_model(small_config)
    before = own_loss(model, features, clip)
    losses = [p.loss for p in train(model, features, clip, epochs=40, start="random")]
    assert losses[-1] < 0.85 * losses[0]
    assert own_loss(model, features, clip) < 0.97 * before


def test_analysis_start_is_near_its_ceiling_after_few_epochs(features, clip, small_config):
    config = Config(sample_rate=16_000, hidden_size=256, n_harmonics=32)
    model = new_model(config)
    *_, last = train(model, features, clip, epochs=4)
    assert last.ceiling_db > 8
    assert last.ceiling_db - 4 < last.snr_db < last.ceiling_db + 0.5
    heard = model(features)
    assert snr_db(clip, heard.harmonic) > last.ceiling_db - 4  # what is played, not only what is reported


def test_trained_sound_has_the_loudness_of_the_recording(small_config, trained, features, clip):
    heard = FeatureExtractor(small_config)(trained(features).audio)
    loud = features.loudness_db > -40
    assert (heard.loudness_db - features.loudness_db)[loud].abs().median() < 2
    assert (1200 * torch.log2(heard.f0_hz / features.f0_hz))[features.voiced].abs().median() < 10


def test_analysis_start_beats_a_random_one(small_config, trained, features, clip):
    random = new_model(small_config)
    for _ in train(random, features, clip, epochs=8, start="random"):
        pass
    assert own_loss(trained, features, clip) < 0.7 * own_loss(random, features, clip)


@pytest.mark.parametrize("close", ["early", "at the end"])
def test_best_model_is_kept_where_training_went_wrong(small_config, features, clip, close):
    model = new_model(small_config)
    run = train(model, features, clip, epochs=4, learning_rate=0.5)  # far too fast: the first step ruins it
    first = next(run)
    for progress in run:
        ruined = own_loss(model, features, clip)
        if close == "early" and progress.epoch == 3:
            run.close()
    assert progress.loss > 2 * first.loss
    assert progress.best_loss == first.loss
    assert own_loss(model, features, clip) < 0.5 * ruined


def test_dropped_generator_keeps_the_best_model_too(small_config, features, clip):
    model = new_model(small_config)
    run = train(model, features, clip, epochs=4, learning_rate=0.5)
    next(run)
    next(run)
    ruined = own_loss(model, features, clip)
    del run
    gc.collect()
    assert own_loss(model, features, clip) < 0.5 * ruined


def test_best_loss_never_rises_and_epochs_count_from_one(small_config, features, clip):
    log = list(train(new_model(small_config), features, clip, epochs=5, learning_rate=0.05))
    assert [p.epoch for p in log] == [1, 2, 3, 4, 5]
    assert [p.best_loss for p in log] == [min(q.loss for q in log[: i + 1]) for i in range(5)]


def test_same_seed_same_weights_other_seed_others(small_config, features, clip):
    models = [new_model(small_config) for _ in range(3)]
    for model, seed in zip(models, (5, 5, 6), strict=True):
        for _ in train(model, features, clip, epochs=3, seed=seed, start="random"):
            pass
    a, again, b = (weights(m) for m in models)
    assert all(torch.equal(a[k], again[k]) for k in a)
    assert any(not torch.equal(a[k], b[k]) for k in a)


def test_every_parameter_learns_with_a_finite_gradient(small_config, features, clip):
    model = new_model(small_config)
    run = train(model, features, clip, epochs=3, start="random")
    next(run)
    for name, parameter in model.named_parameters():
        if name.startswith("instrument."):
            continue  # tuned before, and held
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name
    run.close()


def test_progress_plays_the_model_as_it_is_now(small_config, features, clip):
    model = new_model(small_config)
    sounds = [p.audio().audio for p in train(model, features, clip, epochs=2, start="random")]
    assert {len(s) for s in sounds} == {len(clip)}
    assert not torch.equal(*sounds)


def test_clip_that_falls_silent_trains_without_nan(small_config, clip):
    gapped = clip.clone()
    gapped[12_000:20_000] = 0
    features = FeatureExtractor(small_config)(gapped)
    model = new_model(small_config)
    log = list(train(model, features, gapped, epochs=3))
    assert all(torch.tensor([p.loss, p.snr_db, p.spectral_loss]).isfinite().all() for p in log)
    heard = model(features).audio
    gap, sounding = heard[14_000:18_000], heard[4000:10_000]
    assert gap.square().mean().sqrt() < 0.03 * sounding.square().mean().sqrt()


@pytest.mark.parametrize("start", ["analysis", "random"])
def test_recording_without_pitch_trains_without_nan(small_config, start):
    noise = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    features = FeatureExtractor(small_config)(noise)
    model = new_model(small_config)
    log = list(train(model, features, noise, epochs=3, start=start))
    assert all(torch.tensor([p.loss, p.best_loss]).isfinite().all() for p in log)
    assert all(w.isfinite().all() for w in model.state_dict().values())
    assert model(features).audio.isfinite().all()


def test_a_tenth_of_a_second_is_enough_to_train(small_config, sawtooth):
    short = sawtooth(300, 0.11, 16_000)
    features = FeatureExtractor(small_config)(short)
    model = new_model(small_config)
    assert all(p.loss < 100 for p in train(model, features, short, epochs=2))
    assert model(features).audio.isfinite().all()


def test_long_recording_is_visited_in_stretches_and_learned(data):
    """More segments than fit into one step: 4.5 s of voice at the shortest hop."""
    config = Config(sample_rate=8_000, hop_length=16, hidden_size=32, n_harmonics=4, n_bands=8)
    audio = load_audio(data / "voice.flac", 8_000, duration_s=4.5)
    features = FeatureExtractor(config)(audio)
    model = new_model(config)
    before = own_loss(model, features, audio)
    log = list(train(model, features, audio, epochs=3))
    assert own_loss(model, features, audio) < 0.95 * before
    assert log[-1].snr_db < log[-1].ceiling_db + 6


@pytest.mark.parametrize(
    "arguments",
    [
        {"epochs": 0},
        {"epochs": -3},
        {"learning_rate": 0.0},
        {"learning_rate": -1e-3},
        {"learning_rate": 2.0},
        {"learning_rate": float("nan")},
        {"start": "magic"},
        {"device": "tpu"},
    ],
    ids=str,
)
def test_impossible_arguments_are_refused_before_the_model_changes(small_config, features, clip, arguments):
    model = new_model(small_config)
    before = weights(model)
    with pytest.raises(ConfigError) as error:
        next(train(model, features, clip, **arguments))
    assert "\n" not in str(error.value)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("start", ["analysis", "random"])
def test_cuda_learns_as_the_cpu_does(tmp_path, small_config, features, clip, start):
    last = {}
    for device in ("cpu", "cuda"):
        model = new_model(small_config)
        *_, last[device] = train(model, features, clip, epochs=4, start=start, device=device)
        assert model.device.type == device
    assert last["cuda"].loss == pytest.approx(last["cpu"].loss, rel=0.05)
    sound = last["cuda"].audio().audio
    growth = grow(model, features, GrowthPlan())
    assert sound.isfinite().all()
    assert growth.audio.abs().max().item() == pytest.approx(0.9, abs=1e-3)
    reloaded, remembered = load_model(save_model(tmp_path / "model.pt", model, features))
    assert (reloaded(remembered).audio - sound.cpu()).square().mean() < 1e-3 * clip.square().mean()


def test_cuda_is_refused_where_there_is_none(small_config, features, clip, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="cuda"):
        next(train(new_model(small_config), features, clip, device="cuda"))


def test_features_of_another_config_are_refused(small_config, features, clip):
    other = new_model(Config(sample_rate=22_050, hidden_size=16))
    with pytest.raises(ConfigError, match="extract them with"):
        next(train(other, features, clip, epochs=1))


def test_recording_of_another_length_is_refused(small_config, features, clip):
    with pytest.raises(ConfigError):
        next(train(new_model(small_config), features, clip[:-8000], epochs=1))
    with pytest.raises(ConfigError):
        next(train(new_model(small_config), features, torch.cat([clip, clip]), epochs=1))


def test_features_without_phase_are_refused_in_one_line(small_config, features, clip):
    with pytest.raises(ConfigError) as error:
        next(train(new_model(small_config), features.transpose(2), clip, epochs=1))
    assert "\n" not in str(error.value)

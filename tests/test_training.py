"""Training: it learns the clip, keeps the best it had, repeats itself, and refuses what it cannot do."""

import math
import subprocess
import sys
from dataclasses import replace
from itertools import accumulate

import pytest
import torch

from ddsp_nb import (
    AnalysedRecording,
    Config,
    ConfigError,
    Corpus,
    DDSPModel,
    FeatureExtractor,
    GrowthPlan,
    evaluate,
    grow,
    load_audio,
    load_model,
    save_model,
    train,
)
from ddsp_nb.training.adamw import AdamW


def new_model(config, seed=0):
    torch.manual_seed(seed)
    return DDSPModel(config)


def own_loss(model, corpus):
    """Of what the model plays, at the loudness of its corpus."""
    phrase = corpus.example
    return evaluate(phrase.audio, model(phrase.features), model.config).loss


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


@pytest.fixture(scope="module")
def notes(data, study, small_config):
    """Six notes of the flute with silence between them, of which two are held out."""
    phrase, gap = load_audio(data / "flute.flac", 16_000, duration_s=5.4), torch.zeros(4000)
    sound = torch.cat([x for i in range(6) for x in (phrase[i * 14_000 : i * 14_000 + 11_000], gap)])
    return study(sound, small_config, 0.3)[1]


def test_from_the_envelope_it_learns_what_it_hears_and_what_it_does_not(small_config, notes):
    log = list(train(new_model(small_config), notes, epochs=20, start="envelope"))
    assert log[-1].loss < 0.9 * log[0].loss
    assert log[-1].unheard_loss < 0.9 * log[0].unheard_loss


def test_both_curves_of_a_newcomer_fall(data):
    config = Config(hidden_size=256, n_layers=1)
    recording = AnalysedRecording.of("flute", load_audio(data / "flute.flac", config.sample_rate), config)
    log = list(train(new_model(config), Corpus.of([recording], config, 0.4), epochs=14, start="envelope"))
    for curve in ([p.loss for p in log], [p.unheard_loss for p in log]):
        assert all(loss - lowest < 0.01 for loss, lowest in zip(curve, accumulate(curve, min), strict=True))


def test_it_learns_by_the_loss_that_is_asked_for_and_is_judged_by_one(small_config, corpus):
    logs, models = {}, {}
    for loss in ("plain", "heard"):
        models[loss] = new_model(small_config)
        logs[loss] = list(train(models[loss], corpus, epochs=6, start="envelope", loss=loss))
        assert logs[loss][-1].loss < 0.95 * logs[loss][0].loss
    assert logs["heard"][-1].loss == pytest.approx(logs["plain"][-1].loss, rel=0.1)  # figures of one scale
    plain, heard = (weights(models[loss])["network.amplitude_head.3.weight"] for loss in ("plain", "heard"))
    assert (plain - heard).abs().max() > 1e-4


def test_held_out_phrases_are_whole_and_silence_is_in_none(notes):
    assert (len(notes.heard), len(notes.unheard)) == (4, 2)
    middles = [phrase.features.f0_hz.median() for phrase in notes.unheard]
    others = [phrase.features.f0_hz.median() for phrase in notes.heard]
    assert all(min(others) <= hz <= max(others) for hz in middles)
    sounds = [phrase.audio for phrase in (*notes.heard, *notes.unheard)]
    assert sum(map(len, sounds)) < 6 * 13_000
    assert all((sound.unfold(0, 512, 512).abs().amax(1) > 1e-4).float().mean() > 0.8 for sound in sounds)


def test_the_model_that_plays_the_unheard_best_is_kept(small_config, notes):
    model, kept, log = new_model(small_config), {}, []
    for progress in train(model, notes, epochs=6, learning_rate=5e-3, start="envelope"):
        kept[progress.unheard_loss] = weights(model)
        log.append(progress)
    best = min(kept)
    assert log[-1].best_loss == best == min(p.judged_loss for p in log)
    assert all(torch.equal(v, kept[best][k]) for k, v in model.state_dict().items())


def test_holdouts_that_cannot_be_are_refused(small_config, recording):
    for holdout in (0.9, -1):
        with pytest.raises(ConfigError, match="use a share"):
            Corpus.of([recording], small_config, holdout)


def test_a_phrase_that_is_alone_is_cut_in_two_where_some_is_held_out(small_config, recording):
    whole = Corpus.of([recording], small_config)
    (phrase,) = whole.heard
    halves = Corpus.of([recording], small_config, 0.3)
    assert len(halves.heard) == len(halves.unheard) == 1 and not whole.unheard
    assert halves.seconds + halves.unheard[0].seconds == pytest.approx(phrase.seconds, abs=0.1)


def test_the_trained_instrument_has_pitch_and_loudness_of_the_recording(small_config, trained, features):
    heard = FeatureExtractor(small_config)(trained(features).audio)
    loud = features.loudness_db > -40
    assert (heard.loudness_db - features.loudness_db)[loud].abs().median() < 0.3
    assert (1200 * torch.log2(heard.f0_hz / features.f0_hz))[features.voiced].abs().median() < 10


@pytest.mark.parametrize("close", ["early", "at the end"])
def test_best_model_is_kept_where_training_went_wrong(small_config, corpus, close):
    model = new_model(small_config)
    run = train(model, corpus, epochs=4, learning_rate=0.5)  # far too fast: the first step ruins it
    first = next(run)
    for progress in run:
        ruined = own_loss(model, corpus)
        if close == "early" and progress.epoch == 3:
            run.close()
    assert progress.best_loss < first.loss  # the beginning was better
    assert own_loss(model, corpus) < 0.8 * ruined


def test_same_seed_same_weights_other_seed_others(small_config, corpus):
    models = [new_model(small_config) for _ in range(3)]
    for model, seed in zip(models, (5, 5, 6), strict=True):
        for _ in train(model, corpus, epochs=3, seed=seed, start="envelope"):
            pass
    a, again, b = (weights(m) for m in models)
    assert all(torch.equal(a[k], again[k]) for k in a)
    assert any(not torch.equal(a[k], b[k]) for k in a)


def test_every_parameter_learns(small_config, corpus):
    model = new_model(small_config)
    before = weights(model)
    run = train(model, corpus, epochs=9)
    for _ in range(3):
        next(run)
    for name, parameter in model.named_parameters():
        assert parameter.isfinite().all(), name
        assert not torch.equal(parameter, before[name]), name
    run.close()


def test_clip_that_falls_silent_trains_without_nan(small_config, clip, study):
    gapped = clip.clone()
    gapped[12_000:20_000] = 0
    features, corpus, _ = study(gapped, small_config)
    model = new_model(small_config)
    assert all(math.isfinite(p.loss) for p in train(model, corpus, epochs=3))
    heard = model(features).audio
    gap, sounding = heard[14_000:18_000], heard[4000:10_000]
    assert gap.square().mean().sqrt() < 0.03 * sounding.square().mean().sqrt()


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
        {"loss": "magic"},
        {"device": "tpu"},
    ],
    ids=str,
)
def test_impossible_arguments_are_refused_before_the_model_changes(small_config, corpus, arguments):
    model = new_model(small_config)
    before = weights(model)
    with pytest.raises(ConfigError) as error:
        next(train(model, corpus, **arguments))
    assert "\n" not in str(error.value)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("start", ["shared", "envelope"])
def test_cuda_learns_as_the_cpu_does(tmp_path, small_config, corpus, take, start, cuda):
    last = {}
    for device in ("cpu", cuda):
        model = new_model(small_config)
        *_, last[device] = train(model, corpus, epochs=4, start=start, device=device)
        assert model.device.type == device
    assert last["cuda"].loss == pytest.approx(last["cpu"].loss, rel=0.01)
    sound = last["cuda"].audio().audio
    assert sound.isfinite().all()
    assert grow(model, take, GrowthPlan(pitch="held")).audio.abs().max().item() == pytest.approx(0.9, abs=1e-3)
    reloaded, _ = load_model(save_model(tmp_path / "model.pt", model, take))
    again = reloaded(corpus.example.features).audio
    assert (again - sound.cpu()).square().mean() < 1e-3 * corpus.example.audio.square().mean()


PAIR = """
import sys, torch
from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, fit, load_audio
from ddsp_nb.training.processes import joined, rank

config = Config(sample_rate=8_000, hop_length=64, hidden_size=8, n_harmonics=8, n_bands=8, n_layers=1)
recording = AnalysedRecording.of("violin", load_audio(sys.argv[1], 8_000, duration_s=1), config)
torch.manual_seed(0)
model, history = DDSPModel(config), []
with joined():
    fit(model, Corpus.of([recording], config), epochs=4, on_progress=history.append, start="envelope")
    torch.save([model.state_dict(), history[0].loss, history[-1].loss], f"{sys.argv[2]}/{rank()}.pt")
"""


def test_two_processes_train_one_model(tmp_path, data):
    (tmp_path / "pair.py").write_text(PAIR)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*command, tmp_path / "pair.py", data / "violin.flac", tmp_path], check=True, capture_output=True)
    (one, first, last), (other, *_) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())
    assert last < first


@pytest.mark.parametrize(("needed", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_test_of_cuda_fails_where_a_card_has_to_be_there(request, monkeypatch, needed, outcome):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("DDSP_NB_REQUIRE_CUDA", needed)
    with pytest.raises(outcome, match="no CUDA card"):
        request.getfixturevalue("cuda")


def test_cuda_is_refused_where_there_is_none(small_config, corpus, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="cuda"):
        next(train(new_model(small_config), corpus, device="cuda"))


def test_a_corpus_of_another_config_is_refused(corpus):
    with pytest.raises(ConfigError, match="analyse them with"):
        next(train(new_model(Config(sample_rate=22_050, hidden_size=16)), corpus, epochs=1))


def test_features_of_another_sound_or_without_phase_are_refused(small_config, recording):
    clip, moved = recording.audio, recording.features.transpose(2)
    for change in ({"audio": clip[:-8000]}, {"audio": torch.cat([clip, clip])}, {"features": moved}):
        with pytest.raises(ConfigError, match="own features") as error:
            Corpus.of([replace(recording, **change)], small_config)
        assert "\n" not in str(error.value)


def test_the_optimiser_moves_as_that_of_torch():
    torch.manual_seed(0)
    start, target = torch.randn(3, 50), torch.randn(50)
    paths = []
    for make in (AdamW, torch.optim.AdamW):
        parameters = [row.clone().requires_grad_() for row in start]
        groups = [{"params": parameters[:2], "lr": 0.1}, {"params": parameters[2:], "lr": 0.01}]
        optimiser = make(groups, weight_decay=0.1)
        for step in range(20):
            optimiser.zero_grad()
            sum((p - target).square().sum() for p in parameters[step % 2 :]).backward()
            optimiser.step()
        paths.append(torch.stack(parameters).detach())
    assert torch.allclose(*paths, atol=1e-6)

"""The fast renderer against DDSP as it is usually written."""

import torch

from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.oscillator import render_frames
from ddsp_nb.training.lessons import Stretches
from tests.benchmarks.plain_ddsp import plain_harmonic


def test_the_basis_renders_what_upsampled_sines_render(trained, take):
    plain = plain_harmonic(take.features, take.controls, trained.config)[: take.features.n_samples]
    fast = take.render(trained.config).harmonic
    assert fast.abs().max() > 0.05
    assert (fast - plain).abs().max() < 1e-4 * fast.abs().max()


def test_a_stretch_renders_what_the_whole_phrase_renders(trained, corpus):
    """Of the same levels, with the recording's own phases."""
    phrase, config = corpus.heard[0], trained.config
    batch = Stretches([phrase], config, torch.device("cpu")).batch([0])
    played = trained.controls(phrase.features, loudness=False)
    own = Controls(played.amplitudes, phrase.directions, played.noise_magnitudes).coefficients()
    stretch = render_frames(batch.basis[0], own[: batch.inputs.shape[1]]).flatten()
    whole = trained.synthesizer.oscillator.render(phrase.features.f0_hz, own, phase=phrase.features.phase)
    assert whole.abs().max() > 0.02
    assert (stretch - whole[: len(stretch)]).abs().max() < 1e-4 * whole.abs().max()
    assert torch.equal(batch.target.audio[0], phrase.audio[: len(stretch)])

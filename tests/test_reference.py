"""The fast renderer against DDSP as it is usually written."""

import torch

from ddsp_nb.synthesis.controls import low_crest_directions
from ddsp_nb.synthesis.oscillator import render_frames
from ddsp_nb.training.batches import Stretches
from tests.benchmarks.plain_ddsp import plain_harmonic


def test_the_basis_renders_what_upsampled_sines_render(trained, take):
    plain = plain_harmonic(take.features, take.controls, trained.config)[: take.features.n_samples]
    fast = take.render(trained.config).harmonic
    assert fast.abs().max() > 0.05
    assert (fast - plain).abs().max() < 1e-4 * fast.abs().max()


def test_a_stretch_renders_what_the_whole_phrase_renders(trained, corpus):
    """Of the same controls, in the first stretch, where both begin with a phase of 0."""
    phrase, config = corpus.heard[0], trained.config
    batch = Stretches([phrase], config, torch.device("cpu")).batch([0])
    controls = trained.controls(phrase.features, loudness=False)
    drawn = phrase[: batch.inputs.shape[1]].features
    directions = low_crest_directions(config.n_harmonics)
    coefficients = (controls.amplitudes[: len(drawn), :, None] * directions).mT.flatten(-2)
    stretch = render_frames(batch.basis[0], coefficients).flatten()
    whole = trained.synthesizer.oscillator.render(phrase.features.f0_hz, controls.coefficients())[: len(stretch)]
    assert whole.abs().max() > 0.02
    assert (stretch - whole).abs().max() < 1e-4 * whole.abs().max()
    assert torch.equal(batch.target.audio[0], phrase.audio[: len(stretch)])

"""The fast renderer against DDSP as it is usually written."""

import torch

from ddsp_nb.training.batches import SegmentedClip
from ddsp_nb.training.losses import MultiScaleSpectralLoss
from tests.benchmarks.plain_ddsp import plain_harmonic


def test_the_basis_renders_what_upsampled_sines_render(trained, features):
    controls = trained.controls(features)
    plain = plain_harmonic(features, controls, trained)[: features.n_samples]
    fast = trained(features).harmonic
    assert fast.abs().max() > 0.05
    assert (fast - plain).abs().max() < 1e-4 * fast.abs().max()


def test_batches_of_segments_render_what_the_whole_recording_renders(trained, features, clip):
    segments = SegmentedClip(trained, features, clip)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        batch = segments.batch(generator, MultiScaleSpectralLoss(trained.config))
        harmonic, _ = segments.render(batch, generator)
    whole = trained(features).harmonic
    assert (harmonic[0, : len(whole)] - whole).abs().max() < 1e-4 * whole.abs().max()

"""A recording cut into segments that the GRU visits side by side, many short sequences instead of one long one.

Each segment starts from the state in which its neighbour last ended, so that the network hears what it will hear
when it plays the recording from start to end. Short recordings are prepared once, long ones in random stretches.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.features import Features
from ddsp_nb.synthesis.oscillator import TWO_PI, harmonic_basis, render_frames
from ddsp_nb.training.losses import MultiScaleSpectralLoss, PreparedTarget
from ddsp_nb.training.model import DDSPModel

MIN_SEGMENT_FRAMES = 8  # shorter ones would teach the GRU too little of what it remembers
MAX_SEGMENT_FRAMES = 16  # longer ones take longer: the GRU's steps follow each other
MIN_SEGMENTS = 32  # side by side they keep the processor busy
MAX_CACHED_SEGMENTS = 128  # a recording of more is visited in random stretches, in memory that does not grow
N_STRETCHES = 4  # side by side in one step
STRETCH_SEGMENTS = 8  # neighbours in each of them


@dataclass(frozen=True)
class Batch:
    """Stretches of neighbouring segments: ids [n_stretches, n_segments], their basis, target and inputs."""

    segments: torch.Tensor
    inputs: torch.Tensor
    voiced: torch.Tensor
    basis: torch.Tensor
    target: PreparedTarget


class SegmentedClip:
    """A recording cut into segments that the GRU visits side by side."""

    def __init__(self, model: DDSPModel, features: Features, audio: torch.Tensor):
        self.model, self.config, device = model, model.config, model.device
        n_hops = len(features) - 1
        self.segment_frames = min(MAX_SEGMENT_FRAMES, max(MIN_SEGMENT_FRAMES, n_hops // MIN_SEGMENTS))
        self.n_segments = math.ceil(n_hops / self.segment_frames)
        extra = self.n_segments * self.segment_frames - n_hops
        repeat = lambda x: torch.cat([x, x[-1:].expand(extra, *x.shape[1:])]).to(device)
        self.inputs, self.f0_hz = repeat(features.inputs()), repeat(features.f0_hz)
        self.voiced = F.pad(features.voiced.float(), (0, extra)).to(device)
        glide = features.f0_hz[-1].double() * (TWO_PI * self.config.hop_length / self.config.sample_rate)
        self.phase = torch.cat([features.phase, features.phase[-1] + glide * torch.arange(1, extra + 1)]).to(device)
        length = self.n_segments * self.segment_frames * self.config.hop_length
        self.audio = F.pad(audio, (0, length - len(audio))).to(device)
        shape = (model.config.n_layers, self.n_segments + 1, model.config.hidden_size)
        self.states = torch.zeros(shape, device=device)  # of the GRU where each segment begins
        self._run_through()
        self.whole = None

    @property
    def is_whole(self) -> bool:
        """Whether every batch is the whole recording."""
        return self.n_segments <= MAX_CACHED_SEGMENTS

    @torch.no_grad()
    def _run_through(self):
        """Play the recording once from its start, to know the state in which each segment begins."""
        for i in range(self.n_segments):
            inputs = self.inputs[None, i * self.segment_frames : (i + 1) * self.segment_frames]
            state = self.model.synthesizer.encode(inputs, self.states[:, i : i + 1].contiguous())[1]
            self.states[:, i + 1] = state[:, 0]

    def batch(self, generator: torch.Generator, loss: MultiScaleSpectralLoss) -> Batch:
        """The whole recording, prepared once, or random stretches of a long one, in memory that does not grow."""
        if self.whole is not None:
            return self.whole
        if self.is_whole:
            self.whole = self._prepare(torch.arange(self.n_segments)[None], loss)
            return self.whole
        first = torch.randint(self.n_segments - STRETCH_SEGMENTS + 1, (N_STRETCHES, 1), generator=generator)
        return self._prepare(first + torch.arange(STRETCH_SEGMENTS), loss)

    def _prepare(self, segments, loss):
        n_hops = segments.shape[1] * self.segment_frames
        frames = segments[:, :1] * self.segment_frames + torch.arange(n_hops + 1)
        samples = segments[:, :1] * self.segment_frames * self.config.hop_length + torch.arange(
            n_hops * self.config.hop_length
        )
        frames, samples = frames.to(self.audio.device), samples.to(self.audio.device)
        basis = harmonic_basis(self.f0_hz[frames], self.phase[frames], self.config.n_harmonics, self.config)
        return Batch(segments, self.inputs[frames], self.voiced[frames], basis, loss.target(self.audio[samples]))

    def render(self, batch, generator):
        """Harmonic and noise part of a batch, [n_stretches, n_samples] each."""
        model = self.model
        controls = model.synthesizer.controls(self._hidden(batch))
        coefficients = controls.coefficients() * batch.voiced[..., None]
        harmonic = model.mix * render_frames(batch.basis, coefficients).flatten(1)
        noise = (1 - model.mix) * model.noise_generator(controls.noise_magnitudes, generator=generator)
        return harmonic, noise

    def _hidden(self, batch):
        """[n_stretches, n_frames, hidden_size]; the state in which a segment ends is kept for its neighbour."""
        n_stretches, n_segments = batch.segments.shape
        ids, net = batch.segments.flatten(), self.model.synthesizer
        inputs = batch.inputs[:, :-1].reshape(n_stretches * n_segments, self.segment_frames, -1)
        hidden, state = net.encode(inputs, self.states[:, ids])
        self.states[:, ids + 1] = state.detach()
        last = state.unflatten(1, (n_stretches, n_segments))[:, :, -1].contiguous()
        final, _ = net.encode(batch.inputs[:, -1:], last)
        return torch.cat([hidden.reshape(n_stretches, n_segments * self.segment_frames, -1), final], 1)

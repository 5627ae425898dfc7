"""Grow a timbre: from one sine wave to the full instrument, stage by stage.

A stage plays the trained instrument with a mask on its harmonics. The mask is real: a partial that is off is
absent, one that is on keeps its level, and one gain serves the whole piece, or growth could not be heard.
"""

from dataclasses import dataclass, field, replace

import torch
from torch.nn import functional as F

from ddsp_nb.errors import GrowthError
from ddsp_nb.features import Features
from ddsp_nb.model import Controls, DDSPModel
from ddsp_nb.noise import FilteredNoiseGenerator
from ddsp_nb.oscillator import harmonic_basis, integrate_pitch, ramp

STRATEGIES = ("linear", "exponential", "fibonacci")
NOISE_CHOICES = ("last", "every", "none")
FULL_SCALE = 0.9
LONGEST_PIECE_S = 3600


@dataclass(frozen=True)
class ADSR:
    """Envelope of a stage: times in seconds, sustain as a linear level from 0 to 1."""

    attack_s: float = 0.02
    decay_s: float = 0.05
    sustain: float = 0.9
    release_s: float = 0.08

    def __call__(self, n_samples: int, sample_rate: int) -> torch.Tensor:
        """[n_samples] gains from 0 up to 1, down to `sustain`, to 0; times shrink in proportion in a short stage."""
        times = torch.tensor([self.attack_s, self.decay_s, self.release_s], dtype=torch.float64) * sample_rate
        attack, decay, release = (times * min(1, n_samples / max(times.sum().item(), 1))).tolist()
        n = torch.arange(n_samples, dtype=torch.float64)
        rise = (n / max(attack, 1)).clamp(max=1)
        fall = 1 - (1 - self.sustain) * ((n - attack) / max(decay, 1)).clamp(0, 1)
        end = ((n_samples - 1 - n) / max(release, 1)).clamp(max=1)
        return (rise * fall * end).float()

    def __post_init__(self):
        times = (self.attack_s, self.decay_s, self.release_s)
        if not all(0 <= t <= 600 for t in times) or not 0 <= self.sustain <= 1:
            raise GrowthError("ADSR: use times of 0 to 600 s and a sustain level from 0 to 1.")


@dataclass(frozen=True)
class GrowthPlan:
    """How the timbre grows.

    Attributes:
        strategy: "linear", "exponential" (1, 2, 4, 8 ...) or "fibonacci" (1, 2, 3, 5, 8 ...).
        n_stages: number of stages of the linear strategy; the others follow from the number of harmonics.
        stage_duration_s: length of a stage.
        silence_duration_s: silence between stages.
        adsr: envelope of each stage.
        noise: "last" adds the noise in the last stage, "every" in all of them, "none" never.

    Raises:
        GrowthError: a value outside its range.
    """

    strategy: str = "fibonacci"
    n_stages: int = 8
    stage_duration_s: float = 0.5
    silence_duration_s: float = 0.2
    adsr: ADSR = field(default_factory=ADSR)
    noise: str = "last"

    def __post_init__(self):
        if self.strategy not in STRATEGIES:
            raise GrowthError(f"Unknown strategy {self.strategy!r}; use one of {', '.join(STRATEGIES)}.")
        if self.noise not in NOISE_CHOICES:
            raise GrowthError(f"Unknown noise {self.noise!r}; use one of {', '.join(NOISE_CHOICES)}.")
        if self.n_stages < 1 or not 0.02 <= self.stage_duration_s <= 600 or not 0 <= self.silence_duration_s <= 600:
            raise GrowthError("Use at least 1 stage of 0.02 to 600 s and a silence of 0 to 600 s.")

    def counts(self, n_harmonics: int) -> list[int]:
        """Harmonics that sound in each stage: distinct, rising, the last one complete."""
        if self.strategy == "linear":
            steps = torch.linspace(1, n_harmonics, min(self.n_stages, n_harmonics)).round().int()
            return steps.tolist() if len(steps) > 1 else [n_harmonics]
        counts, step = [1], 1
        while counts[-1] < n_harmonics:
            step = counts[-1] if self.strategy == "exponential" else (counts[-2] if len(counts) > 1 else 1)
            counts.append(min(counts[-1] + step, n_harmonics))
        return counts

    def masks(self, n_harmonics: int) -> torch.Tensor:
        """[n_stages, n_harmonics] of 0 and 1: which partials sound in which stage."""
        harmonic = torch.arange(n_harmonics)
        return torch.stack([harmonic < count for count in self.counts(n_harmonics)]).float()


@dataclass(frozen=True)
class Stage:
    """One stage of a piece: its partials and where it lies, in samples."""

    mask: torch.Tensor
    start: int
    stop: int

    @property
    def n_harmonics(self) -> int:
        """How many partials sound."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class Growth:
    """A rendered piece.

    Attributes:
        audio: [n_samples] the whole piece, peak at most 0.9.
        stages: where each stage lies and what sounds in it.
        sample_rate: Hz.
        gain: the one factor that the piece was multiplied with.
    """

    audio: torch.Tensor
    stages: list[Stage]
    sample_rate: int
    gain: float

    def stage_audio(self, i: int) -> torch.Tensor:
        """Sound of stage i."""
        return self.audio[self.stages[i].start : self.stages[i].stop]


@torch.no_grad()
def grow(
    model: DDSPModel,
    features: Features,
    plan: GrowthPlan | None = None,
    seed: int = 0,
    *,
    controls: Controls | None = None,
) -> Growth:
    """Render a piece in which the instrument's partials enter stage by stage.

    Every stage plays the same stretch of the recording, the one that sounds fullest, so that only the partials
    differ; stages longer than the recording walk it back and forth. All stages share one basis and are rendered
    in one matrix product.

    Args:
        model: a trained model.
        features: of the recording whose sound is to grow.
        plan: `GrowthPlan`.
        seed: of the noise.
        controls: `model.controls(features)` if it is known already; asking the network is most of the work.

    Raises:
        GrowthError: the piece would be longer than an hour.
    """
    plan, config = plan or GrowthPlan(), model.config
    masks = plan.masks(config.n_harmonics)
    length, silence = (round(s * config.sample_rate) for s in (plan.stage_duration_s, plan.silence_duration_s))
    if len(masks) * (length + silence) > LONGEST_PIECE_S * config.sample_rate:
        raise GrowthError(f"The piece would last over {LONGEST_PIECE_S} s; use fewer or shorter stages.")
    stretch, controls = sounding_stretch(model, features, config.n_frames(length), controls)
    sounds = render_stages(model, stretch, controls, masks)[:, :length]
    sounds = sounds + stage_noise(model, controls, plan, len(masks), seed)[:, :length]
    sounds = sounds * plan.adsr(length, config.sample_rate)
    piece = F.pad(sounds, (0, silence)).flatten()[: len(masks) * (length + silence) - silence]
    gain = FULL_SCALE / max(piece.abs().max().item(), 1e-9)
    starts = [i * (length + silence) for i in range(len(masks))]
    stages = [Stage(mask, start, start + length) for mask, start in zip(masks, starts, strict=True)]
    return Growth(piece * gain, stages, config.sample_rate, gain)


def sounding_stretch(model: DDSPModel, features: Features, n_frames: int, controls: Controls | None = None):
    """The fullest stretch of a recording, on one note if there is one: its features and controls, [n_frames] each."""
    features = features.to(model.mix_logit.device)
    controls = model.controls(features) if controls is None else controls
    phase = features.phase
    if n_frames <= len(features):
        frames = fullest_stretch(controls.amplitudes[0].square().sum(-1), features.f0_hz, n_frames)
    else:  # there and back, as often as it takes; phase cannot run backwards, so it is integrated anew
        last = len(features) - 1
        frames, phase = last - (torch.arange(n_frames) % (2 * last) - last).abs(), None
    stretch = replace(
        features,
        f0_hz=features.f0_hz[frames],
        phase=None if phase is None else phase[frames],
        n_samples=(n_frames - 1) * features.hop_length,
    )
    parts = (controls.amplitudes, controls.directions, controls.noise_magnitudes)
    return stretch, Controls(*(part[:, frames] for part in parts))


def fullest_stretch(energy, f0_hz, n_frames):
    """Neighbouring frames with the most energy; stretches whose pitch moves over a semitone count a tenth."""
    octaves = f0_hz.log2().unfold(0, n_frames, 1)
    steady = octaves.amax(1) - octaves.amin(1) < 1 / 12
    total = energy.unfold(0, n_frames, 1).sum(1)
    return int((total * torch.where(steady, 1.0, 0.1)).argmax()) + torch.arange(n_frames)


def render_stages(model, stretch, controls, masks):
    """[n_stages, n_samples] harmonic sound of each mask: one basis, one matrix product."""
    config = model.config
    phase = integrate_pitch(stretch.f0_hz, config) if stretch.phase is None else stretch.phase
    basis = harmonic_basis(stretch.f0_hz, phase, config.n_harmonics, config)  # [n_hops, 2K, hop_length]
    coefficients = model.mix * controls.coefficients()[0, :, None] * masks.to(basis).repeat(1, 2)
    before, after = coefficients[:-1] @ basis, coefficients[1:] @ basis  # [n_hops, n_stages, hop_length]
    return torch.lerp(before, after, ramp(basis)).transpose(0, 1).flatten(1)


def stage_noise(model, controls, plan, n_stages, seed):
    """[n_stages, n_samples] noise of each stage, silent where the plan says so."""
    if plan.noise == "none":
        return torch.zeros(1, 1, device=model.mix.device)
    generator = torch.Generator().manual_seed(seed)
    noise = (1 - model.mix) * FilteredNoiseGenerator(model.config)(controls.noise_magnitudes, generator=generator)
    sounding = torch.zeros(n_stages, 1).to(noise)
    sounding[{"every": slice(None), "last": slice(-1, None), "none": slice(0)}[plan.noise]] = 1
    return noise * sounding

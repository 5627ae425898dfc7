"""Grow a timbre, from one sine wave to the full instrument (notebook 05, "What do stages 1, 2 and 3 sound like?").

A stage plays the trained instrument with a mask on its partials. The mask is real: a partial that is off is
absent, one that is on keeps its level, and one gain serves the whole piece, or growth could not be heard.
"""

from dataclasses import dataclass

import torch

from ddsp_nb.config import Config
from ddsp_nb.growth.certificate import Certificate, certify
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.schedule import Schedule, Stage, make_schedule
from ddsp_nb.growth.track import ControlTrack, Source
from ddsp_nb.progress import with_bar
from ddsp_nb.synthesis.noise import keep_bands
from ddsp_nb.synthesis.oscillator import interpolate_phase, ramp, sum_of_sines
from ddsp_nb.training.family import Family
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

# Peak of a piece.
FULL_SCALE = 0.9
# Whose sines stay in the processor's cache; and more would fill the memory with the noise of many stages.
HOPS_AT_ONCE, STAGES_AT_ONCE = 16, 16
# So few do not need a basis, which many share.
FEW_STAGES = 8
# Samples beyond a stage that its noise filter hears too, or two cross-faded stages would not play the same noise.
MARGIN = 4096
# Stands for the peak of a piece without any sound.
SILENCE = 1e-9


@dataclass(frozen=True)
class Growth:
    """A rendered piece: audio = harmonic + noise.

    Attributes:
        audio: [n_samples] the whole piece, peak at most 0.9.
        harmonic: [n_samples] its partials.
        noise: [n_samples] its noise.
        schedule: what sounds when.
        gain: the one factor that the piece was multiplied with.
        seed: of the noise and of random orders.
        source: what it was rendered from.
    """

    audio: torch.Tensor
    harmonic: torch.Tensor
    noise: torch.Tensor
    schedule: Schedule
    gain: float
    seed: int
    source: Source

    @property
    def stages(self) -> list[Stage]:
        """Where each stage lies and what sounds in it."""
        return self.schedule.stages

    @property
    def plan(self) -> GrowthPlan:
        """The plan that was rendered."""
        return self.schedule.plan

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.schedule.sample_rate

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences about what the plan led to."""
        return self.schedule.remarks

    def stage_audio(self, i: int) -> torch.Tensor:
        """Sound of stage i."""
        return self.audio[self.stages[i].start : self.stages[i].stop]

    def certificate(self) -> Certificate:
        """Measure in the sound whether silent partials are silent, the others keep their level and no edge clicks."""
        return certify(self.schedule, self.harmonic, self.noise, self.gain, self.seed)


@torch.no_grad()
def grow(
    model: DDSPModel, take: Take, plan: GrowthPlan | None = None, seed: int = 0, *, family: Family | None = None
) -> Growth:
    """Render a piece in which the instrument's partials enter stage by stage.

    The recording's phrase unfolds from stage to stage, or each of them repeats its fullest stretch; what is longer than
    the recording walks it back and forth. Any other pitch is a note that the instrument plays.

    Args:
        model: a trained model.
        take: of the recording whose sound is to grow.
        seed: of the noise and of random orders.
        family: whose instruments the plan's timbres name; the shipped one if None.

    Raises:
        GrowthError: the piece would be longer than an hour, or the plan asks for partials that do not exist.
        ConfigError: the family has no instrument of a name.
    """
    family = family or Family.shipped()
    schedule = make_schedule(model, take, plan or GrowthPlan(), seed, family)
    gains = [schedule.gains(i) for i in range(len(schedule.stages))]
    stages = list(zip(schedule.stages, gains, strict=True))
    config = model.config
    harmonic, noise = _harmonic(config, schedule, stages), _noise(config, schedule, stages, seed)
    gain = min(FULL_SCALE / peak(harmonic + noise), 1 / peak(harmonic), 1 / peak(noise))  # stems fit in a file too
    harmonic, noise = harmonic * gain, noise * gain
    return Growth(harmonic + noise, harmonic, noise, schedule, gain, seed, Source(model, take, family=family))


def peak(sound: torch.Tensor) -> float:
    """Largest absolute sample, never 0."""
    return max(sound.abs().max().item(), SILENCE)


def _together(stages, track):
    """The stages of a track with their gains, by where they lie in it: those of one place share its waves."""
    places = {}
    for stage, gains in stages:
        if stage.track == track:
            places.setdefault((stage.offset, len(stage)), []).append((stage, gains))
    return places


def _harmonic(config, schedule, stages):
    """[n_samples] partials of the piece."""
    hop, piece = config.hop_length, torch.zeros(schedule.n_samples)
    for key, track in with_bar(schedule.tracks.items(), "Growing"):
        for (offset, length), group in _together(stages, key).items():
            masks = torch.stack([stage.mask for stage, _ in group])
            last = min(-(-(offset + length) // hop), len(track.f0_hz) - 1)
            for start in range(offset // hop, last, HOPS_AT_ONCE):
                sounds = render_stages(config, track[start : min(start + HOPS_AT_ONCE, last) + 1], masks)
                for (stage, gains), sound in zip(group, sounds, strict=True):
                    _add(piece, stage, gains, sound, start * hop - offset)
    return piece


def _add(piece, stage, gains, sound, at):
    """Add a stretch of a stage's sound, which begins `at` samples after the stage does, to the piece."""
    start, stop = max(at, 0), min(at + len(sound), len(stage))
    piece[stage.start + start : stage.start + stop] += sound[start - at : stop - at] * gains[start:stop]


def render_stages(config: Config, track: ControlTrack, masks: torch.Tensor) -> torch.Tensor:
    """Harmonic sound of a track under several masks, which share its sines.

    Masks are [n_stages, n_harmonics] of 0 and 1, the sound is [n_stages, (n_frames - 1) * hop_length].
    """
    rows = track.rows(masks.any(0))
    coefficients = track.controls.coefficients().unflatten(-1, (2, -1))[:, None, :, rows]
    coefficients = coefficients * masks[:, None, rows].to(coefficients)  # [n_frames, n_stages, 2, n_rows]
    if track.own_hz is None and len(masks) <= FEW_STAGES:
        partials = torch.complex(*coefficients.unbind(2))
        waves = interpolate_phase(track.f0_hz, track.phase, config)
        before, after = sum_of_sines(*waves, torch.cat([partials[:-1], partials[1:]], 1), config).chunk(2, 1)
    else:
        basis = track.basis(rows, config)  # [n_hops, 2K, hop]
        before, after = (x.flatten(2) @ basis for x in (coefficients[:-1], coefficients[1:]))
    return torch.lerp(before, after, ramp(before)).transpose(0, 1).flatten(1)  # of [n_hops, n_stages, hop_length]


def _noise(config, schedule, stages, seed):
    """[n_samples] noise of the piece: stages of a track share one noise, of which each keeps its bands."""
    piece = torch.zeros(schedule.n_samples)
    margin = MARGIN if schedule.plan.crossfade_s else 0
    for key, track in schedule.tracks.items():
        places = _together([(stage, gains) for stage, gains in stages if stage.bands.any()], key)
        if not places:
            continue
        noise = track.noise(config, seed)
        for (offset, length), group in places.items():
            start = max(offset - margin, 0)
            sounds = _banded(noise[start : offset + length + margin], [stage for stage, _ in group], config)
            for (stage, gains), sound in zip(group, sounds, strict=True):
                _add(piece, stage, gains, sound, start - offset)
    return piece


def _banded(sound, stages, config):
    """The noise of each stage: all of it, or some of its bands, a few stages at a time."""
    for i in range(0, len(stages), STAGES_AT_ONCE):
        masks = torch.stack([stage.bands for stage in stages[i : i + STAGES_AT_ONCE]])
        yield from keep_bands(sound, masks, config) if not masks.all() else [sound] * len(masks)

"""Fill in the certificate of a growth from its rendered stems."""

from dataclasses import dataclass
from functools import cached_property

import torch

from ddsp_nb.config import Config
from ddsp_nb.growth.certificate import Certificate, StageReport
from ddsp_nb.growth.measure import HarmonicFit, band_levels
from ddsp_nb.growth.performance import ControlTrack
from ddsp_nb.growth.schedule import Schedule, Stage

QUIETEST = 1e-10  # amplitude that stands for 0 in logarithms
FAINTEST_ENVELOPE = 0.05  # of an envelope's peak; below, dividing by it would raise rounding errors
HOPS_AT_ONCE = 128  # measured together
MOST_PARTS = 8  # of so many hops each: samples of a long stage
FEWEST_HOPS = 3  # that tell a partial's level
SHORTEST_BANDS_S = 0.02  # that tell a noise band's level
NEARBY_S = 0.025  # around an edge within the music, whose own steepness is no click


@dataclass(frozen=True)
class Piece:
    """A rendered piece to be measured.

    Attributes:
        schedule: what should sound when.
        harmonic: [n_samples] partials as rendered.
        noise: [n_samples] noise as rendered.
        config: of the model.
        scale: amplitude in the sound of a partial of amplitude 1: the mix times the gain of the piece.
    """

    schedule: Schedule
    harmonic: torch.Tensor
    noise: torch.Tensor
    config: Config
    scale: float

    @cached_property
    def audio(self) -> torch.Tensor:
        """[n_samples] the whole sound at a peak of 1."""
        audio = self.harmonic + self.noise
        return audio / max(audio.abs().max().item(), QUIETEST)

    def steady_part(self, i: int, stem: torch.Tensor) -> tuple[int, torch.Tensor]:
        """The part of stage i that is measured: not faint and without cross-fades, its envelope and loudness taken out.

        Returns:
            first sample within the stage, and the sound.
        """
        schedule, stage, envelope = self.schedule, self.schedule.stages[i], self.schedule.envelope(i)
        start = schedule.overlap(i)
        stop = len(stage) - (schedule.overlap(i + 1) if i + 1 < len(schedule.stages) else 0)
        audible = (envelope[start:stop] > FAINTEST_ENVELOPE * envelope.max()).nonzero()[:, 0]
        if not len(audible):
            return start, stem[:0]
        start, stop = start + int(audible[0]), start + int(audible[-1]) + 1
        return start, stem[stage.start + start : stage.start + stop] / envelope[start:stop]

    def earlier(self, i: int) -> int | None:
        """The last stage before stage i that has its pitch, None where there is none."""
        stages = self.schedule.stages
        return next((j for j in range(i - 1, -1, -1) if stages[j].pitch == stages[i].pitch), None)


@dataclass(frozen=True)
class StagePartials:
    """Partials of a stage as measured.

    Attributes:
        silent: largest amplitude along the phase track of a partial that is off, before the envelope.
        hidden: how many that are off lie too near to one that is on.
        powers: [n_harmonics] mean squared amplitude; nan where it cannot be told.
        wanted: [n_harmonics] what the model plays.
        level: linear, of the stage.
    """

    silent: float
    hidden: int
    powers: torch.Tensor
    wanted: torch.Tensor
    level: float

    @property
    def loudest(self) -> float:
        """Amplitude of the loudest partial in the piece."""
        return self.powers.nan_to_num().max().sqrt().item() * self.level

    @property
    def deviation_db(self) -> torch.Tensor:
        """[n_harmonics] level beside what the model plays."""
        return 10 * torch.log10(self.powers / (self.wanted + QUIETEST**2) + QUIETEST)


@torch.no_grad()
def certify(
    schedule: Schedule, harmonic: torch.Tensor, noise: torch.Tensor, config: Config, scale: float
) -> Certificate:
    """Measure a rendered piece; arguments as in `Piece`."""
    piece = Piece(schedule, harmonic.detach().cpu(), noise.detach().cpu(), config, scale)
    fits: dict[tuple, HarmonicFit] = {}
    partials = [measure_partials(piece, i, fits) for i in range(len(schedule.stages))]
    reports = [measure_stage(piece, i, partials) for i in range(len(schedule.stages))]
    return Certificate(reports, [stage.n_harmonics for stage in schedule.stages])


def measure_stage(piece: Piece, i: int, partials: list[StagePartials | None]) -> StageReport:
    """The report on stage i, given the partials of all stages."""
    silent_partial_db, partial_change_db, partial_notes = _partial_figures(piece, i, partials)
    silent_band_db, band_change_db, band_notes = _band_figures(piece, i, partials)
    step, click = _edge_figures(piece, i)
    return StageReport(
        silent_partial_db=silent_partial_db,
        silent_band_db=silent_band_db,
        partial_change_db=partial_change_db,
        band_change_db=band_change_db,
        step=step,
        click=click,
        notes=(*partial_notes, *band_notes),
    )


def measure_partials(piece: Piece, i: int, fits: dict[tuple, HarmonicFit]) -> StagePartials | None:
    """Partials of stage i, None where it is too short.

    `fits` keeps what stages that play the same frames can share.
    """
    stage, hop = piece.schedule.stages[i], piece.config.hop_length
    start, sound = piece.steady_part(i, piece.harmonic)
    start += stage.offset
    first, last = -(-start // hop), (start + len(sound)) // hop
    parts = [(a, min(a + HOPS_AT_ONCE, last)) for a in range(first, last, HOPS_AT_ONCE) if last - a >= FEWEST_HOPS]
    if not parts:
        return None
    results = []
    for a, b in parts[:: -(-len(parts) // MOST_PARTS)]:
        track = piece.schedule.tracks[stage.pitch][a : b + 1].cpu()
        if (stage.pitch, a, b) not in fits:
            if len(fits) > MOST_PARTS:
                fits.clear()
            fits[stage.pitch, a, b] = HarmonicFit(track, piece.config)
        results.append(_measure_part(piece, stage, track, fits[stage.pitch, a, b], sound[a * hop - start :]))
    silent, hidden, powers, wanted = zip(*results, strict=True)
    return StagePartials(max(silent), max(hidden), sum(powers), sum(wanted), _linear(stage))


def _measure_part(piece: Piece, stage: Stage, track: ControlTrack, fit: HarmonicFit, sound: torch.Tensor):
    """Silent amplitude, hidden partials, powers and wanted powers within the frames of a track."""
    sound, on = sound[: fit.n_samples], stage.mask.bool()
    amplitudes, rest = fit.fit(sound, on) if on.any() else (torch.zeros(1, len(on)), sound)
    apart, audible = fit.apart(on), fit.basis.any(-1).any(0)[: len(on)]
    silent = fit.listen(rest.double()).masked_fill(on | ~apart, 0).max().item()
    clear = apart & on & (track.f0_hz.max() * track.multiples() < piece.config.nyquist_hz)
    powers = amplitudes.square().mean(0) * torch.where(clear, 1.0, torch.nan)
    wanted = (track.controls.amplitudes.double() * piece.scale).square().mean(0)
    return silent, int((~on & ~apart & audible).sum()), powers, wanted


def _loudest(piece, partials):
    """Amplitude of the loudest partial of the piece, or where no stage is long enough to measure, of its sound."""
    loudest = max((stage.loudest for stage in partials if stage), default=0.0)
    return loudest or max(piece.harmonic.abs().max().item(), QUIETEST)


def _partial_figures(piece, i, partials):
    """Level of silent partials, change of those that stay, and notes."""
    now, earlier = partials[i], piece.earlier(i)
    if now is None:
        return None, None, ["too short to measure its partials"]
    notes = [f"{now.hidden} silent partials not distinguishable from their neighbours"] if now.hidden else []
    silent_db = decibels(now.silent * now.level / _loudest(piece, partials))
    if earlier is None or partials[earlier] is None:
        return silent_db, None, notes
    changes = (now.deviation_db - partials[earlier].deviation_db).abs()
    changes = changes[changes.isfinite()]
    return silent_db, changes.max().item() if len(changes) else None, notes


def _band_figures(piece, i, partials):
    """Level of silent noise bands, change of those that stay, and notes."""
    stage, sound = piece.schedule.stages[i], piece.steady_part(i, piece.noise)[1]
    if not piece.noise.any():
        return None, None, []
    if len(sound) < SHORTEST_BANDS_S * piece.config.sample_rate:
        return None, None, ["too short to measure its noise"]
    silent_db, change_db, notes, earlier = None, None, [], piece.earlier(i)
    if not stage.bands.all():
        seen = band_levels(sound, piece.config)
        silent = seen.clear_of(stage.bands)
        loudest = _loudest(piece, partials) if piece.harmonic.any() else piece.noise.abs().max().item()
        silent_db = decibels((seen.magnitudes * silent).max().item() * _linear(stage) / loudest)
        hidden = int((~stage.bands.bool() & ~seen.holds(silent, piece.config.n_bands)).sum())
        notes = [f"{hidden} silent noise bands not distinguishable from their neighbours"] if hidden else []
    if earlier is not None and piece.schedule.stages[earlier].offset == stage.offset:
        change_db = _band_change_db(piece, earlier, i)
    return silent_db, change_db, notes


def _band_change_db(piece, earlier, i):
    """Largest change of a band that sounds in two stages which play the same noise."""
    config, stages = piece.config, piece.schedule.stages
    (start, before), (start_now, now) = piece.steady_part(earlier, piece.noise), piece.steady_part(i, piece.noise)
    first, stop = max(start, start_now), min(start + len(before), start_now + len(now))
    both = stages[earlier].bands * stages[i].bands
    if stop - first < SHORTEST_BANDS_S * config.sample_rate or not both.any():
        return None
    seen = [band_levels(x[first - s : stop - s], config) for x, s in ((before, start), (now, start_now))]
    bins = seen[0].clear_of(1 - both)
    powers = torch.stack([levels.powers(bins, config.n_bands) for levels in seen])
    there = (powers > QUIETEST**2).all(0)
    return 10 * torch.log10(powers[1] / powers[0])[there].abs().max().item() if there.any() else None


def _edge_figures(piece, i):
    """Largest step at the two edges of a stage, and largest click; between cross-faded stages music is no click."""
    schedule, audio, reach = piece.schedule, piece.audio, round(NEARBY_S * piece.config.sample_rate)
    largest, click = 0.0, 0.0
    fades_out = i + 1 < len(schedule.stages) and schedule.overlap(i + 1) > 0
    for at, fades in ((schedule.stages[i].start, schedule.overlap(i) > 0), (schedule.stages[i].stop, fades_out)):
        around = audio[max(at - reach, 0) : at + reach]
        around = torch.nn.functional.pad(around, (max(reach - at, 0), max(at + reach - len(audio), 0)))
        step, nearby = edge_step(around)
        largest, click = max(largest, step), max(click, step - nearby if fades else step)
    return largest, click


def edge_step(sound: torch.Tensor) -> tuple[float, float]:
    """Largest step from sample to sample in the middle of [n_samples] sound, and the largest elsewhere."""
    steps, middle = sound.diff().abs(), len(sound) // 2 - 1  # from the sample before the edge to the one after
    elsewhere = torch.cat([steps[: middle - 1], steps[middle + 2 :]])
    return steps[middle - 1 : middle + 2].max().item(), elsewhere.max().item()


def decibels(amplitude: float) -> float:
    """Level of a linear amplitude."""
    return 20 * torch.log10(torch.tensor(amplitude + QUIETEST, dtype=torch.float64)).item()


def _linear(stage):
    """Linear level that the plan gives a stage."""
    return 10 ** (stage.level_db / 20)

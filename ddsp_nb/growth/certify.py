"""Fill in the certificate of a growth from its rendered stems."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch

from ddsp_nb.config import Config
from ddsp_nb.growth.certificate import Certificate, StageReport
from ddsp_nb.growth.measure import HarmonicFit, band_levels
from ddsp_nb.growth.schedule import Schedule

QUIETEST = 1e-10  # amplitude that stands for 0 in logarithms
FAINTEST_ENVELOPE = 0.05  # of an envelope's peak; below, dividing by it would raise rounding errors
HOPS_AT_ONCE = 128  # measured together
MOST_PARTS = 8  # of so many hops each: samples of a long stage
FEWEST_HOPS = 3  # that tell a partial's level
SHORTEST_BANDS_S = 0.02  # that tell a noise band's level
NEARBY_S = 0.1  # around an edge within the music, whose own steepness is no click ...
STEEPER = 1.1  # ... nor is that little more, where its steepest moment happens to be at the edge


@dataclass(frozen=True)
class MeasuredPiece:
    """A rendered piece to be measured.

    Attributes:
        schedule: what should sound when.
        harmonic: [n_samples] partials as rendered.
        noise: [n_samples] noise as rendered.
        config: of the model.
        scale: amplitude in the sound of a partial of amplitude 1: the gain of the piece.
    """

    schedule: Schedule
    harmonic: torch.Tensor
    noise: torch.Tensor
    config: Config
    scale: float

    @property
    def reach(self) -> int:
        """Samples that count as near an edge."""
        return round(NEARBY_S * self.config.sample_rate)

    @cached_property
    def padded(self) -> torch.Tensor:
        """[reach + n_samples + reach] the whole sound at a peak of 1, between silences."""
        audio = self.harmonic + self.noise
        return torch.nn.functional.pad(audio / max(audio.abs().max().item(), QUIETEST), (self.reach, self.reach))

    def steady_part(self, i: int, stem: torch.Tensor) -> tuple[int, torch.Tensor]:
        """The part of stage i that is measured: not faint and without cross-fades, its envelope and loudness taken out.

        Returns:
            first sample within the stage, and the sound.
        """
        schedule, stage, envelope = self.schedule, self.schedule.stages[i], self.schedule.envelope(i)
        start = schedule.overlap(i)
        stop = len(stage) - schedule.overlap(i + 1)
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
        silent: largest amplitude along the phase track of a partial that is off.
        hidden: how many that are off lie too near to one that is on.
        loudest: amplitude of the loudest partial.
        deviation_db: [n_harmonics] level beside what the model plays; nan where it cannot be told.
    """

    silent: float
    hidden: int
    loudest: float
    deviation_db: torch.Tensor


@torch.no_grad()
def certify(
    schedule: Schedule, harmonic: torch.Tensor, noise: torch.Tensor, config: Config, scale: float
) -> Certificate:
    """Measure a rendered piece; arguments as in `MeasuredPiece`."""
    piece = MeasuredPiece(schedule, harmonic.detach().cpu(), noise.detach().cpu(), config, scale)
    fit = lru_cache(MOST_PARTS)(lambda pitch, a, b: HarmonicFit(schedule.tracks[pitch][a : b + 1], config))
    indices = range(len(schedule.stages))
    partials = [measure_partials(piece, i, fit) for i in indices]
    loudest = max((stage.loudest for stage in partials if stage), default=0.0)
    loudest = loudest or piece.harmonic.abs().max().item() or max(piece.noise.abs().max().item(), QUIETEST)
    reports = [measure_stage(piece, i, partials, loudest) for i in indices]
    return Certificate(reports, [stage.n_harmonics for stage in schedule.stages])


def measure_stage(piece: MeasuredPiece, i: int, partials: list[StagePartials | None], loudest: float) -> StageReport:
    """The report on stage i, given the partials of all stages and the loudest amplitude among them."""
    silent_partial_db, partial_change_db, partial_notes = _partial_figures(piece, i, partials, loudest)
    silent_band_db, band_change_db, band_notes = _band_figures(piece, i, loudest)
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


def measure_partials(piece: MeasuredPiece, i: int, fit: Callable[..., HarmonicFit]) -> StagePartials | None:
    """Partials of stage i, None where it is too short; `fit` prepares a pitch's frames from a to b."""
    stage, hop = piece.schedule.stages[i], piece.config.hop_length
    start, sound = piece.steady_part(i, piece.harmonic)
    start += stage.offset
    first, last = -(-start // hop), (start + len(sound)) // hop
    parts = [(a, min(a + HOPS_AT_ONCE, last)) for a in range(first, last, HOPS_AT_ONCE) if last - a >= FEWEST_HOPS]
    if not parts:
        return None
    results = [
        _measure_part(piece, stage.mask.bool(), fit(stage.pitch, a, b), sound[a * hop - start : b * hop - start])
        for a, b in parts[:: -(-len(parts) // MOST_PARTS)]
    ]
    silent, hidden, powers, wanted = zip(*results, strict=True)
    powers, wanted = sum(powers), sum(wanted)
    loudest = powers.nan_to_num().max().sqrt().item()
    deviation_db = 10 * torch.log10(powers / (wanted + QUIETEST**2) + QUIETEST)
    return StagePartials(max(silent) * stage.gain, max(hidden), loudest * stage.gain, deviation_db)


def _measure_part(piece: MeasuredPiece, on: torch.Tensor, fit: HarmonicFit, sound: torch.Tensor):
    """Silent amplitude, hidden partials, powers and wanted powers within the frames of a fit; `on` [n_harmonics]."""
    track = fit.track
    amplitudes, rest = fit.fit(sound, on) if on.any() else (torch.zeros(1, len(on)), sound)
    apart, audible = fit.apart(on), fit.basis.any(-1).any(0)[: len(on)]
    silent = fit.listen(rest.double()).masked_fill(on | ~apart, 0).max().item()
    clear = apart & on & (track.f0_hz.max() * track.multiples() < piece.config.nyquist_hz)
    powers = amplitudes.square().mean(0) * torch.where(clear, 1.0, torch.nan)
    wanted = (track.controls.amplitudes.double() * piece.scale).square().mean(0)
    return silent, int((~on & ~apart & audible).sum()), powers, wanted


def _partial_figures(piece, i, partials, loudest):
    """Level of silent partials, change of those that stay, and notes."""
    now, earlier = partials[i], piece.earlier(i)
    if now is None:
        return None, None, ["too short to measure its partials"]
    notes = [f"{now.hidden} silent partials not distinguishable from their neighbours"] if now.hidden else []
    silent_db = decibels(now.silent / loudest)
    if earlier is None or partials[earlier] is None:
        return silent_db, None, notes
    changes = (now.deviation_db - partials[earlier].deviation_db).abs()
    changes = changes[changes.isfinite()]
    return silent_db, changes.max().item() if len(changes) else None, notes


def _band_figures(piece, i, loudest):
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
        silent_db = decibels((seen.magnitudes * silent).max().item() * stage.gain / loudest)
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
    schedule, stage, reach = piece.schedule, piece.schedule.stages[i], piece.reach
    largest, click = 0.0, 0.0
    for at, overlap in ((stage.start, schedule.overlap(i)), (stage.stop, schedule.overlap(i + 1))):
        steps = piece.padded[at : at + 2 * reach].diff().abs()  # the edge is in the middle
        edge, before, after = steps[reach - 2 : reach + 1], steps[: reach - 2], steps[reach + 1 :]
        step = edge.max().item()
        nearby = max(before.max().item(), after.max().item()) if overlap else 0.0
        largest, click = max(largest, step), max(click, step - STEEPER * nearby)
    return largest, click


def decibels(amplitude: float) -> float:
    """Level of a linear amplitude."""
    return 20 * math.log10(amplitude + QUIETEST)

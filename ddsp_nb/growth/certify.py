"""Fill in the certificate of a growth from its rendered stems."""

from dataclasses import dataclass

import torch

from ddsp_nb.config import Config
from ddsp_nb.growth.certificate import Certificate, StageReport
from ddsp_nb.growth.measure import HarmonicFit, band_levels
from ddsp_nb.growth.schedule import Schedule

QUIETEST = 1e-10
FAINTEST_ENVELOPE = 0.05
HOPS_AT_ONCE, MOST_PARTS, FEWEST_HOPS = 128, 8, 3
SHORTEST_BANDS_S = 0.02
NEARBY_S = 0.025  # around an edge within the music, whose own steepness is no click


@dataclass
class StagePartials:
    """Partials of a stage as measured.

    Attributes:
        silent: largest amplitude along the track of a partial that is off, before the envelope.
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
def certify(schedule: Schedule, harmonic, noise, config: Config, scale: float) -> Certificate:
    """Measure a rendered piece.

    Args:
        schedule: what should sound when.
        harmonic: [n_samples] partials as rendered.
        noise: [n_samples] noise as rendered.
        config: of the model.
        scale: amplitude in the sound of a partial of amplitude 1: the mix times the gain of the piece.
    """
    harmonic, noise = harmonic.detach().cpu(), noise.detach().cpu()
    reports = [StageReport() for _ in schedule.stages]
    loudest = _report_partials(schedule, reports, harmonic, config, scale)
    audio = harmonic + noise
    if noise.any():
        _report_bands(schedule, reports, noise, config, loudest if harmonic.any() else audio.abs().max().item())
    _report_edges(schedule, reports, audio)
    return Certificate(reports, [stage.n_harmonics for stage in schedule.stages])


def _report_partials(schedule, reports, harmonic, config, scale):
    """Fill in what concerns partials; returns the amplitude of the loudest one."""
    measure = PartialMeter(schedule, harmonic, config, scale)
    measured = [measure(i) for i in range(len(reports))]
    loudest = max([0.0, *(partials.loudest for partials in measured if partials)])
    loudest = loudest or max(harmonic.abs().max().item(), QUIETEST)  # nothing long enough to measure
    for report, partials in zip(reports, measured, strict=True):
        if partials is None:
            report.notes.append("too short to measure its partials")
            continue
        report.silent_partial_db = decibels(partials.silent * partials.level / loudest)
        if partials.hidden:
            report.notes.append(f"{partials.hidden} silent partials not distinguishable from their neighbours")
    for i, partials in enumerate(measured):
        earlier = _earlier(schedule, i)
        if earlier is not None and partials and measured[earlier]:
            changes = (partials.deviation_db - measured[earlier].deviation_db).abs()
            reports[i].partial_change_db = (
                changes[changes.isfinite()].max().item() if changes.isfinite().any() else None
            )
    return loudest


def _earlier(schedule, i):
    """The last stage before stage i that has its pitch, None where there is none."""
    before = range(i - 1, -1, -1)
    return next((j for j in before if schedule.stages[j].pitch == schedule.stages[i].pitch), None)


class PartialMeter:
    """Measures the partials of a stage; stages that play the same stretch share its preparation."""

    def __init__(self, schedule, harmonic, config, scale):
        self.schedule, self.harmonic, self.config, self.scale = schedule, harmonic, config, scale
        self.prepared = {}

    def __call__(self, i: int) -> StagePartials | None:
        """Partials of stage i, None where it is too short."""
        stage, hop = self.schedule.stages[i], self.config.hop_length
        start, sound = inside(self.schedule, i, self.harmonic)
        first, last = -(-(stage.offset + start) // hop), (stage.offset + start + len(sound)) // hop
        ends = list(range(first, last, HOPS_AT_ONCE))
        parts = [(a, min(a + HOPS_AT_ONCE, last)) for a in ends if last - a >= FEWEST_HOPS]
        if not parts:
            return None
        parts = parts[:: -(-len(parts) // MOST_PARTS)]
        results = [self._part(stage, a, b, sound[a * hop - stage.offset - start :]) for a, b in parts]
        silent, hidden, powers, wanted = zip(*results, strict=True)
        return StagePartials(max(silent), max(hidden), sum(powers), sum(wanted), 10 ** (stage.level_db / 20))

    def _part(self, stage, first, last, sound):
        """Silent amplitude, hidden partials, powers and wanted powers of the hops from first to last."""
        stretch, on = self._stretch(stage.pitch, first, last), stage.mask.bool()
        sound = sound[: stretch.n_samples]
        amplitudes, rest = stretch.fit(sound, on) if on.any() else (torch.zeros(1, len(on)), sound)
        apart, audible = stretch.apart(on), stretch.basis.any(-1).any(0)[: len(on)]
        silent = stretch.listen(rest.double()).masked_fill(on | ~apart, 0).max().item()
        voice = stretch.voice
        clear = apart & on & (voice.f0_hz.max() * voice.multiples() < self.config.nyquist_hz)
        powers = amplitudes.square().mean(0) * torch.where(clear, 1.0, torch.nan)
        wanted = (voice.controls.amplitudes[0].double() * self.scale).square().mean(0)
        return silent, int((~on & ~apart & audible).sum()), powers, wanted

    def _stretch(self, pitch, first, last):
        key = (pitch, first, last)
        if key not in self.prepared:
            if len(self.prepared) > MOST_PARTS:
                self.prepared.clear()
            self.prepared[key] = HarmonicFit(self.schedule.voices[pitch][first : last + 1].cpu(), self.config)
        return self.prepared[key]


def _report_bands(schedule, reports, noise, config, loudest):
    """Fill in what concerns the noise."""
    for i, (stage, report) in enumerate(zip(schedule.stages, reports, strict=True)):
        sound = inside(schedule, i, noise)[1]
        if len(sound) < SHORTEST_BANDS_S * config.sample_rate:
            report.notes.append("too short to measure its noise")
            continue
        seen = band_levels(sound, config)
        if not stage.bands.all():
            silent = seen.clear_of(stage.bands)
            heard = (seen.magnitudes * silent).max().item() * 10 ** (stage.level_db / 20)
            report.silent_band_db = decibels(heard / loudest)
            hidden = int((~stage.bands.bool() & ~seen.holds(silent, config.n_bands)).sum())
            if hidden:
                report.notes.append(f"{hidden} silent noise bands not distinguishable from their neighbours")
        earlier = _earlier(schedule, i)
        if earlier is not None and schedule.stages[earlier].offset == stage.offset:
            report.band_change_db = _band_change(schedule, earlier, i, noise, config)


def _band_change(schedule, earlier, i, noise, config):
    """Largest change of a band that sounds in two stages which play the same noise."""
    (start, before), (start_now, now) = inside(schedule, earlier, noise), inside(schedule, i, noise)
    first, stop = max(start, start_now), min(start + len(before), start_now + len(now))
    both = schedule.stages[earlier].bands * schedule.stages[i].bands
    if stop - first < SHORTEST_BANDS_S * config.sample_rate or not both.any():
        return None
    seen = [band_levels(x[first - s : stop - s], config) for x, s in ((before, start), (now, start_now))]
    bins = seen[0].clear_of(1 - both)
    powers = torch.stack([levels.powers(bins, config.n_bands) for levels in seen])
    there = (powers > QUIETEST**2).all(0)
    return 10 * torch.log10(powers[1] / powers[0])[there].abs().max().item() if there.any() else None


def inside(schedule: Schedule, i: int, stem: torch.Tensor):
    """The part of a stage that is measured: not faint and without cross-fades, its envelope and loudness taken out.

    Returns:
        first sample within the stage, and the sound.
    """
    stage, envelope = schedule.stages[i], schedule.envelope(i)
    start = schedule.overlap(i)
    stop = len(stage) - (schedule.overlap(i + 1) if i + 1 < len(schedule.stages) else 0)
    audible = (envelope[start:stop] > FAINTEST_ENVELOPE * envelope.max()).nonzero()[:, 0]
    if not len(audible):
        return start, stem[:0]
    start, stop = start + int(audible[0]), start + int(audible[-1]) + 1
    return start, stem[stage.start + start : stage.start + stop] / envelope[start:stop]


def _report_edges(schedule, reports, audio):
    """Fill in the steps at the edges; where stages fade into each other, the music itself is no click."""
    reach = round(NEARBY_S * schedule.sample_rate)
    padded = torch.nn.functional.pad(audio, (reach, reach)) / max(audio.abs().max().item(), QUIETEST)
    last = len(reports) - 1
    for i, (stage, report) in enumerate(zip(schedule.stages, reports, strict=True)):
        edges = (stage.start, schedule.overlap(i) > 0), (stage.stop, i < last and schedule.overlap(i + 1) > 0)
        for at, fades in edges:
            step, nearby = edge_step(padded[at : at + 2 * reach])
            report.step = max(report.step, step)
            report.click = max(report.click, step - nearby if fades else step)


def edge_step(sound: torch.Tensor) -> tuple[float, float]:
    """Largest step from sample to sample in the middle of [n_samples] sound, and the largest elsewhere."""
    steps, middle = sound.diff().abs(), len(sound) // 2 - 1  # from the sample before the edge to the one after
    elsewhere = torch.cat([steps[: middle - 1], steps[middle + 2 :]])
    return steps[middle - 1 : middle + 2].max().item(), elsewhere.max().item()


def decibels(amplitude: float) -> float:
    """Level of a linear amplitude."""
    return 20 * torch.log10(torch.tensor(amplitude + QUIETEST, dtype=torch.float64)).item()

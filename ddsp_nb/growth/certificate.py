"""The certificate: what the rendered sound itself says about masks, levels and edges (notebook 05, "Is a partial that
is off really absent?").

Partials: what a stage should sound like is synthesized from its schedule and taken from the sound. What is left over is
told apart by least squares, as a change of each partial that is on, and as a sine on the track of each that is off.
Noise: the spectrum of the stage beside that of the whole noise from which it keeps its bands.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import max_pool1d, pad

from ddsp_nb.growth.masks import INAUDIBLE
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.progress import with_bar
from ddsp_nb.synthesis.noise import nearest_band
from ddsp_nb.synthesis.oscillator import ramp

# What is off must lie below this, dB of the loudest partial of the piece; what is on must keep its level within that;
# and so much of the peak may lie between two samples at an edge.
SILENT_DB, SAME_DB, STEP = -80.0, 0.1, 0.01
# Stands for 0 in logarithms.
SILENCE = 1e-10
# A partial moves on within some ms, so it is measured in parts of so many hops; of a long stage some parts will do.
FEWEST_HOPS, HOPS_AT_ONCE, MOST_PARTS = 3, 64, 8
# Of a sine's energy. Where two partials lie on one track, least squares could give to one what it takes from the other.
RIDGE = 1e-8
SHORTEST_NOISE_S = 0.02
# Of an ADSR's peak. The noise is divided by it, which would raise the rounding errors of fainter samples.
FAINTEST = 0.05
# Kaiser window for noise, whose sidelobes lie at -150 dB, and the bins by which it smears.
BETA, REACH = 20.0, 8
# At a cross-fade the music goes on: what is no steeper than it is nearby, or hardly so, is no click.
NEARBY_S, STEEPER = 0.1, 1.1


@dataclass(frozen=True)
class StageReport:
    """What was measured in one stage; None where there was nothing to measure.

    Attributes:
        silent_partial_db: loudest partial that should be silent, dB of the loudest partial of the piece.
        silent_band_db: loudest noise band that should be silent, the same.
        partial_change_db: largest change of a partial beside what the instrument plays at the gain of the piece.
        band_change_db: the same of a noise band.
        step: largest step between samples at its edges, of the piece's peak; where they are cross-faded, only that by
            which it is steeper than the music nearby.
    """

    silent_partial_db: float | None
    silent_band_db: float | None
    partial_change_db: float | None
    band_change_db: float | None
    step: float

    def faults(self) -> list[str]:
        """What is wrong with the stage, in words."""
        figures = (
            (self.silent_partial_db, SILENT_DB, "a partial that should be silent is at {:.1f} dB"),
            (self.silent_band_db, SILENT_DB, "a noise band that should be silent is at {:.1f} dB"),
            (self.partial_change_db, SAME_DB, "a partial changes its level by {:.2f} dB"),
            (self.band_change_db, SAME_DB, "a noise band changes its level by {:.2f} dB"),
            (100 * self.step, 100 * STEP, "its edge jumps by {:.1f} % of the peak, which clicks"),
        )
        return [words.format(figure) for figure, most, words in figures if figure is not None and not figure < most]


@dataclass(frozen=True)
class Certificate:
    """Reports on all stages of a growth; `str` gives a table."""

    stages: list[StageReport]
    n_harmonics: list[int]

    @property
    def passed(self) -> bool:
        """Whether all stages are as they should be."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """What is wrong, a sentence each."""
        return [f"Stage {i}: {fault}." for i, stage in enumerate(self.stages, 1) for fault in stage.faults()]

    def worst(self, name: str) -> float | None:
        """Largest value of one figure of `StageReport` over the stages, None where none was measured."""
        values = [getattr(stage, name) for stage in self.stages]
        return max((value for value in values if value is not None), default=None)

    def __str__(self) -> str:
        lines = [
            "stage  partials  silent partials   silent bands   partials change  bands change    edge step",
            f"{'must be':>15}      under {SILENT_DB:g} dB   under {SILENT_DB:g} dB     under {SAME_DB:g} dB"
            f"  under {SAME_DB:g} dB    under {100 * STEP:g} %",
        ]
        for i, (stage, n) in enumerate(zip(self.stages, self.n_harmonics, strict=True), 1):
            lines.append(
                f"{i:5d}  {n:8d}  {_in_db(stage.silent_partial_db, 12)}{_in_db(stage.silent_band_db, 12)}"
                f"{_in_db(stage.partial_change_db, 15, 3)}{_in_db(stage.band_change_db, 11, 3)}"
                f"{100 * stage.step:11.3f} %"
            )
        short = [str(i) for i, stage in enumerate(self.stages, 1) if stage.partial_change_db is None]
        remarks = [f"No partial could be measured in stage {', '.join(short)}."] if short else []
        return "\n".join([*lines, *(["Not passed.", *self.faults] if self.faults else ["Passed."]), *remarks])


def _in_db(value, width, digits=1):
    return f"{'–':>{width}}   " if value is None else f"{value:{width}.{digits}f} dB"


@torch.no_grad()
def certify(schedule: Schedule, harmonic: torch.Tensor, noise: torch.Tensor, gain: float, seed: int) -> Certificate:
    """Measure [n_samples] partials and noise as they were rendered of a schedule, with one gain and a seed of noise."""
    harmonic, noise = harmonic.detach().cpu().double(), noise.detach().cpu().double()
    peaks = [max(sound.abs().max().item(), SILENCE) for sound in (harmonic, noise, harmonic + noise)]
    tracks = schedule.tracks.items() if noise.any() else ()
    whole = {key: gain * track.noise(schedule.config, seed).double() for key, track in tracks}
    indices, reach = range(len(schedule.stages)), round(NEARBY_S * schedule.sample_rate)
    steps = pad((harmonic + noise) / peaks[-1], (reach, reach)).diff().abs()
    partials = [_partials(schedule, i, harmonic, gain) for i in with_bar(indices, "Measuring")]
    loudest = max(loudest for loudest, *_ in partials) or max(peaks[:2])
    in_db = lambda level: None if level is None else 20 * math.log10(level / loudest + SILENCE)
    reports = []
    for i, (_, silent, change_db) in enumerate(partials):
        silent_band, band_change_db = _bands(schedule, i, noise, whole)
        step = _step(schedule, i, steps, reach)
        reports.append(StageReport(in_db(silent), in_db(silent_band), change_db, band_change_db, step))
    return Certificate(reports, [stage.n_harmonics for stage in schedule.stages])


def _partials(schedule, i, sound, gain):
    """Of stage i beside its cross-fades: level of the loudest partial and of the loudest silent one, largest change."""
    stage, hop = schedule.stages[i], schedule.config.hop_length
    first = -(-(stage.offset + schedule.overlap(i)) // hop)
    last = (stage.offset + len(stage) - schedule.overlap(i + 1)) // hop
    parts = [(a, min(a + HOPS_AT_ONCE, last)) for a in range(first, last, HOPS_AT_ONCE) if last - a >= FEWEST_HOPS]
    if not parts:
        return 0.0, None, None
    gains, measured = schedule.gains(i).double() * gain, []
    for a, b in parts[:: -(-len(parts) // MOST_PARTS)]:
        samples = slice(a * hop - stage.offset, b * hop - stage.offset)
        track = schedule.tracks[stage.track][a : b + 1]
        heard = sound[stage.start : stage.stop][samples]
        measured.append(_fit(track, stage.mask.bool(), gains[samples], heard, schedule.config))
    loudest, silent, change_db = (max(values) for values in zip(*measured, strict=True))
    return loudest * stage.gain * gain, silent * stage.gain * gain, change_db if stage.n_harmonics else None


def _fit(track, on, gains, sound, config):
    """Amplitude of the loudest partial and of the loudest silent one, and largest change in dB, in some hops."""
    # What is not born, or gone, has no frequency at which it could be found.
    rows = track.rows(torch.ones_like(on))
    on, basis = on[rows], track.basis(rows, config).double()
    coefficients = track.controls.coefficients().double().unflatten(1, (2, -1))[..., rows].flatten(1)[..., None]
    moving = torch.lerp(coefficients[:-1], coefficients[1:], ramp(basis))
    sine, cosine, *played = (
        wave.transpose(0, 1).flatten(1) * gains  # [n_harmonics, n_samples]
        for wave in (*basis.chunk(2, 1), *(basis * moving).chunk(2, 1))
    )
    wanted = sum(played)[on]
    amplitudes = track.controls.amplitudes[:, rows].double().square().mean(0).sqrt()[on].clamp(min=SILENCE)
    waves = torch.cat([wanted / amplitudes[:, None], sine[~on], cosine[~on]])
    energies = waves @ waves.T
    energies.diagonal().add_(RIDGE * gains.square().sum() + SILENCE**2)
    found = torch.linalg.solve(energies, waves @ (sound - wanted.sum(0)))
    changes, silent = found[: len(amplitudes)], torch.hypot(*found[len(amplitudes) :].chunk(2))
    loudest = max(amplitudes.tolist(), default=0.0)
    changes_db = 20 * (1 + changes / amplitudes).abs().log10().abs()
    heard = amplitudes > INAUDIBLE * loudest
    return loudest, max(silent.tolist(), default=0.0), max(changes_db[heard].tolist(), default=0.0)


def _bands(schedule, i, noise, whole):
    """Level of the loudest silent noise band of stage i, and largest change of another, in dB."""
    stage, gains = schedule.stages[i], schedule.gains(i).double()
    start, stop = schedule.overlap(i), len(stage) - schedule.overlap(i + 1)
    clear = start + (gains[start:stop] > FAINTEST * gains.max()).nonzero()[:, 0]
    if not whole or len(clear) < SHORTEST_NOISE_S * schedule.sample_rate:
        return None, None
    start, stop = int(clear[0]), int(clear[-1]) + 1
    played = whole[stage.track][stage.offset :][start:stop]
    sounds = torch.stack([noise[stage.start :][start:stop] / gains[start:stop], played])
    window = torch.kaiser_window(stop - start, periodic=False, beta=BETA, dtype=torch.float64)
    spectra = torch.fft.rfft(sounds * window).abs() * 2 / window.sum()
    bands = nearest_band(torch.fft.rfftfreq(stop - start, 1 / schedule.sample_rate), schedule.config)  # of each bin
    far = lambda mask: max_pool1d(mask[bands][None], 2 * REACH + 1, 1, REACH)[0] == 0
    silent, sounding = spectra[0, far(stage.bands)] * stage.gain, far(1 - stage.bands)
    powers = torch.zeros(2, len(stage.bands)).double().index_add(1, bands, spectra.square() * sounding)
    changes_db = 10 * (powers[0] / powers[1]).log10().abs()[powers[1] > SILENCE**2]
    return max(silent.tolist(), default=None), max(changes_db.tolist(), default=None)


def _step(schedule, i, steps, reach):
    """Largest step between samples at the two edges of a stage; where it is cross-faded, music is no step."""
    stage, largest = schedule.stages[i], [0.0]
    for at, overlap in ((stage.start, schedule.overlap(i)), (stage.stop, schedule.overlap(i + 1))):
        around = steps[at : at + 2 * reach - 1]  # the edge is in the middle
        nearby = max(around[: reach - 2].max().item(), around[reach + 1 :].max().item()) if overlap else 0.0
        largest.append(around[reach - 2 : reach + 1].max().item() - STEEPER * nearby)
    return max(largest)

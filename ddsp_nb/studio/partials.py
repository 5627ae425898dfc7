"""Partials as other programs have them: sine waves, each from its birth to its death."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import numpy as np
import torch

from ddsp_nb.analysis.features import FeatureExtractor
from ddsp_nb.analysis.peaks import Track
from ddsp_nb.analysis.tracks import analyse_tracks, pack
from ddsp_nb.config import MOST_PARTIALS, Config
from ddsp_nb.errors import AudioError, warn_user
from ddsp_nb.growth.render import Growth
from ddsp_nb.growth.schedule import LONGEST_PIECE_S
from ddsp_nb.growth.track import ControlTrack
from ddsp_nb.playing.family import CEILING_DB
from ddsp_nb.synthesis.controls import MAX_NOISE_GAIN, Controls
from ddsp_nb.synthesis.oscillator import TWO_PI, integrate_pitch, partial_phase, render_partials
from ddsp_nb.training.take import Take

# Of a point: an hour, more than is heard, 60 dB above full scale.
LARGEST = (LONGEST_PIECE_S, 1e6, 1e3)
# Of all partials together, and frames times partials of a take: what a small file may ask for.
MOST_S, MOST_VALUES = 50_000, 10_000_000
# From sample to sample of a gain, where an attack or a release begins or ends.
CORNER = 1e-4
# Phases are of sines here, and of cosines in files.
QUARTER = np.pi / 2
LOWEST_HZ = 1.0


class Partial(NamedTuple):
    """A sine wave that moves linearly between [n] points: s, Hz, amplitude, and phase of a cosine, NaN if unknown."""

    times_s: np.ndarray
    hz: np.ndarray
    amplitude: np.ndarray
    phase: np.ndarray

    def at(self, times_s: np.ndarray) -> "Partial":
        """The same at other times, with a phase that goes as the frequency says and evenly makes up for the rest."""
        hz = np.interp(times_s, self.times_s, self.hz)
        before = (np.searchsorted(self.times_s, times_s, "right") - 1).clip(0)
        run = np.append(0, np.cumsum(np.pi * (self.hz[1:] + self.hz[:-1]) * np.diff(self.times_s)))
        off = np.unwrap(np.nan_to_num(self.phase - run, nan=-QUARTER))
        run = run[before] + np.pi * (self.hz[before] + hz) * (times_s - self.times_s[before])
        amplitude, off = (np.interp(times_s, self.times_s, values) for values in (self.amplitude, off))
        return Partial(times_s, hz, amplitude, (run + off) % TWO_PI)


def partials_of(table: np.ndarray) -> list[Partial]:
    """Partials of [n, 5] points: number of the partial, s, Hz, amplitude, phase. Raises ValueError where it is none."""
    table = table[np.argsort(table[:, 0], kind="stable")]
    same = np.diff(table[:, 0]) == 0
    fits = (table[:, 1:4] >= 0) & (table[:, 1:4] <= LARGEST)
    steps_s = np.diff(table[:, 1])[same]
    if not len(table) or not fits.all() or np.isinf(table).any() or (steps_s <= 0).any() or steps_s.sum() > MOST_S:
        raise ValueError("numbers that are missing, go back in time or are out of range")
    return [Partial(*points[:, 1:].T) for points in np.split(table, np.flatnonzero(~same) + 1)]


def table_of(partials: Iterable[Partial]) -> np.ndarray:
    """The reverse of `partials_of`."""
    return np.concatenate([np.insert(np.stack(partial, 1), 0, i, axis=1) for i, partial in enumerate(partials)])


def joined(frames: Iterable[tuple[float, np.ndarray]]) -> np.ndarray:
    """Points, as of `partials_of`, of frames: their time, and [n, 4] number, Hz, amplitude, phase of all that sounds.

    What is missing in a frame has died, and its number may be another partial's later.
    """
    alive, newest, points = dict[float, int](), count(), [np.empty((0, 5))]
    for time_s, rows in frames:
        alive = {number: alive[number] if number in alive else next(newest) for number in rows[:, 0].tolist()}
        points.append(np.column_stack([list(alive.values()), np.full(len(rows), time_s), rows[:, 1:]]))
    return np.concatenate(points)


def of_track(track: ControlTrack, config: Config) -> Iterator[Partial]:
    """Partials of a track, each cut where it is silent; frequencies are made to come to its phases."""
    hz, phase, hop_s = track.hz().double(), track.phases(), config.hop_length / config.sample_rate
    hz = hz + torch.gradient(phase - partial_phase(hz, config), dim=0)[0] / (TWO_PI * hop_s)
    angle = phase + torch.atan2(*track.controls.directions.double().flip(-1).unbind(-1)) - QUARTER
    amplitudes = track.controls.amplitudes * (hz < config.nyquist_hz)
    times_s = hop_s * torch.arange(len(hz)).double()[:, None].expand(hz.shape)
    values = torch.stack([times_s, hz, amplitudes.double(), angle % TWO_PI]).numpy()
    for row in range(hz.shape[1]):
        heard = np.flatnonzero(amplitudes[:, row])
        for life in np.split(heard, np.flatnonzero(np.diff(heard) > 1) + 1) if len(heard) else ():
            yield Partial(*values[:, max(life[0] - 1, 0) : life[-1] + 2, row])


def of_take(take: Take, config: Config) -> list[Partial]:
    """Partials of a take, whether they are multiples of its pitch or not."""
    f0_hz, phase = take.features.f0_hz, take.features.phase
    phase = integrate_pitch(f0_hz, config) if phase is None else phase
    own = () if take.hz is None else (take.hz, partial_phase(take.hz, config))
    return list(of_track(ControlTrack(f0_hz, phase, take.controls, take.features.voiced, take.features, *own), config))


def take_of_sound(audio: torch.Tensor, config: Config, n_most: int) -> Take:
    """A sound, [n_samples], taken apart into at most n_most rows of partials. Raises AudioError."""
    analysis = analyse_tracks(audio, config, n_most)
    controls = Controls.of_coefficients(analysis.coefficients, analysis.noise_magnitudes.clamp(max=MAX_NOISE_GAIN))
    return Take(FeatureExtractor(config)(audio), controls, analysis.snr_db, hz=analysis.hz)


def of_growth(growth: Growth, start_s: float = 0.0, gain: float = 1.0) -> list[Partial]:
    """Partials of every stage of a growth with its mask, gains and place in time; its noise is left out."""
    schedule, config, partials = growth.schedule, growth.schedule.config, []
    for i, stage in enumerate(schedule.stages):
        first, late = divmod(stage.offset, config.hop_length)
        track = schedule.tracks[stage.track][first : first + config.n_frames(late + len(stage))]
        gains = schedule.gains(i).numpy() * growth.gain * gain
        frames = np.arange(len(track.f0_hz)) * config.hop_length - late
        corners = np.flatnonzero(np.abs(np.diff(gains, 2)) > CORNER * gains.max()) + 1
        points = np.unique([0, *corners, *frames, len(stage) - 1])
        points = points[(points >= 0) & (points < len(stage))]
        played = replace(track.controls, amplitudes=track.controls.amplitudes * stage.mask)
        for partial in of_track(replace(track, controls=played), config):
            birth, death = np.round(partial.times_s[[0, -1]] * config.sample_rate) - late
            at = points[(points >= birth) & (points <= death)]
            moved = partial.at((at + late) / config.sample_rate)
            times_s = start_s + (stage.start + at) / config.sample_rate
            partials.append(moved._replace(times_s=times_s, amplitude=moved.amplitude * gains[at]))
    return partials


def to_take(partials: list[Partial], config: Config) -> Take:
    """Partials as a take that can be grown. Raises AudioError where they are silent, or too long for so many."""
    per_s, longest_s = config.sample_rate / config.hop_length, max(partial.times_s[-1] for partial in partials)
    n_frames, tracks, phases = round(longest_s * per_s) + 2, [], {}
    if n_frames * min(len(partials), MOST_PARTIALS) > MOST_VALUES:
        raise AudioError(f"{len(partials)} partials over {longest_s:.0f} s are too many. Use fewer of them.")
    for partial in partials:
        first, last = np.round(partial.times_s[[0, -1]] * per_s).astype(int)
        _, own_hz, amplitude, phase = partial.at(np.arange(first, last + 1) / per_s)
        tracks.append(Track(slice(first, last + 1), own_hz.clip(LOWEST_HZ, config.nyquist_hz), amplitude))
        phases[id(tracks[-1].hz)] = phase + QUARTER
    placed, hz, _ = pack(tracks, n_frames, MOST_PARTIALS)
    if len(placed) < len(tracks):
        warn_user(f"{len(tracks) - len(placed)} of {len(tracks)} partials have no place beside louder ones.")
    whole = torch.zeros(hz.shape, dtype=torch.complex128)
    for track in placed:
        waves = torch.from_numpy(track.amplitude), torch.from_numpy(phases[id(track.hz)])
        whole[track.frames, track.row] = torch.polar(*waves)
    whole = whole * torch.polar(torch.ones(1).double(), -partial_phase(hz, config))
    gains = torch.zeros(n_frames, config.n_bands)
    controls = Controls.of_coefficients(torch.cat([whole.real, whole.imag], 1).float(), gains)
    sound = render_partials(hz, controls.coefficients(), config)
    return Take(FeatureExtractor(config)(sound), controls, CEILING_DB, hz=hz)

"""Held notes whose loop is exact: it is synthesised to repeat, so nothing has to be cross-faded."""

import math
from dataclasses import dataclass

import torch

from ddsp_nb.config import Config
from ddsp_nb.notes.pitch import midi_hz
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.own_timbre import OwnTimbre
from ddsp_nb.synthesis.controls import Controls, low_crest_directions
from ddsp_nb.training.model import DDSPModel

SETTLE_S = 0.4  # after the attack, in which the GRU comes to rest
SHORTEST_LOOP_S, LONGEST_LOOP_S = 2.0, 3.0  # long enough that nobody hears the noise come round
AFTER_HOPS = 1  # kept after the loop, for players that interpolate


@dataclass(frozen=True)
class HeldNote:
    """A note and where it loops.

    Attributes:
        audio: [n_samples] sound; the sample after `loop_stop` - 1 equals the one at `loop_start`, and so on.
        loop_start: first sample of the loop.
        loop_stop: the sample after the last one of the loop.
        loudness_db: RMS level that was asked for, dB relative to full scale.
        note: MIDI number.
    """

    audio: torch.Tensor
    loop_start: int
    loop_stop: int
    loudness_db: float
    note: int


@torch.no_grad()
def held_note(
    model: DDSPModel, note: int, loudness_db: float, articulation: Articulation, *, seed: int = 0
) -> HeldNote:
    """A note of the instrument's own timbre: its attack, then a loop of whole periods.

    Pitch is off by less than 0.1 cents where the loop is chosen among all whole numbers of hops from 2 to 3 s. The
    noise of the loop repeats, too. Notes of one pitch have the same phases and the same noise at every loudness (RMS
    where it is held, dB relative to full scale), so layers of them cross without beating.
    """
    config, hop = model.config, model.config.hop_length
    hop_s = hop / config.sample_rate
    hz, n_loop = periodic_pitch(midi_hz(note), config)
    n_begin = math.ceil(articulation.attack_s / hop_s) + math.ceil(SETTLE_S / hop_s)
    shape_db = torch.tensor([articulation.rise_db(i * hop_s) for i in range(1, n_begin + 1)])
    n_hops = n_begin + n_loop + AFTER_HOPS + 1  # the last one's windows run into silence: it is cut off
    f0_hz = torch.full((n_hops + 1,), hz, dtype=torch.float64)
    controls = _held_controls(model, f0_hz, loudness_db + shape_db)
    harmonic = model.synthesizer.oscillator.render(f0_hz, controls.coefficients())
    white = _white(n_begin - 1, n_loop, n_hops, hop, seed)
    audio = harmonic + model.synthesizer.noise_generator.shape(white, controls.noise_magnitudes)
    return HeldNote(audio[:-hop], n_begin * hop, (n_begin + n_loop) * hop, loudness_db, note)


def periodic_pitch(hz: float, config: Config) -> tuple[float, int]:
    """The pitch nearest to `hz` of which a loop of 2 to 3 s, in hops, holds whole periods; and the loop's hops."""
    hop_s = config.hop_length / config.sample_rate
    lengths = range(math.ceil(SHORTEST_LOOP_S / hop_s), math.floor(LONGEST_LOOP_S / hop_s) + 1)
    pitches = [(round(hz * n * hop_s) / (n * hop_s), n) for n in lengths]
    return min(pitches, key=lambda pitch: abs(math.log(pitch[0] / hz)))


def settled_controls(model: DDSPModel, hz: float, loudness_db: float) -> Controls:
    """Controls [1, ...] of a note that has been held until the GRU came to rest."""
    n_frames = math.ceil(SETTLE_S * model.config.sample_rate / model.config.hop_length)
    return _held_controls(model, torch.full((n_frames + 1,), hz), torch.full((n_frames,), loudness_db))[-1:]


def _held_controls(model: DDSPModel, f0_hz: torch.Tensor, loudness_db: torch.Tensor) -> Controls:
    """Silence, frames of [n] loudness, and the last of them for as long as [n_frames] f0_hz goes on."""
    timbre, n = OwnTimbre(model), len(loudness_db)
    age_s = torch.arange(1, n + 1) * model.config.hop_length / model.config.sample_rate
    amplitudes, gains, _ = timbre.levelled(f0_hz[None, :n].float(), loudness_db[None], age_s[None], timbre.rest())
    frames = torch.arange(-1, len(f0_hz) - 1).clamp(max=n - 1)
    sounding = (frames >= 0)[:, None]
    directions = low_crest_directions(model.config.n_harmonics).expand(len(frames), -1, 2)
    return Controls(amplitudes[0, frames] * sounding, directions, gains[0, frames] * sounding)


def _white(n_before: int, n_loop: int, n_hops: int, hop: int, seed: int) -> torch.Tensor:
    """[n_hops * hop] white noise that repeats every n_loop hops from n_before on: a window before the loop itself."""
    generator = torch.Generator().manual_seed(seed)
    before, loop = (torch.randn(n * hop, generator=generator) for n in (n_before, n_loop))
    return torch.cat([before, loop, loop])[: n_hops * hop]

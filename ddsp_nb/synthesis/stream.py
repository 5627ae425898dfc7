"""Oscillator, filterbank and room block by block, the same samples (notebook 06, "Why is block length latency?")."""

from collections.abc import Iterable, Iterator
from itertools import chain

import torch
from torch.nn.functional import pad

from ddsp_nb.config import Config
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.oscillator import blend, interpolate_phase, sum_of_sines
from ddsp_nb.synthesis.room import Room

HOPS_DRAWN = 16  # of white noise at a time: PyTorch draws the same numbers in any pieces that 16 divides


def render_hop(f0_hz: torch.Tensor, phase: torch.Tensor, partials: torch.Tensor, config: Config) -> torch.Tensor:
    """One hop of several voices, each a sum of sines between two frames.

    Args:
        f0_hz: [n_voices, 2] fundamental at the frames before and after the hop, Hz.
        phase: [n_voices, 2] float64 radians, unwrapped.
        partials: [n_voices, 2, n_harmonics] complex amplitudes a (cos θ + i sin θ) of a sin(kφ + θ).
        config: gives sample rate and hop.

    Returns:
        [n_voices, hop_length] sound: what `HarmonicOscillator.render` gives, to float32 rounding.
    """
    cycles, frequency_hz = (x.flatten(0, 1) for x in interpolate_phase(f0_hz, phase, config))
    return blend(sum_of_sines(cycles, frequency_hz, partials, config))


class NoiseStream:
    """The noise filterbank hop by hop.

    A window reaches one hop ahead, but only white noise lies there, which is known in advance: with the gains of the
    frame after a hop, as the oscillator needs them too, there is no delay. Only the last hop of a whole clip differs:
    there `FilteredNoiseGenerator` sees silence come.

    Args:
        generator: the filterbank.
        seed: of the white noise; the numbers are those of the whole clip where 16 divides hop_length.
    """

    def __init__(self, generator: FilteredNoiseGenerator, seed: int = 0):
        hop = generator.config.hop_length
        self.to_bins, self.window, self.hop_length = generator.to_bins, generator.window, hop
        self.norm = self.window.square().unflatten(0, (2, hop)).sum(0)
        self.random, self.drawn = torch.Generator().manual_seed(seed), torch.empty(0)
        self.white, self.tail = self._draw(), torch.zeros(hop)  # of the hop to come; of the windows so far

    def hop(self, gains: torch.Tensor) -> torch.Tensor:
        """[hop_length] noise up to the frame that has [n_bands] gains; the frame before the first one is silent."""
        coming = self._draw()
        spectrum = torch.fft.rfft(torch.cat([self.white, coming]) * self.window) * (gains @ self.to_bins)
        head, tail = (torch.fft.irfft(spectrum) * self.window).split(self.hop_length)
        sound, self.tail, self.white = (self.tail + head) / self.norm, tail, coming
        return sound

    def _draw(self) -> torch.Tensor:
        """The next [hop_length] of white noise."""
        if not len(self.drawn):
            self.drawn = torch.randn(HOPS_DRAWN * self.hop_length, generator=self.random)
        white, self.drawn = self.drawn[: self.hop_length], self.drawn[self.hop_length :]
        return white


def in_room(sounds: Iterable[torch.Tensor], room: Room, wet_db: float, block: int) -> Iterator[torch.Tensor]:
    """[block] after [block] of sound in a room, until it has rung off: what `Room` gives, to float32 rounding.

    The impulse response is cut into blocks, each transformed once, and so is every block of sound, which is then heard
    with all that came before it (uniformly partitioned overlap-save, Stockham 1966).
    """
    after = pad(room.impulse[1:], (1, 0)) * 10 ** (wet_db / 20)
    parts = torch.fft.rfft(pad(after, (0, -len(after) % block)).view(-1, block), 2 * block)  # [n_parts, block + 1]
    spectra, before = torch.zeros_like(parts), torch.zeros(block)
    for sound in chain(sounds, torch.zeros(len(parts), block)):
        spectra = torch.cat([torch.fft.rfft(torch.cat([before, sound]))[None], spectra[:-1]])
        before = sound
        yield sound + torch.fft.irfft((spectra * parts).sum(0))[block:]

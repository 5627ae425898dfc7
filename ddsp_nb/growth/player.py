"""Who plays a stage: the instrument itself, others, or what lies between (notebook 07, "How does one instrument become
another?").

Other instruments play pitch and dynamics of the phrase, in their own timbre and in the network that all share: between
them lies what their codes say. A trained instrument has weights of its own, in which foreign codes mean nothing, and of
its recording it has the levels of every partial. So it is blended by levels, and what lies between is exactly as loud.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config
from ddsp_nb.growth.masks import INAUDIBLE
from ddsp_nb.growth.timbre import in_words
from ddsp_nb.sound.loudness import k_power
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.noise import band_to_bins, nearest_band
from ddsp_nb.training.family import Family
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.morph import OWN

# Stands for 0 in logarithms and below fractions.
SILENCE = 1e-9


@dataclass(frozen=True)
class Player:
    """Plays a stretch of a phrase or a note in one timbre.

    Attributes:
        own: share of the instrument that grows, 0 to 1.
        other: plays the rest.
    """

    own: float
    other: DDSPModel

    @classmethod
    def of(cls, shares: Mapping[str, float], model: DDSPModel, family: Family) -> "Player | None":
        """Of a timbre, for an instrument; None where it plays alone. Raises ConfigError where a name is not there."""
        others = {name: share for name, share in shares.items() if name != OWN}
        if not others:
            return None
        other = family.member(in_words(others)).model(model.config).to(model.device)
        # Dynamics are the phrase's: what is loud for the one is loud for the other.
        other.network.instrument.usual_db.copy_(model.network.instrument.usual_db)
        return cls(shares.get(OWN, 0.0), other)

    def __call__(self, asked: Features, own: Controls) -> Controls:
        """What is played where [n_frames] are asked for: as loud as `own`, what the instrument itself plays there."""
        other, config = self.other.controls(asked, envelope=False, loudness=False), self.other.config
        amplitudes = between(other.amplitudes, own.amplitudes, self.own)
        mixed = Controls(amplitudes, own.directions, between(other.noise_magnitudes, own.noise_magnitudes, self.own))
        hz = asked.f0_hz.to(own.amplitudes)[:, None] * self.other.network.instrument.queries.harmonics
        wanted, reached = (power(controls, hz, config) for controls in (own, mixed))
        return mixed.scaled((wanted / reached.clamp(min=SILENCE**2)).sqrt())


def between(first: torch.Tensor, last: torch.Tensor, share: float) -> torch.Tensor:
    """[n_frames, n] levels on the way from the first, share 0, to the last, share 1, in equal steps of dB."""
    if share in (0, 1):
        return last if share else first
    # What one lacks comes in from where it begins to be heard.
    least = lambda levels: (INAUDIBLE * levels.amax(1, keepdim=True)).clamp(min=SILENCE)
    first, last = (levels.maximum(least(levels)).log() for levels in (first, last))
    return torch.lerp(first, last, share).exp()


def power(
    controls: Controls, hz: torch.Tensor, config: Config, *, bands: torch.Tensor | None = None, heard: bool = False
) -> torch.Tensor:
    """[n_frames] mean square of what sounds of [n_frames, ...] controls in the hops before and after each frame.

    Partials whose phases leap from frame to frame, as where a recording has no clear tone, sound softer than they are.

    Args:
        hz: [n_frames, n_harmonics] of the partials.
        bands: [n_bands] of 0 and 1, the noise that counts; see `keep_bands`.
        heard: whether frequencies count as much as the ear has them.
    """
    weight = lambda hz: k_power(hz, config.sample_rate).to(controls.amplitudes) if heard else torch.ones(())
    sines = controls.amplitudes * (hz < config.nyquist_hz) * weight(hz).sqrt()
    waves = (sines[..., None] * controls.directions).flatten(1)
    first, last = waves[:-1], waves[1:]
    hops = (first.square() + first * last + last.square()).sum(1) / 6
    around = torch.cat([hops[:1], hops, hops[-1:]])
    noise = controls.noise_magnitudes @ band_to_bins(config).to(controls.noise_magnitudes)
    bins_hz = torch.fft.rfftfreq(config.noise_n_fft, 1 / config.sample_rate)
    counted = weight(bins_hz) * (1 if bands is None else bands[nearest_band(bins_hz, config)])
    return (around[1:] + around[:-1]) / 2 + (noise.square() * counted.to(noise)).mean(1)

"""What shapes a stage in time: its envelope, and curves of duration or loudness over the stages."""

from dataclasses import dataclass

import numpy as np
import torch

from ddsp_nb.errors import GrowthError

LONGEST_TIME_S = 600
LARGEST = 1e12


@dataclass(frozen=True)
class ADSR:
    """Envelope of a stage: times in seconds, sustain as a linear level from 0 to 1."""

    attack_s: float = 0.02
    decay_s: float = 0.05
    sustain: float = 0.9
    release_s: float = 0.08

    def __call__(self, n_samples: int, sample_rate: int, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """[n_samples] gains from 0 up to 1, down to `sustain`, to 0; times shrink in proportion in a short stage.

        `start` and `stop` ask for some of the samples only.
        """
        times = torch.tensor([self.attack_s, self.decay_s, self.release_s], dtype=torch.float64) * sample_rate
        attack, decay, release = (times * min(1, n_samples / max(times.sum().item(), 1))).tolist()
        n = torch.arange(start, n_samples if stop is None else stop, dtype=torch.float64)
        rise = (n / max(attack, 1)).clamp(max=1)
        fall = 1 - (1 - self.sustain) * ((n - attack) / max(decay, 1)).clamp(0, 1)
        end = ((n_samples - 1 - n) / max(release, 1)).clamp(max=1)
        return (rise * fall * end).float()

    @property
    def duration_s(self) -> float:
        """Seconds that attack, decay and release take together."""
        return self.attack_s + self.decay_s + self.release_s

    def __post_init__(self):
        times = (self.attack_s, self.decay_s, self.release_s)
        if not all(is_number(t) and 0 <= t <= LONGEST_TIME_S for t in times):
            raise GrowthError("ADSR: use times of 0 to 600 s and a sustain level from 0 to 1.")
        if not is_number(self.sustain) or not 0 <= self.sustain <= 1:
            raise GrowthError("ADSR: use times of 0 to 600 s and a sustain level from 0 to 1.")


def is_number(value) -> bool:
    """True for an int or a float of a sensible size, but not for True, False, nan and inf."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def curve(points, n_stages: int, *, geometric: bool = False) -> np.ndarray:
    """A value for each stage: a number for all of them, or points spread evenly over the stages.

    Args:
        points: a number, or a sequence: (first, last) is a ramp, one value a stage is taken as it is.
        n_stages: how many values.
        geometric: equal ratios between neighbours instead of equal differences, where no point is 0.

    Returns:
        [n_stages] float64.
    """
    points = np.atleast_1d(np.asarray(points, np.float64))
    if n_stages == 1:
        return points[:1].copy()
    if len(points) == n_stages:
        return points.copy()
    places = np.linspace(0, len(points) - 1, n_stages)
    if geometric and (points > 0).all():
        return np.exp(np.interp(places, np.arange(len(points)), np.log(points)))
    return np.interp(places, np.arange(len(points)), points)

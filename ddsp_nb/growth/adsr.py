"""The ADSR of a stage, and curves over the stages (notebook 05, "How does a stage begin and end?"). Light to import."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddsp_nb.growth.settings import check_settings, frozen, setting

if TYPE_CHECKING:
    import torch

LONGEST_TIME_S = 600


@dataclass(frozen=True)
class ADSR:
    """Attack, decay and release of a stage in seconds, and its sustain, a linear level or a curve through the stages.

    Raises GrowthError for a value outside its range.
    """

    attack_s: float = setting(0.02, "Rise of a stage, s.", low=0, high=LONGEST_TIME_S, unit="s")
    decay_s: float = setting(0.05, "Fall to the sustain level, s.", low=0, high=LONGEST_TIME_S, unit="s")
    sustain: float | tuple[float, ...] = setting(0.9, "Sustain level; 0.9,0.2 lowers it stage by stage.", low=0, high=1)
    release_s: float = setting(0.08, "Fade-out of a stage, s.", low=0, high=LONGEST_TIME_S, unit="s")

    def __post_init__(self):
        object.__setattr__(self, "sustain", frozen(self.sustain))
        check_settings(self)

    def __call__(self, n_samples: int, sample_rate: int, start: int = 0, stop: int | None = None) -> "torch.Tensor":
        """[n_samples] gains from 0 up to 1, down to `sustain`, to 0; times shrink in proportion in a short stage.

        `start` and `stop` ask for some of the samples only. Of a curve of sustain levels the first is taken.
        """
        import torch

        (sustain,) = curve(self.sustain, 1)
        times = torch.tensor([self.attack_s, self.decay_s, self.release_s], dtype=torch.float64) * sample_rate
        attack, decay, release = (times * min(1, n_samples / max(times.sum().item(), 1))).tolist()
        n = torch.arange(start, n_samples if stop is None else stop, dtype=torch.float64)
        rise = (n / max(attack, 1)).clamp(max=1)
        fall = 1 - (1 - sustain) * ((n - attack) / max(decay, 1)).clamp(0, 1)
        end = ((n_samples - 1 - n) / max(release, 1)).clamp(max=1)
        return (rise * fall * end).float()

    @property
    def duration_s(self) -> float:
        """Seconds that attack, decay and release take together."""
        return self.attack_s + self.decay_s + self.release_s


def curve(points: float | Sequence[float], n_stages: int, *, geometric: bool = False) -> list[float]:
    """A value for each stage: a number for all of them, or points spread evenly over the stages.

    Where they are geometric, neighbours have equal ratios instead of equal differences, unless a point is 0.
    """
    points = list(points) if isinstance(points, Sequence) else [points]
    if len(points) == n_stages:
        return points
    if len(points) == 1 or n_stages == 1:
        return points[:1] * n_stages
    if geometric and min(points) > 0:
        return [math.exp(value) for value in curve([math.log(point) for point in points], n_stages)]
    step = (len(points) - 1) / (n_stages - 1)  # in points a stage
    return [_between(points, i * step) for i in range(n_stages - 1)] + points[-1:]


def _between(points, place):
    """The value at a place between two neighbouring points, by linear interpolation."""
    before = int(place)
    after = min(before + 1, len(points) - 1)
    return points[before] + (points[after] - points[before]) * (place - before)

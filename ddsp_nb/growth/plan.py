"""The plan of a growth, as plain data: what sounds in which stage, for how long, how loud and at what pitch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from reprlib import repr as short

import numpy as np
import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.envelope import ADSR, curve, is_number
from ddsp_nb.growth.masks import BAND_ORDERS, ORDERS, audible, entrance
from ddsp_nb.growth.tuning import check_pitch, check_ratios

STRATEGIES = ("linear", "exponential", "fibonacci", "primes")
WRITTEN = "written"
NOISE_CHOICES = ("last", "every", "bands", "none")
MOST_STAGES = 1024


@dataclass(frozen=True)
class GrowthPlan:
    """How the timbre grows.

    Where a number a stage is asked for, a list is a curve through the stages: (0.5, 0.1) goes from the first to
    the last, a list as long as there are stages is taken as it is.

    Attributes:
        strategy: how many partials sound: "linear", "exponential" (1, 2, 4 ...), "fibonacci" (1, 2, 3, 5 ...),
            "primes" (1, 2, 3, 5, 7, 11 ...); "written" where `stages` are given.
        n_stages: number of stages of the linear strategy; the others follow from the number of partials.
        stages: stages of your own, played as written: counts (1, 4, 9) or sets of partials ((1,), (1, 3, 5)).
        order: in which partials enter: "low" or "high" first, "odd" ones first, "octaves" (1, 2, 4 ...) first,
            "loudest" first, or "random".
        shrinking: play the growth backwards, from the complete stage to the smallest; noise goes with its stage.
        stage_duration_s: length of a stage, a number or a curve (geometric).
        silence_duration_s: silence between stages, a number or a curve.
        crossfade_s: seconds by which stages overlap instead; the music then runs on and `adsr` shapes the whole piece.
        adsr: envelope of each stage.
        loudness_db: level of each stage, a number or a curve, dB.
        noise: "last" adds the noise to the last stage, "every" to all, "bands" band by band, "none" never.
        noise_strategy: how many bands sound, for "bands".
        noise_order: in which bands enter: "low", "high", "odd" (every other), "loudest" or "random".
        pitch: "phrase" (the recording's own), "held" (its median pitch), a note ("C#4"), Hz, or a list of these:
            a melody over the stages, repeated where it is shorter.
        ratios: partial k sounds at ratio k of the pitch: "harmonic", "just", "equal", "quarter-tones", "whole-tones"
            or a list of numbers.
        stretch: inharmonicity of a stiff string, 0 to 0.1.

    Raises:
        GrowthError: a value outside its range.
    """

    strategy: str = "fibonacci"
    n_stages: int = 8
    stages: tuple | None = None
    order: str = "low"
    shrinking: bool = False
    stage_duration_s: float | tuple[float, ...] = 0.5
    silence_duration_s: float | tuple[float, ...] = 0.2
    crossfade_s: float = 0.0
    adsr: ADSR = field(default_factory=ADSR)
    loudness_db: float | tuple[float, ...] = 0.0
    noise: str = "last"
    noise_strategy: str = "linear"
    noise_order: str = "low"
    pitch: str | float | tuple = "phrase"
    ratios: str | tuple[float, ...] = "harmonic"
    stretch: float = 0.0

    def __post_init__(self):
        for f in fields(self):
            object.__setattr__(self, f.name, _frozen(getattr(self, f.name)))
        if self.stages is not None:
            object.__setattr__(self, "strategy", WRITTEN)
            _check_stages(self.stages)
        elif self.strategy == WRITTEN:
            raise GrowthError("The strategy “written” needs stages such as 1, 4, 9.")
        else:
            _check_choice("strategy", self.strategy, STRATEGIES)
        _check_choice("order", self.order, ORDERS)
        _check_choice("noise", self.noise, NOISE_CHOICES)
        _check_choice("noise strategy", self.noise_strategy, STRATEGIES)
        _check_choice("noise order", self.noise_order, BAND_ORDERS)
        if type(self.shrinking) is not bool or not isinstance(self.adsr, ADSR):
            raise GrowthError("Use True or False for shrinking and an ADSR for the envelope.")
        self._check_times()
        for pitch in self.melody:
            check_pitch(pitch)
        check_ratios(self.ratios, self.stretch)

    def _check_times(self):
        if type(self.n_stages) is not int or not 1 <= self.n_stages <= MOST_STAGES:
            raise GrowthError(f"Use 1 to {MOST_STAGES} stages.")
        if not _within(self.stage_duration_s, 0.02, 600) or not _within(self.silence_duration_s, 0, 600):
            raise GrowthError("Use at least 1 stage of 0.02 to 600 s and a silence of 0 to 600 s.")
        if not is_number(self.crossfade_s) or not 0 <= self.crossfade_s <= 60:
            raise GrowthError("Use a cross-fade of 0 to 60 s.")
        if not _within(self.loudness_db, -60, 60):
            raise GrowthError("Use a loudness of -60 to 60 dB.")

    @property
    def melody(self) -> tuple:
        """The pitches that the stages take in turn."""
        return self.pitch if isinstance(self.pitch, tuple) and self.pitch else (self.pitch,)

    def counts(self, n_partials: int) -> list[int]:
        """Partials that sound in each stage of n_partials audible ones: distinct; the complete stage has them all."""
        if self.stages is None:
            counts = grow_counts(self.strategy, n_partials, self.n_stages)
        else:
            counts = [len(s) if isinstance(s, tuple) else min(s, n_partials) for s in self.stages]
        return counts[::-1] if self.shrinking else counts

    def masks(self, n_harmonics: int, *, levels=None, seed: int = 0) -> torch.Tensor:
        """Which partials sound in which stage.

        Args:
            n_harmonics: partials of the instrument.
            levels: [n_harmonics] how loud each partial gets, linear; those 80 dB below the loudest are never heard
                and do not count. All count, and "loudest" means "low", if None.
            seed: of the random order.

        Returns:
            [n_stages, n_harmonics] of 0 and 1.

        Raises:
            GrowthError: a written stage names a partial that the instrument does not have.
        """
        levels = torch.ones(n_harmonics) if levels is None else levels
        order = entrance(self.order, levels, seed)
        masks = torch.zeros(len(self.stages or self.counts(len(order))), n_harmonics)
        for mask, stage in zip(
            masks, self.stages or grow_counts(self.strategy, len(order), self.n_stages), strict=True
        ):
            chosen = order[:stage] if isinstance(stage, int) else torch.tensor(stage) - 1
            if chosen.max() >= n_harmonics:
                raise GrowthError(f"There is no partial {int(chosen.max()) + 1}: the instrument has {n_harmonics}.")
            mask[chosen] = 1
        masks *= audible(levels)
        return masks.flip(0) if self.shrinking else masks

    def noise_masks(self, n_bands: int, n_stages: int, *, levels=None, seed: int = 0) -> torch.Tensor:
        """Which bands of the noise sound in which stage; arguments as in `masks`.

        Returns:
            [n_stages, n_bands] of 0 and 1.
        """
        masks = torch.zeros(n_stages, n_bands)
        if self.noise == "bands":
            order = entrance(self.noise_order, torch.ones(n_bands) if levels is None else levels, seed)
            counts = np.array(grow_counts(self.noise_strategy, len(order), n_stages))
            counts = (
                counts[np.linspace(0, len(counts) - 1, n_stages).round().astype(int)] if n_stages > 1 else [n_bands]
            )
            for mask, count in zip(masks, counts, strict=True):
                mask[order[:count]] = 1
            masks[-1] = 1
        elif self.noise != "none":
            masks[0 if self.noise == "every" else -1 :] = 1
        return masks.flip(0) if self.shrinking else masks

    def durations_s(self, n_stages: int) -> np.ndarray:
        """[n_stages] length of each stage."""
        return curve(self.stage_duration_s, n_stages, geometric=True)

    def edges(self, n_stages: int, sample_rate: int) -> list[tuple[int, int]]:
        """First sample of each stage, and the one after its last."""
        lengths = np.rint(self.durations_s(n_stages) * sample_rate).astype(int)
        gaps = np.rint(curve(self.silence_duration_s, n_stages, geometric=True) * sample_rate).astype(int)
        if self.crossfade_s:
            gaps[:] = -round(self.overlap_s(n_stages) * sample_rate)
        starts = np.concatenate([[0], np.cumsum(lengths + gaps)[:-1]])
        return [(int(start), int(start + length)) for start, length in zip(starts, lengths, strict=True)]

    def overlap_s(self, n_stages: int) -> float:
        """Seconds by which stages overlap: the cross-fade, at most half of the shortest stage."""
        return min(self.crossfade_s, self.durations_s(n_stages).min() / 2) if n_stages > 1 else 0.0

    def to_dict(self) -> dict:
        """The plan as plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "GrowthPlan":
        """The reverse of `to_dict`. Raises GrowthError where a name is unknown or a value unusable."""
        if not isinstance(values, dict) or not isinstance(values.get("adsr", {}), dict):
            raise GrowthError("The plan of a growth is a table of names and values.")
        unknown = set(values) - {f.name for f in fields(cls)}
        unknown |= set(values.get("adsr", {})) - {f.name for f in fields(ADSR)}
        if unknown:
            raise GrowthError(f"Unknown names in the plan: {', '.join(map(short, sorted(unknown)))[:200]}.")
        return cls(**values | {"adsr": ADSR(**values.get("adsr", {}))})


def grow_counts(strategy: str, n_partials: int, n_stages: int) -> list[int]:
    """Rising distinct counts that end with n_partials."""
    if strategy == "linear":
        steps = np.linspace(1, n_partials, min(n_stages, n_partials)).round().astype(int).tolist()
        return steps if len(steps) > 1 else [n_partials]
    if strategy == "primes":
        return sorted({1, n_partials} | {n for n in range(2, n_partials) if all(n % d for d in range(2, n))})
    counts = [1]
    while counts[-1] < n_partials:
        step = counts[-1] if strategy == "exponential" else (counts[-2] if len(counts) > 1 else 1)
        counts.append(min(counts[-1] + step, n_partials))
    return counts


def _frozen(value):
    """Lists as tuples, all the way down, so that a plan cannot change."""
    return tuple(_frozen(v) for v in value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _check_choice(name, value, choices):
    if value not in choices:
        raise GrowthError(f"Unknown {name} {short(value)}; use one of {', '.join(choices)}.")


def _check_stages(stages):
    if not isinstance(stages, tuple) or not 1 <= len(stages) <= MOST_STAGES:
        raise GrowthError(f"Stages: write 1 to {MOST_STAGES} of them, such as [1, 4, 9] or [[1], [1, 3, 5]].")
    for stage in stages:
        numbers = stage if isinstance(stage, tuple) else (stage,)
        if (
            not numbers
            or len(set(numbers)) < len(numbers)
            or any(type(n) is not int or not 1 <= n <= 512 for n in numbers)
        ):
            raise GrowthError(
                "Stages: each is a count, or a set of partials without repeats, of whole numbers from 1 on."
            )


def _within(value, low, high):
    values = value if isinstance(value, tuple) else (value,)
    return 1 <= len(values) <= MOST_STAGES and all(is_number(v) and low <= v <= high for v in values)

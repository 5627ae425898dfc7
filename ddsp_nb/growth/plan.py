"""The plan of a growth as plain data (notebook 05): what sounds in which stage, how long, how loud, at what pitch.

Light to import, so that the command line answers at once. Defaults, ranges, choices and their meaning are written
here and nowhere else; the command line and the panel take them from the fields.
"""

import math
from dataclasses import dataclass, field, fields
from fractions import Fraction
from reprlib import repr as short

from ddsp_nb.config import MOST_PARTIALS
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.adsr import ADSR, curve
from ddsp_nb.growth.automaton import NEXT, RULES, rule_number
from ddsp_nb.growth.settings import MOST_STAGES, check_settings, frozen, setting
from ddsp_nb.growth.timbre import check_timbre
from ddsp_nb.growth.tuning import TABLES, check_pitch, check_ratios
from ddsp_nb.training.morph import OWN

STRATEGIES = ("linear", "exponential", "fibonacci", "primes")
# Of a note; a recording also has partials that sound for longer, or come in earlier, than others.
NOTE_ORDERS = ("low", "high", "odd", "octaves", "loudest", "random")
ORDERS = (*NOTE_ORDERS, "longest", "birth")
BAND_ORDERS = ("low", "high", "odd", "loudest", "random")
RULE = "rule"  # the strategy by which partials, or bands, grow because of their neighbours
WRITTEN = "written"  # the strategy, or the noise, of a plan with stages of its own
# Stages are as loud to the ear as the plan says, however many partials they have.
HEARD = "heard"


@dataclass(frozen=True)
class GrowthPlan:
    """How the timbre grows.

    Where a number a stage is asked for, a list is a curve through the stages: (0.5, 0.1) goes from the first to
    the last, a list as long as there are stages is taken as it is. A list of pitches is a melody, repeated where it is
    shorter. Timbres go in equal steps of their weights; a morph can also have its curves in itself, flute:1,0 oboe:0,1.

    Raises:
        GrowthError: a value outside its range.

    Attributes:
        stages: stages of your own, played as written: counts (1, 4, 9) or sets of partials ((1,), (1, 3, 5)), of which
            an empty one is breath alone. A rule runs on from the last of them.
        noise_stages: noise of your own: the set of bands of each stage ((), (1, 2)), the last one also of all further;
            bands that grow by a rule run on from it.
        adsr: of each stage, or of the whole piece where stages overlap.
    """

    strategy: str = setting(
        "fibonacci",
        "How partials grow: in equal steps, or 1, 2, 4 ..., or 1, 2, 3, 5 ..., or 1, 2, 3, 5, 7, 11 ..., or by a rule.",
        choices=(*STRATEGIES, RULE, WRITTEN),
    )
    n_stages: int = setting(8, "Stages of the linear strategy, or of a rule.", low=1, high=MOST_STAGES)
    stages: tuple | None = None
    order: str = setting("low", "Which partials enter first; octaves are 1, 2, 4 ...", choices=ORDERS)
    shrinking: bool = setting(False, "Play it backwards: from the full sound to one sine wave.", choices=(False, True))
    rule: str | int = setting(
        "spread", f"What goes on and off: {', '.join(RULES)}, or a number, 0 to 63 where each has two neighbours."
    )
    neighbours: str = setting(
        NEXT, "Who has a say: next, +2 (the one after it), 2 (octaves), 3/2 (fifths), other ratios; next,3/2 is both."
    )
    rule_chance: float = setting(0.0, "Chance that one ignores its turn, and stays as it is.", low=0, high=1)
    stage_duration_s: float | tuple[float, ...] = setting(
        0.5, "Length of a stage, s; 1,0.1 accelerates from 1 to 0.1 s, 0.1,1 slows down.", low=0.02, high=600, unit="s"
    )
    silence_duration_s: float | tuple[float, ...] = setting(
        0.2, "Silence between stages, s; 0.5,0.1 shortens it.", low=0, high=600, unit="s"
    )
    crossfade_s: float = setting(0.0, "Let stages overlap by so many s instead.", low=0, high=60, unit="s")
    adsr: ADSR = field(default_factory=ADSR)
    loudness_db: float | tuple[float, ...] = setting(
        0.0, "Level of the stages, dB; -24,0 is a crescendo.", low=-60, high=60, unit="dB"
    )
    loudness_as: str = setting(
        "gain",
        "Levels of the stages: as gain, on top of what their partials are, or as heard, each beside the fullest.",
        choices=("gain", HEARD),
    )
    noise: str = setting(
        "last",
        "Breath and bow: in the last stage, in every one, band by band, or never.",
        choices=("last", "every", "bands", "none", WRITTEN),
    )
    noise_stages: tuple | None = None
    noise_strategy: str = setting("linear", "How the number of bands grows.", choices=(*STRATEGIES, RULE))
    noise_order: str = setting("low", "Which bands enter first.", choices=BAND_ORDERS)
    pitch: str | float | tuple = setting(
        "phrase", "What is played: the recording's own phrase, its median note “held”, a note such as C#4, or Hz."
    )
    phrase: str = setting(
        "unfold",
        "It unfolds over the piece, or every stage repeats its fullest stretch.",
        choices=("unfold", "repeat"),
    )
    rests: str = setting("skip", "Rests and breaths of the phrase are left out, or stay.", choices=("skip", "keep"))
    timbre: str | tuple[str, ...] = setting(
        OWN,
        "Who plays: the instrument itself “own”, another one such as flute, a morph such as flute:0.3 oboe:0.7, or a "
        "list such as own,oboe that goes from the first to the last.",
    )
    ratios: str | tuple = setting(
        "harmonic", f"Where partials sound: {', '.join(TABLES)}, multiples such as 1,2.1,3.3, or a scale's .scl file."
    )
    harmonise: float | tuple[float, ...] = setting(
        0.0, "Move partials that are no multiples, as a bell's, to the nearest ratios: 0 not, 1 all.", low=0, high=1
    )
    inharmonicity: float = setting(
        0.0, "Stretch the partials as a stiff string does, 0 to 0.1 (a piano's 0.0001 to 0.01).", low=0, high=0.1
    )

    def __post_init__(self):
        for f in fields(self):
            object.__setattr__(self, f.name, frozen(getattr(self, f.name)))
        if self.stages is not None:
            _check_stages(self.stages, "Stages", "counts, or sets of partials, such as [[1], [1, 3, 5]]", True)
            object.__setattr__(self, "strategy", RULE if self.strategy == RULE else WRITTEN)
        elif self.strategy == WRITTEN:
            raise GrowthError("The strategy “written” needs stages such as 1, 4, 9.")
        if self.noise_stages is not None:
            _check_stages(self.noise_stages, "Noise stages", "sets of bands, such as [[], [1, 2]]", False)
            object.__setattr__(self, "noise", "bands" if self.has_noise_rule else WRITTEN)
        elif self.noise == WRITTEN:
            raise GrowthError("The noise “written” needs noise stages such as [[], [1, 2]].")
        check_settings(self)
        if not isinstance(self.adsr, ADSR):
            raise GrowthError("The adsr of a plan is an ADSR.")
        for pitch in self.melody:
            check_pitch(pitch)
        check_timbre(self.timbre)
        check_ratios(self.ratios)
        rule_number(self.rule, self.neighbours)

    @property
    def melody(self) -> tuple:
        """The pitches that the stages take in turn, again from the first where they are fewer."""
        return self.pitch if isinstance(self.pitch, tuple) and self.pitch else (self.pitch,)

    @property
    def has_noise_rule(self) -> bool:
        """Whether the bands of the noise grow by the rule."""
        return (self.noise, self.noise_strategy) == ("bands", RULE)

    def counts(self, n_partials: int) -> list[int]:
        """Partials that sound in each stage of n_partials audible ones: distinct; the complete stage has them all.

        Raises GrowthError of a rule: what it makes of them is seen once they are played.
        """
        if self.strategy == RULE:
            raise GrowthError("How many partials a rule lets sound, partial_masks(plan, n).sum(1) tells.")
        if self.stages is None:
            counts = grow_counts(self.strategy, n_partials, self.n_stages)
        else:
            counts = [len(s) if isinstance(s, tuple) else min(s, n_partials) for s in self.stages]
        return counts[::-1] if self.shrinking else counts

    def durations_s(self, n_stages: int) -> list[float]:
        """Length of each stage."""
        return curve(self.stage_duration_s, n_stages, geometric=True)

    def edges(self, n_stages: int, sample_rate: int) -> list[tuple[int, int]]:
        """First sample of each stage, and the one after its last."""
        edges_s = self.edges_s(n_stages)
        return [(round(start_s * sample_rate), round(stop_s * sample_rate)) for start_s, stop_s in edges_s]

    def edges_s(self, n_stages: int) -> list[tuple[Fraction, Fraction]]:
        """Start and end of each stage in exact seconds, so that a beat stays on its grid after any number of stages."""
        gaps_s = curve(self.silence_duration_s, n_stages, geometric=True)
        if self.crossfade_s:
            gaps_s = [-self.overlap_s(n_stages)] * n_stages
        edges_s, start_s = [], Fraction(0)
        for duration_s, gap_s in zip(self.durations_s(n_stages), gaps_s, strict=True):
            stop_s = start_s + exact(duration_s)
            edges_s.append((start_s, stop_s))
            start_s = stop_s + exact(gap_s)
        return edges_s

    def longest(self, sample_rate: int) -> int:
        """Samples of the longest stage, whatever its place: 0.5 samples more or less at either edge are one sample."""
        points_s = self.stage_duration_s
        duration_s = max(points_s) if isinstance(points_s, tuple) else points_s  # a curve never goes beyond its points
        return math.ceil(exact(duration_s) * sample_rate)

    def overlap_s(self, n_stages: int) -> float:
        """Seconds by which stages overlap: the cross-fade, at most half of the shortest stage."""
        return min(self.crossfade_s, min(self.durations_s(n_stages)) / 2) if n_stages > 1 else 0.0

    @classmethod
    def from_dict(cls, values: dict) -> "GrowthPlan":
        """The reverse of `dataclasses.asdict`. Raises GrowthError where a name is unknown or a value unusable."""
        if not isinstance(values, dict) or not isinstance(values.get("adsr", {}), dict):
            raise GrowthError("The plan of a growth is a table of names and values.")
        unknown = set(values) - {f.name for f in fields(cls)}
        unknown |= set(values.get("adsr", {})) - {f.name for f in fields(ADSR)}
        if unknown:
            raise GrowthError(f"Unknown names in the plan: {', '.join(map(short, sorted(unknown)))[:200]}.")
        return cls(**values | {"adsr": ADSR(**values.get("adsr", {}))})


SETTINGS = {f.name: f for owner in (GrowthPlan, ADSR) for f in fields(owner) if f.metadata}


def exact(seconds: float) -> Fraction:
    """Seconds as the decimal number that was written."""
    return Fraction(str(seconds))


def grow_counts(strategy: str, n_partials: int, n_stages: int) -> list[int]:
    """Rising distinct counts that end with n_partials."""
    if strategy == "linear":
        n_steps = min(n_stages, n_partials) - 1
        return [round(1 + i * ((n_partials - 1) / n_steps)) for i in range(n_steps)] + [n_partials]
    if strategy == "primes":
        return sorted({1, n_partials} | {n for n in range(2, n_partials) if all(n % d for d in range(2, n))})
    counts = [1]
    while counts[-1] < n_partials:
        step = counts[-1] if strategy == "exponential" else (counts[-2] if len(counts) > 1 else 1)
        counts.append(min(counts[-1] + step, n_partials))
    return counts


def _check_stages(stages, name, kinds, counts):
    """Raise GrowthError unless stages of one's own are sets of numbers, or where they may be counts."""
    sets = [(stage,) if counts and type(stage) is int else stage for stage in stages] if type(stages) is tuple else ()
    if not 1 <= len(sets) <= MOST_STAGES or not all(map(_is_set, sets)):
        raise GrowthError(f"{name}: write 1 to {MOST_STAGES} {kinds}, of whole numbers from 1 on without repeats.")


def _is_set(numbers):
    whole = type(numbers) is tuple and all(type(n) is int and 1 <= n <= MOST_PARTIALS for n in numbers)
    return whole and len(set(numbers)) == len(numbers)

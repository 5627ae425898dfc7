"""Plans to start from, by name (notebook 05, "Your turn"). Light to import."""

from dataclasses import dataclass, replace
from typing import Any

from ddsp_nb.config import MOST_PARTIALS
from ddsp_nb.growth.adsr import ADSR
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.piece.views import CRESCENDO, swing, towards, with_slots
from ddsp_nb.training.morph import OWN

WRITTEN_AT = Tempo()  # tempo of presets whose lengths are note values


@dataclass(frozen=True)
class Preset:
    """A plan to start from.

    Attributes:
        plan: where its lengths are note values, those at 120 beats a minute.
        in_notes: whether they are.
    """

    plan: GrowthPlan
    in_notes: bool = False

    @classmethod
    def of(cls, plan: GrowthPlan, in_notes: bool, tempo: Tempo) -> "Preset":
        """A plan of a piece as a preset."""
        return cls(WRITTEN_AT.retimed(plan, tempo) if in_notes else plan, in_notes)

    def at(self, tempo: Tempo) -> GrowthPlan:
        """The plan in a piece of that tempo."""
        return tempo.retimed(self.plan, WRITTEN_AT) if self.in_notes else self.plan

    def planned(self, **changes: Any) -> "Preset":
        """The preset with some settings of its plan changed."""
        return replace(self, plan=replace(self.plan, **changes))


SHORT = ADSR(attack_s=0.01, decay_s=0.02, release_s=0.04)
STRUCK = ADSR(attack_s=0.003, decay_s=1.0, sustain=0.15, release_s=0.7)
PULSE = GrowthPlan(
    strategy="linear",
    n_stages=16,
    order="loudest",
    pitch=("A3", "A3", "E4", "A3", "C4", "A3", "E4", "G4"),
    noise="bands",
    adsr=SHORT,
)
PLAYERS = ("flute", "clarinet", "alto sax", "trumpet", "cello", "oboe")
PLANS = {
    "First sine to full sound": GrowthPlan(),
    "Odd partials, then even": GrowthPlan(strategy="linear", n_stages=12, order="odd", pitch="held"),
    "Loudest partials first": GrowthPlan(strategy="primes", order="loudest", stage_duration_s=0.4),
    "Breath first": GrowthPlan(
        strategy="exponential", noise="every", loudness_db=swing(CRESCENDO, 12.0), stage_duration_s=1.0
    ),
    "Accelerating swarm": GrowthPlan(
        strategy="linear",
        n_stages=32,
        # A shuffled order would begin with what nobody hears.
        order="loudest",
        stage_duration_s=towards(0.8, 1 / 8),
        silence_duration_s=towards(0.1, 1 / 8),
        noise="bands",
        adsr=SHORT,
    ),
    "Dissolve": GrowthPlan(
        shrinking=True, crossfade_s=0.5, stage_duration_s=1.2, noise="bands", adsr=ADSR(release_s=1.0)
    ),
    "Bell": GrowthPlan(pitch=("A4",), inharmonicity=0.004, noise="none", stage_duration_s=1.8, adsr=STRUCK),
    "Melody unfolding": GrowthPlan(strategy="primes", order="loudest", noise="every", pitch=("A3", "C4", "E4", "A4")),
    "Flute into trumpet": GrowthPlan(noise="every", stage_duration_s=0.8, timbre=("flute", "trumpet")),
    # More partials than instruments have: each sounds with all of its own.
    "Becoming an oboe": GrowthPlan(
        stages=(MOST_PARTIALS,) * 9, crossfade_s=0.4, stage_duration_s=1.0, noise="every", timbre=(OWN, "oboe")
    ),
    "Six players": GrowthPlan(
        strategy="linear", n_stages=6, order="loudest", noise="every", pitch=("A3", "C4", "E4"), timbre=PLAYERS
    ),
}
PRESETS = {name: Preset(plan) for name, plan in PLANS.items()} | {
    "Pulse": Preset(with_slots(PULSE, WRITTEN_AT.seconds("1/8"), WRITTEN_AT.seconds("1/32")), in_notes=True)
}


def preset_named(preset: Preset, presets: dict[str, Preset]) -> str | None:
    """Name of a preset among others, None where it is somebody's own."""
    return next((name for name, other in presets.items() if other == preset), None)

"""What the panel holds: a composition whose layers also know by what name they are played, and how they are shown."""

from dataclasses import dataclass, field, replace
from typing import Any

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.piece.layers import Composition, Layer, RoomSetting
from ddsp_nb.piece.tempo import Tempo

GROWTH, DRY = "growth", "dry"  # kinds of what plays a layer: an instrument that grows, or its recording as it is


@dataclass(frozen=True)
class Voice(Layer):
    """A layer of the panel; it has a plan also while its recording is played as it is.

    Attributes:
        plays: kind and name of what plays it, see `Instruments`.
        in_notes: whether its lengths are shown and typed as note values, and follow the tempo.
    """

    plan: GrowthPlan = field(default_factory=GrowthPlan)
    plays: str = f"{GROWTH}:"
    in_notes: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not (isinstance(self.plan, GrowthPlan) and isinstance(self.plays, str) and isinstance(self.in_notes, bool)):
            raise GrowthError("It is no layer of the panel.")

    @property
    def is_dry(self) -> bool:
        """Whether its recording is played as it is."""
        return self.plays.startswith(f"{DRY}:")

    def layer(self, source: int) -> Layer:
        """The layer of a composition whose source of that number plays it."""
        plan = None if self.is_dry else self.plan
        return Layer(plan, self.seed, source, self.delay_s, self.gain_db, self.pan)

    def planned(self, **changes: Any) -> "Voice":
        """The voice with some settings of its plan changed; those of the ADSR may be among them."""
        adsr = {name: changes.pop(name) for name in vars(self.plan.adsr) if name in changes}
        return replace(self, plan=replace(self.plan, adsr=replace(self.plan.adsr, **adsr), **changes))


@dataclass(frozen=True)
class Sketch(Composition):
    """A piece as the panel holds it; what hands do to it makes another one."""

    layers: tuple[Voice, ...]

    def at_tempo(self, tempo: Tempo) -> "Sketch":
        """The piece at another tempo: lengths in notes follow it, those in seconds stay."""
        moved = lambda voice: replace(voice, plan=tempo.retimed(voice.plan, self.tempo)) if voice.in_notes else voice
        return replace(self, layers=tuple(map(moved, self.layers)), tempo=tempo)

    @classmethod
    def from_dict(cls, values: dict) -> "Sketch":
        """The reverse of `dataclasses.asdict`. Raises WorkbookError, TypeError or KeyError where it is no sketch."""
        voices = (Voice(**voice | {"plan": GrowthPlan.from_dict(voice["plan"])}) for voice in values["layers"])
        return cls(tuple(voices), Tempo(**values["tempo"]), RoomSetting(**values.get("room", {})))

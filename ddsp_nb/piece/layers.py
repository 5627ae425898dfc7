"""Layers of a piece as plain data (notebook 05, "how do you write for several?"). Light to import."""

from dataclasses import dataclass, field

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.settings import LARGEST_SEED, check_settings, frozen, setting
from ddsp_nb.piece.tempo import Tempo

PLACE = ("delay_s", "gain_db", "pan")  # what puts a layer into its piece
MOST_LAYERS = 8
MOST_SOURCES = 1000  # far beyond what memory holds


@dataclass(frozen=True)
class Layer:
    """One voice of a piece and its place there.

    Raises:
        GrowthError: a value outside its range.

    Attributes:
        plan: what grows, or None for the recording as it is.
    """

    plan: GrowthPlan | None
    seed: int = setting(0, "Of noise and random orders.", low=0, high=LARGEST_SEED)
    source: int = setting(0, "Which of the sources plays it, from 0.", low=0, high=MOST_SOURCES)
    delay_s: float = setting(0.0, "When the layer begins, s.", low=0, high=600, unit="s")
    gain_db: float = setting(0.0, "Level of the layer, dB.", low=-60, high=12, unit="dB")
    pan: float = setting(0.0, "Place of the layer, from -1, left, to 1, right.", low=-1, high=1)

    def __post_init__(self):
        if not isinstance(self.plan, GrowthPlan | None):
            raise GrowthError("The plan of a layer is a GrowthPlan, or None for the recording as it is.")
        check_settings(self)
        for name in PLACE:  # 1 and 1.0 are the same piece, and have the same sidecar
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True)
class Composition:
    """A whole piece as plain data; its tempo is for MIDI, and for who reads its lengths as note values.

    Raises:
        GrowthError: not 1 to 8 layers.
    """

    layers: tuple[Layer, ...]
    tempo: Tempo = field(default_factory=Tempo)

    def __post_init__(self):
        object.__setattr__(self, "layers", frozen(self.layers))
        whole = isinstance(self.layers, tuple) and all(isinstance(layer, Layer) for layer in self.layers)
        if not whole or not 1 <= len(self.layers) <= MOST_LAYERS:
            raise GrowthError(f"A piece has 1 to {MOST_LAYERS} layers.")
        if not isinstance(self.tempo, Tempo):
            raise GrowthError("Use a Tempo for the tempo of a piece.")

"""Layers of a piece as plain data (notebook 05, "how do you write for several?"). Light to import."""

import re
from dataclasses import dataclass, field

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.settings import LARGEST_SEED, check_settings, frozen, setting
from ddsp_nb.piece.tempo import Tempo

PLACE = ("delay_s", "gain_db", "pan")  # what puts a layer into its piece
ROOMS = LEARNED, NONE, FILE = "learned", "none", "file"
SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_LAYERS = 8
# LUFS that a piece can be brought to.
SOFTEST, LOUDEST = -40, -5
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
class RoomSetting:
    """In which room a piece stands: that of its first layer's take, none, or that of an impulse response.

    Raises:
        GrowthError: a value outside its range.

    Attributes:
        sha256: digest of the impulse response; `compose` notes that of the one that it is given.
    """

    kind: str = setting(LEARNED, "In which room the piece stands.", choices=ROOMS)
    wet_db: float = setting(0.0, "What the room adds, beside what it was, dB.", low=-60, high=20, unit="dB")
    sha256: str | None = None

    def __post_init__(self):
        check_settings(self)
        object.__setattr__(self, "wet_db", float(self.wet_db))
        if self.sha256 is not None and not (self.kind == FILE and SHA256.fullmatch(str(self.sha256))):
            raise GrowthError("A room of a file, and no other, has a SHA-256 digest.")


@dataclass(frozen=True)
class Composition:
    """A whole piece as plain data; its tempo is for MIDI, and for who reads its lengths as note values.

    Raises:
        GrowthError: not 1 to 8 layers, or a loudness out of range.

    Attributes:
        target_lufs: loudness that it is brought to, -40 to -5 LUFS; None leaves it as it is.
    """

    layers: tuple[Layer, ...]
    tempo: Tempo = field(default_factory=Tempo)
    room: RoomSetting = field(default_factory=RoomSetting)
    target_lufs: float | None = setting(None, "Loudness of the piece, LUFS.", low=SOFTEST, high=LOUDEST, unit="LUFS")

    def __post_init__(self):
        object.__setattr__(self, "layers", frozen(self.layers))
        whole = isinstance(self.layers, tuple) and all(isinstance(layer, Layer) for layer in self.layers)
        if not whole or not 1 <= len(self.layers) <= MOST_LAYERS:
            raise GrowthError(f"A piece has 1 to {MOST_LAYERS} layers.")
        for name, kind in (("tempo", Tempo), ("room", RoomSetting)):
            if not isinstance(getattr(self, name), kind):
                raise GrowthError(f"Use a {kind.__name__} for the {name} of a piece.")
        if self.target_lufs is not None:
            check_settings(self)
            object.__setattr__(self, "target_lufs", float(self.target_lufs))

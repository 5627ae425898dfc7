"""Layers of a piece: growths, and recordings as they are, one over the other. Light to import."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.settings import LARGEST_SEED, check_settings, frozen, setting
from ddsp_nb.growth.tempo import Tempo

if TYPE_CHECKING:
    import torch

    from ddsp_nb.growth.piece import Piece
    from ddsp_nb.growth.render import Growth
    from ddsp_nb.training.model import DDSPModel
    from ddsp_nb.training.take import Take

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
    """A whole piece as plain data.

    Raises:
        GrowthError: not 1 to 8 layers.

    Attributes:
        layers: of the piece.
        tempo: for MIDI, and for who reads its lengths as note values.
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


@dataclass(frozen=True)
class Source:
    """What a layer is played from.

    Attributes:
        model: a trained model.
        take: of its recording.
        audio: [n_samples] the recording at the model's sample rate, needed by layers that play it as it is.
    """

    model: "DDSPModel"
    take: "Take"
    audio: "torch.Tensor | None" = None

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.model.config.sample_rate


def compose(composition: Composition, sources: Sequence[Source], *, before: "Piece | None" = None) -> "Piece":
    """Render a piece, all its layers together.

    Args:
        composition: `Composition`.
        sources: to which the layers' `source` counts.
        before: a piece rendered earlier: layers of the same plan, seed and source are taken from it.

    Raises:
        GrowthError: a layer without its source, sources of different sample rates, a plan that cannot be rendered, or
            a piece of over an hour; the message names the layer where there are several.
    """
    from ddsp_nb.growth.piece import mix

    rendered = {} if before is None else {_origin(g.plan, g.seed, *g.source): g for g in before.growths if g}
    growths = []
    for i, layer in enumerate(composition.layers, 1):
        try:
            growths.append(_render(layer, sources, rendered))
        except GrowthError as error:
            raise GrowthError(f"Layer {i}: {error}" if len(composition.layers) > 1 else str(error)) from error
    rates = sorted({sources[layer.source].sample_rate for layer in composition.layers})
    if len(rates) > 1:
        raise GrowthError(
            f"The layers have different sample rates ({', '.join(map(str, rates))} Hz). Use models of one sample rate."
        )
    return mix(composition, tuple(sources), tuple(growths))


def _render(layer, sources, rendered) -> "Growth | None":
    """The growth of a layer, kept in `rendered`; None for a recording as it is."""
    from ddsp_nb.growth.render import grow

    if layer.source >= len(sources):
        raise GrowthError(f"There is no source {layer.source}: the piece has {len(sources)}, counted from 0.")
    source = sources[layer.source]
    if layer.plan is None:
        if source.audio is None or source.audio.ndim != 1 or not len(source.audio):
            raise GrowthError("Its source holds no recording to play as it is. Give the Source its audio, [n_samples].")
        return None
    origin = _origin(layer.plan, layer.seed, source.model, source.take)
    if origin not in rendered:
        rendered[origin] = grow(source.model, source.take, layer.plan, layer.seed)
    return rendered[origin]


def _origin(plan, seed, model, take):
    """What makes two growths the same one."""
    return plan, seed, id(model), id(take)

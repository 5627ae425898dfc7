"""A piece: its layers rendered, placed and added up (notebook 05, "how do you write for several?")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.certificate import Certificate
from ddsp_nb.growth.plan import exact
from ddsp_nb.growth.render import FULL_SCALE, Growth, grow, peak
from ddsp_nb.growth.schedule import check_length
from ddsp_nb.growth.track import Source
from ddsp_nb.piece.layers import Composition, Layer

HAIR = 1e-6  # by which rounding may exceed a peak


@dataclass(frozen=True)
class RenderedLayer:
    """A layer with its sound: a growth, or without one the recording of its source as it is."""

    layer: Layer
    source: Source
    growth: Growth | None

    @property
    def start(self) -> int:
        """First sample in the piece."""
        return round(exact(self.layer.delay_s) * self.source.sample_rate)

    @property
    def parts(self) -> dict[str, torch.Tensor]:
        """[n_samples] each, before they are placed; together they are the sound."""
        if self.growth is not None:
            return {"harmonic": self.growth.harmonic, "noise": self.growth.noise}
        assert self.source.audio is not None
        return {"recording": self.source.audio.detach().cpu().float()}

    @property
    def sound(self) -> torch.Tensor:
        """[n_samples] before it is placed."""
        return self.growth.audio if self.growth is not None else self.parts["recording"]

    def panned(self, sound: torch.Tensor, stereo: bool) -> torch.Tensor:
        """[n_samples] of its sound at its level, or [2, n_samples] left and right of it.

        The pan law is of constant power, left² + right² = 2: nothing seems to come nearer on its way from side to side.
        It has 0 dB in the middle, so that a layer there is the same in a mono piece, and 3 dB at either side.
        """
        level, pan = 10 ** (self.layer.gain_db / 20), self.layer.pan
        if not stereo:
            return sound * level
        return sound * torch.tensor([[level * math.sqrt(1 - pan)], [level * math.sqrt(1 + pan)]])

    def add_to(self, audio: torch.Tensor, sound: torch.Tensor) -> None:
        """Add its sound, or a part of it, to a piece."""
        audio[..., self.start : self.start + len(sound)] += self.panned(sound, audio.ndim == 2)


@dataclass(frozen=True)
class Piece:
    """Layers one over the other.

    Attributes:
        composition: what was rendered.
        layers: the sound of each.
        audio: [n_samples] the sum, or [2, n_samples] where a layer is not in the middle; peak at most 0.9.
        gain: the one factor that turns all layers down, where their sum would be beyond that peak.
        remarks: sentences for the reader about what plans and levels led to.
    """

    composition: Composition
    layers: tuple[RenderedLayer, ...]
    audio: torch.Tensor
    gain: float
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, growth: Growth) -> "Piece":
        """A growth as the only layer of a piece."""
        layer = Layer(growth.plan, growth.seed)
        rendered = RenderedLayer(layer, growth.source, growth)
        return cls(Composition((layer,)), (rendered,), growth.audio, 1.0, growth.remarks)

    @property
    def growths(self) -> tuple[Growth | None, ...]:
        """Of each layer, None where it is the recording as it is."""
        return tuple(layer.growth for layer in self.layers)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.layers[0].source.sample_rate

    @property
    def n_samples(self) -> int:
        """Length of the piece."""
        return self.audio.shape[-1]

    @property
    def marks(self) -> list[tuple[float, int, int]]:
        """Start of every stage in the order of time: seconds, number of its layer and its own, from 0."""
        return sorted(
            ((layer.start + stage.start) / self.sample_rate, i, j)
            for i, layer in enumerate(self.layers)
            for j, stage in enumerate(layer.growth.stages if layer.growth else ())
        )

    @property
    def stems(self) -> tuple[dict[str, torch.Tensor], ...]:
        """Of each layer "harmonic" and "noise", or "recording": shaped as `audio`, which is their sum."""
        return tuple({name: self.stem(i, name) for name in layer.parts} for i, layer in enumerate(self.layers))

    def stem(self, i: int, name: str) -> torch.Tensor:
        """One part of layer i, placed in the piece."""
        placed = torch.zeros_like(self.audio)
        self.layers[i].add_to(placed, self.layers[i].parts[name])
        return placed * self.gain

    def stage_name(self, i: int, j: int) -> str:
        """What stage j of layer i is called in other programs."""
        return f"Layer {i + 1} stage {j + 1}" if len(self.layers) > 1 else f"Stage {j + 1}"

    def stage_audio(self, i: int, j: int) -> torch.Tensor:
        """Sound of stage j of layer i alone, in its level and place."""
        layer = self.layers[i]
        assert layer.growth is not None  # a recording has no stages
        return layer.panned(layer.growth.stage_audio(j), self.audio.ndim == 2) * self.gain

    def certificates(self) -> list[Certificate]:
        """A certificate of each layer that grows."""
        return [growth.certificate() for growth in self.growths if growth is not None]


def compose(composition: Composition, sources: Sequence[Source], *, before: Piece | None = None) -> Piece:
    """Render a piece, all its layers together.

    Args:
        sources: to which the layers' `source` counts.
        before: a piece rendered earlier: layers of the same plan, seed and source are taken from it.

    Raises:
        GrowthError: a layer without its source, sources of different sample rates, a plan that cannot be rendered, or
            a piece of over an hour; the message names the layer where there are several.
    """
    known = {_origin(g.plan, g.seed, g.source): g for g in (before.growths if before else ()) if g}
    layers, several = [], len(composition.layers) > 1
    for i, layer in enumerate(composition.layers, 1):
        try:
            layers.append(_render(layer, sources, known))
        except GrowthError as error:
            raise GrowthError(f"Layer {i}: {error}" if several else str(error)) from error
    rates = sorted({layer.source.sample_rate for layer in layers})
    if len(rates) > 1:
        raise GrowthError(
            f"The layers have different sample rates ({', '.join(map(str, rates))} Hz). Use models of one sample rate."
        )
    n_samples = max(layer.start + len(layer.sound) for layer in layers)
    check_length(n_samples, layers[0].source.model.config)
    stereo = any(layer.pan for layer in composition.layers)
    audio = torch.zeros((2, n_samples) if stereo else n_samples)
    for rendered in layers:
        rendered.add_to(audio, rendered.sound)
    alone = [peak(layer.panned(part, stereo)) for layer in layers for part in (layer.sound, *layer.parts.values())]
    excess = max(peak(audio) / FULL_SCALE, *alone)  # stems and stages fit in a file too
    gain = 1 / excess if excess > 1 + HAIR else 1.0
    numbered = [(f"Layer {i}: " if several else "", layer.growth) for i, layer in enumerate(layers, 1)]
    remarks = [who + remark for who, growth in numbered if growth for remark in growth.remarks]
    if gain < 1:
        down_db = 20 * math.log10(excess)
        remarks.append(f"All layers are turned down by {down_db:.1f} dB: their sum was beyond full scale.")
    return Piece(composition, tuple(layers), audio * gain, gain, tuple(remarks))


def _render(layer, sources, known) -> RenderedLayer:
    """The sound of a layer; growths are kept in `known`."""
    if layer.source >= len(sources):
        raise GrowthError(f"There is no source {layer.source}: the piece has {len(sources)}, counted from 0.")
    source = sources[layer.source]
    if layer.plan is None:
        if source.audio is None or source.audio.ndim != 1 or not len(source.audio):
            raise GrowthError("Its source holds no recording to play as it is. Give the Source its audio, [n_samples].")
        return RenderedLayer(layer, source, None)
    origin = _origin(layer.plan, layer.seed, source)
    if origin not in known:
        known[origin] = grow(source.model, source.take, layer.plan, layer.seed, family=source.family)
    return RenderedLayer(layer, source, known[origin])


def _origin(plan, seed, source):
    """What makes two growths the same one."""
    return plan, seed, id(source.model), id(source.take), id(source.family)

"""A piece: its layers rendered, placed and added up (notebook 05, "how do you write for several?")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.certificate import Certificate
from ddsp_nb.growth.layers import Composition, Layer, Source
from ddsp_nb.growth.render import FULL_SCALE, Growth, grow, peak
from ddsp_nb.growth.schedule import check_length

HAIR = 1e-6  # by which rounding may exceed a peak


@dataclass(frozen=True)
class Piece:
    """Layers one over the other.

    Attributes:
        composition: what was rendered.
        sources: that its layers play.
        growths: of each layer, None where it is the recording as it is.
        audio: [n_samples] the sum, or [2, n_samples] where a layer is not in the middle; peak at most 0.9.
        gain: the one factor that turns all layers down, where their sum would be beyond that peak.
        remarks: sentences for the reader about what plans and levels led to.
    """

    composition: Composition
    sources: tuple[Source, ...]
    growths: tuple[Growth | None, ...]
    audio: torch.Tensor
    gain: float
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, growth: Growth) -> "Piece":
        """A growth as the only layer of a piece."""
        composition = Composition((Layer(growth.plan, growth.seed),))
        return cls(composition, (growth.source,), (growth,), growth.audio, 1.0, growth.remarks)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.source_of(0).sample_rate

    @property
    def n_samples(self) -> int:
        """Length of the piece."""
        return self.audio.shape[-1]

    @property
    def marks(self) -> list[tuple[float, int, int]]:
        """Start of every stage in the order of time: seconds, number of its layer and its own, from 0."""
        rate = self.sample_rate
        return sorted(
            ((start_of(layer, rate) + stage.start) / rate, i, j)
            for i, (layer, growth) in enumerate(zip(self.composition.layers, self.growths, strict=True))
            for j, stage in enumerate(growth.stages if growth else ())
        )

    @property
    def stems(self) -> tuple[dict[str, torch.Tensor], ...]:
        """Of each layer "harmonic" and "noise", or "recording": shaped as `audio`, which is their sum."""
        return tuple({name: self.stem(i, name) for name in self.parts(i)} for i in range(len(self.growths)))

    def parts(self, i: int) -> dict[str, torch.Tensor]:
        """Parts of layer i by name, [n_samples] each, before they are placed."""
        return sounds(self.growths[i], self.source_of(i))

    def stem(self, i: int, name: str) -> torch.Tensor:
        """One part of layer i, placed in the piece."""
        placed = torch.zeros_like(self.audio)
        add(placed, self.parts(i)[name], self.composition.layers[i], self.sample_rate)
        return placed * self.gain

    def stage_name(self, i: int, j: int) -> str:
        """What stage j of layer i is called in other programs."""
        return f"Layer {i + 1} stage {j + 1}" if len(self.growths) > 1 else f"Stage {j + 1}"

    def source_of(self, i: int) -> Source:
        """The source of layer i."""
        return self.sources[self.composition.layers[i].source]

    def stage_audio(self, i: int, j: int) -> torch.Tensor:
        """Sound of stage j of layer i alone, in its level and place."""
        growth, layer = self.growths[i], self.composition.layers[i]
        assert growth is not None  # a recording has no stages
        return panned(growth.stage_audio(j), layer, self.audio.ndim == 2) * self.gain

    def certificates(self) -> list[Certificate]:
        """A certificate of each layer that grows."""
        return [growth.certificate() for growth in self.growths if growth is not None]


def compose(composition: Composition, sources: Sequence[Source], *, before: Piece | None = None) -> Piece:
    """Render a piece, all its layers together.

    Args:
        composition: `Composition`.
        sources: to which the layers' `source` counts.
        before: a piece rendered earlier: layers of the same plan, seed and source are taken from it.

    Raises:
        GrowthError: a layer without its source, sources of different sample rates, a plan that cannot be rendered, or
            a piece of over an hour; the message names the layer where there are several.
    """
    rendered = {} if before is None else {_origin(g.plan, g.seed, g.source): g for g in before.growths if g}
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


def _render(layer, sources, rendered) -> Growth | None:
    """The growth of a layer, kept in `rendered`; None for a recording as it is."""
    if layer.source >= len(sources):
        raise GrowthError(f"There is no source {layer.source}: the piece has {len(sources)}, counted from 0.")
    source = sources[layer.source]
    if layer.plan is None:
        if source.audio is None or source.audio.ndim != 1 or not len(source.audio):
            raise GrowthError("Its source holds no recording to play as it is. Give the Source its audio, [n_samples].")
        return None
    origin = _origin(layer.plan, layer.seed, source)
    if origin not in rendered:
        rendered[origin] = grow(source.model, source.take, layer.plan, layer.seed)
    return rendered[origin]


def _origin(plan, seed, source):
    """What makes two growths the same one."""
    return plan, seed, id(source.model), id(source.take)


def mix(composition: Composition, sources: tuple[Source, ...], growths: tuple[Growth | None, ...]) -> Piece:
    """The piece of layers that are rendered.

    Raises:
        GrowthError: it would be longer than an hour.
    """
    layers, rate = composition.layers, sources[composition.layers[0].source].sample_rate
    parts = [sounds(growth, sources[layer.source]) for layer, growth in zip(layers, growths, strict=True)]
    wholes = [growth.audio if growth else part["recording"] for growth, part in zip(growths, parts, strict=True)]
    n_samples = max(start_of(layer, rate) + len(sound) for layer, sound in zip(layers, wholes, strict=True))
    check_length(n_samples, sources[layers[0].source].model.config)
    stereo = any(layer.pan for layer in layers)
    audio = torch.zeros((2, n_samples) if stereo else n_samples)
    for layer, sound in zip(layers, wholes, strict=True):
        add(audio, sound, layer, rate)
    stems = [peak(panned(s, layer, stereo)) for layer, part in zip(layers, parts, strict=True) for s in part.values()]
    excess = max(peak(audio) / FULL_SCALE, *stems)  # stems fit in a file too
    gain = 1 / excess if excess > 1 + HAIR else 1.0
    remarks = [remark for i, growth in enumerate(growths) if growth for remark in _named(growth.remarks, i, layers)]
    if gain < 1:
        remarks.append(
            f"All layers are turned down by {20 * math.log10(excess):.1f} dB: their sum was beyond full scale."
        )
    return Piece(composition, sources, growths, audio * gain, gain, tuple(remarks))


def sounds(growth: Growth | None, source: Source) -> dict[str, torch.Tensor]:
    """Parts of a layer before it is placed, [n_samples] each."""
    if growth is not None:
        return {"harmonic": growth.harmonic, "noise": growth.noise}
    assert source.audio is not None
    return {"recording": source.audio.detach().cpu().float()}


def start_of(layer: Layer, sample_rate: int) -> int:
    """First sample of a layer in its piece."""
    return round(Fraction(str(layer.delay_s)) * sample_rate)


def add(audio: torch.Tensor, sound: torch.Tensor, layer: Layer, sample_rate: int) -> None:
    """Add the sound of a layer to a piece, at its place."""
    start = start_of(layer, sample_rate)
    audio[..., start : start + len(sound)] += panned(sound, layer, audio.ndim == 2)


def panned(sound: torch.Tensor, layer: Layer, stereo: bool) -> torch.Tensor:
    """[n_samples] sound at its level, or [2, n_samples] left and right of it.

    The pan law is of constant power, left² + right² = 2: nothing seems to come nearer on its way from side to side. It
    has 0 dB in the middle, so that a layer there is the same in a mono piece, and 3 dB at either side.
    """
    level = 10 ** (layer.gain_db / 20)
    if not stereo:
        return sound * level
    return sound * torch.tensor([[level * math.sqrt(1 - layer.pan)], [level * math.sqrt(1 + layer.pan)]])


def _named(remarks, i, layers):
    return [f"Layer {i + 1}: {remark}" if len(layers) > 1 else remark for remark in remarks]

"""A piece: its layers rendered, placed and added up (notebook 05, "how do you write for several?")."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn.functional import pad

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.certificate import Certificate
from ddsp_nb.growth.plan import exact
from ddsp_nb.growth.render import FULL_SCALE, Growth, grow, peak
from ddsp_nb.growth.schedule import check_length
from ddsp_nb.growth.track import Source
from ddsp_nb.piece.digests import room_sha256
from ddsp_nb.piece.layers import FILE, LEARNED, NONE, Composition, Layer, RoomSetting
from ddsp_nb.sound.loudness import gain_to
from ddsp_nb.synthesis.room import Room

ROOM = "room"  # its stem, after those of the layers
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
        audio: [n_samples] the sum, or [2, n_samples] where a layer is not in the middle; peak at most 0.9
            unless it was brought to a loudness.
        gain: the one factor of all layers, [] where it is the same all the time, or [n_samples].
        remarks: sentences for the reader about what plans and levels led to.
        room: in which it stands.
    """

    composition: Composition
    layers: tuple[RenderedLayer, ...]
    audio: torch.Tensor
    gain: torch.Tensor
    remarks: tuple[str, ...]
    room: Room | None = None

    @classmethod
    def of(cls, growth: Growth) -> "Piece":
        """A growth as the only layer of a piece, without a room."""
        layer = Layer(growth.plan, growth.seed)
        rendered = RenderedLayer(layer, growth.source, growth)
        composition = Composition((layer,), room=RoomSetting(NONE))
        return cls(composition, (rendered,), growth.audio, torch.tensor(1.0), growth.remarks)

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
    def parts(self) -> list[tuple[int, str]]:
        """Number of the layer and name of each stem; where there is a room, it comes after the last layer."""
        layers = [(i, name) for i, layer in enumerate(self.layers) for name in layer.parts]
        return layers + ([(len(self.layers), ROOM)] if self.room else [])

    @property
    def stems(self) -> tuple[dict[str, torch.Tensor], ...]:
        """Of each layer "harmonic" and "noise", or "recording", then "room": shaped as `audio`, which is their sum."""
        numbers = range(self.parts[-1][0] + 1)
        return tuple({name: self.stem(i, name) for i, name in self.parts if i == number} for number in numbers)

    def stem(self, i: int, name: str) -> torch.Tensor:
        """One part of layer i, placed in the piece; or what the room adds."""
        if name == ROOM:
            dry = torch.zeros_like(self.audio)
            for layer in self.layers:
                layer.add_to(dry, layer.sound)
            return self.audio - self.gain * dry
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
        start, sound = layer.start + layer.growth.stages[j].start, layer.growth.stage_audio(j)
        gain = self.gain.expand(self.n_samples)[start : start + len(sound)]
        return layer.panned(sound, self.audio.ndim == 2) * gain

    def at_loudness(self, target_lufs: float | None) -> "Piece":
        """The piece with the gain that `gain_to` finds; as it is if None. Raises GrowthError where it has one."""
        if target_lufs in (None, self.composition.target_lufs):
            return self
        if self.composition.target_lufs is not None:
            raise GrowthError("The piece was brought to a loudness before. Compose it again without one.")
        stems = (self.stem(*part) for part in self.parts)
        gain, words = gain_to(target_lufs, self.audio, stems, self.sample_rate)
        own, said = replace(self.composition, target_lufs=target_lufs), (*self.remarks, words)
        return replace(self, composition=own, audio=self.audio * gain, gain=self.gain * gain, remarks=said)

    def certificates(self) -> list[Certificate]:
        """A certificate of each layer that grows."""
        return [growth.certificate() for growth in self.growths if growth is not None]


def compose(
    composition: Composition, sources: Sequence[Source], *, room: Room | None = None, before: Piece | None = None
) -> Piece:
    """Render a piece, all its layers together, in its room; in a learned one a recording as it is stands already.

    Args:
        sources: to which the layers' `source` counts.
        room: of a file, for a composition that stands in one.
        before: a piece rendered earlier: layers of the same plan, seed and source are taken from it.

    Raises:
        GrowthError: a layer without its source, sources of different sample rates, a plan that cannot be rendered,
            another room, or a piece of over an hour; the message names the layer where there are several.
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
        raise GrowthError(f"Layers have different sample rates ({', '.join(map(str, rates))} Hz). Use models of one.")
    n_samples = max(layer.start + len(layer.sound) for layer in layers)
    check_length(n_samples, layers[0].source.model.config)
    stereo = any(layer.pan for layer in composition.layers)
    audio, inside = torch.zeros(2, *((2, n_samples) if stereo else (n_samples,)))
    for rendered in layers:
        rendered.add_to(audio, rendered.sound)
        if rendered.growth or composition.room.kind == FILE:
            rendered.add_to(inside, rendered.sound)
    alone = [peak(layer.panned(part, stereo)) for layer in layers for part in (layer.sound, *layer.parts.values())]
    composition, room = _room(composition, layers[0].source, room)
    if room is not None:
        added = room.heard(inside, composition.room.wet_db)
        audio = pad(audio, (0, added.shape[-1] - n_samples)) + added
        alone.append(peak(added))
    excess = max(peak(audio) / FULL_SCALE, *alone)  # stems and stages fit in a file too
    gain = torch.tensor(1 / excess if excess > 1 + HAIR else 1.0)
    numbered = [(f"Layer {i}: " if several else "", layer.growth) for i, layer in enumerate(layers, 1)]
    remarks = [who + remark for who, growth in numbered if growth for remark in growth.remarks]
    if gain < 1:
        down_db = 20 * math.log10(excess)
        where = " in the room" if room else ""
        remarks.append(f"All layers are turned down by {down_db:.1f} dB: their sum{where} was beyond full scale.")
    own = replace(composition, target_lufs=None)
    return Piece(own, tuple(layers), audio * gain, gain, tuple(remarks), room).at_loudness(composition.target_lufs)


def _room(composition, first, room) -> tuple[Composition, Room | None]:
    """The composition with the digest of its room, and the room. Raises GrowthError where it is another."""
    wanted = composition.room
    if wanted.kind != FILE:
        return composition, first.take.room if wanted.kind == LEARNED else None
    if room is None or room.sample_rate != first.sample_rate or wanted.sha256 not in (None, room_sha256(room)):
        found = "that is not there" if room is None else "of another file, or another sample rate"
        raise GrowthError(f"It stands in a room {found}. Give the impulse response that it was made with: --room FILE.")
    return replace(composition, room=replace(wanted, sha256=room_sha256(room))), room


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

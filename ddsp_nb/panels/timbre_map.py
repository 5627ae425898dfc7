"""A map of instruments: what lies under one point of it sounds, under the keys or in a phrase that loops."""

from collections.abc import Mapping

import torch
import traitlets
from matplotlib.figure import Figure

from ddsp_nb import plots
from ddsp_nb.config import Config
from ddsp_nb.errors import ConfigError
from ddsp_nb.notes.general_midi import GROUP, GROUPS, NAMES
from ddsp_nb.notes.note import parse_notes
from ddsp_nb.panels.keyboard.panel import PlayPanel
from ddsp_nb.panels.keyboard.weights import heard_timbre
from ddsp_nb.panels.page import module
from ddsp_nb.panels.widgets import axes
from ddsp_nb.playing.family import articulation, instrument
from ddsp_nb.playing.performance import Performance
from ddsp_nb.playing.transfer import heard_range
from ddsp_nb.training.family import Family, Member

# Of the map: it is wider than high, and distances on it are those that the eye sees.
ASPECT = 1.8
# Instruments that are shipped and of no group of General MIDI.
RECORDED = "recorded"
PHRASE = "C4:0.3 E4:0.3 G4:0.3 C5:0.5 G4:0.3 E4:0.3"


class TimbreMap(PlayPanel):
    """Instruments as points, and one point to drag: what lies there sounds, while keys are held or a phrase loops.

    At an instrument's point it is this instrument; between, the three nearest, by their distance. The axes are the two
    principal ones of the codes, so that instruments that lie together need not sound alike in all respects.

    Args:
        family: the instruments; the shipped ones by default.
        own: {name: member} more of them. They are stars, as are those of the family that were not shipped.
        words: where the point is at first: a name, or a morph such as "flute:0.6 oboe:0.4".
        config: gives the sample rate and the sizes of the synthesizer.

    Attributes:
        family: all instruments of the map.
        words: what lies under the point, for `instrument(map.words, map.family)`, which bends the way from code to code
            where the page goes straight: near, not the same. Setting it moves the point.
        share: of the variance of the codes, what the two axes show.

    Raises:
        ConfigError: a name that is taken or not there.
    """

    _esm = module("timbre_map", WORKLET="play_worklet", WORKER="play_worker", MICROPHONE="play_microphone_worklet")
    words = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        family: Family | None = None,
        own: Mapping[str, Member] | None = None,
        *,
        words: str = "flute",
        config: Config | None = None,
    ):
        family = family or Family.shipped()
        for name, member in (own or {}).items():
            family = family.with_member(name, member)
        member = family.member(words)
        self.family, self.phrase = family, Performance.of_notes(parse_notes(PHRASE))
        self.places, self.share = principal_axes(family.codes)
        super().__init__(member.model(config), articulation(member))
        self.words = words

    @traitlets.validate("words")
    def _check_words(self, proposal):
        if self.family.moves(proposal["value"]):
            raise ConfigError("A point has one weight for each instrument; use words such as “flute:0.3 oboe:0.7”.")
        return proposal["value"]

    @property
    def kinds(self) -> list[str]:
        """Group of each instrument: one of General MIDI's, "recorded" or "your own"."""
        shipped = Family.shipped()
        other = lambda name: RECORDED if name in shipped else plots.OWN
        return [GROUPS[NAMES.index(name) // GROUP] if name in NAMES else other(name) for name in self.family]

    def _instrument(self):
        return instrument(self.words, self.family)

    def _send_instrument(self) -> None:
        super()._send_instrument()
        kinds = self.kinds
        looks = plots.looks_of(kinds)
        content = {
            "type": "map",
            "names": list(self.family),
            "kinds": [list(looks).index(kind) for kind in kinds],
            "looks": [[kind, colour, plots.MARKS[mark]] for kind, (colour, mark) in looks.items()],
            "aspect": ASPECT,
            "phrase": [list(event) for event in self.phrase.events],
            "seconds": self.phrase.seconds,
        }
        numbers = torch.stack([_numbers(member, self.model_played.config) for member in self.family.values()])
        self.send(content, buffers=[torch.cat([self.places, numbers], 1).numpy().astype("<f4").tobytes()])

    def picture(self) -> Figure:
        """The map."""
        figure, (ax,) = axes(plots.WIDTH, plots.WIDTH / ASPECT, 1, 1)
        names, shares = self.family.shares(self.words)
        played = shares[:, 0] @ self.places[[list(self.family).index(name) for name in names]]
        plots.timbre_map(self.places, list(self.family), self.kinds, ax=ax)
        ax.plot(*played, "o", ms=14, mfc="none", mec=plots.INK)
        return figure


def principal_axes(codes: torch.Tensor) -> tuple[torch.Tensor, float]:
    """[n, 2] places of [n, CODE_SIZE] codes, within ASPECT and 1, and the share of their variance that these show."""
    apart = codes.double() - codes.double().mean(0)
    _, spread, axes = torch.linalg.svd(apart, full_matrices=False)
    # Of both directions of an axis the one that points where its largest number is positive: no map is mirrored.
    flat = apart @ (axes[:2] * axes[:2].gather(1, axes[:2].abs().argmax(1, keepdim=True)).sign()).T
    low, high = flat.amin(0), flat.amax(0)
    share = (spread[:2].square().sum() / spread.square().sum()).item()
    return ((flat - low) / (high - low).clamp(min=1e-9) * torch.tensor([ASPECT, 1.0])).float(), share


def _numbers(member: Member, config: Config) -> torch.Tensor:
    """Timbre, attack, decay, release, lowest and highest note; the usual level is that of all others."""
    notes = torch.tensor(heard_range(member.octaves))
    return torch.cat([heard_timbre(member.timbre(config), config), member.shape, notes])

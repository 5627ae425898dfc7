"""Many instruments in one network (notebook 07, "How does one network play a hundred instruments?").

Each of them is a *code*, a point among those of all the others; what lies between two points is an instrument, too.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import combinations

import scipy
import torch
from safetensors import safe_open

from ddsp_nb.config import Config
from ddsp_nb.errors import ConfigError
from ddsp_nb.training.between import N_PLACES, detour
from ddsp_nb.training.instrument import CODE_SIZE, NO_FLOOR, SHARED_WEIGHTS
from ddsp_nb.training.model import N_QUANTILES, USUAL_LOUDNESS, DDSPModel
from ddsp_nb.training.morph import OWN, parse_morph

# Units of the GRU of an instrument that has learned nothing by listening.
SMALLEST = 4
# Bands for which bias and floor of an instrument are kept, the usual number; other configs read between them.
N_BANDS = Config.n_bands
LONGEST_NAME = 60
SUGGESTED = 3
# Of a morph of more the way is straight: it would be bent between every two of them.
MOST_BENT = 4
# Ways between two instruments that are remembered.
MOST_KEPT = 256
# What goes straight from one instrument to the other.
KEPT = ("octaves", "loudness_db", "shape")


# Compared by identity: ways between members are remembered.
@dataclass(frozen=True, eq=False)
class Member:
    """An instrument of a family.

    Attributes:
        code: [CODE_SIZE] its timbre.
        octaves: [101] quantiles of the pitches that were heard, octaves from A4.
        loudness_db: [101] quantiles of their levels, dB relative to full scale.
        shape: attack_s, decay_db_per_s, release_s of its notes, as in `Articulation`.
        noise_bias, noise_floor: [64] what an enrolled recording has besides its code, see `Instrument`.
    """

    code: torch.Tensor
    octaves: torch.Tensor
    loudness_db: torch.Tensor
    shape: torch.Tensor
    noise_bias: torch.Tensor = field(default_factory=lambda: torch.zeros(N_BANDS))
    noise_floor: torch.Tensor = field(default_factory=lambda: torch.full((N_BANDS,), NO_FLOOR))

    @classmethod
    def of(cls, model: DDSPModel, shape: torch.Tensor) -> "Member":
        """The instrument that a model has become."""
        own = model.network.instrument
        bands = (_resized(values, N_BANDS) for values in (own.noise_bias, own.noise_floor))
        kept = (own.code, model.octave_quantiles, model.loudness_quantiles_db, shape, *bands)
        return cls(*(values.detach().cpu().float().clone() for values in kept))

    @property
    def row(self) -> torch.Tensor:
        """[CODE_SIZE + 2 * N_BANDS] code, bias and floor."""
        return torch.cat([self.code, self.noise_bias, self.noise_floor])

    def timbre(self, config: Config) -> torch.Tensor:
        """[CODE_SIZE + 2 * n_bands] as `Instrument.timbre` has it."""
        return _for_config(self.row, config)

    def model(self, config: Config | None = None) -> DDSPModel:
        """A model that plays the instrument; its GRU is small, since it has learned nothing."""
        config = replace(config or Config(), hidden_size=SMALLEST, n_layers=1)
        with torch.random.fork_rng(devices=[]):
            # The same model every time, so that a piece that grew from it knows it again.
            torch.manual_seed(0)
            model = DDSPModel(config)
        parts = self.timbre(config).split([CODE_SIZE, config.n_bands, config.n_bands])
        own = dict(zip(("code", "noise_bias", "noise_floor"), parts, strict=True))
        model.network.instrument.load_state_dict(own, strict=False)
        model.remember(self.octaves, self.loudness_db)
        return model


class Family(Mapping[str, Member]):
    """Instruments by name; a mapping that also knows what lies between them."""

    def __init__(self, members: Mapping[str, Member]):
        self.members = dict(members)

    @classmethod
    @cache
    def shipped(cls) -> "Family":
        """The instruments that come with the workbook: those of General MIDI, and six that were recorded."""
        with safe_open(SHARED_WEIGHTS, framework="pt") as file:
            names = json.loads(file.metadata()["names"])
            parts = [file.get_tensor(part).float() for part in ("codes", "octaves", "loudness_db", "shape")]
        return cls({name: Member(*row) for name, *row in zip(names, *parts, strict=True)})

    def __getitem__(self, name: str) -> Member:
        """Raises ConfigError, with the nearest names, where there is none."""
        if name not in self.members:
            holding = [other for other in self.members if name and name.lower() in other.lower()]
            close = difflib.get_close_matches(name.lower(), self.members, SUGGESTED, 0.5)
            near = list(dict.fromkeys(holding[:SUGGESTED] + close))[:SUGGESTED]
            words = f"Did you mean {' or '.join(near)}?" if near else "`ddsp-nb instruments` lists all names."
            raise ConfigError(f"There is no instrument {name[:LONGEST_NAME]!r}. {words}")
        return self.members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, name: object) -> bool:
        return name in self.members

    @property
    def codes(self) -> torch.Tensor:
        """[n, CODE_SIZE] of all instruments."""
        return torch.stack([member.code for member in self.members.values()])

    def nearest(self, code: torch.Tensor, n: int = SUGGESTED) -> list[str]:
        """Names of the n instruments whose codes lie nearest to [CODE_SIZE], the nearest first."""
        far = (self.codes - code.detach().cpu()).norm(dim=1)
        return [list(self.members)[i] for i in far.argsort()[:n]]

    def check_name(self, name: str) -> None:
        """Raise ConfigError where a name for one more is taken or cannot be one."""
        fits = 0 < len(name) <= LONGEST_NAME and name == name.strip()
        if not fits or set(name) & set(":,") or not name.isprintable():
            raise ConfigError(f"{name[:LONGEST_NAME]!r} cannot be a name; use 1 to {LONGEST_NAME} letters but : and ,.")
        if name in (*self.members, OWN):
            raise ConfigError(f"There is an instrument {name!r} already. Choose another name, or remove it first.")

    def with_member(self, name: str, member: Member) -> "Family":
        """The family and one more. Raises ConfigError where the name is taken or cannot be one."""
        self.check_name(name)
        return Family(self.members | {name: member})

    def weights(self, words: str) -> dict[str, tuple[float, ...]]:
        """What a morph is made of: "flute", "flute:0.3 alto sax:0.7", or curves over time "flute:1,0 oboe:0,1".

        Raises ConfigError for a name that is not there, or weights that are none.
        """
        parts = parse_morph(words)
        known = [self[name] for name in parts]
        if not known or not _curves(parts, max(map(len, parts.values()))).sum(0).all():
            raise ConfigError(f"The weights of {words!r} are 0 somewhere; give at least one instrument more.")
        return parts

    def moves(self, words: str) -> bool:
        """Whether a morph changes over time."""
        return any(len(set(points)) > 1 for points in self.weights(words).values())

    def shares(self, words: str, n: int = 1) -> tuple[list[str], torch.Tensor]:
        """Names and [n_names, n] shares of a morph at n moments, from its beginning to its end; they add to 1."""
        parts = self.weights(words)
        curves = _curves(parts, n)
        return list(parts), curves / curves.sum(0)

    def member(self, words: str) -> Member:
        """The instrument that a name or a morph stands for, in the middle of its curves."""
        names, shares = self.shares(words, 3)
        middle = shares[:, 1:2]
        mixed = {part: (middle * torch.stack([getattr(self[name], part) for name in names])).sum(0) for part in KEPT}
        code, bias, floor = self._between(names, middle)[0].split([CODE_SIZE, N_BANDS, N_BANDS])
        return Member(code, **mixed, noise_bias=bias, noise_floor=floor)

    def timbres(self, words: str, n_frames: int, config: Config) -> torch.Tensor:
        """[n_frames, CODE_SIZE + 2 * n_bands] of a morph frame by frame, for `Features.timbre`."""
        return _for_config(self._between(*self.shares(words, n_frames)), config)

    def _between(self, names, shares):
        """[n, CODE_SIZE + 2 * N_BANDS] of [n_names, n] shares: by even steps, the ends as they are."""
        members = [self[name] for name in names]
        rows = shares.T @ torch.stack([member.row for member in members])
        pairs = combinations(zip(members, shares, strict=True), 2) if len(names) <= MOST_BENT else ()
        for (a, first), (b, second) in pairs:
            both = (first + second) * (first > 0) * (second > 0)
            by = torch.from_numpy(_detour(a, b)(second / (first + second).clamp(min=1e-9))).to(rows)
            rows[:, : CODE_SIZE + N_BANDS] += both[:, None] * by
        return rows


def _curves(parts: Mapping[str, tuple[float, ...]], n: int) -> torch.Tensor:
    """[n_parts, n] weights, read evenly between the points of each curve."""
    return torch.stack([_resized(torch.tensor(points), n) for points in parts.values()])


@lru_cache(MOST_KEPT)
def _detour(a: Member, b: Member) -> "scipy.interpolate.CubicSpline":
    """Of the straight way from one member to the other, at 0 to 1."""
    rows = torch.stack([a.row, b.row])[:, : CODE_SIZE + N_BANDS]
    octaves, levels_db = torch.stack([a.octaves, b.octaves]), torch.stack([a.loudness_db, b.loudness_db])
    middle, usual_db = octaves[:, N_QUANTILES // 2].mean().item(), levels_db[:, USUAL_LOUDNESS].mean().item()
    return scipy.interpolate.CubicSpline(torch.linspace(0, 1, N_PLACES), detour(rows, middle, usual_db))


def _for_config(rows: torch.Tensor, config: Config) -> torch.Tensor:
    """[..., CODE_SIZE + 2 * N_BANDS] for the number of bands that a config has."""
    code, *bands = rows.split([CODE_SIZE, N_BANDS, N_BANDS], -1)
    return torch.cat([code, *(_resized(band, config.n_bands) for band in bands)], -1)


def _resized(values: torch.Tensor, n: int) -> torch.Tensor:
    """[..., n] read evenly between [..., m] values, from the first to the last."""
    if values.shape[-1] == n:
        return values
    return torch.nn.functional.interpolate(
        values.reshape(1, -1, values.shape[-1]), n, mode="linear", align_corners=True
    ).view(*values.shape[:-1], n)

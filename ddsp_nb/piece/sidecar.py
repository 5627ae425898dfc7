"""The sidecar of a grown piece: a JSON text from which the same file can be rendered again (notebook 05, "How do you
keep a piece?").
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from reprlib import repr as short

import soundfile as sf
import torch

from ddsp_nb.errors import GrowthError, WorkbookError, warn_user
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.render import Growth
from ddsp_nb.growth.settings import check_settings, setting
from ddsp_nb.growth.timbre import others_of
from ddsp_nb.growth.track import Source
from ddsp_nb.piece.compose import Piece, compose
from ddsp_nb.piece.digests import Origin, family_sha256
from ddsp_nb.piece.layers import MOST_LAYERS, PLACE, Composition, Layer, RoomSetting
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.sound.riff import read_comment
from ddsp_nb.sound.save import SUBTYPES
from ddsp_nb.synthesis.room import Room

FORMAT = "ddsp_nb growth 8"
LARGEST_BYTES = 1_000_000  # of a text that may come from anyone
NAMES = ("layers", "tempo", "room", "target_lufs", "subtype", "versions")  # beside the format
GROWN, RECORDED = ("model_sha256", "take_sha256"), ("recording_sha256",)  # names of an origin
OF_LAYER = ("plan", "seed", "origin", *PLACE)
PACKAGES = ("ddsp-nb", "torch", "numpy", "scipy", "librosa", "soundfile")  # whose versions have a say in the sound


@dataclass(frozen=True)
class Sidecar:
    """What a piece was rendered from.

    Attributes:
        composition: its layers, of which each has a source of its own, and its tempo.
        origins: of each layer.
        versions: of Python and of packages, name to version.

    Raises:
        GrowthError: a value that is not usable.
    """

    composition: Composition
    origins: tuple[Origin, ...]
    versions: dict[str, str]
    subtype: str = setting(MISSING, "Sample format of the file.", choices=SUBTYPES)

    def __post_init__(self):
        check_settings(self)
        fits = lambda name, known: isinstance(known, str) and len(known) < 100 and name.isprintable()
        if not isinstance(self.versions, dict) or not all(fits(*each) for each in self.versions.items()):
            raise GrowthError("the versions are no table of names and versions.")

    def to_json(self) -> str:
        """The sidecar as text; the same piece gives the same text."""
        values = {"format": FORMAT} | asdict(self.composition) | {"subtype": self.subtype, "versions": self.versions}
        each = zip(values["layers"], self.origins, strict=True)
        layers = [layer | {"origin": origin.known()} for layer, origin in each]
        values["layers"] = [{name: layer[name] for name in OF_LAYER} for layer in layers]
        return json.dumps(values, ensure_ascii=True, separators=(",", ":"))


def sidecar_of(piece: Piece | Growth, subtype: str = "PCM_16") -> Sidecar:
    """Describe a rendered piece, or a growth alone."""
    piece = Piece.of(piece) if isinstance(piece, Growth) else piece
    layers = tuple(replace(layer, source=i) for i, layer in enumerate(piece.composition.layers))
    known = {(r.layer.source, r.growth is None): r.source for r in piece.layers}
    found = {key: Origin.of(source, as_recorded=key[1]) for key, source in known.items()}
    origins = tuple(
        replace(found[r.layer.source, r.growth is None], family_sha256=family_sha256(r.layer.plan, r.source))
        for r in piece.layers
    )
    return Sidecar(replace(piece.composition, layers=layers), origins, versions(), subtype=subtype)


def parse_sidecar(text: str | bytes) -> Sidecar:
    """Read a sidecar's text, which may come from anyone.

    Raises GrowthError where it is not one of ours, or a value is not usable.
    """
    if len(text) > LARGEST_BYTES:
        raise GrowthError(f"it has over {LARGEST_BYTES} characters. Use the sidecar of a grown piece.")
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise GrowthError("it is not JSON. Use the sidecar of a grown piece.") from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise GrowthError(f"it is not the sidecar of a grown piece in the format “{FORMAT}”.")
    _check_names(values, NAMES)
    for name, kind in (("tempo", Tempo), ("room", RoomSetting)):
        _check_names(values[name], [f.name for f in fields(kind)])
    if not isinstance(values["layers"], list) or not 1 <= len(values["layers"]) <= MOST_LAYERS:
        raise GrowthError(f"a piece has 1 to {MOST_LAYERS} layers.")
    layers, origins = zip(*(_read_layer(layer, i) for i, layer in enumerate(values["layers"])), strict=True)
    composition = Composition(layers, Tempo(**values["tempo"]), RoomSetting(**values["room"]), values["target_lufs"])
    return Sidecar(composition, origins, values["versions"], subtype=values["subtype"])


def _read_layer(values, i) -> tuple[Layer, Origin]:
    """Layer i of a sidecar, and what it was played from."""
    _check_names(values, OF_LAYER)
    plan = None if values["plan"] is None else GrowthPlan.from_dict(values["plan"])
    with_family = ("family_sha256",) if plan and others_of(plan.timbre) else ()
    _check_names(values["origin"], RECORDED if plan is None else (*GROWN, *with_family))
    layer = Layer(plan, values["seed"], source=i, **{name: values[name] for name in PLACE})
    return layer, Origin(**values["origin"])


def _check_names(values, names):
    """Raise GrowthError unless values are a table of just these names."""
    if not isinstance(values, dict):
        raise GrowthError("it has no table where one belongs. Use the sidecar of a grown piece.")
    wrong = sorted(set(values) ^ set(names))
    if wrong:
        raise GrowthError(f"names are missing or unknown: {', '.join(map(short, wrong))[:200]}.")


def read_sidecar(path: str | Path) -> Sidecar:
    """Read a sidecar, a JSON file or the comment within a grown WAV or FLAC file.

    Raises GrowthError with the name of the file where there is no such file, it is not one of ours, or a value is not
    usable.
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".wav":
            return parse_sidecar(read_comment(path, LARGEST_BYTES))
        if path.suffix.lower() == ".flac":
            with sf.SoundFile(path) as file:
                return parse_sidecar(file.comment)
        with open(path, "rb") as file:
            return parse_sidecar(file.read(LARGEST_BYTES + 1))
    except (OSError, RuntimeError) as error:  # libsndfile's errors are RuntimeErrors
        raise GrowthError(f"{path}: cannot be read. Check the path, or use the .json of a grown piece.") from error
    except WorkbookError as error:
        raise GrowthError(f"{path}: {error}") from error


def regrow(sidecar: Sidecar, *sources: Source | tuple, room: Room | None = None) -> Piece:
    """Render the piece that a sidecar describes, with a warning where versions are not what they were.

    Args:
        sidecar: `Sidecar`.
        *sources: `Source` or (model, take), in any order: each layer finds its own.
        room: of the file that it was made with.

    Raises:
        GrowthError: a layer's model or recording is not among the sources, or the room is another.
    """
    whole = [source if isinstance(source, Source) else Source(*source) for source in sources]
    return compose(match_sources(sidecar, whole), whole, room=room)


def match_sources(sidecar: Sidecar, sources: Sequence[Source]) -> Composition:
    """The composition of a sidecar, each layer with its source among these; warns of other versions.

    Raises:
        GrowthError: a layer's model or recording is not among them.
        ConfigError: an instrument that a timbre names is in no family of theirs.
    """
    changed = sorted({name for name, _ in versions().items() ^ sidecar.versions.items()})
    if changed:
        warn_user(f"Other versions than it was rendered with ({', '.join(changed)[:200]}): it may differ slightly.")
    layers = sidecar.composition.layers
    offered: dict[Origin, int] = {}
    for dry in {layer.plan is None for layer in layers}:
        usable = [i for i, source in enumerate(sources) if not dry or source.audio is not None]
        offered |= {Origin.of(sources[i], as_recorded=dry): i for i in reversed(usable)}
    matched = []
    for i, (layer, origin) in enumerate(zip(layers, sidecar.origins, strict=True), 1):
        who, alone = f"Layer {i}" if len(layers) > 1 else "The piece", replace(origin, family_sha256=None)
        if alone not in offered:
            raise GrowthError(_missing(who, origin, offered))
        matched.append(replace(layer, source=offered[alone]))
        if layer.plan and family_sha256(layer.plan, sources[offered[alone]]) != origin.family_sha256:
            names = ", ".join(others_of(layer.plan.timbre))
            warn_user(f"{who} was rendered with another {names[:200]}: it will sound different.")
    return replace(sidecar.composition, layers=tuple(matched))


def _missing(who, origin, offered):
    if origin.recording_sha256 is not None:
        return f"{who} plays a recording that is not there. Give the sound file that it was made with."
    other = "recording" if origin.model_sha256 in {offer.model_sha256 for offer in offered} else "model"
    return f"{who} was grown from another {other}. Use the checkpoint, or the instrument, that it was rendered with."


def versions() -> dict[str, str]:
    """Version of Python and of every package that has a say in the sound, and threads, which round differently."""
    known = {"python": platform.python_version(), "threads": str(torch.get_num_threads())}
    return known | {name: version(name) for name in PACKAGES}


def _refuse(constant):
    raise ValueError(f"{constant} is no number")

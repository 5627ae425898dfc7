"""The sidecar of a grown piece: a JSON text from which the same file can be rendered again."""

import hashlib
import json
import platform
import re
import warnings
from dataclasses import MISSING, asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from reprlib import repr as short

import soundfile as sf
import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.render import Growth, grow
from ddsp_nb.growth.settings import LARGEST_SEED, check_settings, setting
from ddsp_nb.sound.save import SUBTYPES, read_comment
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

FORMAT = "ddsp_nb growth"
VERSION = 3  # 3: of a take; before, stages repeated the phrase; 1 called the plan's inharmonicity "stretch"
FIRST_OF_TAKE = 3
LARGEST_BYTES = 1_000_000  # of a text that may come from anyone
SHA256 = re.compile(r"[0-9a-f]{64}")
PACKAGES = ("ddsp-nb", "torch", "numpy", "scipy", "librosa", "soundfile")  # whose versions have a say in the sound


@dataclass(frozen=True)
class Sidecar:
    """What a piece was rendered from.

    Attributes:
        plan: `GrowthPlan`.
        model_sha256: digest of the model.
        take_sha256: digest of the take.
        versions: of Python and of packages, name to version.

    Raises:
        GrowthError: a value that is not usable.
    """

    plan: GrowthPlan
    model_sha256: str
    take_sha256: str
    versions: dict[str, str]
    seed: int = setting(MISSING, "Of noise and random orders.", low=0, high=LARGEST_SEED)
    subtype: str = setting(MISSING, "Sample format of the file.", choices=SUBTYPES)

    def __post_init__(self):
        check_settings(self)
        for name in ("model_sha256", "take_sha256"):
            if not isinstance(getattr(self, name), str) or not SHA256.fullmatch(getattr(self, name)):
                raise GrowthError(f"{name} is no SHA-256 digest.")
        known = self.versions
        if not isinstance(known, dict) or not all(
            isinstance(v, str) and len(v) < 100 and k.isprintable() for k, v in known.items()
        ):
            raise GrowthError("the versions are no table of names and versions.")

    def to_json(self) -> str:
        """The sidecar as text; the same piece gives the same text."""
        values = {"format": FORMAT, "version": VERSION} | asdict(self)
        return json.dumps(values, ensure_ascii=True, separators=(",", ":"))


def sidecar_of(growth: Growth, subtype: str = "PCM_16") -> Sidecar:
    """Describe a rendered piece."""
    model, take = growth.source
    return Sidecar(growth.plan, model_sha256(model), take_sha256(take), versions(), seed=growth.seed, subtype=subtype)


def parse_sidecar(text: str | bytes) -> Sidecar:
    """Read a sidecar's text, which may come from anyone.

    Raises:
        GrowthError: it is not one of ours, or a value is not usable.
    """
    if len(text) > LARGEST_BYTES:
        raise GrowthError(f"it has over {LARGEST_BYTES} characters. Use the sidecar of a grown piece.")
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise GrowthError("it is not JSON. Use the sidecar of a grown piece.") from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise GrowthError("it is not the sidecar of a grown piece.")
    written_as = values.pop("version", None)
    if type(written_as) is not int or not 1 <= written_as <= VERSION:
        raise GrowthError("it was written by another version of ddsp_nb. Update, then try again.")
    if written_as < FIRST_OF_TAKE:
        modernise(values, written_as)
    names = {f.name for f in fields(Sidecar)}
    if set(values) != names:
        raise GrowthError(f"names are missing or unknown: {', '.join(map(short, sorted(set(values) ^ names)))[:200]}.")
    return Sidecar(**values | {"plan": GrowthPlan.from_dict(values["plan"])})


def modernise(values: dict, version: int) -> None:
    """Give the values of an older sidecar today's names; digests of what is no longer kept become unknown."""
    plan = values.get("plan")
    if isinstance(plan, dict):
        plan.setdefault("phrase", "repeat")
        if version == 1 and "stretch" in plan:
            plan["inharmonicity"] = plan.pop("stretch")
    if "features_sha256" in values:
        values["take_sha256"] = values.pop("features_sha256")


def read_sidecar(path: str | Path) -> Sidecar:
    """Read a sidecar, a JSON file or the comment within a grown WAV or FLAC file.

    Raises:
        GrowthError: no such file, not one of ours, or a value is not usable; one line that names the file.
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
    except GrowthError as error:
        raise GrowthError(f"{path}: {error}") from error


def regrow(sidecar: Sidecar, model: DDSPModel, take: Take) -> Growth:
    """Render the piece that a sidecar describes, with a warning where versions are not what they were.

    Raises:
        GrowthError: the model or the recording is another one.
    """
    if model_sha256(model) != sidecar.model_sha256:
        raise GrowthError("The piece was grown from another model. Use the checkpoint that it was rendered with.")
    if take_sha256(take) != sidecar.take_sha256:
        raise GrowthError("The piece was grown from another recording. Use the checkpoint that it was rendered with.")
    changed = sorted({name for name, _ in versions().items() ^ sidecar.versions.items()})
    if changed:
        warnings.warn(
            f"Other versions than the piece was rendered with ({', '.join(changed)[:200]}): it may differ slightly.",
            stacklevel=2,
        )
    return grow(model, take, sidecar.plan, sidecar.seed)


def model_sha256(model: DDSPModel) -> str:
    """SHA-256 of a model's settings and weights, names in alphabetical order, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(model.config.to_dict(), sort_keys=True).encode())
    for name, weights in sorted(model.state_dict().items()):
        _add(digest, name, weights)
    return digest.hexdigest()


def take_sha256(take: Take) -> str:
    """SHA-256 of a take, as hexadecimal digits."""
    digest = hashlib.sha256()
    for name, value in sorted((vars(take.features) | vars(take.controls)).items()):
        _add(digest, name, value)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Version of Python and of every package that has a say in the sound, and threads, which round differently."""
    known = {"python": platform.python_version(), "threads": str(torch.get_num_threads())}
    return known | {name: version(name) for name in PACKAGES}


def _add(digest, name, value):
    """Feed one named value to a digest."""
    digest.update(name.encode() + b"=")
    if torch.is_tensor(value):
        value = value.detach().cpu().contiguous()
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode() + value.numpy().tobytes())
    else:
        digest.update(repr(value).encode())


def _refuse(constant):
    raise ValueError(f"{constant} is no number")

"""What the notebooks share on disk: the recordings to choose from, the current one, and a model for each (notebook 01).

my/                     beside the notebooks, unknown to git; another folder in DDSP_NB_WORKSPACE
    current.json        the name of the current recording
    stretches.json      what is used of recordings that are longer than that: name to [begin, end in s, learn all]
    heard.json          what was found when somebody listened, by digest and place
    recordings/         what the user brought, whole
    models/             one for each recording and stretch, found by digest and place, so that none is ever taken for
                        another's, and a recording keeps its own under every name
    .lock               held by the kernel that writes
    growth/             what the growth panel keeps: presets, rooms, and renders of each recording
"""

import hashlib
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import soundfile as sf
import torch

from ddsp_nb.analysis.decompose import AnalysedRecording
from ddsp_nb.analysis.room import Wanted
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, WorkbookError, reason
from ddsp_nb.files import UNFINISHED, alone, read_some, remove, written_whole
from ddsp_nb.sound.blocks import DAMAGED
from ddsp_nb.sound.load import load_audio
from ddsp_nb.sound.overview import sounding_stretch
from ddsp_nb.sound.save import save_audio
from ddsp_nb.store.recordings import LONGEST_S, analyse_recordings

P = ParamSpec("P")
R = TypeVar("R")
FOLDER_VARIABLE = "DDSP_NB_WORKSPACE"  # of the environment
FOLDER = "my"
SHIPPED = "../data"  # recordings that come with the workbook, seen from the notebooks
FIRST = "violin"
# Used of a recording at first: enough to learn from, and the notebooks stay quick. A shorter one is used whole.
USED_S = 30.0
# That can be chosen: a longer one than the last would be analysed in pieces.
SHORTEST_STRETCH_S, LONGEST_STRETCH_S = 1.0, LONGEST_S
DIGEST_DIGITS = 12  # of a recording in the name of its model
LONGEST_NAME, LONGEST_NAME_BYTES = 60, 180  # characters; names of models are longer, and a disk takes 255 bytes
LARGEST_STORE = 5_000_000  # bytes
# What some disk refuses; all else, of any language, is a name.
NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff\s]+')


@dataclass(frozen=True)
class Store:
    """A value on disk as JSON; without a path it is kept nowhere."""

    path: Path | None

    def read(self) -> Any:
        """The value; None where there is none yet, or a file that was cut short."""
        try:
            return None if self.path is None else json.loads(read_some(self.path, LARGEST_STORE, WorkbookError))
        except (ValueError, RecursionError):
            return None

    def write(self, value: Any) -> None:
        """Keep a value instead. Raises WorkbookError where the disk refuses; the old one then stays."""
        if self.path is not None:
            with written_whole(self.path, WorkbookError) as temporary:
                temporary.write_text(json.dumps(value), encoding="utf-8")


@dataclass(frozen=True)
class Recording:
    """A recording that can be chosen, its sound file, what is used of it, and where its model is or will be.

    Attributes:
        seconds: of the whole file.
        stretch_s: begin and end of what the notebooks show, hear and grow.
        learn_all: whether the instrument learns from the whole file, and not from the stretch alone.
        key: digest of the file, and of a long one the stretch: what models and findings are known by.
    """

    name: str
    path: Path
    model_path: Path
    shipped: bool
    seconds: float
    stretch_s: tuple[float, float]
    learn_all: bool
    key: str

    @property
    def trained(self) -> bool:
        """Whether it has a model."""
        return self.model_path.is_file()

    @property
    def is_long(self) -> bool:
        """Whether only a stretch of it is used."""
        return self.seconds > USED_S

    def audio(self, sample_rate: int) -> torch.Tensor:
        """The stretch, [n_samples] as of `load_audio`, which says what it raises."""
        return load_audio(self.path, sample_rate, **self._limits())

    def analyse(self, config: Config, room: Wanted = "learn") -> list[AnalysedRecording]:
        """All that is learned from: the stretch first, of which the take is made, then pieces of the rest, if wanted.

        The room is as of `AnalysedRecording.of`.
        Raises AudioError where the stretch cannot be used.
        """
        start_s, stop_s = self.stretch_s
        found = analyse_recordings([self.path], config, room=room, **self._limits())
        rest = [(0.0, start_s), (stop_s, self.seconds - stop_s)] if self.learn_all else []
        for begin_s, duration_s in rest:
            # Nothing can be learned from silence before and after it.
            with suppress(AudioError):
                if duration_s > SHORTEST_STRETCH_S:
                    limits = {"start_s": begin_s, "duration_s": duration_s}
                    found += analyse_recordings([self.path], config, room=room, say=print, **limits)
        return found

    def _limits(self):
        start_s, stop_s = self.stretch_s
        return {"start_s": start_s, "duration_s": stop_s - start_s} if self.is_long else {}


def alone_there(act: Callable[Concatenate["Workspace", P], R]) -> Callable[Concatenate["Workspace", P], R]:
    """A method that reads and then writes; none of another kernel comes between."""

    @wraps(act)
    def acted(workspace, *given: P.args, **named: P.kwargs) -> R:
        with alone(workspace.folder, WorkbookError):
            return act(workspace, *given, **named)

    return acted


class Workspace:
    """The recordings and models of a folder of notebooks.

    Args:
        folder: where they are kept; None: that of the environment, or `my` beside the notebook.
        shipped: folder of the recordings that come with the workbook.
        first: name of the current recording before anything was chosen.
    """

    def __init__(self, folder: str | Path | None = None, shipped: str | Path = SHIPPED, first: str = FIRST):
        self.folder, self.shipped = Path(folder or os.environ.get(FOLDER_VARIABLE) or FOLDER), Path(shipped)
        self.first = first

    def recordings(self) -> list[Recording]:
        """All that can be chosen: what is shipped, then the user's own, by name."""
        own, shipped = sorted((self.folder / "recordings").glob("*.flac")), sorted(self.shipped.glob("*.flac"))
        models = [path.stem.removesuffix(".run") for path in sorted(self.folder.glob("models/*.pt"))]
        stretches, found = self._kept("stretches.json"), []
        for path in (*shipped, *own):
            with suppress(OSError):  # another kernel may take it away meanwhile
                found.append(self._recording(path, path in shipped, stretches.get(path.stem), models))
        return found

    @property
    def current(self) -> Recording:
        """The recording that was chosen last; the first one, where none was or it is gone.

        Raises AudioError where there is no recording at all.
        """
        by_name = {recording.name: recording for recording in self.recordings()}
        if not by_name:
            raise AudioError(f"No recording in {self.shipped} or {self.folder}. Start in the folder of the notebooks.")
        chosen = self.store("current.json").read()
        name = str(chosen.get("name")) if isinstance(chosen, dict) else self.first
        return by_name.get(name) or by_name.get(self.first) or next(iter(by_name.values()))

    @alone_there
    def choose(self, name: str) -> Recording:
        """Make a recording the current one, for all notebooks from now on.

        Raises WorkbookError where there is none of this name, or the choice cannot be written.
        """
        names = [recording.name for recording in self.recordings()]
        if name not in names:
            raise AudioError(f"There is no recording {name!r}; choose one of {', '.join(names)}.")
        self.store("current.json").write({"name": name})
        return self.current

    @alone_there
    def choose_stretch(self, start_s: float, stop_s: float, *, learn_all: bool = False) -> Recording:
        """Use another stretch of the current recording, in all notebooks from now on, of 1 to 60 s within it.

        Raises WorkbookError where nothing sounds there, or the choice cannot be written.
        """
        recording = self.current
        # To the hundredth, as names of models have them.
        start_s = round(max(0.0, min(start_s, recording.seconds - SHORTEST_STRETCH_S)), 2)
        longest_s = min(LONGEST_STRETCH_S, recording.seconds - start_s)
        stop_s = round(start_s + max(SHORTEST_STRETCH_S, min(stop_s - start_s, longest_s)), 2)
        chosen = replace(recording, stretch_s=(start_s, stop_s), learn_all=learn_all)
        chosen.audio(Config.sample_rate)
        stretches = self._kept("stretches.json") | {recording.name: [*chosen.stretch_s, learn_all]}
        self.store("stretches.json").write(stretches)
        return self.current

    @alone_there
    def add(self, name: str, audio: torch.Tensor, sample_rate: int) -> Recording:
        """Keep [n_samples] sound under a name that is still free, and make it the current recording.

        Of a long one, the stretch is used that `sounding_stretch` finds. Raises AudioError where the sound cannot be
        written.
        """
        taken = {recording.name.lower() for recording in self.recordings()}
        stem = clean(Path(name).stem) or "recording"
        free = next(n for n in (stem, *(f"{stem} {i}" for i in range(2, 10_000))) if n.lower() not in taken)
        save_audio(self.folder / "recordings" / f"{free}.flac", audio, sample_rate)
        self.choose(free)
        stretch_s = sounding_stretch(audio, sample_rate, USED_S)
        return self.choose_stretch(*stretch_s) if self.current.is_long else self.current

    @alone_there
    def rename(self, name: str, wanted: str) -> Recording:
        """Give one of the user's own recordings another name; models, renders and stretch stay its own.

        Raises WorkbookError where another has the name, or the disk refuses; all is then as it was.
        """
        recording, new, current = self._own(name), clean(wanted), self.current
        if not new or new.lower() in {other.name.lower() for other in self.recordings() if other != recording}:
            raise WorkbookError("Write a name that no other recording has.")
        path, stretches = recording.path.with_name(f"{new}.flac"), self._kept("stretches.json")
        with whole(f"“{name}” keeps its name") as undo:
            # Both names until all is written, so that no other notebook misses it; never over another's file.
            os.link(recording.path, path)
            undo.callback(path.unlink, missing_ok=True)
            if name in stretches:
                self.store("stretches.json").write(stretches | {new: stretches[name]})
            if recording == current:
                self.store("current.json").write({"name": new})
                undo.callback(self.store("current.json").write, {"name": name})
            recording.path.unlink()
        return self._own(new)

    @alone_there
    def delete(self, name: str) -> Recording:
        """Take one of the user's own recordings away, with its models, renders and stretch; returns the current one.

        Raises WorkbookError where the disk refuses; all is then as it was.
        """
        recording, stretches = self._own(name), self._kept("stretches.json")
        digest, files = recording.key[:DIGEST_DIGITS], [recording.path]
        # They stay while the same sound is there under another name.
        if not any(other.key.startswith(digest) and other != recording for other in self.recordings()):
            files += [*self.folder.glob(f"models/*-{digest}*.pt"), *self.folder.glob(f"growth/*-{digest}*.json")]
        with whole(f"“{name}” stays") as undo:
            bin = Path(tempfile.mkdtemp(prefix=".deleted.", suffix=UNFINISHED, dir=self.folder))
            undo.callback(bin.rmdir)
            for path in files:
                path.replace(bin / path.name)
                undo.callback((bin / path.name).replace, path)
            self.store("stretches.json").write({key: kept for key, kept in stretches.items() if key != name})
        remove(bin)
        return self.current

    def heard(self, recording: Recording, found: str = "") -> str:
        """What was found when somebody listened to its stretch, nothing before; what is `found` now is kept."""
        key, known = recording.key.removesuffix("-all"), self._kept("heard.json")
        if found:
            self.store("heard.json").write(known | {key: found})
        return found or str(((Store(self.shipped / "heard.json").read() or {}) | known).get(key, ""))

    def signs(self) -> list[int]:
        """By which it is seen that something changed here, by whichever kernel; some 30 µs."""
        names = "current.json", "stretches.json", "heard.json", "recordings", "models"
        return [path.stat().st_mtime_ns if path.exists() else 0 for path in map(self.folder.joinpath, names)]

    def store(self, name: str) -> Store:
        """A value that is kept in the workspace under a file name."""
        return Store(self.folder / name)

    def _kept(self, name) -> dict[str, Any]:
        found = self.store(name).read()
        return found if isinstance(found, dict) else {}

    def _own(self, name):
        own = {recording.name: recording for recording in self.recordings() if not recording.shipped}
        if name not in own:
            raise WorkbookError(f"“{name}” is none of your own recordings. Choose one of them.")
        return own[name]

    def _recording(self, path, shipped, chosen, models):
        found = path.stat()
        key, seconds = identity(path, found.st_ino, found.st_mtime_ns)
        stretch_s, learn_all = (0.0, seconds), False
        if seconds > USED_S:
            stretch_s, learn_all = stretch_of(chosen, seconds) or ((0.0, USED_S), False)
            key += "-{:.2f}-{:.2f}".format(*stretch_s) + "-all" * learn_all
        # It may have had another name when it was trained.
        model = next((model for model in models if model.endswith(f"-{key}")), f"{path.stem}-{key}")
        model_path = self.folder / "models" / f"{model}.pt"
        return Recording(path.stem, path, model_path, shipped, seconds, stretch_s, learn_all, key)


def clean(name: str) -> str:
    """A name that every disk takes, in one spelling of its letters; nothing where nothing is left of it."""
    words = NOT_IN_NAMES.sub(" ", unicodedata.normalize("NFC", name)).strip(" .")
    return words[:LONGEST_NAME].encode()[:LONGEST_NAME_BYTES].decode(errors="ignore").strip(" .")


@contextmanager
def whole(words: str) -> Iterator[ExitStack]:
    """Yield a stack of what takes back what was done; it is done where the system refuses, which is said in a line."""
    with ExitStack() as undo:
        try:
            yield undo
        except (OSError, WorkbookError) as error:
            # What the system says, without names of files.
            said = getattr(error.__cause__ or error, "strerror", None) or reason(error)
            raise WorkbookError(f"{words}: {said}. All is as it was; try again.") from error
        undo.pop_all()


def stretch_of(chosen: Any, seconds: float) -> tuple[tuple[float, float], bool] | None:
    """What `stretches.json` says of a recording of so many seconds; None where that makes no sense for it."""
    match chosen:
        case [int() | float() as start_s, int() | float() as stop_s, bool() as learn_all]:
            length_s = round(stop_s - start_s, 2)
            if 0 <= start_s < stop_s < seconds + 0.01 and SHORTEST_STRETCH_S <= length_s <= LONGEST_STRETCH_S:
                return (float(start_s), float(stop_s)), learn_all
    return None


@lru_cache(maxsize=1000)
def identity(path: Path, inode: int, written_ns: int) -> tuple[str, float]:
    """The first digits of the SHA-256 of a file, and its seconds, read again only where it is another or was written.

    Files that were written at once may share a time, and change names. Raises OSError where another file is there by
    now.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_ino != inode:
            raise FileNotFoundError(path)
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_DIGITS]
        file.seek(0)
        try:
            return digest, sf.info(file).duration
        # It is said where it is loaded.
        except DAMAGED:
            return digest, 0.0

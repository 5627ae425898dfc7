"""What the notebooks share on disk: the recordings to choose from, the current one, and a model for each (notebook 01).

my/                     beside the notebooks, unknown to git; another folder in DDSP_NB_WORKSPACE
    current.json        the name of the current recording
    stretches.json      what is used of recordings that are longer than that: name to [begin, end in s, learn all]
    recordings/         what the user brought, whole
    models/             one for each recording and stretch, named after digest and place, so that none is ever taken
                        for another's
    growth/             what the growth panel keeps: presets, and renders of each recording
"""

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import soundfile as sf
import torch

from ddsp_nb.analysis.decompose import AnalysedRecording
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, WorkbookError
from ddsp_nb.files import written_whole
from ddsp_nb.sound.blocks import DAMAGED
from ddsp_nb.sound.load import load_audio
from ddsp_nb.sound.overview import sounding_stretch
from ddsp_nb.sound.save import save_audio
from ddsp_nb.store.recordings import LONGEST_S, analyse_recordings

FOLDER_VARIABLE = "DDSP_NB_WORKSPACE"  # of the environment
FOLDER = "my"
SHIPPED = "../data"  # recordings that come with the workbook, seen from the notebooks
FIRST = "violin"  # the current recording before anything was chosen
# Used of a recording at first: enough to learn from, and the notebooks stay quick. A shorter one is used whole.
USED_S = 30.0
# That can be chosen: a longer one than the last would be analysed in pieces.
SHORTEST_STRETCH_S, LONGEST_STRETCH_S = 1.0, LONGEST_S
DIGEST_DIGITS = 12  # of a recording in the name of its model
LONGEST_NAME = 60  # characters
LARGEST_STORE = 5_000_000  # bytes
NOT_IN_NAMES = re.compile(r"[^\w .,()+-]+")


@dataclass(frozen=True)
class Store:
    """A value on disk as JSON; without a path it is kept nowhere."""

    path: Path | None

    def read(self) -> Any:
        """The value; None where there is none yet, or a file that was cut short."""
        try:
            if self.path is not None and self.path.stat().st_size <= LARGEST_STORE:
                return json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            pass
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
    """

    name: str
    path: Path
    model_path: Path
    shipped: bool
    seconds: float
    stretch_s: tuple[float, float]
    learn_all: bool

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

    def analyse(self, config: Config) -> list[AnalysedRecording]:
        """All that is learned from: the stretch first, of which the take is made, then pieces of the rest, if wanted.

        Raises AudioError where the stretch cannot be used.
        """
        start_s, stop_s = self.stretch_s
        found = analyse_recordings([self.path], config, **self._limits())
        rest = [(0.0, start_s), (stop_s, self.seconds - stop_s)] if self.learn_all else []
        for begin_s, duration_s in rest:
            # Nothing can be learned from silence before and after it.
            with suppress(AudioError):
                if duration_s > SHORTEST_STRETCH_S:
                    limits = {"start_s": begin_s, "duration_s": duration_s}
                    found += analyse_recordings([self.path], config, say=print, **limits)
        return found

    def _limits(self):
        start_s, stop_s = self.stretch_s
        return {"start_s": start_s, "duration_s": stop_s - start_s} if self.is_long else {}


class Workspace:
    """The recordings and models of a folder of notebooks.

    Args:
        folder: where they are kept; None: that of the environment, or `my` beside the notebook.
        shipped: folder of the recordings that come with the workbook.
    """

    def __init__(self, folder: str | Path | None = None, shipped: str | Path = SHIPPED):
        self.folder, self.shipped = Path(folder or os.environ.get(FOLDER_VARIABLE) or FOLDER), Path(shipped)

    def recordings(self) -> list[Recording]:
        """All that can be chosen: what is shipped, then the user's own, by name."""
        own, shipped = sorted((self.folder / "recordings").glob("*.flac")), sorted(self.shipped.glob("*.flac"))
        stretches = self._stretches()
        return [self._recording(path, path in shipped, stretches.get(path.stem)) for path in (*shipped, *own)]

    @property
    def current(self) -> Recording:
        """The recording that was chosen last; the violin, where none was or it is gone.

        Raises:
            AudioError: there is no recording at all.
        """
        by_name = {recording.name: recording for recording in self.recordings()}
        if not by_name:
            raise AudioError(
                f"No recording is in {self.shipped} or {self.folder}. Start in the folder of the notebooks."
            )
        chosen = self.store("current.json").read()
        name = str(chosen.get("name")) if isinstance(chosen, dict) else FIRST
        return by_name.get(name) or by_name.get(FIRST) or next(iter(by_name.values()))

    def choose(self, name: str) -> Recording:
        """Make a recording the current one, for all notebooks from now on.

        Raises:
            WorkbookError: there is none of this name, or the choice cannot be written.
        """
        names = [recording.name for recording in self.recordings()]
        if name not in names:
            raise AudioError(f"There is no recording {name!r}; choose one of {', '.join(names)}.")
        self.store("current.json").write({"name": name})
        return self.current

    def choose_stretch(self, start_s: float, stop_s: float, *, learn_all: bool = False) -> Recording:
        """Use another stretch of the current recording, in all notebooks from now on, of 1 to 60 s within it.

        Raises:
            WorkbookError: nothing sounds there, or the choice cannot be written.
        """
        recording = self.current
        # To the hundredth, as names of models have them.
        start_s = round(max(0.0, min(start_s, recording.seconds - SHORTEST_STRETCH_S)), 2)
        longest_s = min(LONGEST_STRETCH_S, recording.seconds - start_s)
        stop_s = round(start_s + max(SHORTEST_STRETCH_S, min(stop_s - start_s, longest_s)), 2)
        chosen = replace(recording, stretch_s=(start_s, stop_s), learn_all=learn_all)
        chosen.audio(Config.sample_rate)
        stretches = self._stretches() | {recording.name: [*chosen.stretch_s, learn_all]}
        self.store("stretches.json").write(stretches)
        return self.current

    def add(self, name: str, audio: torch.Tensor, sample_rate: int) -> Recording:
        """Keep [n_samples] sound under a name that is still free, and make it the current recording.

        Of a long one, the stretch is used that `sounding_stretch` finds.

        Raises:
            AudioError: the sound cannot be written.
        """
        taken = {recording.name.lower() for recording in self.recordings()}
        words = NOT_IN_NAMES.sub(" ", Path(name).stem).strip(".").split()
        stem = " ".join(words)[:LONGEST_NAME].strip() or "recording"
        free = next(n for n in (stem, *(f"{stem} {i}" for i in range(2, 10_000))) if n.lower() not in taken)
        save_audio(self.folder / "recordings" / f"{free}.flac", audio, sample_rate)
        self.choose(free)
        stretch_s = sounding_stretch(audio, sample_rate, USED_S)
        return self.choose_stretch(*stretch_s) if self.current.is_long else self.current

    def store(self, name: str) -> Store:
        """A value that is kept in the workspace under a file name."""
        return Store(self.folder / name)

    def _stretches(self) -> dict[str, Any]:
        stretches = self.store("stretches.json").read()
        return stretches if isinstance(stretches, dict) else {}

    def _recording(self, path, shipped, chosen):
        digest, seconds = identity(path, path.stat().st_mtime_ns)
        stretch_s, learn_all = (0.0, seconds), False
        if seconds > USED_S:
            stretch_s, learn_all = stretch_of(chosen, seconds) or ((0.0, USED_S), False)
            digest += "-{:.2f}-{:.2f}".format(*stretch_s) + "-all" * learn_all
        model_path = self.folder / "models" / f"{path.stem}-{digest}.pt"
        return Recording(path.stem, path, model_path, shipped, seconds, stretch_s, learn_all)


def stretch_of(chosen: Any, seconds: float) -> tuple[tuple[float, float], bool] | None:
    """What `stretches.json` says of a recording of so many seconds; None where that makes no sense for it."""
    match chosen:
        case [int() | float() as start_s, int() | float() as stop_s, bool() as learn_all]:
            length_s = round(stop_s - start_s, 2)
            if 0 <= start_s < stop_s < seconds + 0.01 and SHORTEST_STRETCH_S <= length_s <= LONGEST_STRETCH_S:
                return (float(start_s), float(stop_s)), learn_all
    return None


@lru_cache(maxsize=1000)
def identity(path: Path, written_ns: int) -> tuple[str, float]:
    """The first digits of the SHA-256 of a file, and its seconds, read again only where it was written since."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_DIGITS]
    try:
        return digest, sf.info(path).duration
    # It is said where it is loaded.
    except DAMAGED:
        return digest, 0.0

"""What the notebooks share on disk: the recordings to choose from, the current one, and a model for each (notebook 01).

my/                     beside the notebooks, unknown to git; another folder in DDSP_NB_WORKSPACE
    current.json        the name of the current recording
    recordings/         what the user brought
    models/             one for each recording, named after its digest, so that none is ever taken for another's
    growth/             what the growth panel keeps: presets, and renders of each recording
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from ddsp_nb.errors import AudioError, WorkbookError
from ddsp_nb.files import written_whole
from ddsp_nb.sound.save import save_audio

FOLDER_VARIABLE = "DDSP_NB_WORKSPACE"  # of the environment
FOLDER = "my"
SHIPPED = "../data"  # recordings that come with the workbook, seen from the notebooks
FIRST = "violin"  # the current recording before anything was chosen
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
    """A recording that can be chosen, its sound file, and where its model is or will be."""

    name: str
    path: Path
    model_path: Path
    shipped: bool

    @property
    def trained(self) -> bool:
        """Whether it has a model."""
        return self.model_path.is_file()


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
        return [self._recording(path, path in shipped) for path in (*shipped, *own)]

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

    def add(self, name: str, audio: torch.Tensor, sample_rate: int) -> Recording:
        """Keep [n_samples] sound under a name that is still free, and make it the current recording.

        Raises:
            AudioError: the sound cannot be written.
        """
        taken = {recording.name.lower() for recording in self.recordings()}
        words = NOT_IN_NAMES.sub(" ", Path(name).stem).strip(".").split()
        stem = " ".join(words)[:LONGEST_NAME].strip() or "recording"
        free = next(n for n in (stem, *(f"{stem} {i}" for i in range(2, 10_000))) if n.lower() not in taken)
        save_audio(self.folder / "recordings" / f"{free}.flac", audio, sample_rate)
        return self.choose(free)

    def store(self, name: str) -> Store:
        """A value that is kept in the workspace under a file name."""
        return Store(self.folder / name)

    def _recording(self, path, shipped):
        model = f"{path.stem}-{digest(path, path.stat().st_mtime_ns)}.pt"
        return Recording(path.stem, path, self.folder / "models" / model, shipped)


@lru_cache(maxsize=1000)
def digest(path: Path, written_ns: int) -> str:
    """The first digits of the SHA-256 of a file, read again only where it was written since."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST_DIGITS]

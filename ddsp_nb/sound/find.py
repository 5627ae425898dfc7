"""Sound files in folders, found by their suffix (notebook 04)."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import soundfile as sf

from ddsp_nb.errors import AudioError, warn_user
from ddsp_nb.sound.blocks import PHONE_SUFFIXES

# Anything at all would pass for such a sound.
HEADERLESS = "RAW"
# Suffixes that are neither names of libsndfile's formats nor what phones record.
MORE_SUFFIXES = (
    *(".3g2", ".aif", ".aifc", ".asf", ".bw64", ".bwf", ".m4r", ".m4v", ".mp2", ".mp3"),
    *(".oga", ".opus", ".qta", ".snd", ".wave", ".weba", ".wmv"),
)
# Sound that is not read: copy-protected, headerless, or of formats that few programs write.
UNREAD_SUFFIXES = (
    *(".aa", ".aax", ".ac3", ".ape", ".avi", ".dff", ".ds2", ".dsf", ".dss", ".dts", ".flv", ".gsm", ".m2ts", ".m4p"),
    *(".mpc", ".mpeg", ".mpg", ".mts", ".pcm", ".ra", ".raw", ".rm", ".shn", ".spx", ".tak", ".tta", ".vob", ".wv"),
)
# More are only counted.
MOST_NAMED = 5


def find_recordings(paths: Iterable[str | Path]) -> list[Path]:
    """Sound files, sorted, each once: files as they are given, folders searched to their depths by suffix.

    Hidden files and folders are passed over, linked ones are not. A warning names what looks like sound but is not
    read. Raises AudioError where a path does not exist or a folder holds no sound.
    """
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise AudioError(f"{path}: no such file or folder. Check the path, relative to {Path.cwd().name}/.")
        files = sounds_in(path) if path.is_dir() else [path]
        if not files:
            raise AudioError(f"{path}: no sound files in this folder. Put WAV, FLAC, MP3, AIFF or M4A files there.")
        for file in files:
            found.setdefault(file.resolve(), file)
    return sorted(found.values())


def sounds_in(folder: Path) -> list[Path]:
    """Every file below a folder whose suffix is one of sound files; warns of those that are not read."""
    formats = {f".{name.lower()}" for name in sf.available_formats() if name != HEADERLESS}
    suffixes = formats.union(MORE_SUFFIXES, PHONE_SUFFIXES)
    files = list(files_below(folder))
    found = [path for path in files if path.suffix.lower() in suffixes and path.is_file()]
    left_out = [path for path in files if path.suffix.lower() in suffixes.union(UNREAD_SUFFIXES)]
    if left_out := sorted(set(left_out).difference(found)):
        names = ", ".join(str(path.relative_to(folder)) for path in left_out[:MOST_NAMED])
        more = f" and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
        warn_user(f"{folder}: left out what cannot be read: {names}{more}. Convert it to WAV or FLAC.")
    return found


def files_below(folder: Path) -> Iterator[Path]:
    """The files below a folder, but no hidden ones; links to folders are followed where they lead to something new."""
    # A link to a folder around this one would lead everywhere.
    been = set(folder.resolve().parents)
    for place, folders, names in os.walk(folder, followlinks=True):
        if (resolved := Path(place).resolve()) in been:
            folders.clear()
            continue
        been.add(resolved)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))

"""Many recordings of one instrument: found in folders, cut into pieces, analysed on all cores, remembered on disk.

Analysis takes a good part of a sound's own duration, and training is tried many times on the same sounds: what was
found is kept in the user's cache folder, under a key of the samples, the settings and the version of the analysis.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import platformdirs
import soundfile as sf
import torch
from threadpoolctl import threadpool_limits

from ddsp_nb.analysis.decompose import AnalysedRecording, Analysis, analyse
from ddsp_nb.analysis.features import FeatureExtractor, Features
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, warn_user
from ddsp_nb.files import written_whole
from ddsp_nb.sound.blocks import PHONE_SUFFIXES
from ddsp_nb.sound.load import SILENCE_DB, load_audio
from ddsp_nb.training import tensor_file

HEADERLESS = "RAW"  # anything at all would pass for such a sound
MORE_SUFFIXES = (".aif", ".aifc", ".mp3", ".oga", ".opus", ".snd")  # that are not names of libsndfile's formats
PIECE_S = 60.0  # at most: memory follows the piece
SEARCH_S = 10.0  # before the longest piece's end, where the quietest point is looked for; the shortest piece, too
FRAME_S = 0.05  # over which that quiet is measured: longer than a period, shorter than a breath
PARALLEL_S = 40.0  # of sound: below it, workers take longer to start than they save
MAX_WORKERS = 8  # each holds 0.7 to 1.3 GB
IDLE_S = 20.0  # after which a worker that has nothing to do gives its memory back
CACHE_VARIABLE = "DDSP_NB_CACHE"  # of the environment: another folder, or empty for none
CACHE_VERSION = 2  # count it up when the analysis finds other numbers in the same sound
ENTRY = ".analysis.safetensors"  # no other file of the folder is ever touched
SHORTEST_CACHED_S = 20.0  # shorter pieces are analysed in seconds
CACHE_BYTES = 1_000_000_000  # an hour of sound

Found = tuple[Features, Analysis, list[str]]  # the last are the warnings of the analysis


def analyse_recordings(
    paths: Iterable[str | Path],
    config: Config,
    *,
    duration_s: float | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[AnalysedRecording]:
    """Load and analyse sound files and folders of them, in the order of `find_recordings`; silent pieces are skipped.

    A file that cannot be used is named in a `WorkbookWarning` and left out.

    Args:
        paths: files and folders.
        config: sizes and pitch range.
        duration_s: use only the first seconds of each file.
        say: told one line for each piece that is done.

    Raises:
        AudioError: a path does not exist, a folder holds no sound, or none of the files can be used.
    """
    pieces = load_pieces(find_recordings(paths), config.sample_rate, duration_s)
    entries = [entry_path(audio, config) for _, audio in pieces]
    known = [recall(entry) if entry else None for entry in entries]
    new = [audio for (_, audio), found in zip(pieces, known, strict=True) if found is None]
    results, recordings = analyse_pieces(new, config), []
    for (name, audio), entry, found in zip(pieces, entries, known, strict=True):
        if found is None:
            found = next(results)
            if entry:
                remember(entry, found)
        features, analysis, messages = found
        for message in messages:
            warn_user(f"{name}: {message}")
        recordings.append(AnalysedRecording(name, audio, features, analysis))
        if len(pieces) > 1:
            say(f"Analysed {len(recordings)} of {len(pieces)}: {name}")
    return recordings


def find_recordings(paths: Iterable[str | Path]) -> list[Path]:
    """Sound files, sorted, each once: files as they are given, folders searched to their depths by suffix.

    Hidden files and folders are passed over. Raises AudioError where a path does not exist or a folder holds no sound.
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
    """Every file below a folder whose suffix is one of sound files, unless it or a folder around it is hidden."""
    formats = {f".{name.lower()}" for name in sf.available_formats() if name != HEADERLESS}
    suffixes = formats.union(MORE_SUFFIXES, PHONE_SUFFIXES)
    files = [path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file()]
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def load_pieces(files: list[Path], sample_rate: int, duration_s: float | None) -> list[tuple[str, torch.Tensor]]:
    """Name and sound [n_samples] of every piece that is not silent; warns of files that cannot be used.

    Raises AudioError, that of the first file, where none can be used.
    """
    pieces, problems = [], []
    for file in files:
        try:
            audio = load_audio(file, sample_rate, duration_s=duration_s)
        except AudioError as error:
            problems.append(error)
            continue
        start = 0
        for piece in cut(audio, sample_rate):
            end = start + len(piece)
            place = f" ({start / sample_rate:.0f}-{end / sample_rate:.0f} s)" if start else ""
            if piece.abs().max() > 10 ** (SILENCE_DB / 20):
                pieces.append((file.name + place, piece))
            start = end
    if problems and not pieces:
        raise problems[0]
    for problem in problems:
        warn_user(f"{problem} It is left out.")
    return pieces


def cut(audio: torch.Tensor, sample_rate: int) -> list[torch.Tensor]:
    """[n_samples] sound in pieces of 10 to 60 s, cut where it is quietest; a shorter sound is one piece."""
    longest, search, frame = (round(seconds * sample_rate) for seconds in (PIECE_S, SEARCH_S, FRAME_S))
    pieces = []
    while len(audio) > longest:
        end = min(longest, len(audio) - search)  # what follows must be worth a piece
        energy = audio[end - search : end].unfold(0, frame, frame // 2).square().mean(1)
        end += int(energy.argmin()) * (frame // 2) + frame // 2 - search
        pieces.append(audio[:end].clone())  # with memory of its own, as a worker is sent all the memory of a tensor
        audio = audio[end:]
    return [*pieces, audio.clone()]


def analyse_pieces(pieces: list[torch.Tensor], config: Config) -> Iterator[Found]:
    """What is found in each [n_samples] piece, in their order, by a process a core if that is worth its start."""
    if len(pieces) > 1 and sum(map(len, pieces)) > PARALLEL_S * config.sample_rate:
        import joblib  # takes a while, like the workers it starts

        n_workers = min(len(pieces), joblib.cpu_count(), MAX_WORKERS)
        if n_workers > 1:
            workers = joblib.Parallel(n_workers, "loky", return_as="generator", idle_worker_timeout=IDLE_S)
            return workers(joblib.delayed(analyse_piece)(audio, config) for audio in pieces)
    return (analyse_piece(audio, config) for audio in pieces)


def analyse_piece(audio: torch.Tensor, config: Config) -> Found:
    """Features and analysis of [n_samples] sound, and what the user was to be warned of, for the process that asked.

    One thread finds the same in every process; a second gains little, and loses much on a core that is not its alone.
    """
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        features = FeatureExtractor(config)(audio)
        analysis = analyse(features, audio, config)
    return features, analysis, [str(warning.message) for warning in caught]


def entry_path(audio: torch.Tensor, config: Config) -> Path | None:
    """Where the analysis of [n_samples] sound is kept, or None where it is not."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen == "" or len(audio) < SHORTEST_CACHED_S * config.sample_rate:
        return None
    folder = Path(chosen or Path(platformdirs.user_cache_dir("ddsp_nb", appauthor=False), "analysis"))
    key = hashlib.sha256(audio.numpy().tobytes())
    key.update(json.dumps([config.to_dict(), CACHE_VERSION], sort_keys=True).encode())
    return folder / f"{key.hexdigest()}{ENTRY}"


def recall(entry: Path) -> Found | None:
    """What was remembered, or None where there is nothing or it is damaged."""
    try:
        content = tensor_file.read(entry)
        found = Features(**content["features"]), Analysis(**content["analysis"]), content["warnings"]
    except Exception:  # bytes that a crash or a disk has changed can break a parser in any way
        return None
    with suppress(OSError):
        os.utime(entry)  # the entries that were used last stay longest
    return found


def remember(entry: Path, found: Found) -> None:
    """Write an entry and remove the least recently used ones beyond 1 GB; where that is refused nothing is kept."""
    features, analysis, messages = found
    content = {"features": vars(features), "analysis": vars(analysis), "warnings": messages}
    with suppress(AudioError, OSError):
        with written_whole(entry, AudioError) as temporary:
            temporary.write_bytes(tensor_file.to_bytes(content))
        used, n_bytes = [(path.stat(), path) for path in entry.parent.glob(f"*{ENTRY}*")], 0  # also unfinished ones
        for stat, path in sorted(used, key=lambda pair: pair[0].st_mtime, reverse=True):
            n_bytes += stat.st_size
            if n_bytes > CACHE_BYTES:
                path.unlink()

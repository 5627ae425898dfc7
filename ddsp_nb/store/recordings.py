"""Many recordings of one instrument: cut into pieces, analysed, remembered on disk.

Analysis takes a good part of a sound's own duration, and training is tried many times on the same sounds: what was
found is kept in the user's cache folder by `joblib.Memory`.
"""

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from threadpoolctl import threadpool_limits

from ddsp_nb.analysis.decompose import AnalysedRecording, Analysis
from ddsp_nb.analysis.features import Features
from ddsp_nb.analysis.room import Wanted
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, WorkbookWarning, warn_user
from ddsp_nb.progress import with_bar
from ddsp_nb.sound.find import find_recordings
from ddsp_nb.sound.load import SILENCE_DB, load_audio
from ddsp_nb.synthesis.room import Room
from ddsp_nb.training.corpus import quiet_cuts

# Of a piece, about: memory follows it. A sound is cut from 60 s on; where the quiet places lie, a piece has 10 to 60 s.
PIECE_S = 37.5
LONGEST_S = 60.0
# Over which quiet is measured: longer than a period, shorter than a breath.
FRAME_S = 0.05
# Of sound: below it, workers take longer to start than they save.
PARALLEL_S = 40.0
# Each holds 0.7 to 1.3 GB.
MAX_WORKERS = 8
# After which a worker that has nothing to do gives its memory back.
IDLE_S = 20.0
# Of the environment: another folder, or empty for none.
CACHE_VARIABLE = "DDSP_NB_CACHE"
# Count it up when the analysis finds other numbers in the same sound.
CACHE_VERSION = 8
# Shorter pieces are analysed in seconds.
SHORTEST_CACHED_S = 20.0
# An hour of sound.
CACHE_BYTES = 1_000_000_000

# The last are the warnings of the analysis.
Found = tuple[Features, Analysis, Room | None, list[str]]


def analyse_recordings(
    paths: Iterable[str | Path],
    config: Config,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    room: Wanted = "learn",
    say: Callable[[str], None] = lambda line: None,
) -> list[AnalysedRecording]:
    """Load and analyse sound files and folders of them, in the order of `find_recordings`; silent pieces are skipped.

    A file that cannot be used is named in a `WorkbookWarning` and left out. A long file gives several recordings, which
    are named by their place in it: "flute.wav (57-115 s)".

    Args:
        paths: files and folders.
        config: sizes and pitch range.
        start_s: pass over the seconds before it in each file.
        duration_s: use only so many seconds of each file.
        room: as of `AnalysedRecording.of`.
        say: told one line for each piece that is done.

    Raises:
        AudioError: a path does not exist, a folder holds no sound, or none of the files can be used.
    """
    pieces, recordings = load_pieces(find_recordings(paths), config.sample_rate, start_s, duration_s), []
    found = analyse_pieces(pieces, config, room)
    if len(pieces) == 1:  # of more, each is told as it is done
        found = with_bar(found, "Analysing", 1, patience_s=0)
    for (name, audio), (features, analysis, its_room, messages) in zip(pieces, found, strict=True):
        for message in messages:
            warn_user(f"{name}: {message}")
        recordings.append(AnalysedRecording(name, audio, features, analysis, its_room))
        if len(pieces) > 1:
            say(f"Analysed {len(recordings)} of {len(pieces)}: {name}")
    return recordings


def load_pieces(
    files: list[Path], sample_rate: int, start_s: float, duration_s: float | None
) -> list[tuple[str, torch.Tensor]]:
    """Name and sound [n_samples] of every piece that is not silent; warns of files that cannot be used.

    Raises AudioError, that of the first file, where none can be used.
    """
    pieces, problems = [], []
    for file in files:
        try:
            audio = load_audio(file, sample_rate, start_s=start_s, duration_s=duration_s)
        except AudioError as error:
            problems.append(error)
            continue
        for start, stop in piece_edges(audio, sample_rate):
            begin_s, end_s = start_s + start / sample_rate, start_s + stop / sample_rate
            place = f" ({begin_s:.0f}-{end_s:.0f} s)" if begin_s else ""
            # With memory of its own, as a worker is sent all the memory of a tensor.
            piece = audio[start:stop].clone()
            if piece.abs().max() > 10 ** (SILENCE_DB / 20):
                pieces.append((file.name + place, piece))
    if problems and not pieces:
        raise problems[0]
    for problem in problems:
        warn_user(f"{problem} It is left out.")
    return pieces


def piece_edges(audio: torch.Tensor, sample_rate: int) -> list[tuple[int, int]]:
    """Where the pieces of [n_samples] sound begin and end: cut where it is quietest; a short sound is one piece."""
    if len(audio) <= LONGEST_S * sample_rate:
        return [(0, len(audio))]
    frame = round(FRAME_S * sample_rate)
    energy = audio.unfold(0, frame, frame).square().mean(1).numpy()
    parts = quiet_cuts(energy, 0, len(energy), round(PIECE_S / FRAME_S))
    middles = [start * frame + frame // 2 for start, _ in parts[1:]]
    return list(pairwise([0, *middles, len(audio)]))


def analyse_pieces(pieces: list[tuple[str, torch.Tensor]], config: Config, room: Wanted) -> Iterator[Found]:
    """What is found in each piece, in their order, by a process a core if that is worth its start."""
    memory = cache()
    worth_keeping = lambda audio: memory is not None and len(audio) >= SHORTEST_CACHED_S * config.sample_rate
    remembered = analyse_piece if memory is None else memory.cache(analyse_piece)
    # As plain numbers, which are the same key again in the next process.
    wanted = room.impulse.numpy() if isinstance(room, Room) else room
    calls: list[tuple[Any, np.ndarray]] = [
        (remembered if worth_keeping(audio) else analyse_piece, audio.numpy()) for _, audio in pieces
    ]
    is_known = lambda call, audio: call is not analyse_piece and call.check_call_in_cache(audio, config, wanted)
    new = [audio for call, audio in calls if not is_known(call, audio)]
    n_workers = 1
    if len(new) > 1 and sum(map(len, new)) > PARALLEL_S * config.sample_rate:
        import joblib  # takes a while, like the workers it starts

        n_workers = min(len(new), joblib.cpu_count(), MAX_WORKERS)
    if n_workers > 1:
        workers = joblib.Parallel(n_workers, "loky", return_as="generator", idle_worker_timeout=IDLE_S)
        yield from workers(joblib.delayed(quietly)(call, audio, config, wanted) for call, audio in calls)
    else:
        yield from (quietly(call, audio, config, wanted) for call, audio in calls)
    if memory is not None:
        memory.reduce_size(bytes_limit=CACHE_BYTES)


def cache() -> Any:
    """The `joblib.Memory` of this user, or None where there is to be none or it cannot be written."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen == "":
        return None
    import joblib  # takes a while

    try:
        # Compressed, because that brings a checksum.
        return joblib.Memory(chosen or platformdirs.user_cache_dir("ddsp_nb", appauthor=False), compress=1, verbose=0)
    except OSError:
        return None


def quietly(call: Callable, samples: np.ndarray, config: Config, room: np.ndarray | str | None) -> Found:
    """Make a call of `analyse_piece`; that a cache is damaged or full is nothing that the user must know."""
    logging.getLogger("joblib").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(samples, config, room)


def analyse_piece(
    samples: np.ndarray, config: Config, room: np.ndarray | str | None, version: int = CACHE_VERSION
) -> Found:
    """Features and analysis of [n_samples] sound, and what the user was to be warned of, for the process that asked.

    One thread finds the same in every process; a second gains little, and loses much on a core that is not its alone.
    A room that is known comes as its impulse response. The version is part of the key in the cache.
    """
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wanted: Wanted = "learn" if isinstance(room, str) else None
        if isinstance(room, np.ndarray):
            wanted = Room(torch.from_numpy(room), config.sample_rate)
        found = AnalysedRecording.of("", torch.from_numpy(samples), config, wanted)
    # Libraries warn those who call them, not those who bring a sound.
    ours = [str(warning.message) for warning in caught if issubclass(warning.category, WorkbookWarning)]
    return found.features, found.analysis, found.room, ours

"""Sound files as blocks of samples (all notebooks), from libsndfile or, where it does not know a format, from FFmpeg.

FFmpeg (PyAV) is for what phones record: AAC, Opus and AMR, alone or beside a film. It is told which formats and codecs
it may use, so that a hostile file reaches no playlist, no network and none of its many seldom-used decoders.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf

from ddsp_nb.errors import AudioError

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream
    from av.container import InputContainer

# What FFmpeg is asked to read, and its names for their formats (and two more) and for their codecs: what phones and
# cameras record, and what people convert it to.
PHONE_SUFFIXES = (".3gp", ".aac", ".amr", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".webm")
CONTAINERS = "aac,amr,caf,matroska,webm,mov,mp4,ogg"
CODECS = (
    *("aac", "alac", "amrnb", "amrwb", "ac3", "eac3", "flac", "mp3", "mp3float", "opus", "libopus", "vorbis"),
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be"),
)
# The steps of these make plateaus of their own, which are no clipping.
COARSE_SUBTYPES = ("PCM_U8", "PCM_S8", "ULAW", "ALAW")
# Samples times channels that are read at once.
BLOCK_VALUES = 1 << 20
# TypeError: headerless formats want to be told their rate.
DAMAGED = (sf.SoundFileError, OSError, TypeError)


@dataclass(frozen=True)
class OpenSound:
    """An open sound file; its sample rate is what its header says, and may be nonsense.

    `blocks` gives the first so many samples as [n, n_channels] float32 blocks, fewer where it ends early, once; any of
    `DAMAGED` is raised where it cannot be read on.
    """

    sample_rate: int
    n_channels: int
    is_coarse: bool
    blocks: Callable[[int], Iterator[np.ndarray]]


@contextmanager
def open_sound(path: str | PathLike) -> Iterator[OpenSound]:
    """Open a sound file. Raises one of `DAMAGED` where it is none, AudioError where a film has no sound."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(sf.SoundFile(path))
        except DAMAGED:
            source = stack.enter_context(open_with_ffmpeg(path))
        else:
            is_coarse = file.subtype in COARSE_SUBTYPES
            source = OpenSound(file.samplerate, file.channels, is_coarse, partial(read_blocks, file))
        yield source


def read_blocks(file: sf.SoundFile, n_samples: int) -> Iterator[np.ndarray]:
    """[n, n_channels] float32 blocks of the first n_samples of an open file; fewer where it ends early."""
    size = max(1, BLOCK_VALUES // file.channels)
    while n_samples > 0 and len(block := file.read(min(size, n_samples), dtype="float32", always_2d=True)):
        n_samples -= len(block)
        yield block


@contextmanager
def open_with_ffmpeg(path: str | PathLike) -> Iterator[OpenSound]:
    """Open the sound of a film or of a phone's recording. Raises OSError (it is none, or damaged) or AudioError."""
    # Takes a while, and most recordings can do without.
    import av

    options = {"format_whitelist": CONTAINERS, "codec_whitelist": ",".join(CODECS)}
    try:
        with open(path, "rb", buffering=0) as file:
            # FFmpeg takes names for addresses, and suffixes for facts.
            file.name = "sound"
            with av.open(file, "r", container_options=options, metadata_errors="ignore") as container:
                frames = container.decode(track_of(container, path))
                # Rate and channels are those that the decoder found: headers are often wrong.
                if (first := next(frames, None)) is None:
                    raise OSError("no samples")
                blocks = partial(gather, itertools.chain([first], frames))
                yield OpenSound(first.sample_rate, first.layout.nb_channels, False, blocks)
    except av.FFmpegError as error:
        raise OSError("FFmpeg cannot read it") from error


def track_of(container: "InputContainer", path: str | PathLike) -> "AudioStream":
    """The first track of sound that can be decoded. Raises AudioError where there is none."""
    for stream in container.streams.audio:
        if stream.codec_context is not None and stream.codec_context.name in CODECS:
            return stream
    raise AudioError(f"{path}: holds no sound that can be read. Convert its sound, if it has any, to WAV or FLAC.")


def gather(frames: Iterator["AudioFrame"], n_samples: int) -> Iterator[np.ndarray]:
    """[n, n_channels] float32 blocks of the first n_samples, from frames of some 20 ms; fewer where they end early.

    Raises OSError where the sample rate or the number of channels changes.
    """
    parts: list[np.ndarray] = []
    n_values, kinds = 0, set()
    while n_samples > 0 and (frame := next(frames, None)) is not None:
        kinds.add((frame.sample_rate, frame.layout.nb_channels))
        if len(kinds) > 1:
            raise OSError("its sample rate or number of channels changes")
        parts.append(samples_of(frame)[:n_samples])
        n_samples -= len(parts[-1])
        n_values += parts[-1].size
        if n_values >= BLOCK_VALUES:
            yield np.concatenate(parts)
            parts, n_values = [], 0
    if n_values:
        yield np.concatenate(parts)


def samples_of(frame: "AudioFrame") -> np.ndarray:
    """[n, n_channels] float32 samples of a frame, integers scaled to ±1."""
    # [n_channels, n] if planar, else [1, n * n_channels].
    values: np.ndarray = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    full_scale = 2 ** (8 * values.itemsize - 1) if values.dtype.kind == "i" else 1
    return values.astype(np.float32) / np.float32(full_scale)

"""Sound files as blocks of samples (all notebooks), from libsndfile or FFmpeg.

FFmpeg (PyAV) is for what phones record, AAC, Opus and AMR, alone or beside a film; and for files of which libsndfile
would read only the part that a header tells of. It is told which formats and codecs it may use, so that a hostile file
reaches no playlist, no network and none of its many seldom-used decoders.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf

from ddsp_nb.errors import AudioError
from ddsp_nb.sound.riff import Length, check_length
from ddsp_nb.sound.time_line import in_time

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream
    from av.container import InputContainer

# What FFmpeg is asked to read, and its names for their formats (and some more) and for their codecs: what phones,
# cameras and dictating machines record, and what people convert it to.
PHONE_SUFFIXES = (".3gp", ".aac", ".amr", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp4", ".webm", ".wma")
CONTAINERS = "aac,amr,asf,caf,flac,matroska,webm,mov,mp3,mp4,ogg,wav"
CODECS = (
    *("aac", "alac", "amrnb", "amrwb", "ac3", "eac3", "flac", "mp3", "mp3float", "opus", "libopus", "vorbis"),
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be"),
    *("pcm_u8", "pcm_f64le", "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav", "wmav1", "wmav2"),
)
# The steps of these make plateaus of their own, which are no clipping; libsndfile's names and FFmpeg's.
COARSE_SUBTYPES = ("PCM_U8", "PCM_S8", "ULAW", "ALAW", "pcm_u8", "pcm_alaw", "pcm_mulaw")
# Of an MP3 or Ogg file libsndfile reads what a tag in its first frame tells of, or the first of several streams.
CUT_SHORT = ("MP3", "OGG")
# 36 bits tell of the length of a FLAC file; 0 is for a length not yet known, of which libsndfile makes a larger number.
MOST_FLAC_SAMPLES = 2**36 - 1
# Packets of some 20 ms: a scratch or a cut leaves so many that cannot be decoded, and the others are worth hearing.
MOST_DAMAGED = 3
# Samples times channels that are read at once.
BLOCK_VALUES = 1 << 20
# TypeError: headerless formats want to be told their rate.
DAMAGED = (sf.SoundFileError, OSError, TypeError)


@dataclass(frozen=True)
class OpenSound:
    """An open sound file; its sample rate is what its header says, and may be nonsense.

    `length` is what can be believed of the header's lengths; the sound ends where the blocks end. `blocks` gives the
    first so many samples as [n, n_channels] float32 blocks, fewer where it ends early, once; any of `DAMAGED` is raised
    where it cannot be read on.
    """

    sample_rate: int
    n_channels: int
    is_coarse: bool
    length: Length
    blocks: Callable[[int], Iterator[np.ndarray]]


@contextmanager
def open_sound(path: str | PathLike) -> Iterator[OpenSound]:
    """Open a sound file. Raises one of `DAMAGED` where it is none, AudioError where a film has no sound."""
    with ExitStack() as stack:
        length = check_length(path)
        try:
            file = stack.enter_context(sf.SoundFile(path))
        except DAMAGED:
            yield stack.enter_context(open_with_ffmpeg(path, length))
            return
        if file.format == "FLAC":
            length = flac_length(file, path)
        is_coarse, blocks = file.subtype in COARSE_SUBTYPES, partial(read_blocks, file)
        source = OpenSound(file.samplerate, file.channels, is_coarse, length, blocks)
        if length in (Length.NOT_WRITTEN, Length.SOUND_WRONG) or file.format in CUT_SHORT:
            with suppress(OSError, AudioError):
                source = stack.enter_context(open_with_ffmpeg(path, length))
        yield source


def flac_length(file: sf.SoundFile, path: str | PathLike) -> Length:
    """What is to be believed of the length that a FLAC file tells of, which was opened just now.

    Where it is wrong there is no such last sample, or more bytes than the same sound has in 32 bits.
    """
    if file.frames > MOST_FLAC_SAMPLES:
        return Length.NOT_WRITTEN
    try:
        file.seek(file.frames - 1)
        has_last = len(file.read(1)) == 1
        file.seek(0)
    except sf.SoundFileError:
        return Length.SOUND_WRONG
    fits = has_last and Path(path).stat().st_size <= 4 * file.frames * file.channels
    return Length.RIGHT if fits else Length.SOUND_WRONG


def read_blocks(file: sf.SoundFile, n_samples: int) -> Iterator[np.ndarray]:
    """[n, n_channels] float32 blocks of the first n_samples of an open file; fewer where it ends early."""
    size = max(1, BLOCK_VALUES // file.channels)
    while n_samples > 0 and len(block := file.read(min(size, n_samples), dtype="float32", always_2d=True)):
        n_samples -= len(block)
        yield block


@contextmanager
def open_with_ffmpeg(path: str | PathLike, length: Length) -> Iterator[OpenSound]:
    """Open the sound of a film or of a phone's recording. Raises OSError (it is none, or damaged) or AudioError."""
    # Takes a while, and most recordings can do without.
    import av

    options = {"format_whitelist": CONTAINERS, "codec_whitelist": ",".join(CODECS)}
    if length is Length.SOUND_WRONG:
        options["ignore_length"] = "1"
    try:
        with open(path, "rb", buffering=0) as file:
            # FFmpeg takes names for addresses, and suffixes for facts.
            file.name = "sound"
            with av.open(file, "r", container_options=options, metadata_errors="ignore") as container:
                track = track_of(container, path)
                frames = decoded(container, track)
                # Rate and channels are those that the decoder found: headers are often wrong.
                if (first := next(frames, None)) is None:
                    raise OSError("no samples")
                timed = in_time(itertools.chain([first], frames), container.format.name)
                is_coarse, blocks = track.codec_context.name in COARSE_SUBTYPES, partial(gather, sounds(timed))
                yield OpenSound(first.sample_rate, first.layout.nb_channels, is_coarse, length, blocks)
    except av.FFmpegError as error:
        raise OSError("FFmpeg cannot read it") from error


def track_of(container: "InputContainer", path: str | PathLike) -> "AudioStream":
    """The first track of sound that can be decoded. Raises AudioError where there is none."""
    for stream in container.streams.audio:
        if stream.codec_context is not None and stream.codec_context.name in CODECS:
            return stream
    raise AudioError(f"{path}: holds no sound that can be read. Convert its sound, if it has any, to WAV or FLAC.")


def decoded(container: "InputContainer", track: "AudioStream") -> Iterator["AudioFrame"]:
    """The frames of a track but for a few that are damaged or cut off; more of them raise FFmpegError."""
    from av import InvalidDataError

    n_damaged = 0
    for packet in container.demux(track):
        try:
            yield from packet.decode()
        except InvalidDataError:
            n_damaged += 1
            if n_damaged > MOST_DAMAGED:
                raise


def sounds(frames: Iterator[tuple[int, "AudioFrame"]]) -> Iterator[np.ndarray]:
    """[n, n_channels] float32 samples of frames, and of the silence before them.

    Raises OSError where the sample rate or the number of channels changes.
    """
    kinds = set()
    for n_silent, frame in frames:
        kinds.add((frame.sample_rate, frame.layout.nb_channels))
        if len(kinds) > 1:
            raise OSError("its sample rate or number of channels changes")
        while n_silent > 0:
            silence = np.zeros((min(n_silent, BLOCK_VALUES), frame.layout.nb_channels), np.float32)
            n_silent -= len(silence)
            yield silence
        yield samples_of(frame)


def gather(parts: Iterator[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
    """[n, n_channels] blocks of the first n_samples, from parts of some 20 ms; fewer where they end early."""
    block: list[np.ndarray] = []
    n_values = 0
    while n_samples > 0 and (part := next(parts, None)) is not None:
        block.append(part[:n_samples])
        n_samples -= len(block[-1])
        n_values += block[-1].size
        if n_values >= BLOCK_VALUES:
            yield np.concatenate(block)
            block, n_values = [], 0
    if n_values:
        yield np.concatenate(block)


def samples_of(frame: "AudioFrame") -> np.ndarray:
    """[n, n_channels] float32 samples of a frame, integers scaled to ±1."""
    # [n_channels, n] if planar, else [1, n * n_channels].
    values: np.ndarray = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    full_scale = 2 ** (8 * values.itemsize - 1) if values.dtype.kind in "iu" else 1
    middle = full_scale if values.dtype.kind == "u" else 0
    return (values.astype(np.float32) - np.float32(middle)) / np.float32(full_scale)

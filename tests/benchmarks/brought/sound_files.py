"""Sound files whose header is wrong, whose time line has gaps, whose names are unusual."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

from tests.benchmarks.brought.bench import Bench
from tests.benchmarks.brought.sounds import SR, steps, tone


def three_notes(length_s: float = 1.0) -> np.ndarray:
    """A4, C5, E5."""
    return tone(steps([440, 523.25, 659.26], length_s), [1 / k for k in range(1, 9)])


def patched(name: str, patch: Callable[[bytearray], bytes], channels: int = 1, subtype: str = "PCM_16"):
    """A file of three notes, whose bytes are changed after it was written."""

    def make(bench: Bench) -> str:
        sound = np.repeat(three_notes()[:, None], channels, 1)
        path = bench.folder / bench.write(name, sound, subtype=subtype)
        path.write_bytes(bytes(patch(bytearray(path.read_bytes()))))
        return name

    return make


def unknown_length(data: bytearray) -> bytearray:
    """FLAC as it is written to a pipe: no count of samples, no checksum."""
    data[21] &= 0xF0
    data[22:42] = bytes(20)
    return data


def sizes(data_size: int, riff_size: int) -> Callable[[bytearray], bytearray]:
    """WAV whose header claims these sizes, as after a crash."""

    def patch(data: bytearray) -> bytearray:
        data[4:8] = struct.pack("<I", riff_size)
        at = data.index(b"data") + 4
        data[at : at + 4] = struct.pack("<I", data_size)
        return data

    return patch


def bw64(kind: bytes) -> Callable[[bytearray], bytes]:
    """BW64 or RF64: the sizes stand in a chunk of their own."""

    def patch(data: bytearray) -> bytes:
        at = data.index(b"data")
        size = len(data) - at - 8
        ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(data) + 28, size, size // 2, 0)
        head = kind + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + ds64 + bytes(data[12:at])
        return head + b"data" + struct.pack("<I", 0xFFFFFFFF) + bytes(data[at + 8 :])

    return patch


def cut(share: float) -> Callable[[bytearray], bytearray]:
    return lambda data: data[: int(share * len(data))]


def film(name: str, codec: str, gap_s: float = 1.0, start_s: float = 0.0) -> Callable[[Bench], str]:
    """Three notes in a container with time stamps, the second one late by `gap_s`, all by `start_s`."""

    def make(bench: Bench) -> str:
        encode(bench.folder / name, codec, three_notes(), gap_s, start_s)
        return name

    return make


def encode(path: Path, codec: str, sound: np.ndarray, gap_s: float = 0.0, start_s: float = 0.0) -> None:
    rate = 48_000 if "opus" in codec else SR
    sound = (
        sound if rate == SR else np.interp(np.arange(len(sound) * rate // SR) * SR / rate, np.arange(len(sound)), sound)
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        size = 960 if "opus" in codec else 1024
        for start in range(0, len(sound) - size + 1, size):
            block = sound[start : start + size].astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
            frame = av.AudioResampler(stream.codec_context.format, "mono", rate).resample(frame)[0]
            late = start_s + (gap_s if start >= rate else 0)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = start + round(late * rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def folder(*names: str, link: str = "") -> Callable[[Bench], str]:
    """A folder of recordings under these names; `link` is a linked folder in it, or a linked file."""

    def make(bench: Bench) -> str:
        (bench.folder / "all").mkdir()
        (bench.folder / "elsewhere").mkdir()
        bench.write("all/first.wav", three_notes())
        for name in names:
            path = bench.folder / "all" / name
            if path.suffix in (".wma", ".opus", ".m4a"):
                encode(path, {".wma": "wmav2", ".opus": "libopus", ".m4a": "aac"}[path.suffix], three_notes())
            else:
                soundfile.write(path, three_notes(), SR, format="WAV", subtype="PCM_16")
        if link:
            bench.write("elsewhere/second.wav", three_notes())
            target = {"folder": "../elsewhere", "file": "../elsewhere/second.wav", "loop": "."}[link]
            (bench.folder / "all" / ("linked.wav" if link == "file" else "linked")).symlink_to(target)
        return "all"

    return make


def channels(gains: list[float], scale: float = 1.0, subtype: str = "FLOAT", shift: int = 0) -> Callable[[Bench], str]:
    """Three notes in some channels of several, as loud as `scale`."""

    def make(bench: Bench) -> str:
        sound = np.stack([scale * g * three_notes() for g in gains], 1)
        return bench.write("in.wav", sound if len(gains) > 1 else sound[:, 0], subtype=subtype)

    return make

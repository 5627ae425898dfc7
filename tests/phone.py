"""Recordings as phones write them, and films, made with FFmpeg's encoders."""

import tempfile
from pathlib import Path

import av
import numpy as np

RECORDINGS = {  # file name to FFmpeg's name of the encoder
    "voice_memo.m4a": "aac",
    "lossless_memo.m4a": "alac",
    "film.mp4": "aac",
    "film.mov": "pcm_s16le",
    "browser.webm": "libopus",
    "messenger.mka": "libopus",
    "radio.aac": "aac",
    "old_phone.3gp": "libopencore_amrnb",
    "old_phone.amr": "libopencore_amrnb",
    "old_computer.wma": "wmav2",
}
PICTURE_PX, PICTURES_PER_S = 32, 25
# FFmpeg's usual rate is too low for WMA.
WMA_BITS_PER_S = 128_000


def encode(path, sound, rate, codec, *, n_pictures=0):
    """Write [n, n_channels] sound, or none at all if None, and grey pictures; the suffix decides on the container."""
    with av.open(str(path), "w") as container:
        tracks = []
        if n_pictures:
            film = container.add_stream("mpeg4", rate=PICTURES_PER_S)
            film.width = film.height = PICTURE_PX
            film.pix_fmt = "yuv420p"
            tracks.append((film, pictures(n_pictures)))
        if sound is not None:
            layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
            track = container.add_stream(codec, rate=rate, layout=layout)
            if codec == "wmav2":
                track.bit_rate = WMA_BITS_PER_S
            tracks.append((track, converted(sound, rate, layout, track.codec_context.format or "s16")))
        for stream, frames in tracks:
            for frame in (*frames, None):  # None: the rest
                container.mux(stream.encode(frame))
    return path


def retimed(path, copy, later_s):
    """Copy a recording whose packets come later, by `later_s` of their time, both in s."""
    with av.open(str(path)) as source, av.open(str(copy), "w") as container:
        track = source.streams.audio[0]
        stream = container.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.size:
                moved = round(later_s(float(packet.pts * packet.time_base)) / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + moved, packet.dts + moved, stream
                container.mux(packet)
    return copy


def encoded(sound, rate, name, codec):
    """The bytes of [n, n_channels] sound in a file of this name."""
    with tempfile.TemporaryDirectory() as folder:
        return encode(Path(folder) / name, sound, rate, codec).read_bytes()


def converted(sound, rate, layout, sample_format):
    """[n, n_channels] sound as frames of FFmpeg."""
    packed = np.ascontiguousarray(sound, np.float32).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    resampler = av.AudioResampler(format=sample_format, layout=layout, rate=rate)
    return [*resampler.resample(frame), *resampler.resample(None)]


def pictures(n_pictures):
    """Grey pictures as frames of FFmpeg."""
    frames = []
    for i in range(n_pictures):
        frame = av.VideoFrame.from_ndarray(np.full((PICTURE_PX, PICTURE_PX, 3), 128, np.uint8), format="rgb24")
        frame.pts = i
        frames.append(frame.reformat(format="yuv420p"))
    return frames

"""MIDI files byte by byte, so that they can be odd or damaged: at 120 beats a minute, 960 ticks a second.

Events are written in words, `"bend_range 0 12; note 0 1.5 69; bend 0.5 1"`: a name of a function below and its numbers,
the first of them a time in seconds.
"""

import struct

# What stands at a time in seconds; where times are equal, in the order of the list.
Events = list[tuple[float, bytes]]
TICKS_A_SECOND = 960


def note(start_s: float, end_s: float, number=69, channel=0, velocity=96) -> Events:
    return [(start_s, bytes([0x90 + channel, number, velocity])), (end_s, bytes([0x80 + channel, number, 64]))]


def cc(at_s: float, control: int, value: int, channel=0) -> Events:
    return [(at_s, bytes([0xB0 + channel, control, value]))]


def bend(at_s: float, share: float, channel=0) -> Events:
    """The wheel, from -1 to 1."""
    value = max(0, min(16_383, round(8192 * (1 + share))))
    return [(at_s, bytes([0xE0 + channel, value & 0x7F, value >> 7]))]


def bend_range(at_s: float, semitones: int, channel=0, cents=0) -> Events:
    """RPN 0."""
    values = ((101, 0), (100, 0), (6, semitones), (38, cents))
    return [(at_s, bytes([0xB0 + channel, control, value])) for control, value in values]


def mpe(at_s: float, members=15) -> Events:
    """A lower zone: channel 1 speaks for all, the notes are on the channels after it."""
    return [(at_s, bytes([0xB0, control, value])) for control, value in ((101, 0), (100, 6), (6, members))]


def tempo(at_s: float, beats_a_minute: float) -> Events:
    return raw(at_s, 0xFF, 0x51, 3, *round(6e7 / beats_a_minute).to_bytes(3, "big"))


def raw(at_s: float, *values: int) -> Events:
    return [(at_s, bytes(values))]


def events(text: str) -> Events:
    """Events that are written in words."""
    parsed: Events = []
    for clause in filter(None, map(str.strip, text.split(";"))):
        name, *words = clause.split()
        numbers = [float(word) if "." in word else int(word, 0) for word in words]
        parsed += globals()[name](*numbers)
    return parsed


def quantity(value: int) -> bytes:
    """A number of variable length."""
    low = [value & 0x7F]
    while value := value >> 7:
        low.append(value & 0x7F | 0x80)
    return bytes(reversed(low))


def chunk(kind: bytes, body: bytes, claimed: int | None = None) -> bytes:
    return kind + struct.pack(">I", len(body) if claimed is None else claimed) + body


def track(text: str, per_second: float = TICKS_A_SECOND, running=False, end=True) -> bytes:
    """The inside of a track, in order of time; `running` leaves out a status byte that repeats."""
    written, now, status = b"", 0, -1
    for at_s, data in sorted(events(text), key=lambda event: event[0]):
        tick = round(at_s * per_second)
        written += quantity(tick - now) + (data[1:] if running and data[0] == status else data)
        now, status = tick, data[0]
    return written + (b"\0\xff\x2f\0" if end else b"")


def smf(*tracks: str | bytes, form: int | None = None, division=480, claimed: int | None = None) -> bytes:
    """A whole file, of format 0 or 1 by the number of its tracks; `claimed` is how many its header counts."""
    form = int(len(tracks) > 1) if form is None else form
    header = struct.pack(">HHH", form, len(tracks) if claimed is None else claimed, division)
    return chunk(b"MThd", header) + b"".join(x if isinstance(x, bytes) else chunk(b"MTrk", track(x)) for x in tracks)


def smpte(frames: int, ticks: int, text: str) -> bytes:
    """Time in frames a second in place of beats; 29 frames are 29.97."""
    rate = ticks * (30_000 / 1001 if frames == 29 else frames)
    return smf(chunk(b"MTrk", track(text, rate)), division=(256 - frames) << 8 | ticks)


def riff(data: bytes) -> bytes:
    inner = b"RMIDdata" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(inner)) + inner

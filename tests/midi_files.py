"""MIDI files byte by byte, so that they can be wrong, and by chance."""

HEAD, TRACK, END = b"MThd", b"MTrk", b"\xff\x2f\x00"
LENGTH_BYTES = 4


def number(value):
    """A number of seven bits a byte."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def track(*messages, end=END, length=None):
    """A track of (ticks since the one before, status, values ...) or (ticks, bytes); its length may be wrong."""
    body = b"".join(
        number(ticks) + (what[0] if isinstance(what[0], bytes) else bytes(what)) for ticks, *what in messages
    )
    body += number(0) + end if end else b""
    return TRACK + (len(body) if length is None else length).to_bytes(LENGTH_BYTES, "big") + body


def midi_file(*tracks, form=1, n_tracks=None, division=480):
    """A file of tracks, with a head that may be wrong; `division` is what its two bytes hold."""
    head = (form, len(tracks) if n_tracks is None else n_tracks, division % 65_536)
    return (
        HEAD + (6).to_bytes(LENGTH_BYTES, "big") + b"".join(part.to_bytes(2, "big") for part in head) + b"".join(tracks)
    )


def notes(*keys, channel=0, ticks=480):
    """Messages of keys one after another, each for some ticks."""
    return [message for key in keys for message in ((0, 0x90 + channel, key, 96), (ticks, 0x80 + channel, key, 0))]


def riff(content):
    """A file within one of Microsoft's."""
    sized = lambda name, data: name + len(data).to_bytes(LENGTH_BYTES, "little") + data
    return sized(b"RIFF", b"RMID" + sized(b"data", content))


# Controllers that mean something here, and two that do not.
CONTROLS = (1, 6, 7, 11, 38, 64, 66, 74, 96, 97, 98, 99, 100, 101, 120, 121, 123, 126)
# Bend range, nothing, a zone of MPE, fine tuning.
PARAMETERS = ((0, 0), (127, 127), (0, 6), (0, 1))


def random_message(chance):
    """Status and values of a message; few channels and keys, such that they meet often."""
    channel = chance.choice((0, 0, 0, 1, 1, 2, 9, 14, 15))
    key, value = chance.choice((57, 60, 60, 64, 127, 0)), chance.choice((0, 1, 40, 64, 96, 127))
    kind = chance.choice((0x80, 0x80, 0x90, 0x90, 0x90, 0xA0, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0))
    first = chance.choice(CONTROLS) if kind == 0xB0 else chance.randrange(128) if kind == 0xE0 else key
    return (kind + channel, first) if kind in (0xC0, 0xD0) else (kind + channel, first, value)


def random_track(chance, *, whole=True):
    """A track by chance; one that is not whole may lack its end, its length or its running status."""
    messages = []
    for _ in range(chance.randrange(1, 40)):
        ticks = chance.choice((0, 0, 0, 1, 240, 480, 1000))
        messages.append((ticks, *random_message(chance)))
        if chance.random() < 0.1:
            channel, (high, low), value = chance.choice((0, 1, 15)), chance.choice(PARAMETERS), chance.randrange(16)
            messages += [(0, 0xB0 + channel, *pair) for pair in ((101, high), (100, low), (6, value))]
        if chance.random() < 0.1:
            tempo = b"\xff\x51\x03" + chance.choice((250_000, 500_000, 1_000_000)).to_bytes(3, "big")
            messages.append((0, chance.choice((b"\xff\x03\x03abc", b"\xf0\x03\x01\x02\xf7", tempo))))
        if not whole and chance.random() < 0.1:
            messages.append((0, bytes([chance.choice((0xF1, 0xF4, 60, 0x90, 200, 255))])))
    if whole:
        return track(*messages)
    length = chance.choice((None, None, 0, 5, 10_000, 2**32 - 1))
    return track(*messages, end=chance.choice((END, END, b"")), length=length)


def random_file(chance, *, whole=True):
    """A file by chance; one that is not whole has a form, a count, a division or a wrapping that few files have."""
    tracks = [random_track(chance, whole=whole) for _ in range(chance.choice((1, 1, 2, 3)))]
    if whole:
        return midi_file(*tracks, form=int(len(tracks) > 1), division=chance.choice((24, 96, 480, 960)))
    division = chance.choice((480, 1, 0, 0xE728, 0xE250, 0xE300, 0xFFFF))
    content = midi_file(
        *tracks, form=chance.choice((0, 1, 2, 7)), n_tracks=chance.choice((None, 0, 9)), division=division
    )
    wrap = chance.choice(
        (bytes, bytes, riff, lambda content: content + content, lambda content: content[: len(content) * 2 // 3])
    )
    return wrap(content)

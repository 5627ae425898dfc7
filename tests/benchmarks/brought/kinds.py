"""The table: what is brought, and which verdict it gets. A name begins with the part that it belongs to."""

import itertools
from functools import partial as a

import numpy as np
import soundfile

from tests.benchmarks.brought import sound_files as files
from tests.benchmarks.brought import sounds as s
from tests.benchmarks.brought import verdicts as v
from tests.benchmarks.brought.midi_files import chunk, riff, smf, smpte, track

BRIGHT, DULL, FLUTY = [1 / k for k in range(1, 40)], [1, 0.25, 0.08, 0.03], [1, 0.1, 0.3, 0.02]
LOW_REED = [0.3, 0.6, 1, 0.9, 0.8, *BRIGHT[5:]]


def played(*hz, partials=DULL, length_s=0.9, **kinds):
    """Notes one after the other, and their pitch."""
    curve = s.steps(hz, length_s, **kinds)
    return lambda: (s.tone(curve, partials), curve)


def low(*hz, partials=BRIGHT):
    return played(*hz, partials=partials, length_s=1.2)


def bars(*hz, **kinds):
    return lambda: (s.struck(hz, **kinds), s.steps(hz, 0.9))


def glides(*ends, length_s=0.5):
    curve = np.concatenate([s.glide(x, y, length_s) for x, y in itertools.pairwise(ends)])
    return lambda: (s.tone(curve, [1, 0.02], -60), curve)


def file(name, make):
    """A command line that trains on a file made here."""
    return lambda b: (
        ["train", "--audio", make(b), *v.SMALL] if callable(make) else ["train", "--audio", b.bytes(name, make)]
    )


def trains(sound, *options):
    return lambda b: ["train", "--audio", b.write("in.wav", sound), *v.SMALL, *options]


PITCH = {
    "piccolo D7 A7 C8": a(v.pitch, played(2349.3, 3520, 4186)),
    "piccolo, a bright one": a(v.pitch, played(2349.3, 3520, 4186, partials=[1, 0.8, 0.5, 0.3])),
    "piccolo D8": a(v.pitch, played(4698.6, 3951.1, partials=[1, 0.1])),
    "piccolo from D5 to C8": a(v.pitch, played(587.3, 1174.7, 2349.3, 4186)),
    "glockenspiel": a(v.pitch, bars(1568, 2093, 3136, 4186)),
    "celesta": a(v.pitch, bars(1046.5, 2093, 2637, ratios=(1, 4, 10), decay_s=1.0)),
    "recorder D6 to D7": a(v.pitch, played(1174.7, 1480, 1760, 2349.3, partials=FLUTY)),
    "whistle, 1 to 4.5 kHz": a(v.pitch, glides(1000, 4500, length_s=3)),
    "bird": a(v.pitch, glides(2500, 4500, 2500, 4500, 2500, 4500)),
    "violin flageolet": a(v.pitch, played(2637, 3136, partials=[1, 0.4, 0.15, 0.05], vibrato=0.004)),
    "flute three times as fast": a(v.pitch, a(s.shipped, "flute", 3), rate=3 * s.SR),
    "violin three times as fast": a(v.pitch, a(s.shipped, "violin", 3), rate=3 * s.SR),
    "double bass E1": a(v.pitch, low(41.2, 43.65, 55)),
    "bass guitar B0": a(v.pitch, low(30.87, 41.2, 61.74)),
    "contrabassoon Bb0": a(v.pitch, low(29.14, 34.65, 58.27, partials=LOW_REED)),
    "organ pedal C1": a(v.pitch, low(32.7, 36.71, partials=[1, 0.5, 0.3, 0.2, 0.1])),
    "organ pedal C1, almost a sine": a(v.pitch, low(32.7, 36.71, partials=[1, 0.03])),
    "piano A0": a(v.pitch, low(27.5, partials=[0.1, 0.5, *BRIGHT[2:]])),
    "bass without its fundamental": a(v.pitch, low(41.2, 49, partials=[0, *BRIGHT[1:]]), by_midi=True),
    "bass and higher notes": a(v.pitch, low(41.2, 110, 220, 659.26)),
    "bass to piccolo in one": a(v.pitch, low(32.7, 261.6, 2093, 3520, partials=DULL)),
    **{f"shipped {name}": a(v.pitch, a(s.shipped, name)) for name in ("violin", "flute", "trumpet", "voice")},
    "--f0-min 200 --f0-max 1000": a(v.pitch, played(220, 440, 880), options=("--f0-min", 200, "--f0-max", 1000)),
    "a piccolo's instrument plays C8": a(v.played_high, played(2349.3, 3520, 4186)),
    "piccolo above --f0-max": a(
        v.trained, lambda: played(2349, 3520)()[0], "^(?!.*No such).*(limit|f0-max)", "", options=("--f0-max", 2000)
    ),
    "bass below --f0-min": a(
        v.trained, lambda: low(41.2, 49)()[0], "^(?!.*No such).*(limit|f0-min)", "", options=("--f0-min", 60)
    ),
    "--f0-min above --f0-max": a(
        v.refused, trains(files.three_notes(), "--f0-min", 500, "--f0-max", 100), "^(?!.*No such).*f0"
    ),
    "--f0-max nan": a(v.refused, trains(files.three_notes(), "--f0-max", "nan"), "^(?!.*No such).*f0-max"),
    "--f0-max 30000": a(v.refused, trains(files.three_notes(), "--f0-max", 30_000), "^(?!.*No such).*f0"),
}

RINGING = np.exp(-np.arange(int(2.5 * s.SR)) / s.SR / 1.2)
HUM = {
    "none": a(v.background, None),
    "50 Hz, 36 dB below": a(v.background, s.mains(50, -36)),
    "50 Hz, 24 dB below": a(v.background, s.mains(50, -24)),
    "50 Hz, 50 dB below": a(v.background, s.mains(50, -50)),
    "60 Hz, 36 dB below, 30 harmonics": a(v.background, s.mains(60, -36, n=30)),
    "100 Hz, rectified, 40 dB below": a(v.background, s.mains(100, -40)),
    "50 Hz that drifts by 0.3 Hz": a(v.background, s.mains(50, -36, 0.3)),
    "whistle of 3 kHz, 40 dB below": a(v.background, s.mains(3000, -40, n=1)),
    "whine of 15.6 kHz, 40 dB below": a(v.background, s.mains(15_625, -40, n=1)),
    "fan: noise up to 800 Hz, and 120 Hz": a(
        v.background, lambda n: s.hiss(-42, 40, 800)(n) + s.mains(120, -40, n=3)(n)
    ),
    "room, white, 40 dB below": a(v.background, s.hiss(-40)),
    "room, rumble, 45 dB below": a(v.background, s.hiss(-45, 20, 120)),
    "a bell that rings is no hum": a(
        v.trained, lambda: RINGING * s.tone(s.steps([330], 2.5), BRIGHT, -90), "", "lies? under"
    ),
    "a string plucked once is no hum": a(v.trained, lambda: 0.4 * s.plucked(196), "", "lies? under"),
    "a string plucked four times is no hum": a(
        v.trained, lambda: np.tile(0.4 * s.plucked(196, 0.7), 4), "", "lies? under"
    ),
    "an organ's note is no hum": a(v.trained, lambda: s.tone(s.steps([220], 3), BRIGHT), "", "lies? under"),
    "what is exported beside 50 Hz": a(v.exported_range, s.mains(50, -36)),
}

WHISPER = np.repeat([0.0, 0.02, 0.0], s.SR)
SUNG = {
    "G2 with breaths": a(v.sung, lambda: s.breathy([98, 110, 123.5, 98, 110]), 42, 48),
    "A3 with breaths that grow": a(v.sung, lambda: s.breathy([220, 247, 262, 247, 220], True), 56, 61),
    "notes with long rests": a(v.sung, lambda: s.tone(s.steps([440, 523.25, 659.26], 0.5, 1.0), BRIGHT), 68, 77),
    "a whisper between": a(
        v.sung, lambda: s.tone(s.steps([220, 0, 247], 1), BRIGHT) + WHISPER * s.hiss(8)(3 * s.SR), 56, 60
    ),
    "shipped voice": a(v.sung, a(s.recording, "voice"), 42, 66),
    "shipped violin": a(v.sung, a(s.recording, "violin"), 68, 80),
}

LONG, MENDED = "0.3:A4 1.0:A4 1.7:A4", "Warning"
LEFT_OUT = r"left out|one note|one voice|of several|melody|at a time|highest|not played|ignored"
CHANNELS = [c for c in range(16) if c != 9]
DRUMS = ";".join(f"note {i / 4 + 0.01} {i / 4 + 0.06} {36 + 6 * (i % 2)} 9 100" for i in range(8))
TWO = ("note 0 2 81", "note 0 .4 69 1 60; note .5 .9 69 1 60; note 1 1.4 69 1 60; note 1.5 1.9 69 1 60")
ONE = smf("note 0 1")
# Events in words, what sounds when (live and played), and what else is asked.
EVENTS = {
    "bend range 12": ("bend_range 0 12; note 0 1.5; bend .5 1", "0.3:A4 1.2:A5", dict(instead="bend")),
    "bend range 12, down": ("bend_range 0 12; note 0 1.5 81; bend .5 -1", "0.3:A5 1.2:A4", dict(instead="bend")),
    "bend range 1.5 by its cents": ("bend_range 0 1 0 50; note 0 1.5; bend .5 1", "1.2:479.8", dict(instead="bend")),
    "bend range of another channel": ("bend_range 0 12 1; note 0 1.5; bend .5 1", "1.2:B4", dict(instead="bend")),
    "bend of another channel": ("note 0 1.5; bend .5 1 3", "1.2:A4", {}),
    "bend range, then the null RPN": (
        "bend_range 0 2; cc .01 101 127; cc .01 100 127; cc .02 6 24; note .1 1.5; bend .5 1",
        "1.2:B4",
        dict(instead="bend"),
    ),
    "NRPN is no bend range": (
        "cc 0 101 0; cc 0 100 0; cc 0 99 1; cc 0 98 8; cc 0 6 24; note .1 1.5; bend .5 1",
        "1.2:B4",
        dict(instead="bend"),
    ),
    "bend range in steps": ("bend_range 0 2" + "; cc .01 96 0" * 10 + "; note .1 1.5; bend .5 -1", "0.3:A4", {}),
    "MPE, a bend a note": (
        "mpe 0; note 0 1.5 69 1; note 0 1.5 76 2; bend .5 .041667 1",
        "0.3:A4+E5 1.2:B4+E5",
        dict(instead=f"bend|{LEFT_OUT}"),
    ),
    "MPE, bend of the manager": (
        "mpe 0; note 0 1.5 69 1; note 0 1.5 76 2; bend .5 1 0",
        "0.3:A4+E5 1.2:B4+F#5",
        dict(instead=f"bend|{LEFT_OUT}"),
    ),
    "MPE with a range of 24": (
        "bend_range 0 24 1; bend_range 0 24 2; note 0 1.5 69 1; note 0 1.5 76 2; bend .5 .083333 1",
        "0.3:A4+E5 1.2:B4+E5",
        dict(instead=f"bend|{LEFT_OUT}"),
    ),
    "MPE, pressure and slide": ("mpe 0; note 0 1.5 69 1; raw .2 0xD1 64; raw .4 0xD1 127; cc .3 74 90 1", "1.2:A4", {}),
    "controller 121 lets the pedal go": (
        "cc 0 64 127; note 0 .5; cc 1 121 0; note 3 3.5 81",
        "0.8:A4 2.2:- 3.3:A5",
        {},
    ),
    "controller 121 sets the wheel back": ("bend 0 1; note 0 2; cc 1 121 0", "0.5:B4 1.6:A4", dict(instead="bend")),
    "controller 121 and expression": ("cc 0 11 0; cc .1 121 0; note .2 1.5", "1:A4", {}),
    "controller 121 keeps the volume": (
        "cc 0 7 0; cc .1 121 0; note .2 1.5; cc 2 7 100; note 2 3 76",
        "1:- 2.5:E5",
        {},
    ),
    "controller 121 of another channel": ("cc 0 64 127; note 0 .3; cc .6 121 0 4; cc 2 64 0", "1.6:A4", {}),
    "controller 123": ("note 0 2.5; cc 1 123 0; note 3 3.5 81", "0.5:A4 2.2:- 3.3:A5", {}),
    "controller 123 of another channel": ("note 0 2; cc 1 123 0 2", LONG, {}),
    "controller 120": ("note 0 2.5; cc 1 120 0; note 3 3.5 81", "0.5:A4 2.2:- 3.3:A5", {}),
    "sostenuto": ("note 0 .5; cc .3 66 127; cc 2 66 0", "0.3:A4", {}),
    "drums and melody": (f"{DRUMS}; note 0 2", LONG, dict(words="drum|channel 10", ends_s=2.2)),
    "sysex in the middle": ("note 0 1; raw .5 0xF0 5 0x7E 0x7F 9 1 0xF7; note 1 2 76", "0.7:A4 1.5:E5", {}),
    "sysex in pieces": (
        "note 0 1; raw .5 0xF0 3 0x43 18 0; raw .6 0xF7 3 1 2 0xF7; note 1 2 76",
        "0.7:A4 1.5:E5",
        {},
    ),
    "text that is no UTF-8": ("raw 0 0xFF 3 4 0xFF 0xFE 0xE9 0x80; note 0 1", "0.5:A4", {}),
    "volume 0 of another channel": ("cc 0 7 100; cc 0 7 0 1; note 0 2", LONG, {}),
    "expression 0 of another channel": ("cc 0 11 0 5; note 0 2", LONG, {}),
    "volume 0, then 100": ("cc 0 7 0; note 0 1; cc 1.5 7 100; note 1.6 2.6 76", "0.5:- 2.1:E5", {}),
    "pedal": ("cc 0 64 127; note 0 .25; cc 2 64 0", LONG, {}),
    "pedal of 63 is up": ("cc 0 64 63; note 0 .25; note 2 2.3 81", "0.2:A4 1.3:- 2.2:A5", {}),
    "pedal across repeated notes": (
        "cc 0 64 127; note 0 .2; note .5 .7; note 1 1.2; cc 2.2 64 0; note 4 4.3 81",
        "0.3:A4 0.9:A4 1.9:A4 3.3:- 4.2:A5",
        {},
    ),
    "pedal of another channel": (
        "cc 0 64 127 1; note 0 .3; note 1.2 1.5 73; note 2.4 2.7 81; cc 4 64 0 1",
        "0.2:A4 1.0:- 1.4:C#5 2.2:-",
        {},
    ),
    "pedal never let go": ("cc 0 64 127; note 0 .5; note 1.5 2 76", "0.3:A4", {}),
    "repeat begins before its end": (
        "note 1.5 2; note 1 1.5; note .5 1; note 0 .5",
        "0.25:A4 0.75:A4 1.25:A4 1.75:A4",
        {},
    ),
    "one pitch twice, overlapping": ("note 0 .75; note .5 1.6", "0.3:A4 1.3:A4", {}),
    "one pitch in two channels": ("note 0 2; note .25 .5 69 1", LONG, {}),
    "16 channels, one after the other": (
        "; ".join(f"note {c} {c + 0.4} {69 + 7 * (c % 2)} {c}" for c in CHANNELS),
        " ".join(f"{c + 0.3}:{('A4', 'E5')[c % 2]}" for c in CHANNELS),
        {},
    ),
    "note-on of velocity 0 is an end": (
        "raw 0 0x90 69 96; raw .5 0x90 69 0; note 2 2.4 81",
        "0.3:A4 1.4:- 2.3:A5",
        {},
    ),
    "a note without an end": ("raw 0 0x90 69 96; note 1 1.5 76 1", "0.3:A4", {}),
}
TRACKS = {
    "drums in a track": (smf("note 0 2", DRUMS), LONG, dict(words="drum|channel 10", ends_s=2.2)),
    "data byte 255": (ONE.replace(b"\x90\x45\x60", b"\x90\x45\xff"), "0.5:A4", dict(words=MENDED)),
    "volume of 200": (smf("cc 0 7 100; note 0 1").replace(b"\xb0\7d", b"\xb0\7\xc8"), "0.5:A4", dict(words=MENDED)),
    "header counts 5 tracks, 1 is there": (smf("note 0 1", claimed=5), "0.5:A4", dict(words=MENDED)),
    "header counts 1 track, 2 are there": (smf("tempo 0 120", "note 0 1", claimed=1), "0.5:A4", {}),
    "track claims 4 GB": (smf(chunk(b"MTrk", track("note 0 1"), 0xFFFFFFF0)), "0.5:A4", dict(words=MENDED)),
    "track claims 0 bytes": (smf(chunk(b"MTrk", track("note 0 1"), 0)), "0.5:A4", dict(words=MENDED)),
    "track claims 4 bytes less": (smf(chunk(b"MTrk", track("note 0 1"), len(track("note 0 1")) - 4)), "0.5:A4", {}),
    "cut in the middle": (smf("note 0 .3; note 1 1.5 72; note 1.5 2 76")[:-13], "0.2:A4 1.3:C5", dict(words=MENDED)),
    "no end of track": (smf(chunk(b"MTrk", track("note 0 1", end=False))), "0.5:A4", {}),
    "bytes after the last track": (ONE + b"\0\0junk at the end", "0.5:A4", {}),
    "a chunk of another kind": (smf(chunk(b"XFIH", b"hello"), "note 0 1", form=0, claimed=1), "0.5:A4", {}),
    "division of 0": (smf("note 0 1", division=0), "0.5:A4", dict(words=MENDED)),
    "RIFF": (riff(ONE), "0.5:A4", {}),
    "RIFF, two tracks": (riff(smf("tempo 0 60", "note 0 1")), "1.5:A4", {}),
    "a Mac header before it": (bytes(128) + ONE, "0.5:A4", dict(words=MENDED)),
    "format 2": (smf("note 0 1", "note 0 1 76", form=2), "0.5:A4", dict(words=MENDED)),
    "running status": (
        smf(
            chunk(b"MTrk", track("raw 0 0x90 69 96; raw 1 0x90 69 0; raw 1 0x90 76 96; raw 2 0x90 76 0", running=True))
        ),
        "0.5:A4 1.5:E5",
        {},
    ),
    "two voices": (smf(*TWO), "0.25:A5+A4 1.7:A5+A4", dict(instead=LEFT_OUT)),
    "two voices, the melody played": (smf(*TWO), "0.25:A5+A4", dict(play="0.2:A5 1.0:A5 1.7:A5")),
    "a chord of three": (smf("note 0 2", "note 0 2 73 1", "note 0 2 76 2"), "1.0:A4+C#5+E5", dict(instead=LEFT_OUT)),
    "tempo changes in a track of their own": (
        smf("tempo 0 60; tempo .5 240", "note 0 .3; note .5 .9 76; note 1.5 1.9 81"),
        "0.5:A4 1.15:E5 1.65:A5",
        {},
    ),
    "SMPTE 25 x 40": (smpte(25, 40, "note 0 1; note 1 2 72; note 2 3 76"), "0.5:A4 1.5:C5 2.5:E5", {}),
    "SMPTE 24 x 80": (smpte(24, 80, "note 0 1; note 1 2 72; note 2 3 76"), "0.5:A4 1.5:C5 2.5:E5", {}),
    "SMPTE 29.97 x 100": (smpte(29, 100, "note 0 1; note 1 2 72; note 2 3 76"), "0.5:A4 1.5:C5 2.5:E5", {}),
    "SMPTE with a tempo in it": (smpte(25, 40, "tempo 0 60; note 0 1; note 1 2 72"), "0.5:A4 1.5:C5", {}),
}
REFUSED_MIDI = {
    "drums alone": ("live", smf(DRUMS), "drum|channel 10"),
    "drums alone, played": ("play", smf(DRUMS), "drum|channel 10"),
    "no notes": ("live", smf("cc 0 7 100"), "note"),
    "no notes, played": ("play", smf("cc 0 7 100"), "note"),
    "text in place of MIDI": ("live", b"hello, this is no MIDI file", "MIDI"),
    "an empty file": ("play", b"", "MIDI"),
    "a header alone": ("play", smf(), "MIDI|note"),
}
SCALE = smf("; ".join(f"note {i / 4} {i / 4 + 0.25} {n} 0 40" for i, n in enumerate((69, 71, 72, 74))))


def midi(command, data):
    """A command line that plays a MIDI file made here."""
    return lambda b: [command, "--model", b.model, "--midi", b.bytes("in.mid", data), "--output", "played.wav"]


MIDI = {
    **{name: a(v.midi, smf(events), wanted, **more) for name, (events, wanted, more) in EVENTS.items()},
    **{name: a(v.midi, data, wanted, **more) for name, (data, wanted, more) in TRACKS.items()},
    **{name: a(v.refused, midi(*what), words) for name, (*what, words) in REFUSED_MIDI.items()},
    "scale at velocity 40": a(v.told, midi("play", SCALE), "", "cannot play it"),
}

WRONG_SIZE = "header|length|unfinished|size|never finished|recover"
CRASHED = files.sizes(0, 0)
GAP = "0.5:A4 1.5:- 2.5:C5 3.5:E5"
NAMES = {
    ".bwf": (r"from [56]\.\d s", ["second.bwf"], ""),
    ".wave": (r"from [56]\.\d s", ["second.wave"], ""),
    ".WAV and .Wave": (r"from [89]\.\d s", ["a.WAV", "b.Wave"], ""),
    ".wma": (r"from [56]\.\d s|second\.wma", ["second.wma"], ""),
    ".opus": (r"from [56]\.\d s", ["second.opus"], ""),
    ".m4a": (r"from [56]\.\d s", ["second.m4a"], ""),
    "a linked folder": (r"from [56]\.\d s|linked", [], "folder"),
    "a linked file": (r"from [56]\.\d s", [], "file"),
    "itself": (r"from [23]\.\d s", [], "loop"),
}
LOUD = np.clip(4 * files.three_notes(), -1, 1)
FILES = {
    "FLAC of unknown length": a(v.length, files.patched("in.flac", files.unknown_length), 3.0),
    "FLAC of unknown length, 24 bits": a(v.length, files.patched("in.flac", files.unknown_length, 2, "PCM_24"), 3.0),
    "WAV: data 0, RIFF 0": a(v.length, files.patched("in.wav", CRASHED), 3.0, words=WRONG_SIZE),
    "WAV: data 0, RIFF 36": a(v.length, files.patched("in.wav", files.sizes(0, 36), 2), 3.0, words=WRONG_SIZE),
    "WAV: data 0xFFFFFFFF": a(v.length, files.patched("in.wav", files.sizes(0xFFFFFFFF, 0xFFFFFFFF)), 3.0),
    "WAV: data 0, 24 bits": a(v.length, files.patched("in.wav", CRASHED, 1, "PCM_24"), 3.0, words=WRONG_SIZE),
    "WAV: data 0, float": a(v.length, files.patched("in.wav", CRASHED, 1, "FLOAT"), 3.0, words=WRONG_SIZE),
    "WAV: data claims twice as much": a(v.length, files.patched("in.wav", files.sizes(529_200, 529_236)), 3.0),
    "WAV cut in half": a(v.length, files.patched("in.wav", files.cut(0.5)), 1.5),
    "BW64": a(v.length, files.patched("in.wav", files.bw64(b"BW64")), 3.0),
    "RF64": a(v.length, files.patched("in.wav", files.bw64(b"RF64")), 3.0),
    "FLAC cut in half": a(v.told, file("", files.patched("in.flac", files.cut(0.5))), "Warning", ""),
    "gap in a .webm, Opus": a(v.length, files.film("in.webm", "libopus"), 4.0, wanted=GAP),
    "gap in a .mkv, FLAC": a(v.length, files.film("in.mkv", "flac"), 4.0, wanted=GAP),
    "gap in a .mkv, 16 bits": a(v.length, files.film("in.mkv", "pcm_s16le"), 4.0, wanted=GAP),
    "gap in a .mp4, AAC": a(v.length, files.film("in.mp4", "aac"), 4.0, wanted=GAP),
    "no gap in a .mkv, AAC": a(v.length, files.film("in.mkv", "aac", 0.0), 3.0, wanted="0.5:A4 1.5:C5 2.5:E5"),
    **{f"folder with {n}": a(v.told, file("", files.folder(*f, link=x)), w, "") for n, (w, f, x) in NAMES.items()},
    "left channel only": a(v.level_kept, files.channels([1, 0]), "channel"),
    "right channel only": a(v.level_kept, files.channels([0, 1]), "channel"),
    "right channel, hiss in the left": a(v.level_kept, files.channels([1e-4, 1]), "channel"),
    "5.1, centre only": a(v.level_kept, files.channels([0, 0, 1, 0, 0, 0]), "channel"),
    "both channels": a(v.level_kept, files.channels([1, 1]), "never"),
    "clipped by 6 dB: parts add up": a(
        v.adds_up, lambda b: b.write("in.wav", np.clip(6 * s.recording("violin"), -1, 1))
    ),
    "float up to 2.4: parts add up": a(v.adds_up, files.channels([1], 6.0)),
    "float, stereo, up to 1.5": a(v.adds_up, files.channels([1, 0.8], 3.8)),
    "16 bits, full scale": a(v.adds_up, files.channels([1], 2.4, "PCM_16")),
    "play --stems": a(v.stems, "play --notes A4:1"),
    "play --stems, loud": a(v.stems, "play --midi in.mid", midi=smf("note 0 .5 69 0 127; note .5 1 76 0 127")),
    "play --stems of a clipped recording": a(v.stems, "play --audio in.wav", audio=LOUD),
    "grow --stems": a(v.stems, "grow --strategy fibonacci"),
    "grow --stems, loud, 24 bits": a(v.stems, "grow --loudness 12 --subtype PCM_24"),
}

SEVERAL = r"several (voices|notes)|more than one|chord|at once|two voices"
VOICES = {
    "a guitar's chord": a(
        v.trained, lambda: s.chord([82.4, 123.5, 164.8, 207.7, 246.9, 329.6], s.plucked), SEVERAL, ""
    ),
    "a piano's third": a(
        v.trained, lambda: s.chord([261.6, 329.6], lambda f: s.struck([f] * 3, (1, 2, 3, 4, 5))), SEVERAL, ""
    ),
    "two singers, a third": a(v.trained, lambda: s.chord([220, 277.2], s.singer), SEVERAL, ""),
    "two singers, a fifth": a(v.trained, lambda: s.chord([196, 293.7], s.singer), SEVERAL, ""),
    "violin and flute": a(
        v.trained, lambda: s.recording("violin")[:220_000] + s.recording("flute")[:220_000], SEVERAL, ""
    ),
    "melody over a drone": a(v.trained, lambda: played(440, 494, 587)()[0] + played(147, 147, 147)()[0], SEVERAL, ""),
    **{f"{n} alone": a(v.trained, a(s.recording, n), "", SEVERAL) for n in ("violin", "flute", "trumpet", "voice")},
    "a singer alone, wide vibrato": a(v.trained, lambda: s.singer(330, 0.03), "", SEVERAL),
    "a string plucked once": a(v.trained, lambda: 0.4 * s.plucked(196), "", SEVERAL),
    "a bass alone": a(v.trained, lambda: low(55, 65.4, 82.4)()[0], "", SEVERAL),
    "a breathy flute alone": a(v.trained, lambda: s.tone(s.steps([440, 523.25, 659.26], 1), DULL, -40), "", SEVERAL),
    "bells alone": a(v.trained, lambda: s.struck([1568, 2093, 3136]), "", "at once|singers"),
}


def notes(text):
    return lambda b: v.written(b, text)


def grown(*words):
    return lambda b: ["grow", "--model", b.model, *words, "--output", "grown.wav"]


TYPED = {
    "440Hz:1": a(v.typed, "440Hz:1", "0.5:A4"),
    "440.5hz:1": a(v.typed, "440.5hz:1 E5:1", "0.5:440.5 1.5:E5"),
    "F##4 and Bbb4": a(v.typed, "F##4:1 Bbb4:1", "0.5:G4 1.5:A4"),
    "E♭5 and F♯5": a(v.typed, "E♭5:1 F♯5:1", "0.5:D#5 1.5:F#5"),
    "small letters": a(v.typed, "a4:1 bb4:1", "0.5:A4 1.5:A#4"),
    "note values": a(v.typed, "A4:1/4 C5:1/4 E5:1/2", "0.25:A4 0.75:C5 1.4:E5"),
    "note values at a tempo": a(v.typed, "A4:1/4 C5:1/8 E5:1/2.", "0.5:A4 1.25:C5 3.0:E5", options=("--tempo", 60)),
    "triplets at a tempo": a(v.typed, "A4:1/4t C5:1/4t E5:1/4t", "0.33:A4 1.0:C5 1.67:E5", options=("--tempo", 60)),
    "69 asks": a(v.refused, notes("69:1"), r"69 ?Hz.*A4|A4.*69 ?Hz"),
    "H4 is B4": a(v.refused, notes("H4:1"), r"\bB4?\b"),
    "no seconds": a(v.refused, notes("A4"), "A4:"),
    "no note": a(v.refused, notes("X4:1"), r"X4(?!.*(phrase|held))"),
    "negative": a(v.refused, notes("A4:-1"), "second|long"),
    "nan": a(v.refused, notes("A4:nan"), "second|long|number"),
    "a year": a(v.refused, notes("A4:31536000"), "second|minute|long"),
    "nothing": a(v.refused, notes(" "), "note"),
    "melody H4": a(v.refused, grown("--melody", "A4,H4"), r"\bB4?\b"),
    "melody 69": a(v.refused, grown("--melody", "69"), "69 ?Hz"),
    "melody X4": a(v.refused, grown("--melody", "X4"), "X4"),
    "melody 440Hz,F##4": a(v.told, grown("--melody", "440Hz,F##4,A4,Cbb5"), "", "Error"),
    "pitch 440Hz": a(v.told, grown("--pitch", "440Hz"), "", "Error"),
    "pitch F##4": a(v.told, grown("--pitch", "F##4"), "", "Error"),
    "pitch H4": a(v.refused, grown("--pitch", "H4"), r"\bB4?\b"),
}


def quiet(bench):
    return bench.write("in.wav", 0.002 * s.recording("violin"), subtype="FLOAT")


MANY = grown("--strategy", "linear", "--stages", "1000", "--stage-duration", "0.05")
TOLD = {
    "short notes": a(v.told, notes("A4:0.12 C5:0.12 E5:0.12 A4:0.12 B4:0.12"), "", "cannot play it"),
    "notes of usual length": a(v.told, notes("A4:0.3 C5:0.3 E5:0.6"), "", "cannot play it"),
    "notes far outside": a(v.told, notes("A1:1 A7:1"), "outside|range", ""),
    "1,000 stages": a(v.told, MANY, r"1,?000 stages were asked for", ""),
    "a quiet recording, exported": a(v.export_level, quiet),
    "a quiet recording, live": a(v.live_level, quiet),
    "a minute and more": a(v.trained, lambda: np.tile(s.recording("violin"), 12), r"from 59.*11\.9 s in", ""),
    "a bar on a long performance": a(v.bar, "A4:300"),
}

EDGES = {
    "silence": a(v.refused, trains(np.zeros(90_000)), "silen"),
    "a file of 0 bytes": a(v.refused, file("in.wav", b""), "in.wav"),
    "text": a(v.refused, file("in.wav", b"hello" * 99), "in.wav"),
    "text as a model": a(v.refused, lambda b: ["grow", "--model", b.bytes("m.pt", b"hello" * 99)], "m.pt"),
    "an empty folder": a(v.refused, lambda b: ["train", "--audio", "."], "sound files"),
    "noise alone": a(v.trained, lambda: 0.1 * s.hiss(0)(2 * s.SR), "pitch", r"\bnan\b"),
    "0.05 s": a(v.refused, trains(files.three_notes()[:2000]), "short|second| s"),
    "all commands of the documents": v.documents,
}

SHARED = s.ROOT.parent / "shared" / "cases"
# Small inputs that failed in public, where they lie beside the checkout: what sounds when, and what else is asked.
SHARED_MIDI = {
    "midi_bend_range_12.mid": ("0.3:A4 1.2:A5", dict(instead="bend")),
    "midi_databyte_255.mid": ("0.3:A4", dict(words=MENDED)),
    "midi_drums_and_melody.mid": (LONG, dict(words="drum|channel 10")),
    "midi_header_5_tracks_has_1.mid": ("0.3:A4", dict(words=MENDED)),
    "midi_melody_and_bass.mid": ("0.2:A5+A4 1.2:A5+A4", dict(play="0.2:A5 1.0:A5 1.7:A5")),
    "midi_other_channel_volume_0.mid": (LONG, {}),
    "midi_pedal_melody.mid": (LONG, {}),
    "midi_pedal_on_other_channel.mid": ("0.15:A4 0.65:C#5 1.15:E5 1.65:A5", {}),
    "midi_repeat_on_before_off_same_tick.mid": ("0.25:A4 0.75:A4 1.25:A4 1.75:A4", {}),
    "midi_riff_rmid.rmi": ("0.3:A4", {}),
    "midi_same_pitch_two_channels.mid": (LONG, {}),
    "midi_smpte_25x40.mid": ("0.5:A4 1.5:C5 2.5:E5", {}),
}


def shared(name):
    return lambda b: b.bytes(f"in{name[name.index('.') :]}", (SHARED / name).read_bytes())


def heard(name, curve):
    return lambda: (soundfile.read(SHARED / name)[0], curve)


CASES = {
    "piccolo_D7_A7_C8.wav": a(v.pitch, heard("piccolo_D7_A7_C8.wav", s.steps([2349.3, 3520, 4186], 1))),
    "bass_only_E1.wav": a(v.pitch, heard("bass_only_E1.wav", s.steps([41.2], 3))),
    "hum50_m36dB_rel_peak.wav": a(v.melody_kept, shared("hum50_m36dB_rel_peak.wav")),
    "no_hum_with_rests.wav": a(v.melody_kept, shared("no_hum_with_rests.wav")),
    "fmt_flac_piped.flac": a(v.length, shared("fmt_flac_piped.flac"), 3.0),
    "wav_unfinalised_data_size_0.wav": a(v.length, shared("wav_unfinalised_data_size_0.wav"), 3.0, words=WRONG_SIZE),
    "gap_1s_after_first_note_opus.webm": a(v.length, shared("gap_1s_after_first_note_opus.webm"), 4.0),
    "stereo_left_only.wav": a(v.level_kept, shared("stereo_left_only.wav"), "channel"),
    "clipped6dB_violin.wav": a(v.adds_up, shared("clipped6dB_violin.wav")),
    **{n: a(v.midi, (SHARED / n).read_bytes(), w, **m) for n, (w, m) in SHARED_MIDI.items() if SHARED.exists()},
}

TABLES = dict(
    pitch=PITCH, hum=HUM, sung=SUNG, midi=MIDI, file=FILES, voices=VOICES, typed=TYPED, told=TOLD, edge=EDGES
) | ({"case": CASES} if SHARED.exists() else {})
KINDS = {f"{part}: {name}": kind for part, table in TABLES.items() for name, kind in table.items()}

"""The 128 instruments of General MIDI by name, as the program numbers 0 to 127 of MIDI files choose them."""

from collections.abc import Container

NAMES = tuple(
    """acoustic grand piano, bright acoustic piano, electric grand piano, honky-tonk piano, electric piano 1,
    electric piano 2, harpsichord, clavinet, celesta, glockenspiel, music box, vibraphone, marimba, xylophone,
    tubular bells, dulcimer, drawbar organ, percussive organ, rock organ, church organ, reed organ, accordion,
    harmonica, tango accordion, nylon guitar, steel guitar, jazz guitar, clean guitar, muted guitar, overdriven guitar,
    distortion guitar, guitar harmonics, acoustic bass, finger bass, pick bass, fretless bass, slap bass 1,
    slap bass 2, synth bass 1, synth bass 2, violin, viola, cello, contrabass, tremolo strings, pizzicato strings,
    harp, timpani, string ensemble 1, string ensemble 2, synth strings 1, synth strings 2, choir aahs, voice oohs,
    synth voice, orchestra hit, trumpet, trombone, tuba, muted trumpet, french horn, brass section, synth brass 1,
    synth brass 2, soprano sax, alto sax, tenor sax, baritone sax, oboe, english horn, bassoon, clarinet, piccolo,
    flute, recorder, pan flute, blown bottle, shakuhachi, whistle, ocarina, square lead, sawtooth lead, calliope lead,
    chiff lead, charang lead, voice lead, fifths lead, bass and lead, new age pad, warm pad, polysynth pad, choir pad,
    bowed pad, metallic pad, halo pad, sweep pad, rain, soundtrack, crystal, atmosphere, brightness, goblins, echoes,
    sci-fi, sitar, banjo, shamisen, koto, kalimba, bagpipe, fiddle, shanai, tinkle bell, agogo, steel drums, woodblock,
    taiko drum, melodic tom, synth drum, reverse cymbal, guitar fret noise, breath noise, seashore, bird tweet,
    telephone ring, helicopter, applause, gunshot""".replace("\n", " ").split(", ")
)
NAMES = tuple(" ".join(name.split()) for name in NAMES)
# Instruments of a group, and what the groups are called.
GROUP = 8
GROUPS = (
    *("piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass"),
    *("reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects"),
)
# What sounds most alike, of numbers whose own group has nothing alike: bells, drums, synthetic scenes and noises.
STAND_INS = {14: 11, 47: 45, 55: 48, **dict.fromkeys(range(96, 104), 88), 112: 10, 113: 13, 115: 13}
STAND_INS |= dict.fromkeys(range(116, 119), 114) | dict.fromkeys(range(119, 128), 95)


def nearest_name(program: int, there: Container[str]) -> str:
    """The name of a program, or of the most alike of those that are there: of its group of eight, where it can be."""
    known = [i for i, name in enumerate(NAMES) if name in there]
    wanted = program if program in known else STAND_INS.get(program, program)
    return NAMES[min(known, key=lambda i: (i != wanted, i // GROUP != wanted // GROUP, abs(i - wanted)))]

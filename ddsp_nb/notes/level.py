"""MIDI's velocities and volumes in dB, and back: one law for all of them. Light to import."""

import math

# General MIDI 2 and most synthesizers let the amplitude grow with the square of the value, so a piece has its dynamics
# in other programs, too. Around the middle of a keyboard's velocities this is a quarter of a dB a step, which is fine
# enough for hands, and it still reaches down to -79 dB for a growth's softest stages: whole velocities are within
# 0.5 dB of any level down to -29 dB, and within 1 dB down to -42 dB. A straight line in dB would do only one of both.
DB_PER_DECADE = 40.0
# The velocity of the usual level. The loudest one, 127, is 4.9 dB above it.
PLAIN_VELOCITY = 96
# What all notes together can be made softer or louder by.
QUIETEST_DB, LOUDEST_DB = -60.0, 24.0


def midi_db(value: float, usual: int = PLAIN_VELOCITY) -> float:
    """Level of a velocity, or of a controller whose usual value is given, beside the usual level, dB."""
    return DB_PER_DECADE * math.log10(max(value, 1) / usual)


def midi_value(level_db: float, usual: int = PLAIN_VELOCITY) -> int:
    """The velocity, or value of a controller, 1 to 127, whose level is nearest: the reverse of `midi_db`."""
    return min(max(round(usual * 10 ** (level_db / DB_PER_DECADE)), 1), 127)

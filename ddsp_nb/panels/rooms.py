"""Rooms to choose from in panels: that of the recording, and made ones."""

from functools import cache

from ddsp_nb.synthesis.room import Room, centres_hz

NONE, RECORDED = "none", "as recorded"
# By name: seconds in which they fall by 60 dB at 1 kHz, and energy beside the direct sound up to there, dB.
MADE = {"small room": (0.3, -8.0), "hall": (1.5, -4.0)}
# Air and cloth take the highs: a decay is half as long at this frequency, and above 1 kHz each octave loses level.
DULL_HZ, DULLER_DB = 8000.0, 3.0


@cache
def made_room(name: str, sample_rate: int) -> Room:
    """A room of MADE."""
    rt60_s, level_db = MADE[name]
    hz = centres_hz(sample_rate)
    levels_db = level_db - DULLER_DB * (hz / 1000).log2().clamp(min=0)
    return Room.of_bands(levels_db, rt60_s * (DULL_HZ + 1000) / (DULL_HZ + hz), sample_rate)


def rooms_for(recorded: Room | None, sample_rate: int) -> dict[str, Room]:
    """Rooms by name: that of a recording, if it has one, and those that are made."""
    made = {name: made_room(name, sample_rate) for name in MADE}
    return made if recorded is None else {RECORDED: recorded, **made}

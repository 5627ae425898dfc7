"""Stages of a growth as MIDI notes, to put other instruments beside it."""

import math
from pathlib import Path

import mido
import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.files import written_whole
from ddsp_nb.growth.schedule import Schedule, Stage

TICKS_PER_BEAT, BEATS_PER_MINUTE = 960, 120
DB_PER_VELOCITY = 0.5  # 96 is 0 dB, 64 is -16 dB
PLAIN_VELOCITY = 96


def save_midi(path, schedule: Schedule) -> Path:
    """Write a note for each stage: onset and end to the nearest 0.5 ms, nearest pitch, velocity from its loudness.

    Raises:
        GrowthError: the place cannot be written.
    """
    events = sorted(event for stage in schedule.stages for event in _note(stage, schedule))
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BEATS_PER_MINUTE), time=0)])
    now = 0
    for tick, kind, note, velocity in events:
        track.append(mido.Message(kind, note=note, velocity=velocity, time=tick - now))
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(track)
    with written_whole(path, GrowthError) as temporary:
        file.save(temporary)
    return Path(path)


def note_number(stage: Stage, schedule: Schedule) -> int:
    """MIDI number nearest to the pitch that a stage plays, that of its median frame; 69 is A4."""
    voice = schedule.voices[stage.pitch]
    hop = len(voice.f0_hz) - 1
    first = min(stage.offset * hop // max(schedule.n_samples, 1), hop) if stage.offset else 0
    hz = torch.median(voice.f0_hz[first:]).item()
    return min(max(round(69 + 12 * math.log2(hz / 440)), 0), 127)


def _note(stage, schedule):
    """Two events, (tick, kind, note, velocity); the end of a note sorts before the start of the next."""
    tick = lambda sample: round(sample / schedule.sample_rate * BEATS_PER_MINUTE / 60 * TICKS_PER_BEAT)
    velocity = min(max(round(PLAIN_VELOCITY + stage.level_db / DB_PER_VELOCITY), 1), 127)
    note = note_number(stage, schedule)
    return (tick(stage.start), "note_on", note, velocity), (tick(stage.stop), "note_off", note, 0)

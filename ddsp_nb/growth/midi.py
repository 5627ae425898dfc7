"""A piece as MIDI: a note for each stage, a track for each layer, on the grid of its tempo."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import mido

from ddsp_nb.errors import GrowthError
from ddsp_nb.files import written_whole
from ddsp_nb.growth.piece import Piece
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.notes.pitch import midi_number

TICKS_PER_BEAT = 960  # divided by all note values that there are names for
BEAT = 4  # a time signature's word for quarter notes
DB_PER_VELOCITY = 0.5  # 96 is 0 dB, 64 is -16 dB
PLAIN_VELOCITY = 96


def save_midi(path: str | Path, piece: Piece) -> Path:
    """Write tempo, time signature and a marker for each stage, then a named track for each layer.

    A stage is the note nearest to its pitch, with a velocity from its loudness. Note values lie on their ticks exactly,
    other lengths on the nearest.

    Raises:
        GrowthError: the place cannot be written.
    """
    tempo = piece.composition.tempo
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    head = [
        (0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo.bpm))),
        (0, mido.MetaMessage("time_signature", numerator=tempo.beats_per_bar, denominator=BEAT)),
    ]
    ticks = [_ticks(piece, i) for i in range(len(piece.growths))]
    markers = sorted((on, piece.stage_name(i, j)) for i, pairs in enumerate(ticks) for j, (on, _) in enumerate(pairs))
    file.tracks.append(_track([*head, *((tick, mido.MetaMessage("marker", text=text)) for tick, text in markers)]))
    for i, pairs in enumerate(ticks):
        name = mido.MetaMessage("track_name", name=f"Layer {i + 1}")
        file.tracks.append(_track([(0, name), *_notes(piece, i, pairs)]))
    with written_whole(path, GrowthError) as temporary:
        file.save(temporary)
    return Path(path)


def _ticks(piece, i) -> list[tuple[int, int]]:
    """First and last tick of each stage of a layer."""
    layer, growth = piece.composition.layers[i], piece.growths[i]
    if growth is None:
        return []
    ticks_per_s, delay_s = piece.composition.tempo.beats_per_s * TICKS_PER_BEAT, Fraction(str(layer.delay_s))
    edges_s = growth.plan.edges_s(len(growth.stages))
    return [(round((delay_s + on) * ticks_per_s), round((delay_s + off) * ticks_per_s)) for on, off in edges_s]


def _notes(piece, i, ticks) -> Iterable[tuple[int, mido.Message]]:
    """Notes of a layer in the order of time; the end of a note comes before the start of the next."""
    growth, events = piece.growths[i], []
    for j, ((on, off), stage) in enumerate(zip(ticks, growth.stages if growth else (), strict=True)):
        level_db = stage.level_db + piece.composition.layers[i].gain_db
        velocity = min(max(round(PLAIN_VELOCITY + level_db / DB_PER_VELOCITY), 1), 127)
        note = note_number(growth.schedule, j)
        events += [(on, "note_on", note, velocity), (off, "note_off", note, 0)]
    for tick, kind, note, velocity in sorted(events):
        yield tick, mido.Message(kind, note=note, velocity=velocity)


def note_number(schedule: Schedule, i: int) -> int:
    """MIDI number nearest to the pitch that stage i plays, that of its median frame; 69 is A4."""
    hz = schedule.played(i).f0_hz.median().item()
    return min(max(round(midi_number(hz)), 0), 127)


def _track(events: Iterable[tuple[int, mido.Message | mido.MetaMessage]]) -> mido.MidiTrack:
    """A track of messages at their ticks, which it keeps as distances."""
    track, now = mido.MidiTrack(), 0
    for tick, message in events:
        track.append(message.copy(time=tick - now))
        now = tick
    return track

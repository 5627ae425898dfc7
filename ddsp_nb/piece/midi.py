"""A piece as MIDI: a note for each stage, a track for each layer, on the grid of its tempo."""

from fractions import Fraction
from pathlib import Path

from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.notes.level import midi_value
from ddsp_nb.notes.midi import write_midi
from ddsp_nb.notes.note import Note, events_of
from ddsp_nb.notes.pitch import midi_number
from ddsp_nb.piece.compose import Piece


def save_midi(path: str | Path, piece: Piece) -> Path:
    """Write tempo, time signature and a marker for each stage, then a named track for each layer.

    A stage is the note nearest to its pitch, bent to it, with a velocity from its loudness. Note values lie on their
    ticks exactly, other lengths on the nearest.

    Raises:
        NotesError: the place cannot be written.
    """
    tempo, notes = piece.composition.tempo, [_notes(piece, i) for i in range(len(piece.growths))]
    return write_midi(
        path,
        {f"Layer {i + 1}": events_of(layer) for i, layer in enumerate(notes)},
        beats_per_s=tempo.beats_per_s,
        beats_per_bar=tempo.beats_per_bar,
        markers=[
            (note.start_s, piece.stage_name(i, j)) for i, layer in enumerate(notes) for j, note in enumerate(layer)
        ],
    )


def _notes(piece: Piece, i: int) -> list[Note]:
    """A note for each stage of a layer; none where it plays the recording."""
    layer, growth = piece.composition.layers[i], piece.growths[i]
    if growth is None:
        return []
    delay_s, edges_s = Fraction(str(layer.delay_s)), growth.plan.edges_s(len(growth.stages))
    return [
        Note(
            delay_s + on_s,
            delay_s + off_s,
            pitch_number(growth.schedule, j),
            midi_value(stage.level_db + layer.gain_db),
        )
        for j, ((on_s, off_s), stage) in enumerate(zip(edges_s, growth.stages, strict=True))
    ]


def note_number(schedule: Schedule, i: int) -> int:
    """MIDI number nearest to the pitch that stage i plays."""
    return round(pitch_number(schedule, i))


def pitch_number(schedule: Schedule, i: int) -> float:
    """MIDI number, not rounded, of the pitch that stage i plays, that of its median frame; 69 is A4."""
    return min(max(midi_number(schedule.played(i).f0_hz.median().item()), 0.0), 127.0)

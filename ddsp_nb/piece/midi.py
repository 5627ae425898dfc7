"""A piece as MIDI: a note for each stage, a track for each layer, on the grid of its tempo."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from ddsp_nb.growth.plan import exact
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.growth.timbre import others_of, shares_of
from ddsp_nb.growth.track import Source
from ddsp_nb.notes.general_midi import NAMES
from ddsp_nb.notes.level import midi_value
from ddsp_nb.notes.midi import write_midi
from ddsp_nb.notes.note import Event, Note, events_of
from ddsp_nb.notes.pitch import midi_number
from ddsp_nb.piece.compose import Piece
from ddsp_nb.training.morph import OWN


def save_midi(path: str | Path, piece: Piece) -> Path:
    """Write tempo, time signature and a marker for each stage, then a named track for each layer.

    A stage is the note nearest to its pitch, bent to it, with a velocity from its loudness; one without a tone is none.
    Where a plan names timbres, programs change to the General MIDI instrument that is nearest. Note values lie on their
    ticks exactly, other lengths on the nearest. Raises NotesError where the place cannot be written.
    """
    tempo, indices = piece.composition.tempo, range(len(piece.growths))
    return write_midi(
        path,
        {f"Layer {i + 1}": _events(piece, i) for i in indices},
        beats_per_s=tempo.beats_per_s,
        beats_per_bar=tempo.beats_per_bar,
        markers=[(on_s, piece.stage_name(i, j)) for i in indices for j, (on_s, _) in enumerate(_edges_s(piece, i))],
    )


def _edges_s(piece: Piece, i: int) -> list[tuple[Fraction, Fraction]]:
    """Exact start and end of each stage of a layer; none where it plays the recording."""
    growth, delay_s = piece.growths[i], exact(piece.composition.layers[i].delay_s)
    edges_s = growth.plan.edges_s(len(growth.stages)) if growth else ()
    return [(delay_s + on_s, delay_s + off_s) for on_s, off_s in edges_s]


def _events(piece: Piece, i: int) -> list[Event]:
    """Keys of a layer, and each program before the first of its notes."""
    growth, programs = piece.growths[i], list[Event]()
    if growth is not None and others_of(growth.plan.timbre):
        for stage, (on_s, _) in zip(growth.stages, _edges_s(piece, i), strict=True):
            change = (on_s, "program", program_of(stage.timbre, growth.source))
            programs += [change] if not programs or programs[-1][2] != change[2] else []
    return sorted([*programs, *events_of(_notes(piece, i))], key=lambda event: (event[0], event[1] == "on"))


def program_of(timbre: str, source: Source) -> int:
    """General MIDI program, 0 to 127, of what has most of a timbre: by its name, else the nearest by its code."""
    (shares,) = shares_of(timbre, 1)
    name, family = max(shares, key=lambda name: shares[name]), source.family
    code = source.model.network.instrument.code if name == OWN else family[name].code
    return NAMES.index(next(known for known in (name, *family.nearest(code, len(family))) if known in NAMES))


def _notes(piece: Piece, i: int) -> Iterator[Note]:
    """A note for each stage of a layer in which there is a tone."""
    growth, gain_db = piece.growths[i], piece.composition.layers[i].gain_db
    for j, (on_s, off_s) in enumerate(_edges_s(piece, i)):
        assert growth is not None  # it has stages
        number = pitch_number(growth.schedule, j)
        if number is not None:
            yield Note(on_s, off_s, number, midi_value(growth.stages[j].level_db + gain_db))


def pitch_number(schedule: Schedule, i: int) -> float | None:
    """MIDI number, not rounded, of the pitch of stage i, 69 is A4; None where no tone or no partial is in it."""
    hz = schedule.hz(i) if schedule.stages[i].n_harmonics else None
    return None if hz is None else min(max(midi_number(hz), 0.0), 127.0)

"""Pitch in the three ways in which people write it: Hz, note names and MIDI numbers. Light to import."""

import math
import re
from reprlib import repr as short

from ddsp_nb.errors import NotesError

A4_HZ = 440.0
A4 = 69  # its MIDI number
SEMITONES_PER_OCTAVE = 12
LARGEST_HZ = 1e6  # numbers beyond this are no pitch, and may be too large for a float
NOTE_NAME = re.compile(r"([A-Ga-g])([#♯b♭]?)(-?\d{1,2}|'+)")  # C#4, or with Helmholtz' primes c#'
FIRST_PRIME = 3  # c' is C4
IN_HZ = re.compile(r"(\d+(?:\.\d*)?) ?hz", re.IGNORECASE)
MIDI_LIKE = range(12, 128)  # whole numbers that may be meant as MIDI notes or as Hz
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11, "": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


def midi_hz(number: float) -> float:
    """Frequency of a MIDI number, which need not be whole; 69 is A4, 440 Hz."""
    return A4_HZ * 2 ** ((number - A4) / SEMITONES_PER_OCTAVE)


def midi_number(hz: float) -> float:
    """MIDI number of a frequency, not rounded: the reverse of `midi_hz`."""
    return A4 + SEMITONES_PER_OCTAVE * math.log2(hz / A4_HZ)


def pitch_hz(pitch: str | float) -> float:
    """Frequency of a note name (A4 = 440 Hz) or of a number, which is Hz already.

    Raises:
        NotesError: it is neither.
    """
    if isinstance(pitch, int | float) and not isinstance(pitch, bool) and abs(pitch) < LARGEST_HZ:
        return float(pitch)
    note = NOTE_NAME.fullmatch(pitch) if isinstance(pitch, str) else None
    if note is None:
        raise NotesError(
            f'Pitch {short(pitch)} is no note; use "phrase", "held", a note such as "C#4", or a number of Hz.'
        )
    letter, accidental, place = note.groups()
    octave = FIRST_PRIME + len(place) if place.startswith("'") else int(place)
    semitones = 12 * (octave - 4) + SEMITONES[letter.upper()] - SEMITONES["A"] + SEMITONES[accidental]
    return midi_hz(A4 + semitones)


def midi_name(number: int) -> str:
    """Name of a MIDI note: 69 is A4."""
    return f"{('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')[number % 12]}{number // 12 - 1}"


def parse_melody(text: str) -> tuple[str | float, ...]:
    """Pitches with commas or spaces between them: notes such as a3, Bb4 or c#', or Hz such as 440 or 60Hz.

    Raises:
        NotesError: the numbers may be MIDI notes as well as Hz; the message says how to write either.
    """
    pitches = tuple(map(parse_pitch, re.split(r"[,;\s]+", IN_HZ.sub(r"\1Hz", text.strip()))))
    if all(isinstance(pitch, float) and pitch in MIDI_LIKE for pitch in pitches) and not IN_HZ.search(text):
        names, numbers = " ".join(midi_name(int(pitch)) for pitch in pitches), " ".join(f"{p:g}Hz" for p in pitches)
        raise NotesError(f"Are these MIDI notes or Hz? Write {names} for the notes, or {numbers}.")
    return pitches


def parse_pitch(text: str) -> str | float:
    """A number of Hz where the text is one, else the text."""
    hz = IN_HZ.fullmatch(text)
    try:
        return float(hz[1] if hz else text)
    except ValueError:
        return text

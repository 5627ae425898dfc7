"""Pitch in the three ways in which people write it: Hz, note names and MIDI numbers. Light to import."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from reprlib import repr as short

from ddsp_nb.errors import NotesError

A4_HZ = 440.0
A4 = 69  # its MIDI number
SEMITONES_PER_OCTAVE = 12
LARGEST_HZ = 1e6  # numbers beyond this are no pitch, and may be too large for a float
NOTE_NAME = re.compile(r"([A-H])(##|#|bb|b|x|n|)(-?[0-9]{1,2}|'{1,6}|)", re.IGNORECASE)  # C#4, with primes c#'
# What stands for the signs of a note where they are typed well: accidentals, primes, a minus.
SIGNS = str.maketrans(
    {"♯": "#", "♭": "b", "♮": "n", "𝄪": "##", "𝄫": "bb", "’": "'", "′": "'", "´": "'", '"': "''", "−": "-", "–": "-"}
)
FIRST_PRIME = 3  # c' is C4
IN_HZ = re.compile(r"([0-9]+(?:\.[0-9]*)?) ?hz", re.IGNORECASE)
MIDI_LIKE = range(12, 128)  # whole numbers that may be meant as MIDI notes or as Hz
MOST_EXAMPLES = 8  # of what was typed, in a message
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"": 0, "n": 0, "#": 1, "##": 2, "x": 2, "b": -1, "bb": -2}


def midi_hz(number: float) -> float:
    """Frequency of a MIDI number, which need not be whole; 69 is A4, 440 Hz."""
    return A4_HZ * 2 ** ((number - A4) / SEMITONES_PER_OCTAVE)


def midi_number(hz: float) -> float:
    """MIDI number of a frequency, not rounded: the reverse of `midi_hz`."""
    return A4 + SEMITONES_PER_OCTAVE * math.log2(hz / A4_HZ)


def pitch_hz(pitch: str | float, words: Sequence[str] = ()) -> float:
    """Frequency of a note name (A4 = 440 Hz) or of a number, which is Hz already.

    Args:
        pitch: C#4, Bb3, F##4, c#' and the like, or a number.
        words: that would do as well; the message offers them.

    Raises:
        NotesError: it is neither.
    """
    if isinstance(pitch, int | float) and not isinstance(pitch, bool) and abs(pitch) < LARGEST_HZ:
        return float(pitch)
    letter, accidental, place = _parts(pitch) if isinstance(pitch, str) else ("", "", "")
    if not place or letter == "H":
        also = "".join(f"“{word}”, " for word in words)
        raise NotesError(
            f"Pitch {short(pitch)} is no note{_hint(letter, accidental)}; "
            f"use {also}a note such as C#4, or Hz such as 440Hz."
        )
    octave = FIRST_PRIME + len(place) if place.startswith("'") else int(place)
    return midi_hz(SEMITONES_PER_OCTAVE * (octave + 1) + SEMITONES[letter] + ACCIDENTALS[accidental])


def _parts(name: str) -> tuple[str, str, str]:
    """Letter, accidental and octave or primes of a note's name, empty where it is none."""
    plain = unicodedata.normalize("NFKC", name.translate(SIGNS)).translate(SIGNS)  # small digits, double primes
    # A sign alone, such as a flat, is no letter.
    note = NOTE_NAME.fullmatch(plain) if name[:1].isascii() else None
    return (note[1].upper(), note[2].lower(), note[3]) if note else ("", "", "")


def _hint(letter: str, accidental: str) -> str:
    """What is missing of what is nearly a note."""
    if letter == "H":
        return ": a German H4 is B4 here, and a German B4 is Bb4"
    return f": it has no octave, as {letter}{accidental}4 has" if letter else ""


def midi_name(number: int) -> str:
    """Name of a MIDI note: 69 is A4."""
    return f"{('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')[number % 12]}{number // 12 - 1}"


def parse_melody(text: str, *, words: Sequence[str] = ()) -> tuple[str | float, ...]:
    """Pitches with commas or spaces between them: notes such as a3, Bb4 or c#', or Hz such as 440 or 60Hz.

    Raises NotesError, with what to write, where one is no pitch nor one of the words, or may be a MIDI note or Hz.
    """
    return parse_pitches(typed_words(text), words=words)


def typed_words(text: str) -> list[str]:
    """What stands between commas, semicolons and spaces; 440 Hz is one word."""
    return re.findall(r"[^,;\s]+", IN_HZ.sub(r"\1Hz", text))


def parse_pitches(texts: Iterable[str], *, words: Sequence[str] = ()) -> tuple[str | float, ...]:
    """Pitches as they are typed: numbers are Hz, names and words stay as they are. Raises as `parse_melody`."""
    texts = list(texts)
    if not texts:
        raise NotesError("No note is in it. Write such as A3 C#4, or 440Hz.")
    pitches = tuple(parse_pitch(text, words) for text in texts)
    numbers = list(dict.fromkeys(pitch for pitch in pitches if isinstance(pitch, float)))
    if numbers and all(number in MIDI_LIKE for number in numbers) and not any(map(IN_HZ.fullmatch, texts)):
        some = numbers[:MOST_EXAMPLES]
        names, in_hz = " ".join(midi_name(int(n)) for n in some), " ".join(f"{n:g}Hz" for n in some)
        raise NotesError(f"Are these MIDI notes or Hz? Write {names} for the notes, or {in_hz}.")
    return pitches


def parse_pitch(text: str, words: Sequence[str] = ()) -> str | float:
    """A number of Hz where the text is one, else the text, which is a note's name or one of the words."""
    hz = IN_HZ.fullmatch(text)
    try:
        pitch: str | float = float(hz[1] if hz else text)
    except ValueError:
        pitch = text
    if pitch not in words:
        pitch_hz(pitch, words)
    return pitch

"""Scores as files: MIDI, and the MusicXML of notation programs, which music21 reads. Light to import."""

import io
import re
import zipfile
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from ddsp_nb.errors import NotesError
from ddsp_nb.files import read_some
from ddsp_nb.notes.midi import read_midi
from ddsp_nb.notes.note import Event, Seconds, parted
from ddsp_nb.notes.pitch import midi_hz, midi_name

XML_SUFFIXES = (".musicxml", ".xml", ".mxl")
SUFFIXES = (".mid", ".midi", *XML_SUFFIXES)
# Of a score, also unpacked.
LARGEST_BYTES = 20_000_000
# Letters of numbers in it, by which a few letters could ask for days or for all memory.
MOST_LETTERS = {"beats": 5, "beat-type": 3, "octave": 2, "repeat": 1}
# The only document type that may be named; it is never fetched.
OTHER_TYPE = re.compile(rb"<!DOCTYPE(?!\s+[\w-]+\s+PUBLIC\s+[\"']-//Recordare//)")


def read_score(path: str | Path) -> list[Event]:
    """Events of a MIDI file, as of `read_midi`, or of MusicXML. Raises NotesError where it cannot be read or played."""
    if Path(path).suffix.lower() not in XML_SUFFIXES:
        return read_midi(path)
    content = read_some(path, LARGEST_BYTES, NotesError)
    try:
        from music21.midi.translate import streamToMidiFile
        from music21.musicxml.xmlToM21 import MusicXMLImporter
    except ImportError as error:
        raise NotesError(f"{path}: MusicXML needs the library music21: pip install 'ddsp-nb[score]'.") from error
    try:
        root = _tree(content)
        for name, most in MOST_LETTERS.items():
            if any(len(item.get("times", item.text) or "") > most for item in root.iter(name)):
                raise ValueError(f"{name} is too large")
        # music21 plays repeats; those that do not alternate it would nest, each of them twice as long as all before.
        repeats = (pairwise(item.get("direction") for item in part.iter("repeat")) for part in root.iter("part"))
        if any(a == b for pairs in repeats for a, b in pairs):
            for barline in root.iter("barline"):
                barline[:] = [item for item in barline if item.tag != "repeat"]
        importer = MusicXMLImporter()
        importer.xmlRoot = root
        played = importer.xmlRootToScore(root).toSoundingPitch()
        with TemporaryDirectory() as folder:
            file = Path(folder) / "score.mid"
            file.write_bytes(streamToMidiFile(played).writestr())
            return read_midi(file)
    except Exception as error:  # music21 has errors of any kind for what it does not understand
        raise NotesError(f"{path}: no MusicXML to play: damaged, with entities, empty or over 20 minutes.") from error


def melody_of(events: list[Event]) -> tuple[str | float, ...]:
    """The highest note at each time at which any begins, by name, or Hz where it lies between the keys."""
    highest, bends = dict[Seconds, float](), dict[int | None, float]()
    for now, kind, values, part in map(parted, events):
        if kind == "bend":
            bends[part] = values[0]
        elif kind == "on":
            highest[now] = max(highest.get(now, 0), values[0] + bends.get(part, 0))
    return tuple(midi_hz(key) if key % 1 else midi_name(int(key)) for key in highest.values())


def _tree(content: bytes):
    """XML, or that of a .mxl file, of which nothing is written anywhere, as a tree that has no entities."""
    from defusedxml.ElementTree import fromstring

    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            read = lambda name: archive.open(name).read(LARGEST_BYTES)
            content = read(fromstring(read("META-INF/container.xml")).find(".//{*}rootfile").get("full-path"))
    if OTHER_TYPE.search(content):
        raise ValueError("another document type")
    return fromstring(content)

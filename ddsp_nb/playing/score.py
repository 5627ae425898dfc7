"""Melodies that were only written, in notes or as a MIDI file, as a performance: pitch and loudness frame by frame."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.analysis.mel import MIN_DB
from ddsp_nb.errors import GrowthError
from ddsp_nb.notes.pitch import midi_hz, pitch_hz
from ddsp_nb.training.model import DDSPModel

NOTE = re.compile(r"(?P<pitch>[^\s:]+):(?P<seconds>[0-9.]+)")
REST = ("-", "r", "R")
MOST_SECONDS = 1200.0
PLAIN_VELOCITY = 96  # of MIDI, at which a note has the instrument's usual loudness
DB_PER_VELOCITY = 0.25
USUAL_LOUDNESS = 70  # hundredths of the instrument's frames are softer
ATTACK_S = 0.04
RELEASE_S = 0.08
RISE_DB = 40.0  # from which a note rises and to which it falls
DECAY_DB_PER_S = 2.0  # no held note stays as it began


@dataclass(frozen=True)
class Note:
    """A note: when it begins and ends (s), its pitch (Hz), and its level beside the usual one (dB)."""

    start_s: float
    stop_s: float
    hz: float
    level_db: float = 0.0


def parse_notes(text: str) -> list[Note]:
    """Notes such as "A4:0.5 C5:0.25 -:0.5", each a name or Hz with its seconds; "-" is a rest.

    Raises:
        GrowthError: one is none.
    """
    notes, now = [], 0.0
    for word in text.split():
        parts = NOTE.fullmatch(word)
        seconds = _number(parts["seconds"]) if parts else None
        if parts is None or seconds is None or not 0 < seconds <= MOST_SECONDS:
            raise GrowthError(
                f"{word!r} is no note with its seconds; write such as A4:0.5, 440:1 or -:0.25 for a rest."
            )
        if parts["pitch"] not in REST:
            hz = _number(parts["pitch"])
            notes.append(Note(now, now + seconds, pitch_hz(parts["pitch"]) if hz is None else hz))
        now += seconds
    return _checked(notes)


def read_messages(path: str | Path) -> list[mido.Message]:
    """Messages of a MIDI file, each with the seconds since the one before.

    Raises:
        GrowthError: it cannot be read.
    """
    try:
        return [m for m in mido.MidiFile(Path(path)) if not m.is_meta or m.time]
    except Exception as error:  # a stranger's bytes can break a parser in any way
        raise GrowthError(f"{path}: cannot be read as MIDI. Use a standard MIDI file.") from error


def read_midi(path) -> list[Note]:
    """The notes of a MIDI file, one voice: a new note ends the one before.

    Raises:
        GrowthError: it cannot be read, or holds no note.
    """
    notes, sounding_note, now = [], None, 0.0
    for message in read_messages(path):
        now += message.time
        on = message.type == "note_on" and message.velocity > 0
        off = message.type in ("note_on", "note_off") and not on and sounding_note and message.note == sounding_note[1]
        if sounding_note and (on or off):
            begin, number, velocity = sounding_note
            if now > begin:
                notes.append(Note(begin, now, midi_hz(number), level_of_velocity(velocity)))
            sounding_note = None
        if on:
            sounding_note = now, message.note, message.velocity
    return _checked(notes, f"{path}: ")


def draw(notes: list[Note], model: DDSPModel) -> Features:
    """A performance of notes: steady pitches, and levels that rise, sink a little and fall.

    Args:
        notes: in the order of time.
        model: the instrument; knows how loud it usually is.

    Returns:
        `Features` without phase; their MFCCs are 0 and mean nothing: play them with `envelope=False`.
    """
    config = model.config
    n_samples = math.ceil((notes[-1].stop_s + RELEASE_S) * config.sample_rate)
    times_s = np.arange(config.n_frames(n_samples)) * config.hop_length / config.sample_rate
    usual_db = model.loudness_quantiles_db[USUAL_LOUDNESS].item()
    level_db, f0_hz = np.full(len(times_s), MIN_DB), np.full(len(times_s), notes[0].hz)
    for note in notes:
        now, left = times_s - note.start_s, note.stop_s + RELEASE_S - times_s
        rise = np.minimum(now / ATTACK_S - 1, 0) + np.minimum(left / RELEASE_S - 1, 0)
        own_db = usual_db + note.level_db + RISE_DB * rise - DECAY_DB_PER_S * np.maximum(now, 0)
        own_db[(now < 0) | (left < 0)] = MIN_DB
        level_db = np.maximum(level_db, own_db)
        f0_hz[now >= 0] = note.hz
    return Features(
        f0_hz=torch.from_numpy(f0_hz).float(),
        loudness_db=torch.from_numpy(level_db).float(),
        mfcc=torch.zeros(len(times_s), config.n_mfcc),
        voiced=torch.from_numpy(level_db > MIN_DB),
        phase=None,
        n_samples=n_samples,
        sample_rate=config.sample_rate,
        hop_length=config.hop_length,
    )


def level_of_velocity(velocity: float) -> float:
    """Level beside the instrument's usual one, dB, of a note that is struck with a MIDI velocity."""
    return DB_PER_VELOCITY * (velocity - PLAIN_VELOCITY)


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _checked(notes, name=""):
    if not notes:
        raise GrowthError(f"{name}no note is in it. Write such as A4:0.5 C5:0.5, or use another file.")
    if notes[-1].stop_s > MOST_SECONDS:
        raise GrowthError(f"{name}longer than {MOST_SECONDS / 60:g} minutes. Use fewer or shorter notes.")
    low, high = min(note.hz for note in notes), max(note.hz for note in notes)
    if not 16 <= low <= high <= 20_000:
        raise GrowthError(f"{name}a pitch of {low if low < 16 else high:g} Hz is out of reach; use 16 to 20000 Hz.")
    return notes

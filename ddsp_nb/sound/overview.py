"""A long recording at a glance: its outline, and which stretch of it to begin with (the chooser of all notebooks)."""

import math
from pathlib import Path

import numpy as np
import soundfile as sf
import torch

# Over which level is measured: longer than a period, shorter than a note.
FRAME_S = 0.05
# The level that a recording reaches for so long counts as its loud one: a knock or two do not.
LOUD_S = 2.0
# Below the loud level, dB: what is softer is a rest, a breath, the room.
SOUNDING_DB = 30.0
# Of rest before a sound that begins something.
REST_S = 0.25
# Before the first sound of a stretch, and after the last, so that both are whole.
LEAD_S, TAIL_S = 0.1, 1.0
# Share of the most sound that a stretch can have: an earlier stretch that has so much is preferred.
NEARLY = 0.95
# Share of a stretch in whose end the quietest place is looked for.
END = 0.2


def outline(path: Path, n_columns: int = 1200) -> np.ndarray:
    """Lowest and highest sample of each column of a picture, [2, n_columns or fewer] int8, 127 for the greatest.

    It is read a column at a time, so that memory does not grow with it. Raises one of `DAMAGED` of `sound/blocks.py`.
    """
    with sf.SoundFile(path) as file:
        columns = file.blocks(max(1, math.ceil(file.frames / n_columns)), dtype="float32", always_2d=True)
        extremes = np.array([(block.min(), block.max()) for block in columns], np.float32).T
    return np.round(127 * extremes / max(np.abs(extremes).max(), 1e-6)).astype(np.int8)


def sounding_stretch(audio: torch.Tensor, sample_rate: int, longest_s: float) -> tuple[float, float]:
    """Begin and end in s of the stretch of [n_samples] sound, of `longest_s` at most, that is best to begin with.

    Nearly the most of it sounds, so that long rests are left out, and knocks and words before the music. It begins
    where something begins to sound after a rest, as early as that can be, and ends where it is quiet again.
    """
    seconds, frame = len(audio) / sample_rate, round(FRAME_S * sample_rate)
    if seconds <= longest_s:
        return 0.0, seconds
    level_db = 10 * audio.unfold(0, frame, frame).square().mean(1).clamp(min=1e-12).log10().numpy()
    n, longest, rest = len(level_db), round(longest_s / FRAME_S), round(REST_S / FRAME_S)
    sounds = level_db > np.sort(level_db)[-round(LOUD_S / FRAME_S)] - SOUNDING_DB
    total, places = np.r_[0, np.cumsum(sounds)], np.arange(n)
    n_sounding = total[np.minimum(places + longest, n)] - total[:n]
    begins = sounds & (total[:n] == total[np.maximum(places - rest, 0)])
    best = int(np.argmax(begins & (n_sounding >= NEARLY * n_sounding[begins].max())))
    start = max(0, best - round(LEAD_S / FRAME_S))
    last, stop = start + round((1 - END) * longest), start + longest
    if stop < n:
        stop = last + int(level_db[last:stop].argmin())
    stop = min(stop, start + int(np.flatnonzero(sounds[start:stop])[-1]) + round(TAIL_S / FRAME_S), n)
    return round(start * FRAME_S, 2), round(stop * FRAME_S, 2)

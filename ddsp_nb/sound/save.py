"""Sound files written whole or not at all, the same sound as the same bytes (all notebooks)."""

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch

from ddsp_nb.errors import AudioError, warn_user
from ddsp_nb.files import written_whole
from ddsp_nb.sound.limit import limiting_gain
from ddsp_nb.sound.riff import append_chunks, comment_chunk, cue_chunks

SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
FORMATS = ("WAV", "FLAC")
# To which sounds that belong together are turned down at most: two roundings to 16 bits below full scale.
HIGHEST = 1 - 2**-14
# Bytes: in a PEAK chunk the time of writing follows name, size and version.
PEAK_TIME_OFFSET = 12


def in_steps(audio: torch.Tensor, bits: int = 16) -> torch.Tensor:
    """The sound as a file of so many bits holds it: rounded to whole steps of 1/32768 (16 bits), within full scale."""
    full = 2 ** (bits - 1)
    return (audio * full).round().clamp(-full, full - 1) / full


def peak(sound: torch.Tensor | np.ndarray) -> float:
    """Largest absolute sample, 0 where there is none."""
    return float(np.abs(np.asarray(sound)).max(initial=0))


def save_together(
    sounds: Mapping[Path, torch.Tensor], sample_rate: int = 44_100, *, rests: Mapping[Path, tuple[Any, ...]]
) -> list[Path]:
    """Write 16-bit files that belong together as `save_audio` does, all with one gain, so that they can be added up.

    Where few peaks go beyond full scale the gain bends around them (`limiting_gain`) and the level is what it was. Else
    all are turned down by whole tenths of a dB, which a warning tells.

    Args:
        sounds: path and sound, [n_samples], of each file; all are of one length.
        rests: path, a sound, and which of `sounds` to take from it: the file is what these, as they are written,
            leave over, so that all of them add up to the sound to the last 16-bit step.

    Returns:
        The paths that were written.

    Raises:
        AudioError: as `save_audio` does.
    """
    parts = {path: part.detach().cpu().float() for path, part in sounds.items()}
    wholes = {path: (whole.detach().cpu().float(), of) for path, (whole, *of) in rests.items()}
    left = [sound for whole, of in wholes.values() for sound in (whole, whole - sum(parts[part] for part in of))]
    loudest, gain = max(map(peak, [*parts.values(), *left])), torch.tensor(1.0)
    if 1 < loudest < math.inf:
        gain = _gain_within(torch.stack([*parts.values(), *left]).abs().amax(0), sample_rate)
        if not gain.ndim:
            names = ", ".join(path.name for path in (*parts, *wholes))
            warn_user(f"{names}: turned down by {-20 * gain.log10():.1f} dB to stay within full scale.")
    steps = lambda sound: in_steps(gain * sound.double()).float()
    for path, part in parts.items():
        save_audio(path, steps(part), sample_rate)
    for path, (whole, of) in wholes.items():
        save_audio(path, steps(whole) - sum(steps(parts[part]) for part in of), sample_rate)
    return [*parts, *wholes]


def _gain_within(magnitudes: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Gains [n_samples] that bend around peaks, or where these are too many one gain, [], of whole tenths of a dB."""
    bent = limiting_gain(magnitudes.double().numpy(), sample_rate, HIGHEST)
    down_db = math.ceil(200 * math.log10(float(magnitudes.max()) / HIGHEST)) / 10
    return torch.tensor(10 ** (-down_db / 20), dtype=torch.float64) if bent is None else torch.from_numpy(bent)


def save_audio(
    path: str | PathLike,
    audio: torch.Tensor,
    sample_rate: int = 44_100,
    *,
    subtype: str = "PCM_16",
    comment: str = "",
    marks: Sequence[tuple[int, str]] = (),
) -> Path:
    """Write [n_samples] sound, or [2, n_samples] left and right, to a WAV or FLAC file, whole or not at all.

    `comment` goes into the file's own field. Of a WAV file `marks`, sample and name, become its cue points.

    The file is written beside its destination and then renamed, so an interrupt never leaves half a file.
    Sound beyond ±1 is turned down to full scale with a warning: clipping would be heard, a gain is not.

    Returns:
        The path that was written.

    Raises:
        AudioError: the sound has samples that are no numbers, or the place cannot be written.
    """
    path, sound = Path(path), torch.as_tensor(audio).detach().cpu().float()
    file_format = path.suffix.lstrip(".").upper()
    if file_format not in FORMATS or subtype not in SUBTYPES or not sf.check_format(file_format, subtype):
        choices = ", ".join(SUBTYPES)
        raise AudioError(f"{path}: cannot write {subtype} there. Use .wav with {choices}, or .flac with PCM.")
    if not (sound.ndim == 1 or (sound.ndim == 2 and len(sound) == 2)) or not sound.isfinite().all():
        raise AudioError(f"{path}: the sound to write is not one or two finite channels; nothing was written.")
    if subtype != "FLOAT" and (loudest := peak(sound)) > 1:
        warn_user(f"{path.name}: peak {loudest:.2f} turned down to full scale.")
        sound = sound / loudest
    with written_whole(path, AudioError) as temporary:
        with sf.SoundFile(temporary, "w", sample_rate, sound.ndim, subtype, format=file_format) as file:
            if comment and file_format == "FLAC":
                file.comment = comment
            file.write(_stored(sound, subtype).T)  # frames first
        if subtype == "FLOAT":
            _forget_time(temporary)
        if file_format == "WAV":
            append_chunks(temporary, cue_chunks(marks) + comment_chunk(comment))
    return path


def _stored(sound: torch.Tensor, subtype: str) -> np.ndarray:
    """Hand-written, as libsndfile's own conversion of floats is off by up to one step: exact steps, read as scaled."""
    if subtype == "FLOAT":
        return sound.numpy()
    bits = int(subtype.removeprefix("PCM_"))
    return (in_steps(sound, bits).double() * 2**31).int().numpy()


def _forget_time(path: Path) -> None:
    """Blank the time of writing in a float WAV's PEAK chunk, so that the same sound gives the same file."""
    with open(path, "r+b") as file:
        at = file.read(1 << 20).find(b"PEAK")
        if at >= 0:
            file.seek(at + PEAK_TIME_OFFSET)
            file.write(bytes(4))

"""Another recording's performance, moved to the instrument (notebook 04, "Another one performs")."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.errors import ConfigError, warn_user
from ddsp_nb.notes.pitch import A4, A4_HZ, SEMITONES_PER_OCTAVE, midi_hz
from ddsp_nb.training.model import DDSPModel

MAX_SEMITONES = 60.0
RANGE_MARGIN_SEMITONES = 3.0  # beyond the notes that were heard; further out the timbre is a guess
QUANTILES = np.linspace(0.02, 0.98, 25)  # at which two distributions of loudness are matched
EDGES = [2, 98]  # hundredths that stand for the range: single wrong frames do not count
MIDDLE = 50  # hundredths
MOVES = range(-int(MAX_SEMITONES), int(MAX_SEMITONES) + 1)  # semitones
WORTH_TELLING = 0.02  # share of the notes


def transfer(
    features: Features,
    model: DDSPModel,
    *,
    semitones: float = 0.0,
    nearest_octave: bool = False,
    match_loudness: bool = False,
    tape: bool = False,
) -> Features:
    """A performance as the instrument should play it.

    The pitch moves and the envelope stays, as a singer's formants do; a phase is integrated anew where it moves.

    Args:
        semitones: to transpose by, -60 to 60.
        nearest_octave: also move by the octaves that bring it nearest to the instrument's median pitch.
        match_loudness: give it the distribution of levels that the instrument's recordings have.
        tape: move the envelope along with the pitch, as a tape that runs faster does.

    Raises:
        ConfigError: a transposition out of range.
    """
    if not abs(semitones) <= MAX_SEMITONES:
        raise ConfigError(f"Cannot transpose by {semitones} semitones; use {-MAX_SEMITONES:g} to {MAX_SEMITONES:g}.")
    if nearest_octave:
        apart = model.octave_quantiles[MIDDLE].item() - median_octave(features) - semitones / 12
        semitones += 12 * round(apart)
    if semitones:
        features = features.transpose(semitones, tape=tape)
    if match_loudness:
        features = replace(features, loudness_db=matched(features, model))
    warn_of_range(features, model)
    return features


def transfer_lines(lines: list[Features], model: DDSPModel, **moves) -> list[Features]:
    """Lines that sound together, moved as one performance by what `transfer` takes: all by the same octaves."""
    if len(lines) == 1:
        return [transfer(lines[0], model, **moves)]
    names = [name for name, value in vars(lines[0]).items() if torch.is_tensor(value)]
    stops = np.cumsum([0, *map(len, lines)])
    tensors: dict[str, Any] = {name: torch.cat([getattr(line, name) for line in lines]) for name in names}
    moved = transfer(replace(lines[0], **tensors), model, **moves)
    return [moved[start:stop] for start, stop in pairwise(stops)]


def heard_range(octave_quantiles: torch.Tensor) -> tuple[float, float]:
    """MIDI numbers, not rounded, of the lowest and the highest note that was heard, from [101] quantiles."""
    low, high = (A4 + SEMITONES_PER_OCTAVE * octave_quantiles[EDGES]).tolist()
    return low, high


def median_octave(features: Features) -> float:
    """Median pitch in octaves from A4, of the voiced frames where there are any."""
    return torch.log2(sounding(features.f0_hz, features) / A4_HZ).median().item()


def sounding(values: torch.Tensor, features: Features) -> torch.Tensor:
    """Values of the voiced frames, or all where none is."""
    return values[features.voiced] if features.voiced.any() else values


def matched(features: Features, model: DDSPModel) -> torch.Tensor:
    """[n_frames] loudness whose quantiles over voiced frames are the instrument's; beyond them it is shifted."""
    ours = np.quantile(sounding(features.loudness_db, features).numpy(), QUANTILES)
    theirs = model.loudness_quantiles_db.cpu().numpy()[(100 * QUANTILES).round().astype(int)]
    level_db = features.loudness_db.numpy()
    moved = np.interp(level_db, ours, theirs)
    moved += np.minimum(level_db - ours[0], 0) + np.maximum(level_db - ours[-1], 0)
    return torch.from_numpy(moved).float()


def warn_of_range(features: Features, model: DDSPModel) -> None:
    """Tell the user where a performance leaves the notes that the instrument was trained on, and how it would fit."""
    if not features.voiced.any():
        return
    low, high = heard_range(model.octave_quantiles)
    played = A4 + SEMITONES_PER_OCTAVE * torch.log2(features.f0_hz[features.voiced] / A4_HZ)
    notes, counts = played.round().unique(return_counts=True)
    outside = lambda by: counts[(notes + by - (low + high) / 2).abs() > (high - low) / 2 + RANGE_MARGIN_SEMITONES].sum()
    share = outside(0) / len(played)
    if share > WORTH_TELLING:
        by = min(MOVES, key=lambda by: (int(outside(by)), abs(by)))
        better = f" Transposed by {by:+d} semitones it would fit." if outside(by) <= WORTH_TELLING * len(played) else ""
        warn_user(
            f"{100 * share:.0f} % of the notes lie outside the instrument's own, {midi_hz(low):.0f} to "
            f"{midi_hz(high):.0f} Hz: their timbre is a guess.{better}"
        )

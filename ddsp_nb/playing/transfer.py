"""Another recording's performance, moved to the instrument (notebook 04, "Another one performs")."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.errors import ConfigError, warn_user
from ddsp_nb.growth.player import power
from ddsp_nb.notes.pitch import A4, A4_HZ, SEMITONES_PER_OCTAVE, midi_hz
from ddsp_nb.training.model import DDSPModel

MAX_SEMITONES = 60.0
RANGE_MARGIN_SEMITONES = 3.0  # beyond the notes that were heard; further out the timbre is a guess
QUANTILES = np.linspace(0.02, 0.98, 25)  # at which two distributions of loudness are matched
EDGES = [2, 98]  # hundredths that stand for the range: single wrong frames do not count
MIDDLE = 50  # hundredths
MATCHES = RMS, HEARD = "rms", "heard"
HELD_S = 0.3  # since the note of a level that is thought of began
MOVES = range(-int(MAX_SEMITONES), int(MAX_SEMITONES) + 1)  # semitones
WORTH_TELLING = 0.02  # share of the notes


def transfer(
    features: Features,
    model: DDSPModel,
    *,
    semitones: float = 0.0,
    nearest_octave: bool = False,
    match_loudness: bool | str | None = None,
    envelope: bool = True,
    tape: bool = False,
) -> Features:
    """A performance as the instrument should play it.

    The pitch moves and the envelope stays, as a singer's formants do; a phase is integrated anew where it moves.

    Args:
        semitones: to transpose by, -60 to 60.
        nearest_octave: also move by the octaves that bring it nearest to the instrument's median pitch.
        match_loudness: give it the distribution of levels that the instrument's recordings have: of RMS levels (True or
            "rms"), or of levels as the ear has them ("heard"), for which high notes are louder and low ones softer.
        envelope: whether it is then played with its envelope; of that depends how loud it is heard.
        tape: move the envelope along with the pitch, as a tape that runs faster does.

    Raises:
        ConfigError: a transposition out of range, or an unknown way to match.
    """
    if not abs(semitones) <= MAX_SEMITONES:
        raise ConfigError(f"Cannot transpose by {semitones} semitones; use {-MAX_SEMITONES:g} to {MAX_SEMITONES:g}.")
    if nearest_octave:
        played = torch.log2(sounding(features.f0_hz, features) / A4_HZ).median().item()  # octaves from A4
        semitones += 12 * round(model.octave_quantiles[MIDDLE].item() - played - semitones / 12)
    if semitones:
        features = features.transpose(semitones, tape=tape)
    if match_loudness and match_loudness not in (*MATCHES, True):
        raise ConfigError(f"Cannot match loudness by {match_loudness!r}; use one of {', '.join(MATCHES)}.")
    if match_loudness:
        features = replace(features, loudness_db=matched(features, model))
    if match_loudness == HEARD:
        features = replace(features, loudness_db=matched(features, model, heard=True, envelope=envelope))
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


def sounding(values: torch.Tensor, features: Features) -> torch.Tensor:
    """Values of the voiced frames, or all where none is."""
    return values[features.voiced] if features.voiced.any() else values


def matched(features: Features, model: DDSPModel, *, heard: bool = False, envelope: bool = True) -> torch.Tensor:
    """[n_frames] loudness whose quantiles over voiced frames are the instrument's; beyond them it is shifted.

    Where it is to be as heard, what the instrument plays tells how much louder than its RMS that is. Of its recordings
    pitches and levels are known, but not together: each level is taken to occur at each pitch.
    """
    indices = (100 * QUANTILES).round().astype(int)
    wanted_db, more_db = model.loudness_quantiles_db.cpu()[indices], torch.zeros(len(features))
    if heard:
        octaves, wanted_db = torch.cartesian_prod(model.octave_quantiles.cpu()[indices], wanted_db).T
        notes = replace(
            features[torch.zeros(len(octaves), dtype=torch.long)].transpose(0),
            f0_hz=A4_HZ * 2**octaves,
            loudness_db=wanted_db,
            voiced=torch.ones(len(octaves), dtype=torch.bool),
            age_s=torch.full((len(octaves),), HELD_S),
        )
        wanted_db = wanted_db + heard_db(notes, model, envelope=False)
        more_db = heard_db(features, model, envelope=envelope)
    level_db = features.loudness_db + more_db
    ours, theirs = (np.quantile(x.numpy(), QUANTILES) for x in (sounding(level_db, features), wanted_db))
    moved = np.interp(level_db.numpy(), ours, theirs)
    moved += np.minimum(level_db.numpy() - ours[0], 0) + np.maximum(level_db.numpy() - ours[-1], 0)
    return torch.from_numpy(moved).float() - more_db


def heard_db(features: Features, model: DDSPModel, *, envelope: bool) -> torch.Tensor:
    """[n_frames] dB by which the ear has what the instrument plays louder than its RMS."""
    controls = model.controls(features, envelope=envelope, loudness=False)
    hz = features.f0_hz.to(model.device)[:, None] * model.network.instrument.queries.harmonics
    rms, heard = (power(controls, hz, model.config, heard=heard).clamp(min=1e-20) for heard in (False, True))
    return 10 * (heard / rms).log10().cpu()


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

"""Pitch, loudness, envelope, partials and noise, each from one of two recordings (notebook 07, "Whose pitch, whose
noise?").
"""

from dataclasses import replace

import numpy as np
import torch

from ddsp_nb.analysis.features import Features
from ddsp_nb.errors import ConfigError
from ddsp_nb.growth.track import Source
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.training.take import Take

# In which two instruments have to be alike.
SIZES = ("sample_rate", "hop_length", "n_harmonics", "n_bands", "n_mfcc")


@torch.no_grad()
def blend(
    first: Source,
    second: Source,
    *,
    pitch: float = 0.0,
    loudness: float = 0.0,
    envelope: float = 0.0,
    partials: float = 0.0,
    noise: float = 0.0,
) -> Take:
    """Something between two recordings, in five ways of its own; it lasts as long as the first.

    Where both have as many notes, note lies on note; else the second is stretched as a whole.

    Args:
        first, second: instruments of the same sizes, and the takes of their recordings.
        pitch: share of the second one's pitch, 0 to 1; it moves in octaves.
        loudness: of its level; it moves in dB.
        envelope: of its MFCCs. Where either take was written, there are none, and instruments have their own timbre.
        partials: of the levels that its instrument gives to the partials of all that; their roots move.
        noise: the same for the noise bands.

    Returns:
        A take for `Take.render`, `grow` and `GrowthPanel`, in the room of the first.

    Raises:
        ConfigError: shares out of range, or instruments of different sizes.
    """
    shares = {"pitch": pitch, "loudness": loudness, "envelope": envelope, "partials": partials, "noise": noise}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ConfigError(f"{name} is {share!r}; use a share of the second recording from 0 to 1.")
    for name in SIZES:
        sizes = [getattr(source.model.config, name) for source in (first, second)]
        if sizes[0] != sizes[1]:
            raise ConfigError(f"The two instruments have {name} {sizes[0]} and {sizes[1]}; train both with the same.")
    ours = first.take.features.to("cpu")
    theirs = _aligned(second.take.features.to("cpu"), ours)
    middle = _features_between(ours, theirs, pitch, loudness, envelope)
    drawn = not (ours.mfcc.any() and theirs.mfcc.any())
    asked = [(first.model, replace(middle, voiced=ours.voiced)), (second.model, replace(middle, voiced=theirs.voiced))]
    a, b = (model.controls(features, envelope=not drawn, loudness=False) for model, features in asked)
    middle = replace(middle, voiced=(ours.voiced & (partials < 1)) | (theirs.voiced & (partials > 0)))
    between = Controls(
        _by_roots(a.amplitudes, b.amplitudes.to(a.amplitudes), partials),
        a.directions,
        _by_roots(a.noise_magnitudes, b.noise_magnitudes.to(a.amplitudes), noise),
    )
    return Take(middle, first.model.levelled(between, middle), first.take.ceiling_db, room=first.take.room)


def _features_between(ours, theirs, pitch, loudness, envelope):
    octaves = lambda share: torch.exp2(torch.lerp(ours.f0_hz.log2(), theirs.f0_hz.log2(), share))
    return replace(
        ours,
        f0_hz=ours.f0_hz if pitch == 0 else octaves(pitch),
        loudness_db=torch.lerp(ours.loudness_db, theirs.loudness_db, loudness),
        mfcc=torch.lerp(ours.mfcc, theirs.mfcc, envelope),
        age_s=torch.lerp(ours.since_onset_s(), theirs.since_onset_s(), loudness),
        # The pitch at which MFCCs like these would be measured.
        recorded_hz=None if pitch == envelope else octaves(envelope),
        phase=ours.phase if pitch == 0 else None,
    )


def _aligned(features: Features, to: Features) -> Features:
    """Features as they are at each frame of others: note by note where both have as many, else stretched."""
    onsets = [(np.flatnonzero(np.diff(each.since_onset_s().numpy()) < 0) + 1).tolist() for each in (to, features)]
    if len(onsets[0]) != len(onsets[1]):
        onsets = [[], []]
    theirs, ours = ([0, *at, len(each) - 1] for at, each in zip(onsets, (to, features), strict=True))
    places = torch.from_numpy(np.interp(np.arange(len(to)), theirs, ours)).float()
    left = places.long().clamp(max=len(features) - 2)
    share = places - left
    read = lambda values: torch.lerp(values[left], values[left + 1], share.view(-1, *[1] * (values.ndim - 1)))
    nearest = features[places.round().long()]
    return replace(
        nearest,
        f0_hz=read(features.f0_hz.log2()).exp2(),
        loudness_db=read(features.loudness_db),
        mfcc=read(features.mfcc),
        age_s=features.since_onset_s()[places.round().long()],
    )


def _by_roots(a, b, share):
    """Exact at both ends."""
    return (b if share else a) if share in (0, 1) else torch.lerp(a.sqrt(), b.sqrt(), share).square()

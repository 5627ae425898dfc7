"""How long ago a note began (notebook 01, "What does the network read?"): a struck string is bright, then dull."""

import torch
from torch.nn import functional as F

# A note begins where its level rises by so much within so long, or its pitch jumps.
RISE_DB, RISE_S = 10.0, 0.06
JUMP_OCTAVES, JUMP_S = 0.8 / 12, 0.025
# Below the loudest frame; softer ones are the floor of a recording, which flutters.
AUDIBLE_DB = 45.0
# The least time that is told apart, and the most: a note that is held for longer has settled.
SHORTEST_S, LONGEST_S = 0.02, 5.0


def seconds_since_onset(
    f0_hz: torch.Tensor, loudness_db: torch.Tensor, voiced: torch.Tensor, hop_s: float
) -> torch.Tensor:
    """[n_frames] s since the note of each frame began, at the most since the first; all are as in `Features`."""
    n_rise, n_jump = (max(round(seconds / hop_s), 1) for seconds in (RISE_S, JUMP_S))
    softest_db = -F.max_pool1d(F.pad(-loudness_db[None], (n_rise, 0), value=-1e9), n_rise + 1, 1)[0]
    rises = (loudness_db - softest_db >= RISE_DB) & (loudness_db > loudness_db.max() - AUDIBLE_DB)
    octaves = torch.log2(f0_hz)
    before = torch.cat([octaves[:1].expand(n_jump), octaves])[: len(octaves)]
    begins = rises | (voiced & ((octaves - before).abs() >= JUMP_OCTAVES))
    first = begins & ~torch.cat([begins[:1] & False, begins[:-1]])
    frames = torch.arange(len(f0_hz), device=f0_hz.device)
    return hop_s * (frames - torch.where(first, frames, 0).cummax(0).values).float()


def in_octaves(age_s: torch.Tensor) -> torch.Tensor:
    """Time since an onset as the network reads it, 0 to 8: half of it is used up within 0.3 s."""
    return torch.log2(1 + age_s.clamp(max=LONGEST_S) / SHORTEST_S)

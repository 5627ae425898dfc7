"""The way from one instrument to another in even steps (notebook 07, "What lies between a violin and a clarinet?").

On the straight line between two codes the sound moves in leaps, and has levels that neither end has. So the line is
bent: at some places of it the code goes by one step of Gauss and Newton to where each partial lies evenly between those
of the ends, by the fourth root of its amplitude; a bias brings the noise bands there.
"""

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.onsets import in_octaves
from ddsp_nb.config import Config
from ddsp_nb.training.instrument import CODE_SIZE, NO_FLOOR, Instrument, partial_weights

# Both ends among them; a spline goes through all.
N_PLACES = 7
# Of a note that the network is asked for: octaves from the middle pitch, dB beside the usual loudness, s since onset.
OCTAVES, LOUDNESS_DB, AGE_S = (-0.5, 0.5), (0.0, -12.0), 0.3
# Of an amplitude, that moves evenly. The logarithm leaves the louder end too fast, the amplitude the softer one.
ROOT = 0.25
# Of a code, to see which way the answers move.
NUDGE = 1e-4
# Beside the answers' own: codes that the network never met say something else at other pitches.
CAUTION = 0.3


@torch.no_grad()
def detour(ends: torch.Tensor, octave: float, usual_db: float) -> torch.Tensor:
    """[N_PLACES, CODE_SIZE + n_bands] by which code and bias leave the straight line, at even distances along it.

    Args:
        ends: [2, CODE_SIZE + n_bands] code and noise bias of two instruments.
        octave: the middle of their pitches, octaves from A4.
        usual_db: loudness of their usual notes, dB relative to full scale.
    """
    # Twice as many digits: a morph is the same for any number of threads.
    instrument, ends = Instrument.shared(Config()).double(), ends.double()
    instrument.usual_db.fill_(usual_db)
    notes = _notes(octave, usual_db).to(ends)
    line = torch.lerp(ends[:1], ends[1:], torch.linspace(0, 1, N_PLACES).to(ends)[:, None])
    levels = _ask(instrument, notes, line)
    wanted = [_evenly(level) for level in levels]
    code = line[:, :CODE_SIZE] + _step(instrument, notes, line, levels[0], wanted[0])
    gains = _ask(instrument, notes, torch.cat([code, line[:, CODE_SIZE:]], 1))[1]
    weights = partial_weights(wanted[1].exp())
    bias = ((wanted[1] - gains) * weights).sum(1) / weights.sum(1)
    return torch.cat([code - line[:, :CODE_SIZE], bias], 1).float()


def _notes(octave, usual_db):
    """[n_notes, n_inputs] that the network is asked for."""
    age = in_octaves(torch.tensor(AGE_S)).item()
    played = [(octave + up, usual_db + louder_db, age) for up in OCTAVES for louder_db in LOUDNESS_DB]
    return F.pad(torch.tensor(played), (0, Config.n_mfcc))


def _ask(instrument, notes, rows):
    """Log levels [n_rows, n_notes, n] of partials and bands, without a floor."""
    floor = torch.full_like(rows[:, CODE_SIZE:], NO_FLOOR)
    timbres = torch.cat([rows, floor], 1).repeat_interleave(len(notes), 0)
    answers = instrument(notes.repeat(len(rows), 1), envelope=False, timbre=timbres)
    return [answer.unflatten(0, (len(rows), len(notes))) for answer in answers]


def _evenly(levels):
    """Log levels [N_PLACES, ...] whose roots go in even steps from the first to the last."""
    roots = (ROOT * levels[[0, -1]]).exp()
    return torch.lerp(roots[:1], roots[1:], torch.linspace(0, 1, len(levels)).to(roots)[:, None, None]).log() / ROOT


def _step(instrument, notes, line, levels, wanted):
    """[N_PLACES, CODE_SIZE] from the codes of the line to where the partials are nearer to the levels that are wanted.

    The line is [N_PLACES, CODE_SIZE + n_bands]; levels are [N_PLACES, n_notes, n_harmonics] log amplitudes.
    """
    directions = NUDGE * torch.eye(line.shape[1])[:CODE_SIZE].to(line)
    slopes = torch.stack([(_ask(instrument, notes, line + nudge)[0] - levels) / NUDGE for nudge in directions], -1)
    weights = partial_weights(wanted.exp()).sqrt()[..., None]
    slopes, missing = (slopes * weights).flatten(1, 2), ((wanted - levels)[..., None] * weights).flatten(1, 2)
    square = slopes.mT @ slopes
    caution = CAUTION * square.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None] * torch.eye(CODE_SIZE).to(square)
    return torch.linalg.solve(square + caution, slopes.mT @ missing)[..., 0]

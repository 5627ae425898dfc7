"""Find an instrument on the map of all instruments (notebook 07, "Where does your recording lie?").

What is looked for are few numbers: the code, a bias of each noise band, and the noise that the recording has besides,
whatever is played. All else stays as a hundred instruments taught it, so that seconds of sound are enough.
"""

import math

import torch

from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.training.adamw import AdamW
from ddsp_nb.training.instrument import NOISE_WEIGHT, SPREAD_SEMITONES, Instrument, Targets, lesson_loss, level_errors

# Steps and frames of each. Of 60, 100, 150 and 300 steps, 60 were as good as any on notes left out of five instruments
# that the weights had not heard.
N_STEPS, BATCH_FRAMES = 60, 32
# Falling to nothing along half a cosine.
STEP = 5e-2
# Frames by which the codes that are known are compared, to begin with the nearest.
COMPARED_FRAMES = 12
# How much the numbers are held back: a code where codes are, a bias at nothing, a floor where the softest frames are.
CODE_WEIGHT, BIAS_WEIGHT, FLOOR_WEIGHT = 1e-3, 1e-2, 2e-2
# Share of the frames of a band that may be softer than the floor it begins with.
FLOOR_QUANTILE = 0.02


@torch.enable_grad()
def enrol(instrument: Instrument, targets: Targets, codes: torch.Tensor, seed: int = 0) -> None:
    """Find code, bias and floor with which the shared weights play a recording best; nothing else changes.

    Args:
        instrument: with shared weights and its usual level.
        targets: what the recording asks for.
        codes: [n, CODE_SIZE] of known instruments; the search begins at the nearest.
        seed: of the frames that are looked at.
    """
    generator = torch.Generator().manual_seed(seed)
    some = lambda n: targets[torch.randint(len(targets), (n,), generator=generator).to(targets.inputs.device)]
    floor = torch.quantile(targets.log_gains + NEPERS_PER_DB * targets.inputs[:, 1:2], FLOOR_QUANTILE, dim=0)
    with torch.no_grad():
        instrument.noise_floor.copy_(floor)
        instrument.code.copy_(nearest_code(instrument, some(COMPARED_FRAMES), codes))
    found = [instrument.code, instrument.noise_bias, instrument.noise_floor]
    optimiser = AdamW([{"params": found, "lr": STEP}])
    for step in range(N_STEPS):
        optimiser.groups[0]["lr"] = STEP * (0.5 + 0.5 * math.cos(math.pi * step / N_STEPS))
        loss = lesson_loss(instrument, some(BATCH_FRAMES), generator, spread=SPREAD_SEMITONES)
        loss = loss + CODE_WEIGHT * instrument.code.square().mean()
        risen = (instrument.noise_floor - floor).clamp(min=0)
        loss = loss + BIAS_WEIGHT * instrument.noise_bias.square().mean() + FLOOR_WEIGHT * risen.square().mean()
        for parameter, slope in zip(found, torch.autograd.grad(loss, found), strict=True):
            parameter.grad = slope
        optimiser.step()


@torch.no_grad()
def nearest_code(instrument: Instrument, targets: Targets, codes: torch.Tensor) -> torch.Tensor:
    """[CODE_SIZE] that one of [n, CODE_SIZE] with which the instrument's own timbre comes nearest."""

    def wrong(code):
        partials, bands = level_errors(instrument, targets, envelope=False, timbre=instrument.timbre(code)[None])
        return (partials + NOISE_WEIGHT * bands).item()

    return min(codes.to(targets.inputs), key=wrong)

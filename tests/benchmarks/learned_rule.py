"""A rule that is taught the spectrum of recordings: `python -m tests.benchmarks.learned_rule data/violin.flac ...`.

How far its levels are off at some steps, mean of the partials that are less than 60 dB below the loudest; and how soon
it heals, of five random thirds of all partials, that are erased at step 100. Beside it the rule "spread", by which
partials sound or do not: the step from which all of them do.
"""

import sys
import time
from pathlib import Path

import torch

from ddsp_nb import AnalysedRecording, Config, GrowthPlan, load_audio, partial_masks, record_take, teach_rule

STEPS, ERASED_AT, N_STEPS, LONGEST_S = (10, 20, 30, 50, 100, 200), 100, 200, 8


def audible_levels(path: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    """[n] linear levels of the partials of a recording, those that can be heard beside the loudest, and their Hz."""
    config = Config()
    audio = load_audio(Path(path), config.sample_rate, duration_s=LONGEST_S)
    take = record_take(AnalysedRecording.of(Path(path).stem, audio, config), config)
    power = take.controls.amplitudes.square()
    levels = power.mean(0).sqrt()
    if take.hz is None:
        return levels, None
    heard = levels > 1e-3 * levels.max()
    return levels[heard], ((take.hz * power).sum(0) / power.sum(0))[heard]


def report(path: str) -> str:
    """A row of the table."""
    levels, hz = audible_levels(path)
    begun, used = time.perf_counter(), time.process_time()
    rule = teach_rule(levels, places=hz)
    spent = f"{time.process_time() - used:.0f} s | {time.perf_counter() - begun:.0f} s"
    in_db = lambda x: 20 * x.clamp(min=1e-3).log10()
    goal = in_db(levels / levels.max())
    off = lambda history: (in_db(history) - goal).abs()[:, goal > -60].mean(1)
    plain = off(rule.run(max(STEPS)))
    healed = []
    for seed in range(5):
        order = torch.randperm(len(levels), generator=torch.Generator().manual_seed(seed))
        history = off(rule.run(N_STEPS, erase={ERASED_AT: (order[: len(levels) // 3] + 1).tolist()}))[ERASED_AT - 1 :]
        near = (history < history[-1] + 0.5).nonzero()[0].item()
        healed.append((history[0].item(), near, history[-1].item()))
    first, near, last = (sorted(values)[2] for values in zip(*healed, strict=True))
    spread = partial_masks(GrowthPlan("rule", N_STEPS, neighbours="next,2"), len(levels), levels=levels, hz=hz)
    full = int((spread.sum(1) < spread.sum(1).max()).sum()) + 1
    weights = sum(w.numel() for w in rule.parameters())
    errors = " | ".join(f"{plain[step - 1]:.1f}" for step in STEPS)
    name, n = Path(path).stem, int((goal > -60).sum())
    return f"| {name} | {n} | {weights} | {spent} | {errors} | {first:.1f}, {near} steps, {last:.1f} | {full} |"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for sound in sys.argv[1:]:
        print(report(sound), flush=True)

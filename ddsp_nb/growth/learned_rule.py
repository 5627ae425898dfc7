"""A rule that is learned: hundreds of weights, the same in each partial, which sees its neighbours alone (notebook 08).

It is taught to reach a spectrum from one partial, to stay there and to heal (Mordvintsev et al., Growing Neural
Cellular Automata, Distill 2020): what earlier rounds have grown is taught on, and some of it is damaged.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.masks import neighbour_table
from ddsp_nb.progress import with_bar

# Level 1 is the loudest partial's, and 0 lies so far below. Channels of a cell, its level first; and units that think.
DEPTH_DB, N_CHANNELS, N_HIDDEN = 60.0, 8, 16
# Of teaching: rounds, spectra that are kept, those of a round, its steps, and how many of the last ones count.
N_ROUNDS, N_KEPT, N_TAUGHT, N_STEPS, N_JUDGED = 700, 64, 4, (16, 40), 6


class LearnedRule(nn.Sequential):
    """What `teach_rule` has taught: [..., n_partials, N_CHANNELS] to the next step; nothing comes of silence."""

    def __init__(self, places: torch.Tensor):
        super().__init__(nn.Linear(5 * N_CHANNELS, N_HIDDEN, False), nn.ReLU(), nn.Linear(N_HIDDEN, N_CHANNELS, False))
        nn.init.zeros_(self[2].weight)  # type: ignore[arg-type]
        tables = [neighbour_table(places, step) for step in ("next", "2")]
        self.sides = torch.stack([torch.eye(len(places)), *map(torch.triu, tables), *map(torch.tril, tables)])

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        seen = (self.sides.flatten(0, 1) @ cells).unflatten(-2, self.sides.shape[:2])
        return cells + super().forward(seen.transpose(-3, -2).flatten(-2))

    @torch.no_grad()
    def run(self, n_steps: int, seed_partials: Sequence[int] = (1,), erase: Mapping | None = None) -> torch.Tensor:
        """[n_steps, n_partials] linear levels, from some partials on; erase: which fall silent after which step."""
        cells, steps = torch.zeros(self.sides.shape[1], N_CHANNELS), []
        cells[[k - 1 for k in seed_partials]] = 1
        for step in range(1, n_steps + 1):
            cells = self(cells).index_fill(0, torch.tensor((erase or {}).get(step, ()), dtype=torch.long) - 1, 0)
            steps.append(cells[:, 0].clamp(0, 1))
        return torch.stack([level.sign() * 10 ** (DEPTH_DB / 20 * (level - 1)) for level in steps])


@torch.random.fork_rng(devices=[])
def teach_rule(levels: torch.Tensor, seed: int = 0, places: torch.Tensor | None = None) -> LearnedRule:
    """Teach a rule the [n_partials] linear levels of a recording, whose places are those of `neighbour_table`.

    Raises GrowthError where all are silent.
    """
    if not levels.max() > 0:
        raise GrowthError("All levels are 0, which no rule can learn. Use those of a sound with partials.")
    torch.manual_seed(seed)
    n, rule = len(levels), LearnedRule(torch.arange(len(levels)) + 1 if places is None else places)
    goal = (1 + 20 * (levels / levels.max()).log10() / DEPTH_DB).clamp(min=0).float()
    far = lambda cells: (cells[..., 0] - goal).square().mean(-1)
    kept, optimizer = torch.zeros(N_KEPT, n, N_CHANNELS), torch.optim.Adam(rule.parameters())
    kept[:, 0] = 1
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, N_ROUNDS)
    for _ in with_bar(range(N_ROUNDS), "Teaching"):
        taught, n_steps = torch.randperm(N_KEPT)[:N_TAUGHT], int(torch.randint(*N_STEPS, ()))
        cells, loss = kept[taught[far(kept[taught]).argsort()]], torch.zeros(())
        cells[:2] *= torch.rand(2, n, 1) > 0.6 * torch.rand(2, 1, 1)
        cells[-1] = torch.eye(n, 1)  # the worst one begins anew
        for step in range(n_steps):
            cells = rule(cells)
            if step >= n_steps - N_JUDGED:
                loss = loss + far(cells).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(rule.parameters(), 0.01)
        optimizer.step()
        pace.step()
        kept[taught] = cells.detach().clamp(-3, 3)
    return rule

"""Training by several processes (notebook 04), as `torchrun --nproc-per-node 2 -m ddsp_nb train ...` starts them.

Every process has the same model and draws the same random numbers, so that nothing but gradients is exchanged: each
takes its share of a step's examples, and their mean moves all models alike.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed


@contextmanager
def joined() -> Iterator[None]:
    """Meet the other processes, if torchrun started this one, until the block ends."""
    n = int(os.environ.get("WORLD_SIZE", 1))
    if n == 1:
        yield
        return
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // n))
    distributed.init_process_group("gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this one is. Number 0 alone talks to the user and writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


@contextmanager
def first_alone() -> Iterator[None]:
    """Number 0 does the block first, the others after it, when they find what it left in the cache."""
    if rank() > 0:
        distributed.barrier()
    yield
    if rank() == 0 and count() > 1:
        distributed.barrier()


def share(examples: Any) -> Any:
    """This process's part of a step's examples, a sequence or a tensor."""
    return examples[rank() :: count()]


def averaged(model: torch.nn.Module, loss: torch.Tensor) -> torch.Tensor:
    """Put the mean of all processes' gradients in place of this one's, and return the mean of their losses."""
    loss = loss.detach()
    if count() > 1:
        for values in (loss, *(p.grad for p in model.parameters() if p.grad is not None)):
            distributed.all_reduce(values)
            values /= count()
    return loss

"""The controls network as one TorchScript file, for hosts without this package: LibTorch in C++, nn~ and others."""

import warnings
from pathlib import Path

import torch

from ddsp_nb.errors import ExportError
from ddsp_nb.files import written_whole
from ddsp_nb.playing.own_timbre import OwnTimbre
from ddsp_nb.training.model import DDSPModel

EXAMPLE_HZ, EXAMPLE_DB, EXAMPLE_S = 440.0, -20.0, 1.0  # with which it is traced; sizes may differ in use


def write_network(model: DDSPModel, path: Path) -> Path:
    """Write `OwnTimbre` as TorchScript: arguments and results are those of its `forward`. Raises ExportError."""
    timbre = OwnTimbre(model).eval().cpu()
    heard = [torch.full((2, 3), value) for value in (EXAMPLE_HZ, EXAMPLE_DB, EXAMPLE_S)]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch wants torch.export to be used, which C++ hosts cannot read
        traced = torch.jit.trace(timbre, (*heard, timbre.rest(2)))
        with written_whole(path, ExportError) as temporary:
            torch.jit.save(traced, str(temporary))
    return path

"""The state of a training run on disk while it lasts, so that nothing is lost when the power goes."""

import math
import time
import warnings
from pathlib import Path

import torch

from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, WorkbookWarning
from ddsp_nb.files import written_whole
from ddsp_nb.training.checkpoint import check_tensor, check_weights, reason
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.run import Progress
from ddsp_nb.training.version_1 import check_archive

FORMAT, VERSION = "ddsp_nb run", 1
PAUSE_S = 10.0  # between writes, of some 60 MB each at the default sizes
WHOLE_NUMBERS = ("epochs", "seed", "epoch", "skipped", "in_a_row")
NUMBERS = ("learning_rate", "best_loss", "ceiling_db")
TENSORS = ("weights", "best_weights", "moments", "memories", "generator")


class RunFile:
    """The file `NAME.run.pt` beside a checkpoint `NAME.pt`: what `train(resume=...)` needs to go on.

    Args:
        checkpoint: where the trained model will be written.
    """

    def __init__(self, checkpoint):
        checkpoint = Path(checkpoint)
        self.path, self.due = checkpoint.with_name(f"{checkpoint.stem}.run.pt"), 0.0

    def keep(self, progress: Progress, config: Config, *, now: bool = False) -> None:
        """Write the state of a run, at most every ten seconds, or `now`.

        Where it cannot be written what was there stays, a warning says so, and training goes on without.
        """
        if not now and time.monotonic() < self.due:
            return
        content = {"format": FORMAT, "version": VERSION, "config": config.to_dict(), **progress.state()}
        self.due = time.monotonic() + PAUSE_S
        try:
            with written_whole(self.path, CheckpointError) as temporary, open(temporary, "wb") as file:
                torch.save(content, file)
        except CheckpointError as error:
            self.due = math.inf
            words = f"{error} Until then this training could not be resumed after a crash; it goes on."
            warnings.warn(words, WorkbookWarning, stacklevel=2)

    def load(self) -> tuple[Config, dict]:
        """The config of the run and its state, every part checked.

        Raises:
            CheckpointError: there is no such file, or it is damaged, foreign or newer.
        """
        if not self.path.is_file():
            raise CheckpointError(f"{self.path}: no interrupted run is there. Begin one without resuming.")
        try:
            check_archive(self.path)
            state = torch.load(self.path, map_location="cpu", weights_only=True, mmap=True)
            return checked(state, self.path.stat().st_size)
        except Exception as error:  # a stranger's bytes can break a parser in any way
            raise CheckpointError(f"{self.path}: holds no run to go on with ({reason(error)}). Begin anew.") from error

    def remove(self) -> None:
        """The run is done: its state is of no more use."""
        self.path.unlink(missing_ok=True)


def checked(state: dict, n_bytes: int) -> tuple[Config, dict]:
    """Config and state of a run file of n_bytes; raises ValueError and the like where a part does not fit."""
    if state["format"] != FORMAT or type(state["version"]) is not int or not 1 <= state["version"] <= VERSION:
        raise ValueError("another format or a newer version")
    config = Config.from_dict(state["config"])
    if sum(t.numel() * t.element_size() for t in tensors_of([state[name] for name in TENSORS])) > n_bytes:
        raise ValueError("it says more numbers than it holds")
    check_weights(state["weights"], config)
    check_weights(state["best_weights"], config)
    check_moments(state["moments"], config)
    memories = state["memories"]
    check_tensor("memories", memories, torch.float32, (config.n_layers, memories.shape[1], config.hidden_size))
    check_numbers(state)
    loaded = {name: value for name, value in state.items() if name not in ("format", "version", "config")}
    return config, {**loaded, **{name: own(state[name]) for name in TENSORS}}


def check_moments(moments: dict, config: Config) -> None:
    """Raise ValueError unless these are the moments of Adam for every parameter, or none."""
    with torch.device("meta"):
        shapes = {name: tuple(p.shape) for name, p in DDSPModel(config).named_parameters()}
    if set(moments) != set(shapes):
        raise ValueError("an optimiser of another model")
    for name, moment in moments.items():
        expected = {"step": (), "exp_avg": shapes[name], "exp_avg_sq": shapes[name]}
        if moment and set(moment) != set(expected):
            raise ValueError("another optimiser")
        for part, tensor in moment.items():
            check_tensor(f"{part} of {name}", tensor, torch.float32, expected[part])


def check_numbers(state: dict) -> None:
    """Raise ValueError unless counts, rates and the log are plain numbers in their ranges."""
    if not all(type(state[name]) is int and state[name] >= 0 for name in WHOLE_NUMBERS):
        raise ValueError("a count that is none")
    if not all(type(state[name]) is float and not math.isnan(state[name]) for name in NUMBERS):
        raise ValueError("a number that is none")
    if state["running_loss"] is not None and type(state["running_loss"]) is not float:
        raise ValueError("a loss that is none")
    if type(state["recording"]) is not str or type(state["start"]) is not str or state["epoch"] > state["epochs"]:
        raise ValueError("a run beyond its end")
    entries = state["log"]
    if len(entries) != state["epoch"] or not all(
        len(e) == 6 and all(type(x) in (int, float) for x in e) for e in entries
    ):
        raise ValueError("a log that does not fit")


def tensors_of(value) -> list[torch.Tensor]:
    """All tensors in nested dicts and lists."""
    if torch.is_tensor(value):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [tensor for part in inner for tensor in tensors_of(part)]


def own(value):
    """Tensors, or nested dicts of them, in memory of their own instead of the file's."""
    return value.clone() if torch.is_tensor(value) else {name: own(part) for name, part in value.items()}

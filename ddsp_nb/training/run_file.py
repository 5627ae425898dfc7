"""The state of a training run on disk while it lasts, so that nothing is lost when the power goes."""

import math
import time
import warnings
from pathlib import Path

import torch

from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, WorkbookWarning
from ddsp_nb.files import written_whole
from ddsp_nb.training import tensor_file
from ddsp_nb.training.checkpoint import check_tensor, check_weights, reason
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.train import Epoch, Progress, TrainingState

FORMAT = "ddsp_nb run"
VERSION = 3  # 3: a corpus instead of a clip. Runs do not outlive a change of the format
PAUSE_S = 10.0  # between writes, of some 60 MB each at the default sizes
HEADER = ("format", "version", "config")


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
        state = progress.state()
        history = [vars(epoch) for epoch in state.history]
        header = dict(zip(HEADER, (FORMAT, VERSION, config.to_dict()), strict=True))
        content = {**header, **vars(state), "history": history}
        self.due = time.monotonic() + PAUSE_S
        try:
            with written_whole(self.path, CheckpointError) as temporary:
                temporary.write_bytes(tensor_file.to_bytes(content))
        except CheckpointError as error:
            self.due = math.inf
            words = f"{error} Until then this training could not be resumed after a crash; it goes on."
            warnings.warn(words, WorkbookWarning, stacklevel=2)

    def load(self) -> tuple[Config, TrainingState]:
        """The config of the run and its state, every part checked.

        Raises:
            CheckpointError: there is no such file, or it is damaged, foreign or newer.
        """
        if not self.path.is_file():
            raise CheckpointError(f"{self.path}: no interrupted run is there. Begin one without resuming.")
        try:
            return checked(tensor_file.read(self.path))
        except Exception as error:  # a stranger's bytes can break a parser in any way
            raise CheckpointError(f"{self.path}: holds no run to go on with ({reason(error)}). Begin anew.") from error

    def remove(self) -> None:
        """The run is done: its state is of no more use."""
        self.path.unlink(missing_ok=True)


def checked(content: dict) -> tuple[Config, TrainingState]:
    """Config and state of a run file; raises ValueError and the like where a part does not fit."""
    if content["format"] != FORMAT or type(content["version"]) is not int or content["version"] != VERSION:
        raise ValueError("another format or another version")
    config = Config.from_dict(content["config"])
    values = {name: value for name, value in content.items() if name not in HEADER}
    history = [checked_epoch(number, figures) for number, figures in enumerate(content["history"], 1)]
    state = TrainingState(**values | {"history": history})
    check_weights(state.weights, config)
    check_weights(state.best_weights, config)
    check_moments(state.moments, config)
    check_tensor("generator", state.generator, torch.uint8, tuple(torch.Generator().get_state().shape))
    check_numbers(state)
    return config, state


def checked_epoch(number: int, figures: dict) -> Epoch:
    """The figures of the epoch of that number; raises ValueError where they are none."""
    epoch = Epoch(**figures)
    figures = {name: value for name, value in vars(epoch).items() if name != "unheard_loss" or value is not None}
    if epoch.epoch != number or not all(type(value) in (int, float) for value in figures.values()):
        raise ValueError("a history that does not fit")
    return epoch


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


def check_numbers(state: TrainingState) -> None:
    """Raise ValueError unless counts and rates are plain numbers in their ranges."""
    counts = (state.epochs, state.seed, state.skipped, state.skipped_in_a_row)
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("a count that is none")
    numbers = (state.learning_rate, state.best_loss)
    if not all(type(number) is float and not math.isnan(number) for number in numbers):
        raise ValueError("a number that is none")
    if type(state.corpus_sha256) is not str or type(state.start) is not str or not 0 < state.epoch <= state.epochs:
        raise ValueError("a run beyond its end")

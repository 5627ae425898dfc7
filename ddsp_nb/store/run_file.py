"""The state of a training run on disk while it lasts (notebook 04, Resume): nothing is lost when the power goes."""

import math
import time
from pathlib import Path

from ddsp_nb.errors import CheckpointError, warn_user
from ddsp_nb.store import tensor_file
from ddsp_nb.training.train import Progress, TrainingState

KIND = "run"
# Between writes, of some 60 MB each at the default sizes.
PAUSE_S = 10.0


class RunFile:
    """The file `NAME.run.pt` beside a checkpoint `NAME.pt`: what `train(resume=...)` needs to go on."""

    def __init__(self, checkpoint: str | Path):
        checkpoint = Path(checkpoint)
        self.path, self.due = checkpoint.with_name(f"{checkpoint.stem}.run.pt"), 0.0

    def keep(self, progress: Progress, *, now: bool = False) -> None:
        """Write the state of a run, at most every ten seconds, or `now`.

        Where it cannot be written what was there stays, a warning says so, and training goes on without.
        """
        if not now and time.monotonic() < self.due:
            return
        self.due = time.monotonic() + PAUSE_S
        try:
            tensor_file.write(self.path, KIND, progress.state().to_dict())
        except CheckpointError as error:
            self.due = math.inf
            warn_user(f"{error} Until then this training could not be resumed after a crash; it goes on.")

    def load(self) -> TrainingState:
        """Raises CheckpointError where there is no such file, or it is damaged, foreign or of another format."""
        if not self.path.is_file():
            raise CheckpointError(f"{self.path}: no interrupted run is there. Begin one without resuming.")
        content = tensor_file.read(self.path, KIND)
        try:
            return TrainingState.from_dict(content)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{self.path}: holds no run to go on with. Begin anew.") from error

    def remove(self) -> None:
        """The run is done: its state is of no more use."""
        self.path.unlink(missing_ok=True)

"""Training in a thread of its own, so that a notebook stays usable and anyone can stop it and go on."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ddsp_nb.errors import TrainingError
from ddsp_nb.store.fit import fit
from ddsp_nb.store.run_file import RunFile
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.train import DEFAULT_EPOCHS, Epoch, Progress, TrainingState, copied

TICK_S = 0.1


class TrainingJob:
    """Runs of `train` on one model; the best model is kept at the end of each, also of one that was stopped.

    A run that was stopped goes on at the next `start` as if it had never been; one that came to its end is followed
    by another that moves the model on.

    Args:
        run_file: keeps the state of a run on disk. One that is there already, of the same recording and config, goes
            on at the first `start`; one of another is left alone, and nothing is kept.
        on_progress: called in the thread with the `Progress` of each epoch, counted over all runs.
        on_end: called in the thread after a run, with the error that ended it or None.
        settings: `epochs`, `learning_rate`, `seed`, `start`, `loss` of `train`; a change counts from the next run on.

    Attributes:
        history: the figures of each epoch of all runs.
        resumable: the state of a run that was stopped, or None.
    """

    def __init__(
        self,
        model: DDSPModel,
        corpus: Corpus,
        *,
        run_file: RunFile | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_end: Callable[[BaseException | None], None] = lambda error: None,
        **settings: Any,
    ):
        self.model, self.corpus, self._fresh = model, corpus, copied(model.state_dict())
        usual = {"epochs": DEFAULT_EPOCHS, "learning_rate": None, "start": "shared", "loss": "plain"}
        self.settings: dict[str, Any] = usual | settings
        self.run_file, self.on_progress, self.on_end = run_file, on_progress, on_end
        self.history: list[Epoch] = []
        self.resumable: TrainingState | None = None
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        if run_file is not None and run_file.path.exists():
            self._take_up(run_file.load())

    def _take_up(self, state):
        """Go on from the state of another kernel's run, if it is a run of this recording and config."""
        if state.config != self.model.config or state.corpus_sha256 != self.corpus.sha256():
            self.run_file = None
            return
        self.resumable, self.history = state, list(state.history)
        self.settings["epochs"] = state.settings.epochs

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin a run; nothing happens while one is going on."""
        if self.running:
            return
        self.stopping.clear()
        self._error = None
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Make the model what it was before the first run, and forget a run that was stopped."""
        if self.running:
            raise TrainingError("Stop the training first.")
        self.model.load_state_dict(self._fresh)
        self.history, self.resumable = [], None
        if self.run_file is not None:
            self.run_file.remove()

    def stop(self) -> None:
        """Ask the run to end after the current epoch."""
        self.stopping.set()

    def join(self) -> None:
        """Wait for the run to end; raises what it raised. Interrupting the wait stops the run."""
        try:
            while self._thread is not None and self.running:
                self._thread.join(TICK_S)
        finally:
            self.stop()
        if self._error is not None:
            raise self._error

    def _work(self):
        try:
            self._run()
            self.on_end(None)
            if self.run_file is not None and self.resumable is None:
                self.run_file.remove()
        except BaseException as error:
            # `join` raises it where people see it.
            self._error = error
            self.on_end(error)

    def _run(self):
        """Go on with the run that was stopped, or begin one: the first as asked, later ones move the model on."""
        # Epochs of runs before this one.
        earlier = len(self.history) - (len(self.resumable.history) if self.resumable else 0)
        settings = self.settings | ({"start": "model"} if earlier else {})

        def follow(progress: Progress) -> None:
            counted = replace(progress, epoch=earlier + progress.epoch, epochs=earlier + progress.epochs)
            self.history.append(counted)
            self.on_progress(counted)

        watch = {"on_progress": follow, "run_file": self.run_file, "stop": self.stopping.is_set}
        self.resumable = fit(self.model, self.corpus, resume=self.resumable, **watch, **settings)

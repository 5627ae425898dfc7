"""Training in a thread of its own, so that a notebook stays usable and anyone can stop it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import torch

from ddsp_nb.features import Features
from ddsp_nb.model import DDSPModel
from ddsp_nb.training import DEFAULT_EPOCHS, LEARNING_RATES, train

TICK_S = 0.1


class TrainingJob:
    """Runs of `train` on one model; the best model is kept at the end of each, also of one that was stopped.

    Args:
        model: trained in place.
        features: of the recording.
        audio: [n_samples] the recording.
        epochs: steps of one run.
        seed: of the noise.
        start: "analysis" or "random", as for `train`. A later run goes on from the model as it is.
        on_progress: called in the thread with the `Progress` of each epoch.
        on_end: called in the thread after a run, with the error that ended it or None.
    """

    def __init__(
        self,
        model: DDSPModel,
        features: Features,
        audio: torch.Tensor,
        *,
        epochs: int = DEFAULT_EPOCHS,
        seed: int = 0,
        start: str = "analysis",
        on_progress: Callable = lambda progress: None,
        on_end: Callable = lambda error: None,
    ):
        self.model, self.features, self.audio = model, features, audio
        self.epochs, self.seed, self.beginning = epochs, seed, start
        self.on_progress, self.on_end = on_progress, on_end
        self.history = []  # one Progress for each epoch of all runs
        self.stopping = threading.Event()
        self._thread, self._error = None, None

    @property
    def running(self) -> bool:
        """Whether training goes on at this moment."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin a run; nothing happens while one is going on."""
        if self.running:
            return
        self.stopping.clear()
        self._error = None
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the run to end after the current epoch."""
        self.stopping.set()

    def join(self) -> None:
        """Wait for the run to end; raises what it raised. Interrupting the wait stops the run.

        For scripts: in a notebook the kernel would not hear the buttons meanwhile, so use `finished`.
        """
        try:
            while self.running:
                self._thread.join(TICK_S)
        finally:
            self.stopping.set()
        if self._error is not None:
            raise self._error

    async def finished(self) -> None:
        """`join` for a notebook: `await job.finished()` waits while buttons keep working."""
        try:
            while self.running:
                await asyncio.sleep(TICK_S)
        finally:
            self.stopping.set()
        self.join()

    def _work(self):
        try:
            self._run()
            self.on_end(None)
        except BaseException as error:  # `join` raises it where people see it
            self._error = error
            self.on_end(error)

    def _run(self):
        done = len(self.history)
        with closing(self._training()) as run:  # closing keeps the best model
            for progress in run:
                self.history.append(replace(progress, epoch=done + progress.epoch))
                self.on_progress(progress)
                if self.stopping.is_set():
                    break

    def _training(self):
        """The first run starts as asked; a later one keeps the heads and moves them gently."""
        again = {"start": "random", "learning_rate": LEARNING_RATES["analysis"]}
        how = again if self.history else {"start": self.beginning}
        return train(self.model, self.features, self.audio, epochs=self.epochs, seed=self.seed, **how)

"""A panel that trains a model while you watch, listen and stop it."""

import asyncio
import threading
from contextlib import closing
from dataclasses import replace

import ipywidgets
import torch

from ddsp_nb import plots
from ddsp_nb.checkpoint import save_model
from ddsp_nb.features import Features
from ddsp_nb.model import DDSPModel
from ddsp_nb.training import DEFAULT_EPOCHS, LEARNING_RATES, train
from ddsp_nb.widgets import Pace, axes, errors_in_words, in_words, picture, player, png, say, wav_bytes

TICK_S = 0.1


class TrainingPanel(ipywidgets.VBox):
    """Start, Stop and Listen buttons around `train`, with live curves and spectrograms.

    Training runs in a thread of its own, so the notebook stays usable. At the end, or after Stop, the best model so
    far is kept in `model` and written to `path`. A second Start goes on from there with a fresh optimiser.

    Args:
        model: trained in place.
        features: of the recording.
        audio: [n_samples] the recording.
        epochs: steps of one run.
        path: checkpoint to write; None writes none.
        seed: of the noise.
        start: "analysis" or "random", as for `train`; of the first run.
    """

    def __init__(
        self,
        model: DDSPModel,
        features: Features,
        audio: torch.Tensor,
        *,
        epochs: int = DEFAULT_EPOCHS,
        path="output/ddsp_model.pt",
        seed: int = 0,
        start: str = "analysis",
    ):
        self.trained, self.features, self.target = model, features, audio
        self.epochs, self.path, self.seed, self.beginning = epochs, path, seed, start
        self.history = []  # one Progress for each epoch of all runs
        self._thread, self._error = None, None
        self._stop, self._listen = threading.Event(), threading.Event()
        super().__init__(self._build())
        say(self.status, f"Ready: {epochs} epochs on {len(audio) / model.config.sample_rate:.1f} s of sound.")

    def _build(self):
        """Make the widgets; returns them in the order of the page."""
        self.start_button = ipywidgets.Button(description="Start", icon="play", button_style="success")
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.listen_button = ipywidgets.Button(description="Listen now", icon="volume-up")
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self._stop.set())
        self.listen_button.on_click(lambda _: self.listen())
        self.bar = ipywidgets.IntProgress(min=0, max=self.epochs, layout=ipywidgets.Layout(width="300px"))
        self.status, self.curves, self.spectrograms = ipywidgets.HTML(), picture("860px"), picture("860px")
        self.player = player(self.trained.config.sample_rate)
        buttons = ipywidgets.HBox([self.start_button, self.stop_button, self.listen_button, self.bar])
        return [buttons, self.status, self.curves, self.spectrograms, self.player]

    @property
    def running(self) -> bool:
        """Whether training goes on at this moment."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin a run, or go on from the model as it is after an earlier one."""
        if self.running:
            return
        self._stop.clear()
        self._listen.clear()
        self._error, self.bar.value = None, 0
        self._set_buttons(running=True)
        say(self.status, "Analysing the recording: what could these sines do at best?")
        self._thread = threading.Thread(target=self._work, name="training", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the run to end after the current epoch."""
        self._stop.set()

    def listen(self) -> None:
        """Put the model as it is now into the player; while it trains, at the end of the current epoch."""
        if self.running:
            self._listen.set()
            say(self.status, "Rendering what it has learned so far ...")
            return
        with errors_in_words(self.status):
            self._play(self.trained(self.features).audio)

    def join(self) -> None:
        """Wait for the run to end; raises what it raised. Interrupting the wait stops the run."""
        try:
            while self.running:
                self._thread.join(TICK_S)
        finally:
            self._stop.set()
        if self._error is not None:
            raise self._error

    async def finished(self) -> None:
        """`join` for a notebook: `await panel.finished()` waits while the buttons keep working."""
        try:
            while self.running:
                await asyncio.sleep(TICK_S)
        finally:
            self._stop.set()
        self.join()

    def _work(self):
        """The thread: one run, whose error is shown and kept for `join`."""
        try:
            self._run()
        except BaseException as error:
            self._error = error
            say(self.status, in_words(error), error=True)
        finally:
            self._set_buttons(running=False)

    def _run(self):
        pace_curves, pace_spectrograms, done = Pace(), Pace(), len(self.history)
        with closing(self._training()) as run:  # closing keeps the best model
            for progress in run:
                self.history.append(replace(progress, epoch=done + progress.epoch))
                self._report(progress)
                pace_curves(self._draw_curves)
                pace_spectrograms(self._draw_spectrograms, progress.audio)
                if self._listen.is_set():
                    self._listen.clear()
                    self._play(progress.audio().audio)
                if self._stop.is_set():
                    break
        self._finish()

    def _training(self):
        """The first run starts as asked; a later one keeps the heads and moves them gently."""
        again = {"start": "random", "learning_rate": LEARNING_RATES["analysis"]}
        how = again if self.history else {"start": self.beginning}
        return train(self.trained, self.features, self.target, epochs=self.epochs, seed=self.seed, **how)

    def _report(self, progress):
        self.bar.value = progress.epoch
        seconds = progress.seconds / progress.epoch * (progress.epochs - progress.epoch)
        say(
            self.status,
            f"Epoch {progress.epoch} of {progress.epochs}: loss {progress.loss:.2f} (best {progress.best_loss:.2f}), "
            f"SNR {progress.snr_db:.1f} dB of at most {progress.ceiling_db:.1f} dB, about {seconds:.0f} s left.",
        )

    def _finish(self):
        """Show and save the best model."""
        sound = self.trained(self.features)
        self._draw_curves()
        self._draw_spectrograms(lambda: sound)
        self._play(sound.audio)
        end = "Stopped" if self._stop.is_set() else "Finished"
        words = (
            f"{end} after {len(self.history)} epochs; the best model (loss {self.history[-1].best_loss:.2f}) is kept"
        )
        if self.path is not None:
            words += f" and saved as {save_model(self.path, self.trained, self.features)}"
        say(self.status, words + ".")

    def _draw_curves(self):
        figure, (left, right) = axes(11, 2.8, 1, 2)
        plots.loss_curve(self.history, ax=left)
        plots.snr_curve(self.history, ax=right)
        self.curves.value = png(figure)

    def _draw_spectrograms(self, render):
        rate = self.trained.config.sample_rate
        figure, (left, right) = axes(11, 2.8, 1, 2)
        plots.spectrogram(self.target, rate, ax=left, title="Target: the recording")
        plots.spectrogram(render().audio.cpu(), rate, ax=right, title="Prediction: the model now")
        self.spectrograms.value = png(figure)

    def _play(self, audio):
        self.player.value = wav_bytes(audio, self.trained.config.sample_rate)

    def _set_buttons(self, *, running):
        self.start_button.disabled, self.stop_button.disabled = running, not running
        self.start_button.description = "Start" if running or not self.history else "Go on"

"""A panel that trains a model while you watch, listen and stop it."""

import threading

import ipywidgets
import torch

from ddsp_nb import plots
from ddsp_nb.analysis.features import Features
from ddsp_nb.errors import TrainingError
from ddsp_nb.panels.training_job import TrainingJob
from ddsp_nb.panels.widgets import Throttle, axes, errors_in_words, in_words, picture, player, png, say, wav_bytes
from ddsp_nb.training.checkpoint import save_model
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.run_file import RunFile


class TrainingPanel(ipywidgets.VBox):
    """Start, Stop and Listen buttons around a `TrainingJob`, with live curves and spectrograms.

    At the end, or after Stop, the best model so far is kept in `model` and written to `path`. Resume goes on as if the
    run had never been stopped, also in another kernel: while it lasts, its state is kept beside `path`.

    Args:
        model: trained in place.
        features: of the recording.
        audio: [n_samples] the recording.
        path: checkpoint to write; None writes none.
        how: `epochs`, `seed` and `start` of the `TrainingJob`.
    """

    def __init__(
        self,
        model: DDSPModel,
        features: Features,
        audio: torch.Tensor,
        *,
        path="output/ddsp_model.pt",
        **how,
    ):
        calls = dict(on_progress=self._follow, on_end=self._end)
        run_file = None if path is None else RunFile(path)
        self.job = TrainingJob(model, features, audio, **how, run_file=run_file, **calls)
        self.sample_rate, self.path, self._listening = model.config.sample_rate, path, threading.Event()
        super().__init__(self._build())
        self._set_buttons(running=False)
        say(self.status, self._ready(run_file))

    def _build(self):
        """Make the widgets; returns them in the order of the page."""
        self.start_button = ipywidgets.Button(description="Start", icon="play", button_style="success")
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.listen_button = ipywidgets.Button(description="Listen now", icon="volume-up")
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        self.listen_button.on_click(lambda _: self.listen())
        self.bar = ipywidgets.IntProgress(min=0, max=self.job.epochs, layout=ipywidgets.Layout(width="300px"))
        self.status, self.curves, self.spectrograms = ipywidgets.HTML(), picture("860px"), picture("860px")
        self.player = player(self.sample_rate)
        buttons = ipywidgets.HBox([self.start_button, self.stop_button, self.listen_button, self.bar])
        return [buttons, self.status, self.player, self.curves, self.spectrograms]

    def _ready(self, run_file):
        """What Start will do, in words."""
        if self.job.resumable is not None:
            return f"A run was interrupted at epoch {self.job.resumable.epoch} of {self.job.epochs}: Resume goes on."
        words = f"Ready: {self.job.epochs} epochs on {len(self.job.audio) / self.sample_rate:.1f} s of sound."
        if run_file is not None and self.job.run_file is None:
            words += f" {run_file.path} holds a run on another recording; this one is not protected until it is moved."
        return words

    @property
    def history(self) -> list:
        """The figures of each epoch so far."""
        return self.job.history

    def start(self) -> None:
        """Begin a run, or go on with the one that was stopped."""
        if self.job.running:
            return
        self._curves_throttle, self._spectrograms_throttle = Throttle(), Throttle()
        self._listening.clear()
        self._set_buttons(running=True)
        resumed = self.job.resumable is not None
        say(self.status, "Going on ..." if resumed else "Analysing the recording: what could these sines do at best?")
        self.job.start()

    def stop(self) -> None:
        """Ask the run to end after the current epoch."""
        self.job.stop()

    def listen(self) -> None:
        """Play the model as it is now; while it trains, at the end of the current epoch."""
        if self.job.running:
            self._listening.set()
            return
        with errors_in_words(self.status):
            self._hold(self.job.model(self.job.features).audio, play=True)

    def join(self) -> None:
        """Wait for the end of the run; raises what it raised. See `TrainingJob.join`."""
        self.job.join()

    async def finished(self) -> None:
        """The same for a notebook: `await panel.finished()`, and the buttons keep working."""
        await self.job.finished()

    def _follow(self, progress):
        """Show how training stands; called in its thread after each epoch."""
        self.bar.max, self.bar.value = progress.epochs, progress.epoch
        seconds = progress.seconds / progress.epoch * (progress.epochs - progress.epoch)
        say(
            self.status,
            f"Epoch {progress.epoch} of {progress.epochs}: loss {progress.loss:.2f} (best {progress.best_loss:.2f}), "
            f"SNR {progress.snr_db:.1f} dB of at most {progress.ceiling_db:.1f} dB, about {seconds:.0f} s left.",
        )
        self._curves_throttle(self._draw_curves)
        self._spectrograms_throttle(self._draw_spectrograms, progress.audio)
        if self._listening.is_set():
            self._listening.clear()
            self._hold(progress.audio().audio, play=True)

    def _end(self, error):
        """Show what came of the run; called in its thread."""
        try:
            if error is None or (isinstance(error, TrainingError) and self.history):
                self._show_best()
            if error is not None:
                say(self.status, in_words(error), error=True)
        finally:
            self._set_buttons(running=False)

    def _show_best(self):
        """Draw, play and save the best model."""
        sound = self.job.model(self.job.features)
        self._draw_curves()
        self._draw_spectrograms(lambda: sound)
        self._hold(sound.audio)
        end = "Finished" if self.job.resumable is None else "Stopped"
        words = (
            f"{end} after {len(self.history)} epochs; the best model (loss {self.history[-1].best_loss:.2f}) is kept"
        )
        if self.path is not None:
            words += f" and saved as {save_model(self.path, self.job.model, self.job.features)}"
        say(self.status, words + ".")

    def _draw_curves(self):
        figure, (left, right) = axes(11, 2.8, 1, 2)
        plots.loss_curve(self.history, ax=left)
        plots.snr_curve(self.history, ax=right)
        self.curves.value = png(figure)

    def _draw_spectrograms(self, render):
        figure, (left, right) = axes(11, 2.8, 1, 2)
        plots.spectrogram(self.job.audio, self.sample_rate, ax=left, title="Target: the recording")
        plots.spectrogram(render().audio, self.sample_rate, ax=right, title="Prediction: the model now")
        self.spectrograms.value = png(figure)

    def _hold(self, audio, *, play=False):
        self.player.autoplay = play
        self.player.value = wav_bytes(audio, self.sample_rate)

    def _set_buttons(self, *, running):
        self.start_button.disabled, self.stop_button.disabled = running, not running
        again = "Resume" if self.job.resumable is not None else "Train on" if self.history else "Start"
        self.start_button.description = "Start" if running else again

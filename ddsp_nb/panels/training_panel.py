"""A panel that trains a model while you watch, listen and stop it."""

import threading

import ipywidgets

from ddsp_nb import plots
from ddsp_nb.errors import TrainingError
from ddsp_nb.panels.training_job import TrainingJob
from ddsp_nb.panels.widgets import Throttle, axes, errors_in_words, in_words, picture, player, png, say, wav_bytes
from ddsp_nb.training.checkpoint import save_model
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.run_file import RunFile
from ddsp_nb.training.take import Take


class TrainingPanel(ipywidgets.VBox):
    """Start, Stop and Listen buttons around a `TrainingJob`, with live curves and spectrograms.

    At the end, or after Stop, the best model so far is kept in `model` and written to `path`. Resume goes on as if the
    run had never been stopped, also in another kernel: while it lasts, its state is kept beside `path`.

    Args:
        model: trained in place.
        corpus: what it hears and is judged by.
        take: of its recording, which is saved with it; None where nothing is to be saved.
        path: checkpoint to write.
        how: `epochs`, `seed` and `start` of the `TrainingJob`.
    """

    def __init__(
        self,
        model: DDSPModel,
        corpus: Corpus,
        take: Take | None = None,
        *,
        path="output/ddsp_model.pt",
        **how,
    ):
        calls = dict(on_progress=self._follow, on_end=self._end)
        path, self.take = path if take else None, take
        run_file = None if path is None else RunFile(path)
        self.job = TrainingJob(model, corpus, **how, run_file=run_file, **calls)
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
        words = f"Ready: {self.job.epochs} epochs on {self.job.corpus.seconds:.1f} s of sound"
        held_s = sum(phrase.seconds for phrase in self.job.corpus.unheard)
        words += f"; {held_s:.1f} s are held out, to be judged by." if held_s else "."
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
        say(self.status, "Going on ..." if resumed else "Preparing the first stretches ...")
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
            self._hold(self._example().audio, play=True)

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
            f"Epoch {progress.epoch} of {progress.epochs}: {in_figures(progress)} (best {progress.best_loss:.2f}), "
            f"about {seconds:.0f} s left.",
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
        sound = self._example()
        self._draw_curves()
        self._draw_spectrograms(lambda: sound)
        self._hold(sound.audio)
        end = "Finished" if self.job.resumable is None else "Stopped"
        words = (
            f"{end} after {len(self.history)} epochs; the best model (loss {self.history[-1].best_loss:.2f}) is kept"
        )
        if self.path is not None:
            words += f" and saved as {save_model(self.path, self.job.model, self.take)}"
        say(self.status, words + ".")

    def _draw_curves(self):
        figure, (ax,) = axes(11, 2.8, 1, 1)
        plots.loss_curve(self.history, ax=ax)
        self.curves.value = png(figure)

    def _draw_spectrograms(self, render):
        figure, (left, right) = axes(11, 2.8, 1, 2)
        corpus = self.job.corpus
        title = "Target: a phrase that it has not heard" if corpus.unheard else "Target: the recording"
        plots.spectrogram(corpus.example.audio, self.sample_rate, ax=left, title=title)
        plots.spectrogram(render().audio, self.sample_rate, ax=right, title="Prediction: the model now")
        self.spectrograms.value = png(figure)

    def _example(self):
        """The phrase to listen to, as the model plays it now."""
        return self.job.model(self.job.corpus.example.features)

    def _hold(self, audio, *, play=False):
        self.player.autoplay = play
        self.player.value = wav_bytes(audio, self.sample_rate)

    def _set_buttons(self, *, running):
        self.start_button.disabled, self.stop_button.disabled = running, not running
        again = "Resume" if self.job.resumable is not None else "Train on" if self.history else "Start"
        self.start_button.description = "Start" if running else again


def in_figures(progress) -> str:
    """The losses of an epoch in words."""
    unheard = "" if progress.unheard_loss is None else f", unheard {progress.unheard_loss:.2f}"
    return f"loss {progress.loss:.2f}{unheard}"

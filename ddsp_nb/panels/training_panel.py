"""A panel that trains a model while you watch, listen and stop it (notebook 04, "Training, with you in the room")."""

import asyncio
from pathlib import Path
from typing import Any

import ipywidgets

from ddsp_nb import plots
from ddsp_nb.errors import TrainingError
from ddsp_nb.panels.board import Board, Button, Choice, Number, Picture, Progress, Words
from ddsp_nb.panels.page import Pictured, still_png
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.training_job import TICK_S, TrainingJob
from ddsp_nb.panels.widgets import Throttle, axes, errors_in_words, here, in_words, say
from ddsp_nb.store.checkpoint import save_model
from ddsp_nb.store.run_file import RunFile
from ddsp_nb.synthesis.controls import Sound
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take
from ddsp_nb.training.train import LEARNING_RATE, Epoch

# Of the pictures.
HIGHEST_HZ = 12_000.0
TARGET, TARGET_UNHEARD = "Target", "Target, never heard"
FIRST, NOW = "After epoch {}", "Now"
# Epochs whose pace says how long it will take.
RECENT = 5
MOST_EPOCHS = 1_000_000
LEARNING_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
STARTS = [("what instruments share", "shared"), ("the bare envelope", "envelope")]
LOSSES = [("plain", "plain"), ("as loud as heard", "heard")]
# What to try with each knob, as words beside the pointer, and what stands on the page.
HINTS = {
    "epochs": "How long is long enough? Watch whether the curve of what was never heard still falls.",
    "learning_rate": "How large are its steps? Try ten times as large, and watch the curves.",
    "start": "Does it help to have heard others? Begin anew with the other and compare epoch 1.",
    "loss": "Should it count what nobody hears? The curves are those of the plain one, so listen.",
}
HINT = "What makes it better? Turn one knob, begin anew, and watch the curves. Each knob says what to try: rest on it."
# Losses under which these words hold: 0.69 is what two takes of the same noise are apart.
LIKENESS = (
    (0.75, "Very near: level, pitch and colour are there, and what differs is mostly the noise"),
    (0.95, "Near: the instrument is clear, the colour of some moments is off"),
    (1.3, "On its way: the melody and a rough colour, as through a telephone"),
    (float("inf"), "Far: the melody, and little of the instrument"),
)


class TrainingPanel(Pictured, ipywidgets.VBox):
    """Start, Stop and Listen buttons around a `TrainingJob`; its curves, and target, first and latest sound to compare.

    At the end, or after Stop, the best model so far is kept in `model` and written to `path` with its take; without
    a take, nothing is written. Resume goes on as if the run had never been stopped, also in another kernel: while it
    lasts, its state is kept beside `path`. `settings` are those of the `TrainingJob`.
    """

    purpose = "train"

    def __init__(
        self,
        model: DDSPModel,
        corpus: Corpus,
        take: Take | None = None,
        *,
        path: str | Path = "output/ddsp_model.pt",
        **settings: Any,
    ):
        self.path, self.take, self.sample_rate = path, take, model.config.sample_rate
        run_file = RunFile(path) if take else None
        self.job = TrainingJob(model, corpus, run_file=run_file, on_progress=self._follow, on_end=self._end, **settings)
        # What the model plays after the first epoch that was seen, and now; by their names in the player.
        self.versions: dict[str, Sound] = {}
        self._listening = False
        super().__init__(self._build())
        self._set_buttons(running=False)
        say(self.status, self._ready())

    def _build(self):
        """Make the widgets; returns them in the order of the page."""
        self.start_button = Button("▶ Start", self.start, chief=True)
        self.stop_button = Button("■ Stop", self.stop)
        self.listen_button = Button("Listen now", self.listen)
        self.anew_button = Button("Forget and begin anew", self.begin_anew)
        self.bar = Progress("Epochs that are done", high=self.job.settings["epochs"])
        self.knobs = self._build_knobs()
        self.status, self.curves = Words(), Picture("Curves of the loss over epochs")
        corpus, highest_hz = self.job.corpus, min(HIGHEST_HZ, self.sample_rate / 2)
        self.target = TARGET_UNHEARD if corpus.unheard else TARGET
        self.player = Player({self.target: corpus.example.audio}, self.sample_rate, max_hz=highest_hz)
        pressed = [self.start_button, self.stop_button, self.listen_button, self.anew_button, self.bar]
        board = Board([Words(value=HINT)], [*self.knobs.values()], pressed, [self.status])
        return [board, self.player, Board([self.curves])]

    def _build_knobs(self):
        """Settings of the next run, by name."""
        settings = self.job.settings
        rate = settings["learning_rate"] or LEARNING_RATE
        rates = [(f"{choice:g}", choice) for choice in sorted({*LEARNING_RATES, rate})]
        return {
            "epochs": Number("Epochs", 1, MOST_EPOCHS, 1, settings["epochs"], tip=HINTS["epochs"]),
            "learning_rate": Choice("Learning rate", rates, rate, tip=HINTS["learning_rate"]),
            "start": Choice("Begins with", STARTS, settings["start"], tip=HINTS["start"]),
            "loss": Choice("Loss", LOSSES, settings["loss"], tip=HINTS["loss"]),
        }

    def _ready(self):
        """What Start will do, in words."""
        corpus, epochs = self.job.corpus, self.job.settings["epochs"]
        if self.job.resumable is not None:
            return f"A run was interrupted at epoch {len(self.history)} of {epochs}: Resume goes on."
        held_s = sum(phrase.seconds for phrase in corpus.unheard)
        held = f"; {held_s:.1f} s are held out, to be judged by." if held_s else "."
        words = f"Ready: {epochs} epochs on {corpus.seconds:.1f} s of sound{held}"
        if self.take is not None and self.job.run_file is None:
            other = RunFile(self.path).path
            words += f" {here(other)} holds a run on another recording; this one is not protected until it is moved."
        return words

    @property
    def history(self) -> list[Epoch]:
        return self.job.history

    def start(self) -> None:
        """Begin a run with what the knobs say, or go on with the one that was stopped."""
        if self.job.running:
            return
        resumed = self.job.resumable is not None
        if not resumed:
            self.job.settings |= {name: knob.value for name, knob in self.knobs.items()}
        self._curves_throttle, self._sound_throttle = Throttle(), Throttle()
        self._listening = False
        self._set_buttons(running=True)
        say(self.status, "Going on ..." if resumed else "Preparing the first stretches ...")
        self.job.start()

    def begin_anew(self) -> None:
        """Forget what was learned, so that the next run begins as the first did; the saved model stays until then."""
        with errors_in_words(self.status):
            self.job.reset()
            self.versions.clear()
            self._show_versions()
            self.curves.show(b"")
            self._set_buttons(running=False)
            say(self.status, self._ready())

    def stop(self) -> None:
        """Ask the run to end after the current epoch."""
        self.job.stop()

    def listen(self) -> None:
        """Play the model as it is now; while it trains, at the end of the current epoch."""
        if self.job.running:
            self._listening = True
            return
        with errors_in_words(self.status):
            self._hear(self._example, play=True)

    def join(self) -> None:
        """Wait for the end of the run; raises what it raised. For scripts: a notebook would hear no button."""
        self.job.join()

    async def finished(self) -> None:
        """The same for a notebook: `await panel.finished()`, and the buttons keep working.

        Brings the panel into sight, since Run All would otherwise wait where nobody looks.
        """
        self.player.look()
        try:
            while self.job.running:
                await asyncio.sleep(TICK_S)
        finally:
            self.stop()
        self.join()

    def _follow(self, progress):
        """Show how training stands; called in its thread after each epoch."""
        self.bar.high, self.bar.value = progress.epochs, progress.epoch
        done = f"Epoch {progress.epoch} of {progress.epochs}, {time_left(self.history)} left."
        say(self.status, f"{done} {verdict(progress)}")
        if len(self.versions) < 2:
            sound = progress.audio()
            # Not epoch 1 where a run of another kernel goes on.
            self.versions = {FIRST.format(progress.epoch): sound, NOW: sound}
            self._show_versions()
        self._curves_throttle(self._draw_curves)
        self._sound_throttle(self._hear, progress.audio)
        if self._listening:
            self._listening = False
            self._hear(progress.audio, play=True)

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
        """Draw and save the best model, and put it into the player."""
        self._hear(self._example)
        self._draw_curves()
        end = "Finished" if self.job.resumable is None else "Stopped"
        best = min(self.history, key=lambda epoch: epoch.judged_loss)
        words = f"{end} after {len(self.history)} epochs. {verdict(best)} The best model is kept"
        if self.take is not None:
            words += f" and saved as {here(save_model(self.path, self.job.model, self.take))}"
        say(self.status, words + ".")

    def _draw_curves(self):
        figure, (ax,) = axes(11, 2.8)
        plots.loss_curve(self.history, ax=ax)
        self.curves.show(still_png(figure))

    def _example(self):
        """The phrase to listen to, as the model plays it now."""
        return self.job.model(self.job.corpus.example.features)

    def _hear(self, listen, *, play=False):
        """Put what `listen()` gives into the player as the model of now; what is playing plays on."""
        self.versions[NOW] = listen()
        self._show_versions(play=play)

    def _show_versions(self, *, play=False):
        """Target, first and latest version side by side."""
        sounds = {name: sound.audio.clamp(-1, 1) for name, sound in self.versions.items()}
        target = {self.target: self.job.corpus.example.audio}
        self.player.show(target | sounds, self.sample_rate, choose=NOW if play else None, play=play)

    def _set_buttons(self, *, running):
        self.start_button.disabled, self.stop_button.disabled = running, not running
        resumable = self.job.resumable is not None
        self.anew_button.disabled = running or not (self.history or resumable)
        for name, knob in self.knobs.items():
            knob.disabled = running or resumable or (name == "start" and bool(self.history))
        again = "Resume" if resumable else "Train on" if self.history else "Start"
        self.start_button.label = f"▶ {'Start' if running else again}"


def time_left(history: list[Epoch]) -> str:
    """In words, at the pace of the last epochs."""
    last, before = history[-1], history[-RECENT - 1 :][0]
    done = last.epoch - before.epoch
    pace_s = (last.seconds - before.seconds) / done if done and last.seconds > before.seconds else last.seconds
    seconds = pace_s * (last.epochs - last.epoch)
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"


def verdict(epoch: Epoch) -> str:
    """What a listener will find, in words, then the figures."""
    words = next(words for most, words in LIKENESS if epoch.judged_loss < most)
    unheard = "" if epoch.unheard_loss is None else f", unheard {epoch.unheard_loss:.2f}"
    return f"{words} (loss {epoch.loss:.2f}{unheard})."

"""The current recording: chosen from what there is, brought as a file or sung into the page; what is used of it."""

import asyncio
import io
import os
import tempfile
import threading
import warnings
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import ipywidgets
import soundfile as sf
import torch
import traitlets

from ddsp_nb.analysis.decompose import analyse
from ddsp_nb.analysis.features import FeatureExtractor, Features
from ddsp_nb.analysis.polyphony import several_notes
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, WorkbookError, WorkbookWarning, warn_user
from ddsp_nb.notes.pitch import midi_name, midi_number
from ddsp_nb.panels.board import Board, Button, Choice, Line, Words
from ddsp_nb.panels.page import PageWidget, Pictured, module
from ddsp_nb.panels.recorder import Recorder
from ddsp_nb.panels.stretch import StretchPicker
from ddsp_nb.panels.widgets import in_words, say
from ddsp_nb.sound.load import LONGEST_S, load_audio
from ddsp_nb.store.workspace import FIRST, Recording, Workspace

# Of it by which it is judged, so that the answer comes within seconds.
JUDGED_S = 8.0
# Between looks at what other notebooks changed.
PAUSE_S = 0.4
# Quantiles that stand for the range of pitches: single wrong frames do not count.
EDGES = (0.02, 0.98)
# From which SNR on, of what sines can reach, these words hold.
EXPECTATIONS = (
    (15, "It suits: sines reach {:.0f} dB of it, so expect a close likeness."),
    (8, "It will do: sines reach {:.0f} dB of it, and breath, bow or room will be played as noise."),
)
HARDLY = "It hardly suits: sines reach only {:.0f} dB. Use one voice at a time, near the microphone, in a dry room."
USED = "It is {} long; from {} to {} is used. For another part, drag in the picture, or type its begin and end."
ALL = "Notebook 4 learns from all of it, and takes its time."
FOLLOW = "Notebooks that are open say so, and follow when all their cells run."
GOES = "Delete “{}”, with its models, its renders and its stretch? It cannot be brought back."


class Notice(PageWidget):
    """A line at the foot of the notebook, in sight from all of it, with a button that runs all cells; or nothing."""

    _esm = module("notice")
    words = traitlets.Unicode().tag(sync=True)


class RecordingChooser(Pictured, ipywidgets.VBox):
    """Choose the recording that all notebooks work on; it is kept on disk which one, and what others choose is shown.

    Args:
        workspace: where recordings are kept; the notebooks' own if None.
        config: sizes and pitch range, by which a new recording is judged.
        first: the current one before anything was chosen; of the notebooks' own workspace.
    """

    purpose = "choose a recording"

    def __init__(self, workspace: Workspace | None = None, config: Config | None = None, first: str = FIRST):
        self.workspace, self.config = workspace or Workspace(first=first), config or Config()
        self.list, self.name, self.words, self.said = Choice("Recording", []), Line("Rename"), Words(), Words()
        self.list.observe(lambda change: self._turned(self.workspace.choose, change.new), "value")
        self.name.observe(lambda change: self._turned(self.workspace.rename, self._shown, change.new), "value")
        self.own = [self.name, Button("Delete …", self._ask)]
        delete = Button("Delete it", lambda: self._do(self.workspace.delete, self._shown))
        self.question = [Words(), delete, Button("Keep it", lambda: self._ask(False))]
        self.recorder, self.picker, self.notice = Recorder(self.record, self.bring), StretchPicker(self.cut), Notice()
        self._judging, self._filling, self._latest, self._shown = threading.Lock(), False, None, ""
        # What the code of the notebook was given last.
        self._given: Recording | None = None
        above, below = Board([self.list, *self.own], self.question), Board([self.words], [self.said])
        super().__init__([above, self.recorder, self.picker, below, self.notice])
        self._show()
        # A script has no loop, and no need of it.
        with suppress(RuntimeError):
            self._following = asyncio.get_running_loop().create_task(self._follow())

    @property
    def recording(self) -> Recording:
        """The current one; what the notebook shows counts as made of it."""
        self._given, self.notice.words = (current := self.workspace.current), ""
        return current

    def bring(self, name: str, content: bytes) -> None:
        """Keep a sound file, and use a stretch of it."""
        with tempfile.TemporaryDirectory() as folder:
            # A name of our own: those of other systems may not be names here, and errors are said in the owner's.
            path = Path(folder) / "clip"

            def keep():
                path.write_bytes(content)
                audio = load_start(path, self.config.sample_rate)
                return self.workspace.add(name, audio, self.config.sample_rate)

            self._do(keep, owners=lambda words: words.replace(str(path), Path(name).name or "clip"))

    def cut(self, start_s: float, stop_s: float, learn_all: bool) -> None:
        """Use another stretch of the current recording."""
        self._do(lambda: self.workspace.choose_stretch(start_s, stop_s, learn_all=learn_all))

    def _ask(self, asking=True):
        self.question[0].value = GOES.format(self._shown)
        for control in self.question:
            control.hidden = not asking

    def _turned(self, act, *arguments):
        if not self._filling:
            self._do(act, *arguments)

    async def _follow(self):
        """Show what changes on disk until the widget is closed; what cannot be shown is tried again."""
        before = None
        while self.comm is not None:
            with suppress(OSError, WorkbookError):
                if (signs := self.workspace.signs()) != before:
                    self._show()
                    before = signs
            await asyncio.sleep(PAUSE_S)

    def _do(self, act, *arguments, owners=str):
        """Do what gives a recording, listen to it, and say in the owner's words what there was to warn of."""
        self.words.value = "One moment …"
        # JupyterLab may call for several widgets at once: they wait for each other, and only the last has its say.
        self._latest = act
        with self._judging, warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", WorkbookWarning)
            try:
                recording = act(*arguments)
                # How long it is, and what of it is used, before there is anything else to say.
                self._say("Listening …")
                if self._latest is act and not self.workspace.heard(recording):
                    found = judge(recording.audio(self.config.sample_rate), self.config)
                    self.workspace.heard(recording, found)
            # The traceback of a button would be seen by nobody.
            except Exception as error:
                words = owners(in_words(error)).replace(f"{self.workspace.folder}{os.sep}", "")
                return self._say(f"That did not work. {words}", error=True)
            said = [owners(str(note.message)) for note in notes if issubclass(note.category, WorkbookWarning)]
            self._say("\n".join([*(f"Note: {words}" for words in dict.fromkeys(said)), FOLLOW]))

    def record(self, audio: torch.Tensor, sample_rate: int) -> None:
        """Keep [n_samples] sound from the microphone, through the same door as any file."""
        file = io.BytesIO()
        sf.write(file, audio.numpy(), sample_rate, subtype="FLOAT", format="WAV")
        self.bring("my recording.wav", file.getvalue())

    def _say(self, words, *, error=False):
        self._show()
        say(self.said, words, error=error)

    def _show(self):
        """Show what there is on disk; nothing counts as chosen."""
        current, self._filling = self.workspace.current, True
        self.list.options = [(title(recording), recording.name) for recording in self.workspace.recordings()]
        if current.name != self._shown:
            self._shown = self.name.value = current.name
            self.said.value = ""
            self._ask(False)
        self.list.value, self._filling = current.name, False
        for control in self.own:
            control.hidden = current.shipped
        self.picker.show(current)
        self.words.value = "\n".join(filter(None, [state(current), self.workspace.heard(current), used(current)]))
        self.notice.words = outdated(self._given, current)


def title(recording: Recording) -> str:
    """As it stands in the list."""
    whose, how = " (yours)" * (not recording.shipped), ", trained" * recording.trained
    return f"{recording.name}{whose}, {clock(recording.seconds)}{how}"


def state(recording: Recording) -> str:
    """What there is of it."""
    has = "no model yet: notebooks 4 to 6 train one."
    if recording.trained:
        has = f"a model, trained on {datetime.fromtimestamp(recording.model_path.stat().st_mtime):%Y-%m-%d at %H:%M}."
    return f"Notebooks 1 to 8 work on “{recording.name}”. It has {has}"


def outdated(given: Recording | None, current: Recording) -> str:
    """What to say where the notebook was made of another recording than the current one; nothing else."""
    if given is None or (given.name, given.key) == (current.name, current.key):
        return ""
    shown = "another part of it" if given.name == current.name else f"“{given.name}”"
    does = "calls it" if given.key == current.key else "shows"
    return f"The current recording is now “{current.name}”. This notebook still {does} {shown}."


def used(recording: Recording) -> str:
    """What is used of a recording that is longer, and how that can be changed; nothing of one that is used whole."""
    if not recording.is_long:
        return ""
    words = USED.format(clock(recording.seconds), *map(clock, recording.stretch_s))
    return f"{words} {ALL}" if recording.learn_all else words


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 1:05."""
    return "{}:{:02d}".format(*divmod(round(seconds), 60))


def load_start(path: Path, sample_rate: int) -> torch.Tensor:
    """A sound file as [n_samples], of one that is too long its beginning, with a warning; raises as `load_audio`."""
    try:
        return load_audio(path, sample_rate)
    except AudioError:
        # Where it was refused for something else, that is said now.
        audio = load_audio(path, sample_rate, duration_s=LONGEST_S)
    warn_user(f"{path}: longer than {LONGEST_S / 60:g} minutes. The rest is left out; to use it, cut the file before.")
    return audio


def judge(audio: torch.Tensor, config: Config) -> str:
    """What a recording is like, and what to expect of it, in words; raises AudioError where it cannot be used."""
    features = FeatureExtractor(config)(audio)
    words = describe(features)
    if several := several_notes(audio, config):
        return f"{words} {several}"
    if not features.voiced.any():
        return words
    first, hop = int(features.voiced.int().argmax()), config.hop_length
    part = features[first : first + round(JUDGED_S * config.sample_rate / hop)]
    sound = audio[first * hop :][: part.n_samples]
    ceiling_db = analyse(part, sound, config).snr_db
    expectation = next((text for least_db, text in EXPECTATIONS if ceiling_db >= least_db), HARDLY)
    return f"{words} {expectation.format(ceiling_db)}"


def describe(features: Features) -> str:
    """One sentence on a clip: length, voiced share, range of pitch, level."""
    seconds, voiced = features.n_samples / features.sample_rate, features.voiced
    if not voiced.any():
        return f"{seconds:.1f} s, and no pitch anywhere in it. The oscillator needs a sung or played note."
    low_hz, high_hz = torch.quantile(features.f0_hz[voiced], torch.tensor(EDGES))
    low, high = (midi_name(round(midi_number(float(hz)))) for hz in (low_hz, high_hz))
    return (
        f"{seconds:.1f} s, {100 * voiced.float().mean():.0f} % of it with a pitch, from {low} to {high} "
        f"({low_hz:.0f} to {high_hz:.0f} Hz), {features.loudness_db.max():.0f} dB at its loudest."
    )

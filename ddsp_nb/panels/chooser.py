"""The current recording: chosen from what there is, brought as a file or sung into the page; what is used of it."""

import html
import io
import tempfile
import threading
import warnings
from pathlib import Path

import ipywidgets
import soundfile as sf
import torch

from ddsp_nb.analysis.decompose import analyse
from ddsp_nb.analysis.features import FeatureExtractor, Features
from ddsp_nb.analysis.polyphony import several_notes
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, WorkbookWarning, warn_user
from ddsp_nb.panels.recorder import Recorder
from ddsp_nb.panels.stretch import StretchPicker
from ddsp_nb.panels.widgets import in_words
from ddsp_nb.sound.load import LONGEST_S, load_audio
from ddsp_nb.store.workspace import Recording, Workspace

# Of it by which it is judged, so that the answer comes within seconds.
JUDGED_S = 8.0
# Quantiles that stand for the range of pitches: single wrong frames do not count.
EDGES = (0.02, 0.98)
# From which SNR on, of what sines can reach, these words hold.
EXPECTATIONS = (
    (15, "It suits: sines reach {:.0f} dB of it, so expect a close likeness."),
    (8, "It will do: sines reach {:.0f} dB of it, and breath, bow or room will be played as noise."),
)
HARDLY = (
    "It hardly suits: sines reach only {:.0f} dB of it. Use one voice at a time, near the microphone, in a dry room."
)
USED = (
    "It is {} long; from {} to {} is used. To use another part, drag in the picture, or type where it begins and ends."
)
ALL = "Notebook 4 learns from all of it, and takes its time."
FOLLOW = "Choose <b>Run → Run All Cells</b>, here and in the other notebooks: all of them follow."


class RecordingChooser(ipywidgets.VBox):
    """Choose the recording that all notebooks work on; it is kept on disk which one.

    Args:
        workspace: where recordings are kept; the notebooks' own if None.
        config: sizes and pitch range, by which a new recording is judged.
    """

    def __init__(self, workspace: Workspace | None = None, config: Config | None = None):
        self.workspace, self.config = workspace or Workspace(), config or Config()
        self.list = ipywidgets.Dropdown(description="Recording", layout={"width": "420px", "max_width": "100%"})
        self.words = ipywidgets.HTML(layout={"max_width": "940px"})
        self.recorder = Recorder(self.record, self.bring)
        self.picker = StretchPicker(self.cut)
        self._judging, self._latest = threading.Lock(), None
        self._fill()
        self.list.observe(self._chosen, "value")
        super().__init__([self.list, self.recorder, self.picker, self.words])

    def __repr__(self):
        return "RecordingChooser()"

    @property
    def recording(self) -> Recording:
        return self.workspace.current

    def bring(self, name: str, content: bytes) -> None:
        """Keep a sound file, and use a stretch of it; what goes wrong is said in the panel, and the choice stays."""
        with tempfile.TemporaryDirectory() as folder:
            # A name of our own: those of other systems may not be names here, and errors are said in the owner's.
            path = Path(folder) / "clip"

            def keep():
                path.write_bytes(content)
                audio = load_start(path, self.config.sample_rate)
                return self.workspace.add(name, audio, self.config.sample_rate)

            self._hear(name, keep, lambda words: words.replace(str(path), Path(name).name or "clip"))

    def cut(self, start_s: float, stop_s: float, learn_all: bool) -> None:
        """Use another stretch of the current recording; what goes wrong is said in the panel, and the choice stays."""
        name = f"{clock(start_s)} to {clock(stop_s)}"
        self._hear(name, lambda: self.workspace.choose_stretch(start_s, stop_s, learn_all=learn_all))

    def _hear(self, name, keep, owners=str):
        """Judge the recording that `keep` gives, and say it in the owner's words, with what there was to warn of."""
        self.words.value = f"Listening to {html.escape(name)} …"
        # JupyterLab may call for several widgets at once: they wait for each other, and only the last has its say.
        self._latest = keep
        with self._judging, warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", WorkbookWarning)
            try:
                recording = keep()
                # How long it is, and what of it is used, before there is anything else to say.
                self._fill()
                self.words.value += "<br>Listening …"
                if self._latest is keep:
                    verdict = judge(recording.audio(self.config.sample_rate), self.config)
            # The traceback of a button would be seen by nobody.
            except Exception as error:
                self._fill()
                self.words.value = f"<b>That did not work.</b> {html.escape(owners(in_words(error)))}"
                return
            if self._latest is not keep:
                return
            self._fill()
            said = [owners(str(note.message)) for note in notes if issubclass(note.category, WorkbookWarning)]
            lines = [f"<b>{html.escape(recording.name)}</b>: {verdict}", used(recording)]
            lines += [*(f"Note: {html.escape(words)}" for words in dict.fromkeys(said)), FOLLOW]
            self.words.value = "<br>".join(filter(None, lines))

    def record(self, audio: torch.Tensor, sample_rate: int) -> None:
        """Keep [n_samples] sound from the microphone, through the same door as any file."""
        file = io.BytesIO()
        sf.write(file, audio.numpy(), sample_rate, subtype="FLOAT", format="WAV")
        self.bring("my recording.wav", file.getvalue())

    def _fill(self):
        """Offer what there is; nothing counts as chosen anew."""
        self._filling = True
        current = self.workspace.current
        self.list.options = [(title(recording), recording.name) for recording in self.workspace.recordings()]
        self.list.value = current.name
        self._filling = False
        self._show(current)

    def _show(self, recording, *more):
        """Say what there is of a recording, and draw it if only a stretch of it is used."""
        self.picker.show(recording)
        self.words.value = "<br>".join(filter(None, [state(recording), used(recording), *more]))

    def _chosen(self, change):
        if self._filling:
            return
        self._latest = None
        try:
            self._show(self.workspace.choose(change.new), FOLLOW)
        except AudioError as error:
            self.words.value = html.escape(in_words(error))


def title(recording: Recording) -> str:
    """As it stands in the list."""
    return recording.name + ("" if recording.shipped else " (yours)") + (", trained" if recording.trained else "")


def state(recording: Recording) -> str:
    """What there is of it, in one sentence."""
    trained = "has a trained model" if recording.trained else "has no model yet: notebook 4 trains one"
    return f"All notebooks work on <b>{html.escape(recording.name)}</b>. It {trained}."


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
    return (
        f"{seconds:.1f} s, {100 * voiced.float().mean():.0f} % of it with a pitch, from {low_hz:.0f} to "
        f"{high_hz:.0f} Hz, {features.loudness_db.max():.0f} dB at its loudest."
    )

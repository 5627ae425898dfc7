"""A panel in which a reader hands in a clip of their own and sees what it is made of."""

import html
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

import ipywidgets
import torch

from ddsp_nb import plots
from ddsp_nb.analysis.features import FeatureExtractor, Features
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, WorkbookWarning
from ddsp_nb.panels.widgets import axes, in_words, picture, player, png, wav_bytes
from ddsp_nb.sound.blocks import PHONE_SUFFIXES
from ddsp_nb.sound.load import load_audio

LONGEST_S = 30.0  # of a clip is looked at, so that the panel answers within seconds
HIGHEST_HZ = 4_000  # shown of the spectrogram: pitch and the partials that carry it, with room between them
HEIGHT_IN = 5  # of the picture
ACCEPTED = ",".join(("audio/*", ".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", *PHONE_SUFFIXES))  # as browsers ask
INVITATION = f"Choose a clip of one instrument or voice, one note at a time; its first {LONGEST_S:g} s are analysed."


class UploadPanel(ipywidgets.VBox):
    """Upload button, message, player and picture; `.audio` and `.features` hold the clip once it is analysed."""

    audio: torch.Tensor | None = None
    features: Features | None = None

    def __init__(self, config: Config):
        self.config = config
        self.upload = ipywidgets.FileUpload(accept=ACCEPTED, description="Your clip")
        self.message = ipywidgets.HTML(INVITATION)
        self.player, self.picture = player(config.sample_rate), picture()
        for widget in (self.player, self.picture):
            widget.layout.display = "none"  # until there is a clip
        self.upload.observe(self._uploaded, names="value")
        super().__init__([self.upload, self.message, self.player, self.picture])

    def _uploaded(self, change):
        if change.new:
            self.show(change.new[0]["name"], bytes(change.new[0]["content"]))
            self.upload.value = ()  # so that the same file can be chosen again

    def show(self, name: str, content: bytes) -> None:
        """Analyse the bytes of a sound file; what goes wrong is said in the panel, and the last clip stays."""
        self.message.value = f"Listening to {html.escape(name)} …"
        try:
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always", WorkbookWarning)
                audio = decode(name, content, self.config.sample_rate)
                features = FeatureExtractor(self.config)(audio)
            self.picture.value = draw(audio, features)
        except Exception as error:  # the traceback of a button is seen by nobody
            self.message.value = f"<b>That did not work.</b> {html.escape(in_words(error))}"
            return
        self.audio, self.features = audio, features
        self.player.value = wav_bytes(audio, self.config.sample_rate)
        self.player.layout.display = self.picture.layout.display = None
        self.message.value = f"<b>{html.escape(name)}</b>: {describe(features)}" + in_lines(notes)


def upload_panel(config: Config) -> UploadPanel:
    """A panel to show in a notebook cell."""
    return UploadPanel(config)


def decode(name: str, content: bytes, sample_rate: int) -> torch.Tensor:
    """Bytes of a sound file to [n_samples] sound; errors and warnings name the file as its owner does."""
    shown = Path(name).name or "clip"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", WorkbookWarning)
        path = Path(folder) / "clip"  # names of other systems may not be names here
        path.write_bytes(content)
        try:
            audio = load_audio(path, sample_rate, duration_s=LONGEST_S)
        except AudioError as error:
            raise AudioError(str(error).replace(str(path), shown)) from error
    for note in notes:
        warnings.warn(str(note.message).replace(str(path), shown), note.category, stacklevel=2)
    return audio


def in_lines(notes: Iterable[warnings.WarningMessage]) -> str:
    """Our own warnings, each on a line of the panel."""
    ours = [str(note.message) for note in notes if issubclass(note.category, WorkbookWarning)]
    return "".join(f"<br>Note: {html.escape(words)}" for words in ours)


def describe(features: Features) -> str:
    """One sentence on a clip: length, voiced share, range of pitch, level."""
    seconds, voiced = features.n_samples / features.sample_rate, features.voiced
    if not voiced.any():
        return f"{seconds:.1f} s, and no pitch anywhere in it. The oscillator needs a sung or played note."
    f0_hz = features.f0_hz[voiced]
    return (
        f"{seconds:.1f} s, {100 * voiced.float().mean():.0f} % of it with a pitch, from {f0_hz.min():.0f} to "
        f"{f0_hz.max():.0f} Hz, {features.loudness_db.max():.0f} dB at its loudest."
    )


def draw(audio: torch.Tensor, features: Features) -> bytes:
    """PNG of the spectrogram with the pitch in it, and of the loudness below."""
    figure, (above, below) = axes(plots.WIDTH, HEIGHT_IN, n_rows=2, height_ratios=(2, 1), sharex=True)
    plots.pitch(features, ax=plots.spectrogram(audio, features.sample_rate, ax=above, max_hz=HIGHEST_HZ))
    plots.loudness(features, ax=below)
    return png(figure)

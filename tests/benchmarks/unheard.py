"""How an instrument plays notes that it never heard: `python -m tests.benchmarks.unheard` prints the table.

Every other note of six instruments is learned; the notes between are played from the features of their recordings, and
once more from pitch and loudness alone ("drawn"). Each is learned as `ddsp-nb train` does, and by its code alone, from
some seconds. The judge is librosa, at 22 050 Hz: mean difference of log magnitudes over four windows, of the level, and
of 80 mel bands, the last two in dB. With `--weights` of `tests.benchmarks.pretrain --without ...` no member of the
instrument's family has been heard either.
"""

from pathlib import Path

import click
import librosa
import numpy as np
import torch

from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, record_take, train
from ddsp_nb.training import family, instrument
from ddsp_nb.training.lessons import prepare
from tests.benchmarks import notes

JUDGED_HZ = 22_050
COLUMNS = ("instrument", "learned from", "heard", "never heard", "drawn")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(notes.PACKAGES)))
@click.option("--notes", "folder", default=notes.FOLDER, type=Path, show_default=True, help="Where NAME.flac lies.")
@click.option("--weights", type=Path, help="What instruments share, in place of what is shipped.")
@click.option("--epochs", default=20, show_default=True, help="Training steps; 0 for the code alone.")
@click.option("--seconds", default="1,3,10", show_default=True, help="From which the code alone is found.")
def main(names, folder, weights, epochs, seconds):
    """Print loss, loudness error and mel distance of each instrument, as a table in Markdown."""
    if weights:
        instrument.SHARED_WEIGHTS = family.SHARED_WEIGHTS = weights
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in names or notes.PACKAGES:
        row = lambda what, figures, name=name: click.echo(f"| {name} | {what} | {' | '.join(figures)} |")
        learned, between = (analysed(sound) for sound in notes.halves(folder, name))
        for some in map(float, seconds.split(",") if seconds else ()):
            row(f"{some:g} s, code alone", played(coded(learned, some), learned, between))
        if epochs:
            row(
                f"{len(learned.audio) / notes.RATE:.0f} s, {epochs} steps",
                played(tuned(learned, epochs), learned, between),
            )
        row("itself (least squares)", ["", judged(between, record_take(between, Config()).render(Config())), ""])


def analysed(sound: np.ndarray) -> AnalysedRecording:
    return AnalysedRecording.of("notes", torch.from_numpy(sound).float(), Config())


def coded(recording: AnalysedRecording, seconds: float) -> DDSPModel:
    """The instrument by its code alone, from some seconds in the middle of a recording."""
    n = round(seconds * notes.RATE)
    start = max(0, (len(recording.audio) - n) // 2)
    model = DDSPModel(Config(hidden_size=family.SMALLEST, n_layers=1))
    part = AnalysedRecording.of("part", recording.audio[start : start + n], model.config)
    prepare(model, Corpus.of([part], model.config, 0), start="shared", seed=0)
    return model


def tuned(recording: AnalysedRecording, epochs: int) -> DDSPModel:
    """The instrument as it is trained by default."""
    torch.manual_seed(0)
    model = DDSPModel(Config())
    for _ in train(model, Corpus.of([recording], model.config), epochs=epochs):
        pass
    return model


def played(model: DDSPModel, heard: AnalysedRecording, unheard: AnalysedRecording) -> list[str]:
    """Figures of what was heard, of what was not, and of that drawn."""
    asked = ((heard, True), (unheard, True), (unheard, False))
    return [judged(recording, model(recording.features, envelope=envelope)) for recording, envelope in asked]


def judged(recording: AnalysedRecording, sound) -> str:
    """Loss, loudness error and mel distance."""
    pair = [
        librosa.resample(x.numpy(), orig_sr=notes.RATE, target_sr=JUDGED_HZ) for x in (recording.audio, sound.audio)
    ]
    spectra = [
        [np.log(np.abs(librosa.stft(x, n_fft=n, hop_length=n // 4)) + 1e-5) for x in pair]
        for n in (2048, 1024, 512, 256)
    ]
    rms_db = [20 * np.log10(librosa.feature.rms(y=x)[0] + 1e-7) for x in pair]
    mel_db = [
        librosa.power_to_db(librosa.feature.melspectrogram(y=x, sr=JUDGED_HZ, n_mels=80), amin=1e-8, top_db=None)
        for x in pair
    ]
    distance = lambda a, b: np.abs(a - b)
    loss = np.mean([distance(*two).mean() for two in spectra])
    loudness_db = distance(*rms_db)[rms_db[0] > rms_db[0].max() - 60].mean()
    return f"{loss:.2f}, {loudness_db:.2f}, {distance(*mel_db).mean():.1f} dB"


if __name__ == "__main__":
    main()

"""How an instrument plays notes that it never heard: `python -m tests.benchmarks.unheard` prints the table.

Every other note of six instruments is learned; the notes between are played from the features of their recordings, and
once more from pitch and loudness alone ("drawn"). Each is learned as `ddsp-nb train` does, and by its code alone, from
some seconds. `ear.py` judges: difference of log magnitudes, of the level and of mel bands, and with `--ear` what two
models of the ear say, ViSQOL and Zimtohrli. With `--weights` of `tests.benchmarks.pretrain --without ...` no member of
the instrument's family has been heard either.
"""

from pathlib import Path

import click
import numpy as np
import torch

from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, record_take, train
from ddsp_nb.training import family, instrument
from ddsp_nb.training.lessons import prepare
from tests.benchmarks import ear, notes

COLUMNS = ("instrument", "learned from", "heard", "never heard", "drawn")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(notes.PACKAGES)))
@click.option("--notes", "folder", default=notes.FOLDER, type=Path, show_default=True, help="Where NAME.flac lies.")
@click.option("--weights", type=Path, help="What instruments share, in place of what is shipped.")
@click.option("--epochs", default=20, show_default=True, help="Training steps; 0 for the code alone.")
@click.option("--seconds", default="1,3,10", show_default=True, help="From which the code alone is found.")
@click.option("--ear", "ear_s", default=0.0, help="Seconds of the beginning that models of the ear judge; 0 for none.")
def main(names, folder, weights, epochs, seconds, ear_s):
    """Print loss, loudness error and mel distance of each instrument, as a table in Markdown."""
    if weights:
        instrument.SHARED_WEIGHTS = family.SHARED_WEIGHTS = weights
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in names or notes.PACKAGES:
        row = lambda what, figures, name=name: click.echo(f"| {name} | {what} | {' | '.join(figures)} |")
        learned, between = (analysed(sound) for sound in notes.halves(folder, name))
        for some in map(float, seconds.split(",") if seconds else ()):
            row(f"{some:g} s, code alone", played(coded(learned, some), learned, between, ear_s))
        if epochs:
            what = f"{len(learned.audio) / notes.RATE:.0f} s, {epochs} steps"
            row(what, played(tuned(learned, epochs), learned, between, ear_s))
        take = record_take(between, Config()).render(Config())
        row("itself (least squares)", ["", judged(between, take, ear_s), ""])


def analysed(sound: np.ndarray) -> AnalysedRecording:
    """Without a room: what is judged is the instrument beside the notes as they are."""
    return AnalysedRecording.of("notes", torch.from_numpy(sound).float(), Config(), room=None)


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


def played(model: DDSPModel, heard: AnalysedRecording, unheard: AnalysedRecording, ear_s: float) -> list[str]:
    """Figures of what was heard, of what was not, and of that drawn."""
    asked = ((heard, True), (unheard, True), (unheard, False))
    return [judged(recording, model(recording.features, envelope=envelope), ear_s) for recording, envelope in asked]


def judged(recording: AnalysedRecording, sound, ear_s: float) -> str:
    """Loss, loudness error and mel distance; what the ear says of the first seconds."""
    pair = recording.audio.numpy(), sound.audio.numpy()
    words = "{loss:.2f}, {loudness_db:.2f}, {mel_db:.1f} dB".format(**ear.figures(*pair, notes.RATE))
    if not ear_s:
        return words
    opinions = ear.opinions(*(x[: round(ear_s * notes.RATE)] for x in pair), notes.RATE)
    return words + "; {visqol:.2f}, {zimtohrli:.2f}".format(**opinions)


if __name__ == "__main__":
    main()

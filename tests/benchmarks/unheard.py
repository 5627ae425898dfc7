"""How an instrument plays notes that it never heard: `python -m tests.benchmarks.unheard` prints the table.

Every other note of six instruments is learned, with the defaults of `ddsp-nb train`; the notes between are played from
the features of their recordings, and once more from pitch and loudness alone. The judge is librosa, at 22 050 Hz: mean
difference of log magnitudes over four windows, of the level, and of 80 mel bands, the last two in dB.
"""

from pathlib import Path

import click
import librosa
import numpy as np
import torch

from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, record_take, train
from ddsp_nb.training import instrument
from tests.benchmarks import notes

JUDGED_HZ = 22_050
COLUMNS = ("instrument", "heard", "never heard", "own timbre", "least squares")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(notes.PACKAGES)))
@click.option("--notes", "folder", default=notes.FOLDER, type=Path, show_default=True, help="Where NAME.flac lies.")
@click.option("--weights", type=Path, help="What instruments share, in place of what is shipped.")
@click.option("--epochs", default=20, show_default=True, help="Training steps.")
def main(names, folder, weights, epochs):
    """Print loss, loudness error and mel distance of each instrument, as a table in Markdown."""
    if weights:
        instrument.SHARED_WEIGHTS = weights
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in names or notes.PACKAGES:
        click.echo(f"| {name} | {' | '.join(figures(*notes.halves(folder, name), epochs))} |")


def figures(learned: np.ndarray, between: np.ndarray, epochs: int) -> list[str]:
    """The entries of one instrument, from the sound of the notes that it learns and of those between."""
    config = Config()
    heard, unheard = (
        AnalysedRecording.of("notes", torch.from_numpy(sound).float(), config) for sound in (learned, between)
    )
    torch.manual_seed(0)
    model = DDSPModel(config)
    for _ in train(model, Corpus.of([heard], config), epochs=epochs):
        pass
    played = [
        (heard, model(heard.features)),
        (unheard, model(unheard.features)),
        (unheard, model(unheard.features, envelope=False)),
        (unheard, record_take(unheard, config).render(config)),
    ]
    return [judged(recording.audio.numpy(), sound.audio.numpy(), config.sample_rate) for recording, sound in played]


def judged(target: np.ndarray, sound: np.ndarray, sample_rate: int) -> str:
    """Loss, loudness error and mel distance."""
    pair = [librosa.resample(x, orig_sr=sample_rate, target_sr=JUDGED_HZ) for x in (target, sound)]
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

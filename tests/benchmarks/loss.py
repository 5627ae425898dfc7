"""Which loss teaches an instrument most? `python -m tests.benchmarks.loss` prints the table.

Every other note of six instruments is learned in equal processor time, listened to by each loss that there is and by
one that others published; `ear.py` judges the notes between.
"""

import time
from pathlib import Path

import click
import torch
from torch.nn import functional as F

from ddsp_nb import Config, Corpus, DDSPModel, train
from ddsp_nb.training.losses import LOSSES, MultiScaleSpectralLoss, PreparedTarget
from tests.benchmarks import ear, notes
from tests.benchmarks.unheard import analysed

COLUMNS = ("visqol", "zimtohrli", "loss", "mel_db")
# Epochs in which each loss is timed.
PILOT = 4


class PublishedLoss(MultiScaleSpectralLoss):
    """Spectral convergence and log magnitudes over three windows (Yamamoto et al. 2020), as auraloss has it."""

    sizes = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # of transform, hop and window

    def __call__(self, audio, target):
        terms = []
        for mine, wanted in zip(self._magnitudes(audio), target.log_magnitudes, strict=True):
            terms += [(wanted - mine).norm() / wanted.norm(), F.l1_loss(mine.log(), wanted.log())]
        return torch.stack(terms).sum() / len(self.sizes)

    def target(self, audio):
        return PreparedTarget(audio, [x.detach() for x in self._magnitudes(audio)], [])

    def _magnitudes(self, audio):
        spectra = [
            torch.stft(audio, n, hop, wide, torch.hann_window(wide), return_complex=True) for n, hop, wide in self.sizes
        ]
        return [torch.view_as_real(x).square().sum(-1).clamp(min=1e-8).sqrt() for x in spectra]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(notes.PACKAGES)))
@click.option("--notes", "folder", default=notes.FOLDER, type=Path, show_default=True, help="Where NAME.flac lies.")
@click.option("--epochs", default=20, show_default=True, help="Of the plain loss; others take as long.")
@click.option("--ear", "ear_s", default=4.0, show_default=True, help="Seconds that models of the ear judge.")
def main(names, folder, epochs, ear_s):
    """Print what the judges say of notes that were never heard."""
    LOSSES["published"] = PublishedLoss
    click.echo(f"| instrument | loss | {' | '.join(COLUMNS)} | processor time |\n|{'---|' * (3 + len(COLUMNS))}")
    pace_s = {}
    for name in names or notes.PACKAGES:
        learned, between = (analysed(sound) for sound in notes.halves(folder, name))
        for loss in LOSSES:
            pace_s[loss] = pace_s.get(loss) or trained(learned, PILOT, loss)[1] / PILOT
            model, seconds = trained(learned, round(epochs * pace_s["plain"] / pace_s[loss]), loss)
            pair = [x.numpy() for x in (between.audio, model(between.features).audio)]
            opinions = ear.opinions(*(x[: round(ear_s * notes.RATE)] for x in pair), notes.RATE)
            found = opinions | ear.figures(*pair, notes.RATE)
            click.echo(f"| {name} | {loss} | {' | '.join(f'{found[c]:.3f}' for c in COLUMNS)} | {seconds:.1f} s |")


def trained(recording, epochs: int, loss: str) -> tuple[DDSPModel, float]:
    """An instrument that learned by listening with a loss, and the seconds of processor time that it took."""
    torch.manual_seed(0)
    model, begin_s = DDSPModel(Config()), time.process_time()
    for _ in train(model, Corpus.of([recording], model.config), epochs=epochs, loss=loss):
        pass
    return model, time.process_time() - begin_s


if __name__ == "__main__":
    main()

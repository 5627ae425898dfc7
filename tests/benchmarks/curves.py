"""How the curves of training go: `python -m tests.benchmarks.curves --start envelope` prints the table.

Each entry is where a curve begins and ends, and the most by which it rises above what it had reached. Learned from are
the shipped recordings, of which 0.4 is held out as in notebook 04, and single notes of seven instruments.
"""

from itertools import accumulate

import click
import soundfile as sf
import torch

from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, load_audio, train
from tests.benchmarks import notes

PHRASES = ("violin", "flute", "trumpet", "voice")
HOLDOUT = 0.4
notes.PACKAGES["saxophone"] = "tonejs-instrument-saxophone-wav@1.1.0"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--start", default="shared", type=click.Choice(["shared", "envelope"]), show_default=True)
@click.option("--epochs", default=20, show_default=True)
@click.option("--seconds", default=30.0, show_default=True, help="Of the notes.")
def main(names, start, epochs, seconds):
    """Print the curves of what is heard and what is not, as a table in Markdown; NAMES are data/flute or flute."""
    click.echo("| recording | heard | rises | never heard | rises | seconds |\n|---|---|---|---|---|---|")
    for name in names or (*(f"data/{phrase}" for phrase in PHRASES), *notes.PACKAGES):
        recording = AnalysedRecording.of(name, sound(name, seconds), Config())
        torch.manual_seed(0)
        model = DDSPModel(Config())
        log = list(train(model, Corpus.of([recording], model.config, HOLDOUT), epochs=epochs, start=start))
        columns = [drawn([getattr(epoch, which) for epoch in log]) for which in ("loss", "unheard_loss")]
        click.echo(f"| {name} | {' | '.join(columns)} | {log[-1].seconds:.0f} |")


def sound(name: str, seconds: float) -> torch.Tensor:
    """A shipped recording, or the first seconds of an instrument's notes."""
    if name.startswith("data/"):
        return load_audio(f"{name}.flac", notes.RATE)
    notes.halves(notes.FOLDER, name)
    audio, _ = sf.read(notes.FOLDER / f"{name}.flac", frames=round(seconds * notes.RATE))
    return torch.from_numpy(audio).float()


def drawn(curve: list[float]) -> str:
    """Where a curve begins and ends, and its largest rise."""
    rise = max(loss - lowest for loss, lowest in zip(curve, accumulate(curve, min), strict=True))
    return f"{curve[0]:.2f} → {curve[-1]:.2f} | {rise:.3f}"


if __name__ == "__main__":
    main()

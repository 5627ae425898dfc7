"""How evenly morphs go from one instrument to another: `python -m tests.benchmarks.morph` prints the table.

Ten pairs of instruments of the family play one note at the same pitch and loudness, at 11 places between the two
(Caetano and Rodet). What is measured is the sound, with NumPy and librosa: how near the way of a feature is to a
straight line (R²), its largest step beside the mean one, and how far it goes beyond both ends, as a share of what lies
between them. Features that hardly differ between the ends are left out.
"""

from dataclasses import replace
from pathlib import Path

import click
import librosa
import numpy as np
import torch
from scipy.signal.windows import blackmanharris

from ddsp_nb import Config, Family, Features, Member, Performance, Take, plots
from ddsp_nb.notes.note import Note
from ddsp_nb.notes.pitch import A4, SEMITONES_PER_OCTAVE, midi_hz
from ddsp_nb.panels.page import still_png
from ddsp_nb.panels.widgets import axes

PAIRS = (
    ("violin", "flute"),
    ("flute", "trumpet"),
    ("clarinet", "oboe"),
    ("cello", "trombone"),
    ("alto sax", "trumpet"),
    ("french horn", "bassoon"),
    ("recorded violin", "recorded flute"),
    ("nylon guitar", "marimba"),
    ("church organ", "string ensemble 1"),
    ("vibraphone", "violin"),
)
SHARES = torch.linspace(0, 1, 11).tolist()
FEATURES = ("centroid", "spread", "odd/even", "noise")
# By which the ends have to differ: of the first two in natural logarithms, of the others in dB.
AUDIBLE = (0.1, 0.1, 2.0, 2.0)
NOTE_S = 1.3
# Of the note, in which it is measured, and how many bins to each side are a partial's.
BEGIN_S, LENGTH_S, PARTIAL_BINS = 0.25, 0.55, 6
# To the network, along a straight line that is divided anew.
QUESTIONS = 33
HIGHEST_HZ = 10_000


@click.command()
@click.option("--pictures", type=Path, help="A folder for spectrograms of every way between every pair.")
@click.option("--semitones", default=0, show_default=True, help="From the middle of the two instruments' pitches.")
def main(pictures, semitones):
    """Print, over all pairs, mean and worst R² and step, and how far features go beyond the ends."""
    family, found = Family.shipped(), {way: [] for way in WAYS}
    for ends in PAIRS:
        f0_hz, performance = note(family, ends, semitones)
        for name, way in WAYS.items():
            sounds = way(family, ends, performance)
            found[name].append(np.array([measured(sound, f0_hz) for sound in sounds]))
            if pictures:
                picture(sounds, pictures / f"{'_'.join(ends)}_{name}.png".replace(" ", "_").replace("/", "_"))
        by_name = alone(family, ends, performance)
        exact = all(map(torch.equal, by_name, (sounds[0], sounds[-1])))
        shown = "; ".join(f"{name} {summary(tables[-1:])}" for name, tables in found.items())
        click.echo(f"{' - '.join(ends)}, {f0_hz:.0f} Hz, ends {'exact' if exact else 'DIFFER'}: {shown}")
    click.echo(f"\n| R², largest step, beyond | {' | '.join(FEATURES)} | all |\n|{'---|' * (len(FEATURES) + 2)}")
    for name, tables in found.items():
        columns = [summary(tables, [i]) for i in range(len(FEATURES))] + [summary(tables)]
        click.echo(f"| {name} | {' | '.join(columns)} |")


def note(family: Family, ends: tuple[str, str], semitones: int = 0) -> tuple[float, Features]:
    """A note in the middle of two instruments' pitches and levels, and its pitch."""
    middle = family.member("{}:0.5 {}:0.5".format(*ends))
    number = round(A4 + SEMITONES_PER_OCTAVE * middle.octaves[50].item()) + semitones
    return midi_hz(number), Performance.of_notes([Note(0.0, NOTE_S, number)]).features(middle.model())


def measured(sound: torch.Tensor, f0_hz: float, rate: int = Config.sample_rate) -> np.ndarray:
    """[4] of a steady note: centroid and spread in Hz, odd over even partials and noise over all in dB."""
    n = round(LENGTH_S * rate)
    spectrum = np.abs(np.fft.rfft(sound.numpy()[round(BEGIN_S * rate) :][:n] * blackmanharris(n)))
    hz = np.fft.rfftfreq(n, 1 / rate)
    shape = {"S": spectrum[:, None], "freq": hz}
    bins = np.round(np.arange(f0_hz, 0.48 * rate, f0_hz) * n / rate).astype(int)
    near = bins[:, None] + np.arange(-PARTIAL_BINS, PARTIAL_BINS + 1)
    partials, others = (spectrum[near] ** 2).sum(1), np.delete(spectrum, near.flatten())
    return np.array(
        [
            librosa.feature.spectral_centroid(**shape)[0, 0],
            librosa.feature.spectral_bandwidth(**shape)[0, 0],
            10 * np.log10(partials[::2].sum() / partials[1::2].sum()),
            10 * np.log10((others**2).sum() / (spectrum**2).sum()),
        ]
    )


def evenness(values: np.ndarray) -> tuple[float, float, float]:
    """R², largest step beside the mean one, and share beyond the ends of [n_places] values of a feature."""
    steps, (low, high) = np.abs(np.diff(values)), sorted(values[[0, -1]])
    beyond = max(values.max() - high, low - values.min()) / (high - low)
    return np.corrcoef(values, np.arange(len(values)))[0, 1] ** 2, steps.max() / steps.mean(), beyond


def summary(tables: list[np.ndarray], features=(0, 1, 2, 3)) -> str:
    """Mean (worst) of what `evenness` says of some features of [n_places, n_features] tables."""
    columns = [table[:, i] for table in tables for i in features if audible(table[:, i], i)]
    if not columns:
        return "-"
    r2, steps, beyond = np.array([evenness(column) for column in columns]).T
    return f"{r2.mean():.3f} ({r2.min():.2f}), {steps.mean():.2f} ({steps.max():.1f}), {100 * beyond.max():.0f} %"


def audible(values: np.ndarray, feature: int) -> bool:
    """Whether the ends of [n_places] differ."""
    first, last = np.log(values[[0, -1]]) if feature < 2 else values[[0, -1]]
    return abs(last - first) > AUDIBLE[feature]


def picture(sounds: list[torch.Tensor], path: Path) -> None:
    """Every other sound side by side, as spectrograms."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, row = axes(12, 3, 1, len(sounds[::2]), sharey=True)
    for ax, sound, share in zip(row, sounds[::2], SHARES[::2], strict=True):
        plots.spectrogram(sound.numpy(), Config.sample_rate, ax=ax, title=f"{share:.1f}", max_hz=HIGHEST_HZ)
        ax.label_outer()
    path.write_bytes(still_png(figure))


# Ways from one instrument to another: each gives a sound for every share.


def alone(family, ends, performance):
    """Each instrument by its name."""
    return [family[end].model()(performance, envelope=False).audio for end in ends]


def cross_fade(family, ends, performance):
    """Of sounds whose pitches and phases are the same, which no two recordings have."""
    first, second = alone(family, ends, performance)
    return [torch.lerp(first, second, share) for share in SHARES]


def straight(family: Family, ends: tuple[str, str], share: float) -> Member:
    """The instrument on the straight line between two codes."""
    first, second = (vars(family[end]) for end in ends)
    return Member(**{part: torch.lerp(first[part], second[part], share) for part in first})


def straight_line(family, ends, performance, shares=SHARES):
    return [straight(family, ends, share).model()(performance, envelope=False).audio for share in shares]


def divided_line(family, ends, performance):
    """The straight line in steps by which levels, weighed by the root of their amplitude, differ equally."""
    places = torch.linspace(0, 1, QUESTIONS)
    rows = torch.stack([straight(family, ends, place).timbre(Config()) for place in places.tolist()])
    asked = performance.inputs()[len(performance) // 2].expand(QUESTIONS, -1)
    with torch.no_grad():
        levels = torch.cat(
            straight(family, ends, 0.5).model().network.instrument(asked, envelope=False, timbre=rows), 1
        )
    weights = (levels / 2).exp()
    gone = ((levels.diff(dim=0).abs()) * (weights[1:] + weights[:-1])).sum(1).cumsum(0).numpy()
    return straight_line(family, ends, performance, np.interp(SHARES, np.r_[0, gone / gone[-1]], places).tolist())


def even_way(family, ends, performance):
    """What `--morph` plays."""
    members = [family.member(f"{ends[0]}:{1 - share:.3f} {ends[1]}:{share:.3f}") for share in SHARES]
    return [member.model()(performance, envelope=False).audio for member in members]


def between_answers(power):
    """Levels between those of both instruments: asks the network twice."""

    def way(family, ends, performance):
        models = [family[end].model() for end in ends]
        a, b = (model.controls(performance, envelope=False, loudness=False) for model in models)
        mixed = lambda x, y, share: torch.lerp(x**power, y**power, share) ** (1 / power)
        sounds = []
        for share in SHARES:
            noise = mixed(a.noise_magnitudes, b.noise_magnitudes, share)
            between = replace(a, amplitudes=mixed(a.amplitudes, b.amplitudes, share), noise_magnitudes=noise)
            take = Take(performance, models[0].levelled(between, performance), 0.0)
            sounds.append(take.render(Config()).audio)
        return sounds

    return way


WAYS = {
    "cross-fade": cross_fade,
    "straight line": straight_line,
    "straight line, divided evenly": divided_line,
    "two answers, in dB": between_answers(1e-3),
    "two answers, by square roots": between_answers(0.5),
    "two answers, by fourth roots": between_answers(0.25),
    "bent line": even_way,
}

if __name__ == "__main__":
    main()

"""How well the room of a recording is learned: `python -m tests.benchmarks.room [IMPULSE ...]` prints the tables.

Dry sound, every other note of six instruments (as in `unheard.py`) and the phrases in data/, is put into rooms: those
of impulse responses that are given, measured ones if you have some, or made by `Room.of_bands`. The first table says
what is learned of them; the second, with `--epochs`, how an instrument plays the other notes, beside these notes when
they are dry: trained on wet notes without knowing of the room, and with; the features are taken from notes in the same
room. The mel distance is that of `unheard.py`, in dB. With `--dry FOLDER` only the rooms are told that are found in its
sounds, which should be none: bells, plucks, whatever rings by itself.
"""

import time
from pathlib import Path

import click
import librosa
import numpy as np
import torch

from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, load_audio, train
from ddsp_nb.analysis.room import learn_room, without_room
from ddsp_nb.synthesis.room import Room, centres_hz
from tests.benchmarks import notes

DATA = Path(__file__).parents[2] / "data"
MADE = ((0.3, 0.0), (0.7, 0.0), (1.5, 0.0))
CONFIG = Config()


@click.command()
@click.argument("impulses", nargs=-1, type=Path)
@click.option("--notes", "folder", default=notes.FOLDER, type=Path, show_default=True, help="Where NAME.flac lies.")
@click.option("--only", multiple=True, help="Names of instruments and phrases; all by default.")
@click.option("--epochs", default=0, show_default=True, help="Training steps of the second table; 0 for none.")
@click.option("--dry", type=Path, help="Folder of dry sounds.")
def main(impulses, folder, only, epochs, dry):
    """Print the tables, in Markdown."""
    if dry:
        return dry_list(sorted(path for path in dry.iterdir() if path.suffix in (".wav", ".flac")))
    rooms = {path.stem: Room.load(path, CONFIG.sample_rate) for path in impulses} or made()
    sounds = {name: notes.halves(folder, name) for name in notes.PACKAGES}
    sounds |= {f"{path.stem} (phrase)": (load_audio(path).numpy(), None) for path in sorted(DATA.glob("*.flac"))}
    sounds = {name: parts for name, parts in sounds.items() if not only or name in only}
    if epochs:
        trained_table({name: parts for name, parts in sounds.items() if parts[1] is not None}, rooms, epochs)
    else:
        learned_table(sounds, rooms)


def dry_list(paths):
    found = {path.stem: learn_room(load_audio(path, CONFIG.sample_rate), CONFIG) for path in paths}
    wrong = {name: room for name, room in found.items() if room}
    for name, room in wrong.items():
        click.echo(f"{name}: {room}")
    click.echo(f"A room in {len(wrong)} of {len(paths)} dry sounds.")


def made() -> dict[str, Room]:
    bands = torch.ones(len(centres_hz(CONFIG.sample_rate)))
    return {f"made, {s} s": Room.of_bands(db * bands, s * bands, CONFIG.sample_rate) for s, db in MADE}


def learned_table(sounds, rooms):
    heads = ("sound", "room", "RT60, s", "learned", "C50, dB", "learned", "mel wet", "without", "room known", "CPU, s")
    click.echo(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    errors = []
    for name, (sound, _) in sounds.items():
        dry = torch.from_numpy(sound).float()
        row = lambda *figures, name=name: click.echo(f"| {name} | {' | '.join(figures)} |")
        found = learn_room(dry, CONFIG)
        row("none", "", *(["none", "", ""] if found is None else [f"{found.rt60_s:.2f}", "", f"{found.c50_db:.1f}"]))
        for words, room in rooms.items():
            wet = room(dry)[: len(dry)]
            start_s = time.process_time()
            found = learn_room(wet, CONFIG)
            took_s = time.process_time() - start_s
            truth = [f"{room.rt60_s:.2f}", f"{room.c50_db:.1f}"]
            if found is None:
                row(words, truth[0], "none", truth[1], "", f"{mel_db(dry, wet):.2f}")
                continue
            cleaned = [mel_db(dry, x) for x in (wet, without_room(wet, found), without_room(wet, room))]
            distances = [f"{x:.2f}" for x in cleaned]
            row(words, truth[0], f"{found.rt60_s:.2f}", truth[1], f"{found.c50_db:.1f}", *distances, f"{took_s:.2f}")
            errors.append(
                (words, found.rt60_s / room.rt60_s - 1, found.c50_db - room.c50_db, 1 - cleaned[1] / cleaned[0])
            )
    for words in rooms:
        of = np.array([row[1:] for row in errors if row[0] == words])
        near = f"{(abs(of[:, 0]) <= 0.15).sum()} within 15 % and {(abs(of[:, 1]) <= 2).sum()} within 2 dB"
        click.echo(f"{words}: found in {len(of)} of {len(sounds)}, {near}; medians: {of_median(of)}")


def of_median(errors) -> str:
    decay, c50_db, nearer = np.median(errors, 0)
    return f"RT60 {100 * decay:+.0f} %, C50 {c50_db:+.1f} dB, mel {100 * nearer:.0f} % nearer"


def trained_table(sounds, rooms, epochs):
    heads = ("instrument", "room", "dry", "wet, no room", "wet, room learned", "nearer")
    click.echo(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, parts in sounds.items():
        learned, other = (torch.from_numpy(x).float() for x in parts)
        dry = played(learned, other, other, None, epochs)
        for words, room in rooms.items():
            wet, other_wet = (room(x)[: len(x)] for x in (learned, other))
            none, learn = (played(wet, other_wet, other, given, epochs) for given in (None, "learn"))
            figures = f"{dry:.2f} | {none:.2f} | {learn:.2f} | {100 * (1 - learn / none):.0f} %"
            click.echo(f"| {name} | {words} | {figures} |")


def played(learned, asked, target, room, epochs) -> float:
    """Mel distance, dB, from a target of what an instrument plays that learned from a sound, asked for another."""
    first = AnalysedRecording.of("learned", learned, CONFIG, room=room)
    # Both stand in one room.
    other = AnalysedRecording.of("asked", asked, CONFIG, room=first.room)
    torch.manual_seed(0)
    model = DDSPModel(CONFIG)
    for _ in train(model, Corpus.of([first], CONFIG, 0), epochs=epochs):
        pass
    return mel_db(target, model(other.features).audio)


def mel_db(target: torch.Tensor, sound: torch.Tensor) -> float:
    """Mean difference of 80 mel bands at 22 050 Hz, dB."""
    pair = [librosa.resample(x.detach().numpy(), orig_sr=CONFIG.sample_rate, target_sr=22_050) for x in (target, sound)]
    n = min(map(len, pair))
    bands = [librosa.feature.melspectrogram(y=x[:n], sr=22_050, n_mels=80) for x in pair]
    return float(np.abs(np.subtract(*(librosa.power_to_db(x, amin=1e-8, top_db=None) for x in bands))).mean())


if __name__ == "__main__":
    main()

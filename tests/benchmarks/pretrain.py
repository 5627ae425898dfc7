"""Make the weights that instruments share: `python -m tests.benchmarks.pretrain OUTPUT NOTES.flac ...`.

Beside each NOTES.flac lies NOTES.json, a list of notes with name, start_s and stop_s. Nothing that is called unheard
anywhere is learned: not every other note, by which `unheard.py` judges, and no note of which a recording in `data/` is
made. Each recording is learned at two sample rates, since the envelope of a frame looks different at each.
"""

import json
import math
from pathlib import Path

import click
import numpy as np
import soundfile as sf
import torch
from safetensors.torch import save_file

from ddsp_nb.analysis.decompose import analyse
from ddsp_nb.analysis.features import FeatureExtractor
from ddsp_nb.config import Config
from ddsp_nb.sound.load import load_audio
from ddsp_nb.training.instrument import BATCH_FRAMES, WEIGHT_DECAY, Instrument, Targets, lesson_loss

RATES_HZ = (44_100, 16_000)
STEPS = 3000
LEARNING_RATE = 3e-3
WARM_UP_STEPS = 20
GAP_S = 0.1
# Notes of which the phrases in data/ are spliced.
SPLICED = {
    "violin": {"A4", "C5", "E5", "G5"},
    "flute": {"A4", "C5", "E5", "A5"},
    "trumpet": {"F4", "G4", "D5"},
}


def notes_to_learn(path: Path) -> np.ndarray:
    """The sound of every other note of a recording, the first and the last among them, but those of data/."""
    sound, rate = sf.read(path)
    table, parts = json.loads(path.with_suffix(".json").read_text()), []
    for i, row in enumerate(table):
        if (i % 2 == 0 or i + 1 == len(table)) and row["note"] not in SPLICED.get(path.stem, ()):
            parts += [sound[round(row["start_s"] * rate) : round(row["stop_s"] * rate)], np.zeros(round(GAP_S * rate))]
    return np.concatenate(parts)


def targets_of(path: Path, rate: int) -> Targets:
    """Targets of a recording at one sample rate."""
    config = Config(sample_rate=rate, f0_max_hz=min(2000.0, rate / 2))
    audio = load_audio(path, rate)
    features = FeatureExtractor(config)(audio)
    return Targets.of(features, analyse(features, audio, config), config)


@click.command()
@click.argument("output", type=Path)
@click.argument("recordings", nargs=-1, type=Path)
@click.option("--work", default="artifacts/pretrain", type=Path, help="Folder for intermediate files.")
def main(output, recordings, work):
    """Train on recordings of notes and write the weights in half precision."""
    work.mkdir(parents=True, exist_ok=True)
    groups = []
    for rate in RATES_HZ:
        group = None
        for path in recordings:
            sf.write(work / f"{path.stem}.wav", notes_to_learn(path), sf.info(path).samplerate)
            path = work / f"{path.stem}.wav"
            cache = work / f"{path.stem}.{rate}.pt"
            if not cache.is_file():
                torch.save(vars(targets_of(path, rate)), cache)
            targets = Targets(**torch.load(cache))
            group = targets if group is None else group + targets
        groups.append((Config(sample_rate=rate), group))
    instrument = learn(groups)
    save_file({name: weight.half().contiguous() for name, weight in instrument.state_dict().items()}, output)


def learn(groups: list[tuple[Config, Targets]], seed: int = 0) -> Instrument:
    """An instrument from nothing, taught at each sample rate in turn."""
    torch.manual_seed(seed)
    instruments = [Instrument(config) for config, _ in groups]
    first = instruments[0]
    first.fit_normalisation(groups[0][1].inputs)
    for correct in first.correctors:
        torch.nn.init.zeros_(correct.layers[-1].weight)
    for other in instruments[1:]:
        other.correctors = first.correctors
    lessons = [(instrument, targets) for instrument, (_, targets) in zip(instruments, groups, strict=True)]
    optimiser = torch.optim.AdamW(first.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    generator = torch.Generator().manual_seed(seed)
    for step in range(STEPS):
        rise, fall = min(1, (step + 1) / WARM_UP_STEPS), 0.5 + 0.5 * math.cos(math.pi * step / STEPS)
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * rise * fall
        instrument, targets = lessons[step % len(lessons)]
        loss = lesson_loss(instrument, targets[torch.randint(0, len(targets), (BATCH_FRAMES,), generator=generator)])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(first.parameters(), 1.0)
        optimiser.step()
    return first


if __name__ == "__main__":
    main()

"""Make the weights that instruments share: `python -m tests.benchmarks.pretrain OUTPUT NOTES.flac ...`.

Beside each NOTES.flac lies NOTES.json, a list of notes with start_s and stop_s. Every other note is left out, so that
they stay unheard for `unheard.py`, and so are recordings named with --without. Each recording is learned at two sample
rates, since the envelope of a frame looks different at each.
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


def halves(path: Path) -> dict[str, np.ndarray]:
    """A recording of single notes as {"train", "test"}: every other note, the first and the last in "train"."""
    sound, rate = sf.read(path)
    table, gap, parts = (
        json.loads(path.with_suffix(".json").read_text()),
        np.zeros(round(GAP_S * rate)),
        {"train": [], "test": []},
    )
    for i, row in enumerate(table):
        half = "test" if i % 2 and i + 1 < len(table) else "train"
        parts[half] += [sound[round(row["start_s"] * rate) : round(row["stop_s"] * rate)], gap]
    return {half: np.concatenate(part) for half, part in parts.items()}


def targets_of(path: Path, rate: int) -> Targets:
    """Targets of a recording at one sample rate."""
    config = Config(sample_rate=rate, f0_max_hz=min(2000.0, rate / 2))
    audio = load_audio(path, rate)
    features = FeatureExtractor(config)(audio)
    return Targets.of(features, analyse(features, audio, config), config)


@click.command()
@click.argument("output", type=Path)
@click.argument("recordings", nargs=-1, type=Path)
@click.option("--without", default="", help="Name of an instrument to leave out.")
@click.option("--work", default="artifacts/pretrain", type=Path, help="Folder for intermediate files.")
def main(output, recordings, without, work):
    """Train on the training halves of all recordings and write the weights in half precision."""
    work.mkdir(parents=True, exist_ok=True)
    groups = []
    for rate in RATES_HZ:
        group = None
        for path in recordings:
            if path.stem == without:
                continue
            if path.with_suffix(".json").is_file():
                sf.write(work / f"{path.stem}.wav", halves(path)["train"], sf.info(path).samplerate)
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

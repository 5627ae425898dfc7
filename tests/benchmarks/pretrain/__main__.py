"""Make the weights that instruments share: `python -m tests.benchmarks.pretrain OUTPUT`.

Nothing that is called unheard anywhere is learned: of six instruments every other note, and not those between by which
`unheard.py` judges; no note of which a recording in `data/` is spliced; no voice. Each note is learned at two sample
rates, since the envelope of a frame looks different at each.
"""

import math
from pathlib import Path

import click
import librosa
import torch
from safetensors.torch import save_file

from ddsp_nb.analysis.decompose import AnalysedRecording
from ddsp_nb.config import Config
from ddsp_nb.training.instrument import BATCH_FRAMES, WEIGHT_DECAY, Instrument, Targets, lesson_loss
from tests.benchmarks import notes

RATES_HZ = (44_100, 16_000)
STEPS = 3000
LEARNING_RATE = 3e-3
WARM_UP_STEPS = 20


@click.command()
@click.argument("output", type=Path)
@click.option("--notes", "folder", default=notes.FOLDER, type=Path, show_default=True, help="Where NAME.flac lies.")
@click.option("--steps", default=STEPS, show_default=True)
def main(output, folder, steps):
    """Train on the notes of all instruments and write the weights in half precision."""
    groups = []
    for rate in RATES_HZ:
        config = Config(sample_rate=rate)
        groups.append((config, Targets.joined(targets_of(folder, name, config) for name in sorted(notes.PACKAGES))))
    instrument = learn(groups, steps)
    save_file({name: weight.half().contiguous() for name, weight in instrument.state_dict().items()}, output)


def targets_of(folder: Path, name: str, config: Config) -> Targets:
    """What the notes of one instrument that may be learned ask for."""
    sound, _ = notes.halves(folder, name, without=notes.SPLICED.get(name, set()))
    audio = librosa.resample(sound, orig_sr=notes.RATE, target_sr=config.sample_rate)
    recording = AnalysedRecording.of(name, torch.from_numpy(audio).float(), config)
    return Targets.of(recording.features, recording.analysis, config)


def learn(groups: list[tuple[Config, Targets]], steps: int = STEPS, seed: int = 0) -> Instrument:
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
    for step in range(steps):
        rise, fall = min(1, (step + 1) / WARM_UP_STEPS), 0.5 + 0.5 * math.cos(math.pi * step / steps)
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

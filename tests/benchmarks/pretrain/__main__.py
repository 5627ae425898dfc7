"""Make the weights that instruments share, and their codes: `python -m tests.benchmarks.pretrain OUTPUT`.

Nothing that is called unheard anywhere is learned: of six recorded instruments every other note, and not those between
by which `unheard.py` judges; no note of which a recording in `data/` is spliced; no voice. All else is what
`material.py` makes. Each note is learned at two sample rates, since the envelope of a frame looks different at each.

The same command trains on a card where there is one, and under torchrun on several machines. What is done is kept
beside the output, and a run that was stopped goes on from there.
"""

import json
import math
from pathlib import Path

import click
import torch
from safetensors.torch import save_file
from torch import nn

from ddsp_nb.config import Config
from ddsp_nb.training import processes
from ddsp_nb.training.adamw import AdamW
from ddsp_nb.training.instrument import (
    ASKED,
    CODE_SIZE,
    NOISE_WEIGHT,
    WEIGHT_DECAY,
    Instrument,
    lesson_loss,
    partial_weights,
)
from ddsp_nb.training.train import choose_device
from tests.benchmarks import notes
from tests.benchmarks.pretrain import colours, material
from tests.benchmarks.pretrain.material import RATES_HZ, Sounds

STEPS = 24_000
LEARNING_RATE, CODE_RATE = 3e-3, 1e-2
WARM_UP_STEPS = 50
CLIP_NORM = 1.0
# Of a step: instruments, and frames of each.
INSTRUMENTS, FRAMES = 32, 4
# Of the squares of a code, which keeps codes where those of others are.
CODE_WEIGHT = 1e-3
# Recorded instruments come so much more often than rendered ones: they are few, and have what loops lack.
RECORDED_WEIGHT = 4.0
# Of the error between codes, and the share of the steps in which the envelope counts there.
BETWEEN_WEIGHT, ENVELOPE_SHARE = 1.0, 0.25
# dB; an instrument is not always at its usual level.
LEVEL_SPREAD_DB = 1.5
# Steps after which all is kept.
KEPT_EVERY = 500
# The high sample rate comes twice as often as the low one.
TURNS = (0, 0, 1)


class School(nn.Module):
    """The instruments at each sample rate, which share their networks, and a code for each colour of each sound."""

    def __init__(self, sounds: Sounds, seed: int):
        super().__init__()
        torch.manual_seed(seed)
        self.sounds = sounds
        self.instruments = nn.ModuleList(Instrument(Config(sample_rate=rate)) for rate in RATES_HZ)
        first = self.instruments[0]
        some = torch.randint(len(sounds.targets[0]), (4000,))
        first.fit_normalisation(sounds.targets[0].inputs[some])
        for correct in first.correctors:
            nn.init.zeros_(correct.layers[-1].weight)
        for other in self.instruments:
            other.correctors = first.correctors
        self.codes = nn.Parameter(0.1 * torch.randn(len(sounds.names) * colours.N, CODE_SIZE))
        self.colours = colours.Colours(len(sounds.names) * colours.N, [Config(sample_rate=rate) for rate in RATES_HZ])

    def loss(self, turn: int, generator: torch.Generator) -> torch.Tensor:
        """Error on random frames of random instruments at one of the sample rates; each process has its share."""
        device = self.codes.device
        recorded = [name.startswith("recorded ") for name in self.sounds.names]
        weights = torch.where(torch.tensor(recorded), RECORDED_WEIGHT, 1.0)
        which = torch.multinomial(weights, INSTRUMENTS, replacement=True, generator=generator)
        colour = torch.randint(colours.N, (INSTRUMENTS,), generator=generator)
        louder_db = LEVEL_SPREAD_DB * torch.randn(INSTRUMENTS, generator=generator)
        places = torch.rand(INSTRUMENTS, FRAMES, generator=generator)
        mine = slice(processes.rank(), None, processes.count())
        which, colour, louder_db, places = which[mine], colour[mine], louder_db[mine], places[mine]
        first, count = (x[turn][which, None] for x in (self.sounds.first, self.sounds.count))
        targets = self.sounds.targets[turn][(first + (places * count).long()).flatten()].to(device, torch.float32)
        each = (which * colours.N + colour).repeat_interleave(FRAMES).to(device)
        targets = self.colours(targets, each, turn, louder_db.repeat_interleave(FRAMES).to(device))
        instrument = self.instruments[turn]
        codes = self.codes[each]
        loss = lesson_loss(instrument, targets, generator, timbre=instrument.timbre(codes))
        loss = loss + BETWEEN_WEIGHT * between_loss(instrument, targets.inputs, codes.detach(), generator)
        return loss + CODE_WEIGHT * codes.square().mean()


def between_loss(
    instrument: Instrument, inputs: torch.Tensor, codes: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """How far what lies between two codes is from what should lie there: roots of amplitudes in even steps.

    A root of an amplitude is about how loud it is heard. The network is free between codes that it has met, so it has
    to be told. Each of [n_frames, CODE_SIZE] is paired with that of another instrument.
    """
    share = torch.rand(len(codes), 1, generator=generator).to(codes)
    others = codes.roll(FRAMES, 0)
    envelope = bool(torch.rand((), generator=generator) < ENVELOPE_SHARE)
    some = tuple(
        torch.randperm(n, generator=generator)[:ASKED].to(codes.device)
        for n in (len(instrument.queries.harmonics), len(instrument.queries.bands_hz))
    )
    ask = lambda code: instrument(inputs, envelope=envelope, timbre=instrument.timbre(code), some=some)
    with torch.no_grad():
        ends = zip(ask(codes), ask(others), strict=True)
        wanted = [2 * torch.lerp((a / 2).exp(), (b / 2).exp(), share).log() for a, b in ends]
    weights = partial_weights(wanted[0].exp())
    partials, bands = (
        (got - want).abs() for got, want in zip(ask(torch.lerp(codes, others, share)), wanted, strict=True)
    )
    return (weights * partials).sum() / weights.sum() + NOISE_WEIGHT * bands.mean()


@click.command()
@click.argument("output", type=Path)
@click.option(
    "--folder", default=material.FOLDER, type=Path, show_default=True, help="Where material is made and kept."
)
@click.option("--notes", "recorded", default=notes.FOLDER, type=Path, show_default=True, help="Where NAME.flac lies.")
@click.option(
    "--without", default="", help="Leave out every instrument whose name holds one of these words: sax,cello."
)
@click.option("--steps", default=STEPS, show_default=True)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda"]))
def main(output, folder, recorded, without, steps, device):
    """Make the material, train on all of it and write weights and codes in half precision."""
    with processes.joined():
        with processes.first_alone():
            sounds = material.load(folder, recorded, [word for word in without.split(",") if word])
        school = School(sounds, seed=0).to(choose_device(device))
        learn(school, steps, output.with_suffix(".partial"))
        if processes.rank() == 0:
            write(school, output)


def learn(school: School, steps: int, kept: Path, seed: int = 0) -> None:
    """Train, or go on with what was kept."""
    network = list(school.instruments[0].correctors.parameters())
    optimiser = AdamW(
        [{"params": network, "lr": 0.0}, {"params": [school.codes], "lr": 0.0}], weight_decay=WEIGHT_DECAY
    )
    generator, begun = torch.Generator().manual_seed(seed), 0
    trained = dict(school.instruments[0].correctors.named_parameters()) | {"codes": school.codes}
    if kept.is_file():
        begun = restore(kept, trained, optimiser, generator)
    for step in range(begun, steps):
        factor = min(1, (step + 1) / WARM_UP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        for group, rate in zip(optimiser.groups, (LEARNING_RATE, CODE_RATE), strict=True):
            group["lr"] = rate * factor
        loss = school.loss(TURNS[step % len(TURNS)], generator)
        optimiser.zero_grad()
        loss.backward()
        loss = processes.averaged(school, loss)
        torch.nn.utils.clip_grad_norm_(network, CLIP_NORM)
        optimiser.step()
        if processes.rank() == 0 and (step + 1) % KEPT_EVERY == 0:
            click.echo(f"step {step + 1} of {steps}: {loss.item():.3f}")
            moments = {name: optimiser.moments[p] for name, p in trained.items()}
            state = {"step": step + 1, "weights": trained, "moments": moments, "generator": generator.get_state()}
            torch.save(state, kept.with_suffix(".writing"))
            kept.with_suffix(".writing").replace(kept)


@torch.no_grad()
def restore(kept: Path, trained: dict, optimiser: AdamW, generator: torch.Generator) -> int:
    """Put back what a run kept; returns the steps that were done."""
    state = torch.load(kept)
    for name, parameter in trained.items():
        parameter.copy_(state["weights"][name])
        for part, moment in optimiser.moments[parameter].items():
            moment.copy_(state["moments"][name][part])
    generator.set_state(state["generator"])
    return state["step"]


def write(school: School, output: Path) -> None:
    """Write the networks, and code, range and shape of every instrument that is shipped, as one safetensors file."""
    sounds = school.sounds
    shipped = [(i, name) for i, name in enumerate(sounds.names) if not name.startswith("musescore ")]
    rows = torch.tensor([i for i, _ in shipped])
    tensors = {name: weight.half() for name, weight in school.instruments[0].correctors.state_dict().items()}
    tensors["codes"] = school.codes[rows * colours.N].half()
    for part, values in (("octaves", sounds.octaves), ("loudness_db", sounds.loudness_db), ("shape", sounds.shape)):
        tensors[part] = values[rows].half()
    names = [name.removeprefix("fluid ") for _, name in shipped]
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, output, {"names": json.dumps(names)})


if __name__ == "__main__":
    main()

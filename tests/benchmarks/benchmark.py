"""`make bench`: how long everything takes on this machine, as ratios in one run against a plain DDSP.

The yardstick is `plain_ddsp.py`, the limit one large matrix product with as many multiplications as the network
needs for a step (forward, and twice that backward). Nothing here is asserted: timings are for reading.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import torch

from ddsp_nb.analysis.decompose import analyse
from ddsp_nb.analysis.features import FeatureExtractor
from ddsp_nb.analysis.pitch import TRACKERS
from ddsp_nb.config import Config
from ddsp_nb.growth.render import GrowthPlan, grow
from ddsp_nb.sound.load import load_audio
from ddsp_nb.training.metrics import evaluate
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.train import train
from tests.benchmarks.plain_ddsp import plain_step

GOAL_LOSS, GOAL_SNR_DB = 0.72, 12.5


def median_s(work, repeats=5) -> float:
    """Median seconds of one call, after one that warms up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def clip(path, sample_rate, seconds, **sizes):
    """The recording, played again and again until it is `seconds` long: its config, sound and features."""
    config = Config(sample_rate=sample_rate, **sizes)
    audio = load_audio(path, sample_rate)
    audio = audio.repeat(int(seconds * sample_rate / len(audio)) + 1)[: int(seconds * sample_rate)]
    return config, audio, FeatureExtractor(config)(audio)


def matrix_limit_s(model, n_frames) -> float:
    """Seconds of one matrix product of the size of a training step."""
    a, b = torch.randn(3 * n_frames, 1024), torch.randn(1024, model.n_parameters // 1024)
    return median_s(lambda: a @ b)


def step_times(path, sample_rate, seconds) -> dict:
    """Seconds of a full pass over a clip: ours, the plain one and the limit."""
    config, audio, features = clip(path, sample_rate, seconds)
    model = DDSPModel(config)
    limit = matrix_limit_s(model, len(features))
    steps = train(model, features, audio, epochs=100)
    ours = median_s(lambda: next(steps))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)
    plain = median_s(lambda: plain_step(model, features, audio, optimiser), repeats=3)
    return {"ours": ours, "plain": plain, "limit": limit}


def seconds_to_goal(path, sample_rate=22_050) -> str:
    """Wall-clock seconds from features to a model that reaches loss and SNR, judged on the whole clip."""
    config, audio, features = clip(path, sample_rate, 5)
    start, judging = time.perf_counter(), 0.0
    torch.manual_seed(0)
    model = DDSPModel(config)
    for progress in train(model, features, audio):
        before = time.perf_counter()
        quality = evaluate(audio, progress.audio(), sample_rate)
        judging += time.perf_counter() - before
        if quality.log_magnitude_loss <= GOAL_LOSS and quality.snr_db >= GOAL_SNR_DB:
            return f"{time.perf_counter() - start - judging:.1f} s ({progress.epoch} epochs)"
    return f"not within the default epochs ({quality})"


def growth_s(model, features) -> float:
    """Seconds to render 64 stages of 0.5 s with 0.2 s of silence, the network's controls being known."""
    plan, controls = GrowthPlan(stages=tuple(range(1, 65))), model.controls(features)
    return median_s(lambda: grow(model, features, plan, controls=controls))


def import_s() -> float:
    """Seconds to import PyTorch and everything of ours, in a process of its own."""
    code = "import time; t = time.perf_counter(); from ddsp_nb import *; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--audio", default="data/violin.flac", type=Path, show_default=True, help="Recording to measure with.")
@click.option("--lengths", default="5,60,600", show_default=True, help="Seconds of sound, with commas between them.")
@click.option("--sample-rate", default=44_100, show_default=True, help="Hz.")
def main(context, audio, lengths, sample_rate):
    """Print how long each part takes here, and how that grows with the recording."""
    if context.invoked_subcommand:
        return
    row = lambda name, value: click.echo(f"{name:44s} {value}")
    row("threads", torch.get_num_threads())
    row("import", f"{import_s():.1f} s")
    config, sound, features = clip(audio, sample_rate, 5)
    model = DDSPModel(config)
    extract_s, render_s = median_s(lambda: FeatureExtractor(config)(sound), 3), median_s(lambda: model(features))
    row("features", f"{5 / extract_s:.0f} x real time")
    row("synthesis", f"{5 / render_s:.0f} x real time")
    controls = model.controls(features).coefficients()
    oscillator_s = median_s(lambda: model.oscillator.render(features.f0_hz, controls, phase=features.phase))
    row("  of it the oscillator", f"{5 / oscillator_s:.0f} x real time")
    row("growth of 64 stages", f"{growth_s(model, features):.2f} s")
    row("to loss 0.72 and 12.5 dB, 5 s at 22.05 kHz", seconds_to_goal(audio))
    for rate, seconds in [(22_050, 5)] + [(sample_rate, float(length)) for length in lengths.split(",")]:
        times = step_times(audio, rate, seconds) if seconds <= 10 else own_step(audio, rate, seconds)
        row(f"training step, {seconds:g} s at {rate} Hz", describe(times))
    for n_harmonics in (16, 32, 128):
        times = own_step(audio, sample_rate, 5, n_harmonics=n_harmonics)
        row(f"training step, 5 s with {n_harmonics} harmonics", describe(times))
    row("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


@main.command()
@click.argument("recordings", nargs=-1, type=Path)
def trackers(recordings):
    """Print the ceiling (dB) that each pitch tracker gives each recording, and its seconds per second of sound."""
    config = Config()
    for path in recordings:
        audio = load_audio(path, config.sample_rate)
        for name in TRACKERS:
            start = time.perf_counter()
            features = FeatureExtractor(config, tracker=name)(audio)
            took = (time.perf_counter() - start) / (len(audio) / config.sample_rate)
            ceiling_db = analyse(features, audio, config).snr_db
            click.echo(f"{path.stem:24s} {name:16s} {ceiling_db:5.1f} dB   {took:.3f}")


def own_step(path, sample_rate, seconds, **sizes) -> dict:
    """A step of ours alone: over random stretches of a long recording, or with other sizes."""
    config, audio, features = clip(path, sample_rate, seconds, **sizes)
    steps = train(DDSPModel(config), features, audio, epochs=100)
    return {"ours": median_s(lambda: next(steps))}


def describe(times) -> str:
    """Seconds, and where there is something to compare with, ratios."""
    if "plain" not in times:
        return f"{times['ours']:.3f} s"
    plain, limit = times["plain"] / times["ours"], times["ours"] / times["limit"]
    return f"{times['ours']:.3f} s; plain DDSP {plain:.1f} x as long, limit {limit:.1f} times shorter"


if __name__ == "__main__":
    main()

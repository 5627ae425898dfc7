"""`make bench`: how long everything takes on this machine, as ratios in one run against a plain DDSP.

The yardstick is `plain_ddsp.py`, the limit one large matrix product with as many multiplications as the network
needs for a step (forward, and twice that backward). Nothing here is asserted: timings are for reading.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import torch

from ddsp_nb.analysis.decompose import AnalysedRecording, analyse
from ddsp_nb.analysis.features import FeatureExtractor
from ddsp_nb.analysis.pitch import TRACKERS
from ddsp_nb.config import Config
from ddsp_nb.growth.render import GrowthPlan, grow
from ddsp_nb.sound.load import load_audio
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import record_take
from ddsp_nb.training.train import train
from tests.benchmarks.plain_ddsp import plain_harmonic

# Of two idle cores at 44.1 kHz: times real time where more is better, seconds where less is.
GOALS = {"features": 25.0, "a performance, loudness set": 30.0}
GOALS_S = {"import": 1.5, "growth of 64 stages": 0.25, "train, the whole command": 10.0}


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


def studied(path, sample_rate, seconds, **sizes):
    """The same clip with its corpus and its take."""
    config, audio, features = clip(path, sample_rate, seconds, **sizes)
    recording = AnalysedRecording(path.stem, audio, features, analyse(features, audio, config))
    return config, features, Corpus.of([recording], config, 0), record_take(recording, config)


def plain_times(features, take, config) -> dict:
    """Seconds to render the sines of a take: ours and the plain way."""
    ours = median_s(lambda: take.render(config).harmonic)
    return {"ours": ours, "plain": median_s(lambda: plain_harmonic(features, take.controls, config), repeats=3)}


def epoch_times(path, sample_rate, seconds, **sizes) -> dict:
    """Seconds of an epoch, and of one matrix product of the network's size."""
    config, features, corpus, _ = studied(path, sample_rate, seconds, **sizes)
    model = DDSPModel(config)
    limit = matrix_limit_s(model, len(features))
    steps = train(model, corpus, epochs=100)
    return {"ours": median_s(lambda: next(steps)), "limit": limit}


def growth_s(model, take) -> float:
    """Seconds to render 64 stages of 0.5 s."""
    plan = GrowthPlan(stages=tuple(range(1, 65)), silence_duration_s=0.05)
    return median_s(lambda: grow(model, take, plan))


def import_s() -> float:
    """Seconds to import PyTorch and everything of ours, in a process of its own."""
    code = "import time; t = time.perf_counter(); from ddsp_nb import *; print(time.perf_counter() - t)"
    run = lambda: subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    return sorted(float(run()) for _ in range(3))[1]


def command_s(audio) -> float:
    """Seconds of `ddsp-nb train` with its defaults, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ddsp_nb", "train", "--audio", str(audio), "--output", f"{folder}/model.pt"]
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True, env=os.environ | {"DDSP_NB_CACHE": ""})
        return time.perf_counter() - start


def judged(name: str, measured: float) -> str:
    """A figure beside its goal."""
    if name in GOALS:
        return f"{measured:.0f} x real time; {measured / GOALS[name]:.2f} of the goal, {GOALS[name]:g}"
    return f"{measured:.2f} s; {measured / GOALS_S[name]:.2f} of the {GOALS_S[name]:g} s that it may take"


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
    row_judged = lambda name, measured: row(name, judged(name, measured))
    row_judged("import", import_s())
    config, sound, features = clip(audio, sample_rate, 5)
    _, _, _, take = studied(audio, sample_rate, 5)
    model = DDSPModel(config)
    extract_s, perform_s = median_s(lambda: FeatureExtractor(config)(sound), 3), median_s(lambda: model(features))
    row_judged("features", 5 / extract_s)
    row_judged("a performance, loudness set", 5 / perform_s)
    row("the sines of a take", describe(plain_times(features, take, config)))
    row_judged("growth of 64 stages", growth_s(model, take))
    row_judged("train, the whole command", command_s(audio))
    for rate, seconds in [(22_050, 5)] + [(sample_rate, float(length)) for length in lengths.split(",")]:
        row(f"an epoch, {seconds:g} s at {rate} Hz", describe(epoch_times(audio, rate, seconds)))
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


def describe(times) -> str:
    """Seconds, and where there is something to compare with, ratios."""
    words = f"{times['ours']:.3f} s"
    if "plain" in times:
        words += f"; plain DDSP {times['plain'] / times['ours']:.1f} x as long"
    if "limit" in times:
        words += f"; a matrix product of the network's size {times['ours'] / times['limit']:.1f} times shorter"
    return words


if __name__ == "__main__":
    main()

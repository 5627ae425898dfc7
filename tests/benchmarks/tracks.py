"""Partials of any sound beside a published tool: `python -m tests.benchmarks.tracks compare SOUND ...`.

Of Loris (Fitz & Haken; `pip install --no-deps loristrck`) the loudest partials are kept, until as many sound at a time,
in the mean, as of ours. `cost` prints seconds and memory, and `auto` what one pitch and what tracks explain of a sound.
"""

import resource
import time
from pathlib import Path

import click
import numpy as np
import torch

from ddsp_nb import Config, load_audio
from ddsp_nb.analysis.decompose import AnalysedRecording, Analysis, snr_db
from ddsp_nb.analysis.tracks import analyse_tracks
from ddsp_nb.synthesis.oscillator import render_partials
from ddsp_nb.training.take import record_take
from tests.benchmarks.ear import figures, opinions

CONFIG = Config()
RATE = CONFIG.sample_rate
# Loris: what partials must be apart, and half the main lobe of its window.
RESOLUTION_HZ = 40.0


def sounding(analysis: Analysis) -> float:
    """Sines that sound at a time, in the mean."""
    return analysis.coefficients.unflatten(1, (2, -1)).any(1).sum(1).float().mean().item()


def loris(sound: np.ndarray, n_sines: float) -> tuple[np.ndarray, float]:
    """Its sines alone, without their bandwidths, and how many sound at a time."""
    import loristrck

    partials = loristrck.analyze(sound.astype(np.float64), RATE, RESOLUTION_HZ, 2 * RESOLUTION_HZ)
    length_s = lambda partial: partial[-1, 0] - partial[0, 0]
    partials = sorted(partials, key=lambda partial: -np.mean(partial[:, 2] ** 2) * length_s(partial))
    total_s = np.cumsum([length_s(partial) for partial in partials])
    partials = [p * [1, 1, 1, 1, 0] for p, s in zip(partials, total_s, strict=True) if s <= n_sines * len(sound) / RATE]
    if not partials:
        return np.zeros_like(sound), 0.0
    rendered = loristrck.synthesize(partials, RATE, start=0.0, end=len(sound) / RATE)
    return fitted(rendered, len(sound)), sum(map(length_s, partials)) * RATE / len(sound)


def fitted(sound: np.ndarray, n: int) -> np.ndarray:
    return np.pad(sound[:n], (0, max(0, n - len(sound)))).astype(np.float32)


def row(name: str, what: str, sound: torch.Tensor, heard: np.ndarray, n_sines: float, sines: np.ndarray) -> str:
    ear = opinions(sound.numpy(), heard, RATE)
    mel_db = figures(sound.numpy(), heard, RATE)["mel_db"]
    snr = snr_db(sound, torch.from_numpy(sines))
    return (
        f"| {name} | {what} | {n_sines:.0f} | {snr:.1f} | {mel_db:.1f} | {ear['visqol']:.2f} | {ear['zimtohrli']:.2f} |"
    )


@click.group()
def main():
    """Partials of any sound, measured."""
    torch.set_num_threads(1)


@main.command()
@click.argument("sounds", nargs=-1, type=Path)
@click.option("--seconds", default=2.0, show_default=True)
def compare(sounds, seconds):
    """Harmonic take, take of tracks, our sines alone and those of Loris: SNR of the sines, mel distance and judges."""
    click.echo("| sound | | sines at a time | SNR dB | mel dB | ViSQOL | Zimtohrli |\n|---|---|---|---|---|---|---|")
    for path in sounds:
        sound = load_audio(path, RATE)[: int(seconds * RATE)]
        recording, tracks = AnalysedRecording.of(path.stem, sound, CONFIG, None), analyse_tracks(sound, CONFIG)
        n_sines, wave = sounding(tracks), sound.numpy()
        for what, analysis in (("harmonic", recording.analysis), ("tracks", tracks)):
            take = record_take(recording, CONFIG, partials=what)
            heard = take.render(CONFIG).audio[: len(sound)].numpy()
            n, sines = sounding(analysis), analysis.harmonic[: len(sound)].numpy()
            click.echo(row(path.stem, f"{what}, take", sound, heard, n, sines))
        click.echo(
            row(path.stem, "tracks, sines alone", sound, tracks.harmonic.numpy(), n_sines, tracks.harmonic.numpy())
        )
        heard, n = loris(wave, n_sines)
        click.echo(row(path.stem, "Loris, sines alone", sound, heard, n, heard))


@main.command()
@click.argument("sound", type=Path)
@click.option("--seconds", default=6.0, show_default=True)
def cost(sound, seconds):
    """Seconds and memory of the analysis of SOUND, played again and again, beside that of its harmonics."""
    audio = load_audio(sound, RATE)
    audio = audio.repeat(int(seconds * RATE / len(audio)) + 1)[: int(seconds * RATE)]
    for name, work in (("tracks", lambda: analyse_tracks(audio, CONFIG)), ("harmonic", lambda: harmonic(audio))):
        start, cpu, found = time.perf_counter(), time.process_time(), work()
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        line = (
            f"{name}: {took:.1f} s, {cpu:.1f} s of a processor, at most {memory:.2f} GB so far, {found.snr_db:.1f} dB"
        )
        click.echo(f"{line}, {sounding(found):.0f} sines at a time")
        if found.hz is not None:
            rounded = render_partials(found.hz, found.coefficients.half().float(), CONFIG)[: len(audio)]
            click.echo(f"coefficients of 16 bits: {snr_db(found.harmonic, rounded):.1f} dB")


def harmonic(audio: torch.Tensor) -> Analysis:
    return AnalysedRecording.of("sound", audio, CONFIG, None).analysis


@main.command()
@click.argument("sounds", nargs=-1, type=Path)
@click.option("--seconds", default=4.0, show_default=True)
def auto(sounds, seconds):
    """SNR of harmonics and of tracks."""
    for path in sounds:
        sound = load_audio(path, RATE)[: int(seconds * RATE)]
        one, many = harmonic(sound), analyse_tracks(sound, CONFIG)
        click.echo(f"| {path.stem} | {one.snr_db:.1f} | {many.snr_db:.1f} | {sounding(many):.0f} |")


if __name__ == "__main__":
    main()

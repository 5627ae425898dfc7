"""The command line: `ddsp-nb train` teaches a network one recording, `ddsp-nb grow` grows its timbre to a file.

PyTorch takes seconds to import, so everything that needs it is imported inside the commands: help and usage errors
come at once. The defaults written here are the library's; `tests/test_cli.py` holds them to each other.
"""

import math
import os
import tempfile
import warnings
from pathlib import Path

import click

from ddsp_nb.cli.options import GROW_OPTIONS, plan_of
from ddsp_nb.cli.sigterm import Terminated, heeding_sigterm
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, CheckpointError, WorkbookError

BAD_INPUT, INTERRUPTED = 2, 130
SOUND_SUFFIXES, MODEL_SUFFIXES = (".wav", ".flac"), (".pt", ".pth")
LOSS_PICTURE = "ddsp_training_loss.png"
SOUNDS = ("ddsp_reconstructed.wav", "ddsp_harmonic_only.wav", "ddsp_noise_only.wav", "ddsp_residual.wav")
LARGEST_SEED = 2**32 - 1


class OneLineErrors(click.Group):
    """Commands whose errors and warnings are one line on stderr each; bad input ends with exit code 2."""

    def main(self, *args, standalone_mode=True, **kwargs):
        with warnings.catch_warnings():
            warnings.showwarning = lambda words, *_, **__: click.echo(f"Warning: {in_one_line(words)}", err=True)
            try:
                result = super().main(*args, standalone_mode=False, **kwargs)
            except click.exceptions.NoArgsIsHelpError as error:
                error.show()
                raise SystemExit(BAD_INPUT) from None
            except (WorkbookError, click.ClickException) as error:
                message = error.format_message() if isinstance(error, click.ClickException) else str(error)
                click.echo(f"Error: {in_one_line(message)}", err=True)
                raise SystemExit(BAD_INPUT) from None
            except click.Abort as stop:
                click.echo("Stopped before the end; every file there is whole.", err=True)
                raise SystemExit(
                    Terminated.EXIT_CODE if isinstance(stop.__cause__, Terminated) else INTERRUPTED
                ) from None
        return result if not standalone_mode else raise_exit(result)


def in_one_line(message) -> str:
    """Any message, on one line."""
    return " ".join(str(message).split())


def raise_exit(result):
    """Leave with the exit code that --help gives, 0 where a command returned nothing."""
    raise SystemExit(result if isinstance(result, int) else 0)


class FiniteFloat(click.FloatRange):
    """A number within a range; "nan" and "inf" are none."""

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Sizes(click.ParamType):
    """Whole numbers with commas between them."""

    name = "sizes"

    def convert(self, value, param, ctx):
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(size) for size in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 2048,1024,512,256.", param, ctx)


def options(*declarations):
    """Several click options as one decorator, in the order in which the help lists them."""

    def decorate(function):
        for declaration in reversed(declarations):
            function = declaration(function)
        return function

    return decorate


@click.group(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
def main():
    """Timbre Grower: train a synthesizer on one recording, then grow its timbre from one sine wave."""


SEED = click.option("--seed", default=0, type=click.IntRange(0, LARGEST_SEED), help="Seed of everything random.")


@main.command()
@options(
    click.option("--audio", required=True, type=Path, help="Recording of one instrument, one note at a time."),
    click.option("--output", default="ddsp_model.pt", type=Path, help="Checkpoint; pictures and sounds go beside it."),
    click.option("--epochs", default=60, type=click.IntRange(1), help="Training steps over the recording."),
    click.option(
        "--learning-rate",
        type=FiniteFloat(0, 1, min_open=True),
        show_default="4e-5 from an analysis start, 1e-3 from a random one",
        help="Peak of the schedule.",
    ),
    click.option(
        "--start",
        default="analysis",
        type=click.Choice(["analysis", "random"]),
        help="Solve the last layers for the recording first, or begin with random ones.",
    ),
    click.option("--duration", type=FiniteFloat(0.1), show_default="all", help="Seconds of the recording to use."),
    click.option("--resume", is_flag=True, help="Go on with a run that was interrupted, with its own settings."),
    click.option("--overwrite", is_flag=True, help="Replace files of an earlier run."),
    click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to train."),
    SEED,
    click.option("--sample-rate", default=Config.sample_rate, help="Sample rate of all sound, Hz."),
    click.option("--hop-length", default=Config.hop_length, help="Samples from one frame of controls to the next."),
    click.option("--hidden-size", default=Config.hidden_size, help="Units of each GRU layer."),
    click.option("--layers", "n_layers", default=Config.n_layers, help="GRU layers."),
    click.option("--harmonics", "n_harmonics", default=Config.n_harmonics, help="Sine waves of the oscillator."),
    click.option("--bands", "n_bands", default=Config.n_bands, help="Bands of the noise filterbank."),
    click.option(
        "--fft-sizes",
        default=Config.fft_sizes,
        type=Sizes(),
        show_default=",".join(map(str, Config.fft_sizes)),
        help="Windows of the spectral loss, samples.",
    ),
)
@heeding_sigterm()
def train(audio, output, epochs, learning_rate, start, duration, resume, overwrite, device, seed, **sizes):
    """Train on a recording; write the model, its sound and its loss curve.

    Ctrl-C stops early and keeps the best model so far; --resume goes on from there.
    """
    config = Config(**sizes)
    check_place(output, MODEL_SUFFIXES, CheckpointError)
    products = [output.parent / name for name in (LOSS_PICTURE, *SOUNDS)]
    for product in products:
        check_place(product, (product.suffix,), CheckpointError)
        check_not_input(product, audio)
    refuse_to_replace([] if resume else [output, *products], overwrite)
    import torch

    from ddsp_nb import DDSPModel, FeatureExtractor, load_audio, save_model
    from ddsp_nb.training.run_file import RunFile
    from ddsp_nb.training.train import choose_device

    choose_device(device)
    run_file, state = RunFile(output), None
    if resume:
        config, state = run_file.load()
    else:
        refuse_to_forget(run_file.path, overwrite)
    recording = load_audio(audio, config.sample_rate, duration_s=duration)
    click.echo(f"{audio}: {len(recording) / config.sample_rate:.1f} s. Listening to pitch and loudness ...", err=True)
    features = FeatureExtractor(config)(recording)
    torch.manual_seed(seed)
    model = DDSPModel(config)
    settings = dict(epochs=epochs, learning_rate=learning_rate, seed=seed, device=device, start=start, resume=state)
    history = run_training(model, features, recording, settings, run_file)
    click.echo(summary(history))
    click.echo(save_model(output, model, features))
    write_products(products, model, features, recording, history)
    if len(history) == history[-1].epochs:
        run_file.remove()


def run_training(model, features, recording, settings, run_file) -> list:
    """Train with a bar; returns the `Progress` of every epoch. Ctrl-C ends it early, with the best model kept."""
    from tqdm import tqdm

    from ddsp_nb import train as train_model

    history, steps = [], train_model(model, features, recording, **settings)
    with tqdm(unit="epoch", desc="Training") as bar:
        try:
            for progress in steps:
                history.append(progress)
                run_file.keep(progress, model.config)
                bar.total = progress.epochs
                bar.set_postfix_str(
                    f"loss {progress.loss:.3f}, best {progress.best_loss:.3f}, "
                    f"SNR {progress.snr_db:.1f} of {progress.ceiling_db:.1f} dB"
                )
                bar.update()
        except KeyboardInterrupt:
            if not history:
                raise
            steps.close()  # puts the best weights back
    if len(history) < history[-1].epochs:
        click.echo(f"Stopped after epoch {len(history)}; the best model so far is kept. Go on with --resume.", err=True)
    return history


def summary(history) -> str:
    """What training reached, in one line."""
    best = min(history, key=lambda progress: progress.loss)
    return (
        f"Best of {len(history)} epochs: loss {best.loss:.3f}, SNR {best.snr_db:.1f} dB of ceiling "
        f"{best.ceiling_db:.1f} dB, after {history[-1].seconds:.1f} s."
        + (f" {history[-1].skipped} steps had no finite numbers and were left out." if history[-1].skipped else "")
    )


def write_products(paths, model, features, recording, history):
    """Write the loss picture and four sounds, and print how near the reconstruction comes.

    The residual is the recording without the harmonic part *as written*, in 16-bit steps, so that the two files add
    up to the recording exactly.
    """
    from ddsp_nb import save_audio
    from ddsp_nb.sound.save import in_steps
    from ddsp_nb.training.metrics import evaluate

    sound = model(features)
    picture, *sound_paths = paths
    draw_history(picture, history)
    click.echo(picture)
    residual = in_steps(recording) - in_steps(sound.harmonic.cpu())
    for path, samples in zip(sound_paths, (sound.audio, sound.harmonic, sound.noise, residual), strict=True):
        click.echo(save_audio(path, samples, model.config.sample_rate))
    click.echo(evaluate(recording, sound, model.config.sample_rate))


def draw_history(path, history):
    """Loss and SNR of every epoch, as a PNG file."""
    from matplotlib.figure import Figure

    from ddsp_nb.files import written_whole
    from ddsp_nb.plots import loss_curve, snr_curve

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    loss_curve(history, left)
    snr_curve(history, right)
    with written_whole(path, WorkbookError) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


@main.command()
@options(*GROW_OPTIONS, SEED)
def grow(checkpoint, output, source, seed, **settings):
    """Grow a trained timbre, stage by stage, into a sound file with a .json beside it that can render it again.

    Where a list is allowed, two numbers go from the first stage to the last, more are a curve through the stages.
    """
    check_place(output, SOUND_SUFFIXES, AudioError)
    check_not_input(output, checkpoint)
    from ddsp_nb import grow as grow_timbre
    from ddsp_nb import load_model
    from ddsp_nb.growth.export import check_format, check_free, export
    from ddsp_nb.growth.sidecar import read_sidecar, regrow

    check_free([output, output.with_suffix(".json")], settings["overwrite"])
    if source:
        check_not_input(output, source)
        sidecar = read_sidecar(source)
        subtype, growth = sidecar.subtype, lambda: regrow(sidecar, *load_model(checkpoint))
    else:
        warn_of_ignored(settings)
        plan, subtype = plan_of(settings), settings["subtype"]
        growth = lambda: grow_timbre(*load_model(checkpoint), plan, seed=seed)
    check_format(output, subtype)
    growth = growth()
    files = {name: settings[name] for name in ("stems", "midi", "stage_map", "overwrite")}
    paths = export(growth, output, subtype=subtype, stages=settings["stage_files"], **files)
    tell_growth(growth, paths, settings["certificate"])


def warn_of_ignored(settings) -> None:
    """Say which of the options has no effect."""
    strategy, stages = settings["strategy"], settings["stages"]
    if isinstance(stages, int) and strategy != "linear":
        click.echo(f"Warning: --stages is for the linear strategy; {strategy} has its own.", err=True)


def tell_growth(growth, paths, certificate) -> None:
    """Print the stages, the remarks and the files, and the certificate if it is wanted."""
    counts = ", ".join(str(stage.n_harmonics) for stage in growth.stages)
    click.echo(f"{len(growth.stages)} stages of {counts} partials, {len(growth.audio) / growth.sample_rate:.1f} s.")
    for line in (*growth.remarks, *([growth.certificate()] if certificate else []), *paths):
        click.echo(line)


def check_place(path: Path, suffixes, error) -> None:
    """Raise `error` unless `path` has one of the suffixes and can be written; leaves no trace on the disk."""
    if path.suffix.lower() not in suffixes:
        raise error(f"{path}: use a file name that ends in {' or '.join(suffixes)}.")
    if path.is_dir():
        raise error(f"{path}: is a folder. Choose another file name.")
    folder = next(p for p in path.absolute().parents if os.path.exists(p))
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        reason = problem.strerror or problem
        raise error(f"{path}: cannot be written there ({reason}). Choose another folder.") from problem


def refuse_to_replace(paths, overwrite: bool) -> None:
    """Raise WorkbookError, naming them, where files exist that are not to be replaced."""
    taken = [str(path) for path in paths if path.exists()]
    if taken and not overwrite:
        raise WorkbookError(
            f"{', '.join(taken)}: would be replaced. Add --overwrite, or choose another --output folder."
        )


def check_not_input(path: Path, source: Path) -> None:
    """Raise WorkbookError where an output would replace the input."""
    if path.absolute() == source.absolute() or (path.exists() and source.exists() and path.samefile(source)):
        raise WorkbookError(f"{path}: is the input, and would be replaced. Choose another folder for the output.")


def refuse_to_forget(run_file: Path, overwrite: bool) -> None:
    """Raise CheckpointError where an interrupted run waits to be gone on with."""
    if run_file.exists() and not overwrite:
        raise CheckpointError(
            f"{run_file}: an interrupted run is there. Add --resume to go on with it, or --overwrite to begin anew."
        )

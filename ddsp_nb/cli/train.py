"""`ddsp-nb train`. PyTorch takes seconds to import, so what needs it is imported inside: errors come at once."""

from pathlib import Path

import click

from ddsp_nb.cli.checks import check_not_input, check_place, refuse_to_forget, refuse_to_replace
from ddsp_nb.cli.options import SEED, FiniteFloat, Written, options, parse_sizes
from ddsp_nb.cli.sigterm import heeding_sigterm
from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, WorkbookError

MODEL_SUFFIXES = (".pt", ".pth", ".safetensors")
LOSS_PICTURE = "ddsp_training_loss.png"
SOUNDS = ("ddsp_reconstructed.wav", "ddsp_harmonic_only.wav", "ddsp_noise_only.wav", "ddsp_residual.wav")


@click.command()
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
        type=Written("sizes", parse_sizes),
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
    """Train with a bar; returns the figures of every epoch. Ctrl-C ends it early, with the best model kept."""
    from ddsp_nb.training.fit import fit, progress_bar

    resume = settings["resume"]
    earlier = [] if resume is None else resume.history
    history = list(earlier)
    with progress_bar() as show:

        def follow(progress):
            history.append(progress)
            show(progress)

        try:
            fit(model, features, recording, on_progress=follow, run_file=run_file, **settings)
        except KeyboardInterrupt:
            if len(history) == len(earlier):
                raise  # nothing new
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

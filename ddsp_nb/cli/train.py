"""`ddsp-nb train`. PyTorch takes seconds to import, so what needs it is imported inside: errors come at once."""

import math
import warnings
from pathlib import Path

import click

from ddsp_nb.cli.checks import check_outputs, check_place
from ddsp_nb.cli.options import LEARN, SEED, FiniteFloat, Written, load_room, one_of, options, parse_sizes, room_option
from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, WorkbookError

MODEL_SUFFIXES, PRODUCT_SUFFIXES = (".pt", ".pth", ".safetensors"), (".png", ".wav")
LOSS_PICTURE = "ddsp_training_loss.png"
SOUNDS = ("ddsp_reconstructed.wav", "ddsp_harmonic_only.wav", "ddsp_noise_only.wav", "ddsp_residual.wav")
# What the room adds, where there is one.
ADDED = "ddsp_room.wav"
# The instrument's own playing of what was held out.
UNHEARD = "ddsp_unheard.wav"
# SNR of the sines: below, something is wrong with the pitch or the recording.
LOW_CEILING_DB = 10.0
# Share of the frames in which another tracker may hear another pitch: attacks and breaths.
DOUBTFUL_PITCH = 0.1


@click.command()
@options(
    click.option(
        "--audio",
        "paths",
        required=True,
        multiple=True,
        type=Path,
        help="Recording of one instrument, one note at a time, or a folder of them; give it again for more.",
    ),
    click.option("--output", default="ddsp_model.pt", type=Path, help="Checkpoint; pictures and sounds go beside it."),
    click.option(
        "--holdout",
        type=FiniteFloat(0, 0.5),
        show_default="0.15 where there is enough sound, else 0",
        help="Share of the sound that is not learned from, but judges what is.",
    ),
    click.option("--epochs", default=20, type=click.IntRange(1), help="Training steps."),
    click.option("--learning-rate", default=1e-3, type=FiniteFloat(0, 1, min_open=True), help="Peak of the schedule."),
    one_of("--start", "shared", "envelope", words="Begin with what instruments share, or the bare spectral envelope."),
    one_of("--loss", "plain", "heard", words="Learn from all differences alike, or as loud as the ear hears them."),
    click.option(
        "--partials",
        default="auto",
        type=click.Choice(["auto", "harmonic", "tracks"]),
        help="Of what the take is made: multiples of one pitch; tracks, each with a frequency of its own, as for bells "
        "and chords; or what explains the recording.",
    ),
    click.option("--skip", default=0.0, type=FiniteFloat(0), help="Seconds to pass over where a recording begins."),
    click.option("--duration", type=FiniteFloat(0.1), show_default="all", help="Seconds of the recording to use."),
    room_option(LEARN, "In which it was recorded, which the instrument is to be without: learned from how notes end"),
    click.option("--resume", is_flag=True, help="Go on with a run that was interrupted, with its own settings."),
    click.option("--overwrite", is_flag=True, help="Replace files of an earlier run."),
    one_of("--device", "auto", "cpu", "cuda", words="Where to train."),
    SEED,
    click.option("--sample-rate", default=Config.sample_rate, help="Sample rate of all sound, Hz."),
    click.option("--hop-length", default=Config.hop_length, help="Samples from one frame of controls to the next."),
    click.option("--hidden-size", default=Config.hidden_size, help="Units of each GRU layer."),
    click.option("--layers", "n_layers", default=Config.n_layers, help="GRU layers."),
    click.option("--harmonics", "n_harmonics", default=Config.n_harmonics, help="Sine waves of the oscillator."),
    click.option("--bands", "n_bands", default=Config.n_bands, help="Bands of the noise filterbank."),
    click.option("--f0-min", "f0_min_hz", default=Config.f0_min_hz, type=FiniteFloat(), help="Lowest pitch, Hz."),
    click.option("--f0-max", "f0_max_hz", default=Config.f0_max_hz, type=FiniteFloat(), help="Highest pitch, Hz."),
    click.option(
        "--fft-sizes",
        default=Config.fft_sizes,
        type=Written("sizes", parse_sizes),
        show_default=",".join(map(str, Config.fft_sizes)),
        help="Windows of the spectral loss, samples.",
    ),
)
def train(paths, output, holdout, partials, skip, duration, room, resume, overwrite, device, **chosen):
    """Train an instrument on recordings; write the model, its sounds and its loss curve.

    Training begins at the instrument that the recording lies nearest to, found in seconds; what it lies near is told.
    The first recording is kept as the take, which reconstructs it phase by phase. Ctrl-C stops early and keeps the best
    model so far; --resume goes on from there.
    """
    settings = {name: chosen.pop(name) for name in ("epochs", "learning_rate", "start", "loss", "seed")}
    config = Config(**chosen)
    check_place(output, MODEL_SUFFIXES, CheckpointError)
    products = {name: output.parent / name for name in (LOSS_PICTURE, *SOUNDS, ADDED, UNHEARD)}
    everything, suffixes = [output, *products.values()], (*MODEL_SUFFIXES, *PRODUCT_SUFFIXES)
    check_outputs(everything, suffixes, CheckpointError, (*paths, room), resume or overwrite)
    from ddsp_nb.store.run_file import RunFile
    from ddsp_nb.training.processes import joined
    from ddsp_nb.training.train import choose_device

    choose_device(device)
    run_file, state = RunFile(output), None
    if resume:
        state = run_file.load()
        config, settings["start"] = state.config, state.settings.start
    elif run_file.path.exists() and not overwrite:
        raise CheckpointError(f"{run_file.path}: an interrupted run is there. Add --resume to go on, or --overwrite.")
    sounds = dict(start_s=skip, duration_s=duration, room=load_room(room, config.sample_rate, LEARN))
    settings |= dict(device=device, resume=state)
    with joined():
        run(paths, config, sounds, holdout, partials, settings, run_file, output, products)


def run(paths, config, sounds, holdout, partials, settings, run_file, output, products):
    """Analyse, train and write everything; where several processes train, the others help the first, silently."""
    import torch

    from ddsp_nb import Corpus, DDSPModel, Family, fit, record_take, save_model
    from ddsp_nb.store.recordings import analyse_recordings
    from ddsp_nb.training.processes import first_alone, rank
    from ddsp_nb.training.take import tracks_in_words

    tell = lambda line: click.echo(line, err=True)
    if rank() > 0:
        tell = lambda line: None
        warnings.simplefilter("ignore")
    with first_alone():
        recordings = analyse_recordings(paths, config, say=tell, **sounds)
    corpus = Corpus.of(recordings, config, holdout)
    tell(materials(corpus, recordings[0].name))
    torch.manual_seed(settings["seed"])
    model = DDSPModel(config)
    if rank() > 0:
        fit(model, corpus, **settings)
        return
    take = record_take(recordings[0], config, settings["seed"], partials)
    if take.hz is not None:
        tell(tracks_in_words(recordings[0], take))
    elif sounds["room"]:
        tell(str(take.room or "No room was heard."))
    for line in polyphony(recordings, config):
        tell(line)
    history = run_training(model, corpus, settings, run_file)
    click.echo(summary(history))
    if settings["start"] == "shared":
        click.echo(f"It lies near: {', '.join(Family.shipped().nearest(model.network.instrument.code))}.")
    click.echo(save_model(output, model, take))
    write_products(products, model, take, recordings[0], corpus, history)
    if len(history) == history[-1].epochs:
        run_file.remove()


def materials(corpus, name) -> str:
    """What is learned from, in one line."""
    held_s = sum(phrase.seconds for phrase in corpus.unheard)
    held = f"; {held_s:.1f} s in {len(corpus.unheard)} more are held out" if corpus.unheard else ""
    return f"Learning from {corpus.seconds:.1f} s in {len(corpus.heard)} phrases{held}. The take is {name}."


def polyphony(recordings, config) -> list[str]:
    """What to expect where several notes sound at once, in one line for all such recordings; none without them."""
    from ddsp_nb.analysis.polyphony import several_notes

    told = {recording.name: words for recording in recordings if (words := several_notes(recording.instrument, config))}
    others = f" and {len(told) - 1} more" if len(told) > 1 else ""
    return [f"{name}{others}: {words}" for name, words in told.items()][:1]


def run_training(model, corpus, settings, run_file) -> list:
    """Train with a bar; returns the figures of every epoch. Ctrl-C ends it early, with the best model kept."""
    from ddsp_nb.store.fit import fit, progress_bar

    resumed = [] if settings["resume"] is None else settings["resume"].history
    history = list(resumed)
    with progress_bar() as show:

        def follow(progress):
            history.append(progress)
            show(progress)

        try:
            fit(model, corpus, on_progress=follow, run_file=run_file, **settings)
        except KeyboardInterrupt:
            if len(history) == len(resumed):
                raise
    if len(history) < history[-1].epochs:
        click.echo(f"Stopped after epoch {len(history)}; the best model so far is kept. Go on with --resume.", err=True)
    return history


def summary(history) -> str:
    """What training reached, in one line."""
    best = min(history, key=lambda epoch: epoch.judged_loss)
    unheard = "" if best.unheard_loss is None else f", {best.unheard_loss:.3f} of what it never heard"
    return f"Best of {len(history)} epochs: loss {best.loss:.3f}{unheard}, after {history[-1].seconds:.1f} s." + (
        f" {history[-1].skipped} epochs had numbers that were not finite." if history[-1].skipped else ""
    )


def write_products(paths, model, take, recording, corpus, history):
    """Write the loss picture and the sounds, and print how near they come."""
    import torch

    from ddsp_nb import evaluate, save_together
    from ddsp_nb.synthesis.controls import Sound

    sound = dry = take.render(model.config)
    target, added = recording.instrument if take.hz is None else recording.audio, {}
    if take.room is not None:
        sound = Sound(*(take.room(part)[: len(part)] for part in (dry.audio, dry.harmonic, dry.noise)))
        target, added = recording.audio, {paths[ADDED]: sound.audio - dry.audio}
    draw_history(paths[LOSS_PICTURE], history)
    click.echo(paths[LOSS_PICTURE])
    whole, harmonic, noise, residual = (paths[name] for name in SOUNDS)
    parts = {whole: sound.audio, harmonic: dry.harmonic} | added
    rests = {noise: (sound.audio, harmonic, *added), residual: (recording.audio, harmonic, *added)}
    written = save_together(parts, model.config.sample_rate, rests=rests)
    if corpus.unheard:
        unheard = torch.cat([model(phrase.features).audio.cpu() for phrase in corpus.unheard])
        written += save_together({paths[UNHEARD]: unheard}, model.config.sample_rate, rests={})
    for path in written:
        click.echo(path)
    quality = evaluate(target, sound, model.config)
    click.echo(f"The take: {quality}")
    if line := doubt(quality, take, model.config):
        click.echo(line)


def doubt(quality, take, config) -> str:
    """What may be wrong with the take, and what can be done about it, in one line; "" if nothing is."""
    if take.hz is not None:
        return ""
    low_hz, high_hz = config.f0_range_hz
    look = "Look at the pitch in notebook 01, or search another range: --f0-min and --f0-max, in Hz"
    if math.isnan(quality.pitch_off):
        return f"No pitch was found from {low_hz:g} to {high_hz:g} Hz, so all of it is noise. {look}."
    if quality.pitch_off > DOUBTFUL_PITCH:
        return f"Another pitch tracker disagrees in {100 * quality.pitch_off:.0f} % of the frames. {look}."
    if take.ceiling_db < LOW_CEILING_DB:
        return (
            f"Sines reach only {take.ceiling_db:.1f} dB of this recording: it is noisy, reverberant or has several "
            "voices. Use one voice at a time, near the microphone, in a dry room, or --partials tracks."
        )
    return ""


def draw_history(path, history):
    """The loss of every epoch, as a PNG file."""
    from matplotlib.figure import Figure

    from ddsp_nb.files import written_whole
    from ddsp_nb.plots import loss_curve

    figure = Figure(figsize=(7, 4), layout="constrained")
    loss_curve(history, figure.subplots())
    with written_whole(path, WorkbookError) as temporary:
        figure.savefig(temporary, format="png", dpi=100)

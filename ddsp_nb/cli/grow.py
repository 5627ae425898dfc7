"""`ddsp-nb grow`. PyTorch takes seconds to import, so what needs it is imported inside: errors come at once."""

from pathlib import Path

import click

from ddsp_nb.cli.checks import check_not_input, check_place
from ddsp_nb.cli.options import SEED, Curve, Number, Ratios, Stages, options
from ddsp_nb.errors import AudioError
from ddsp_nb.growth.text import melody_of, one_pitch

SOUND_SUFFIXES = (".wav", ".flac")
STRATEGIES = ["linear", "exponential", "fibonacci", "primes"]
ORDERS = ["low", "high", "odd", "octaves", "loudest", "random"]
BAND_ORDERS = ["low", "high", "odd", "loudest", "random"]
NOISE_CHOICES = ["last", "every", "bands", "none"]
SUBTYPES = ["PCM_16", "PCM_24", "FLOAT"]

GROW_OPTIONS = (
    click.option("--model", "checkpoint", default="ddsp_model.pt", type=Path, help="What `ddsp-nb train` wrote."),
    click.option("--output", default="ddsp_grown_timbre.wav", type=Path, help="Sound file, .wav or .flac."),
    click.option(
        "--from",
        "source",
        type=Path,
        default=None,
        show_default="none",
        help="Render a piece again from its .json, or from the sound file itself; the plan is then all in there.",
    ),
    click.option(
        "--strategy", default="fibonacci", type=click.Choice(STRATEGIES), help="How the number of partials grows."
    ),
    click.option(
        "--stages",
        type=Stages(),
        default=None,
        show_default="8",
        help="Stages of the linear strategy; or your own: counts 1,4,9 or sets of partials 1/1+3/1+3+5.",
    ),
    click.option("--order", default="low", type=click.Choice(ORDERS), help="Which partials enter first."),
    click.option("--shrink", is_flag=True, help="Play it backwards: from the full sound to one sine wave."),
    click.option(
        "--stage-duration",
        default=0.5,
        type=Curve(),
        help="Length of a stage, s; 1,0.1 accelerates from 1 to 0.1 s, 0.1,1 slows down.",
    ),
    click.option(
        "--silence-duration", default=0.2, type=Curve(), help="Silence between stages, s; 0.5,0.1 shortens it."
    ),
    click.option("--crossfade", default=0.0, type=Number(), help="Let stages overlap by so many s instead."),
    click.option("--attack", default=0.02, type=Number(), help="Rise of a stage, s."),
    click.option("--decay", default=0.05, type=Number(), help="Fall to the sustain level, s."),
    click.option("--sustain", default=0.9, type=Number(), help="Sustain level, 0 to 1."),
    click.option("--release", default=0.08, type=Number(), help="Fade-out of a stage, s."),
    click.option("--loudness", default=0.0, type=Curve(), help="Level of the stages, dB; -24,0 is a crescendo."),
    click.option(
        "--noise",
        default="last",
        type=click.Choice(NOISE_CHOICES),
        help="Breath and bow: in the last stage, in every one, band by band, or never.",
    ),
    click.option(
        "--noise-strategy", default="linear", type=click.Choice(STRATEGIES), help="How the number of bands grows."
    ),
    click.option("--noise-order", default="low", type=click.Choice(BAND_ORDERS), help="Which bands enter first."),
    click.option(
        "--pitch",
        default="phrase",
        help="What is played: the recording's own phrase, its median note “held”, a note such as C#4, or Hz.",
    ),
    click.option(
        "--melody",
        default=None,
        show_default="none",
        help="A pitch for each stage instead: A3,C4,E4; repeated as needed.",
    ),
    click.option(
        "--ratios",
        default="harmonic",
        type=Ratios(),
        help="Where partials sound: harmonic, just, equal, quarter-tones, whole-tones, or multiples such as 1,2.1,3.3.",
    ),
    click.option(
        "--stretch", default=0.0, type=Number(), help="Stretch the partials as a stiff string does, 0 to 0.1."
    ),
    click.option("--subtype", default="PCM_16", type=click.Choice(SUBTYPES), help="Sample format of the sound files."),
    click.option("--stems", is_flag=True, help="Also write partials and noise, which add up to the piece."),
    click.option("--stage-files", is_flag=True, help="Also write each stage to a file of its own."),
    click.option("--midi", is_flag=True, help="Also write the stages as MIDI notes."),
    click.option("--map", "stage_map", is_flag=True, help="Also draw what sounds when, as a PNG picture."),
    click.option("--certificate", is_flag=True, help="Also measure the piece and print the table."),
    click.option("--overwrite", is_flag=True, help="Replace files that exist."),
)


@click.command()
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


def plan_of(options: dict):
    """The `GrowthPlan` that the options describe.

    Raises:
        GrowthError: they describe none.
    """
    from ddsp_nb import ADSR, GrowthPlan

    stages, same = options["stages"], ("strategy", "order", "loudness", "noise", "noise_strategy", "noise_order")
    same += ("ratios", "stretch")
    values = {("loudness_db" if name == "loudness" else name): options[name] for name in same}
    values |= {"stages": stages} if isinstance(stages, tuple) else {"n_stages": stages} if stages is not None else {}
    return GrowthPlan(
        **values,
        shrinking=options["shrink"],
        stage_duration_s=options["stage_duration"],
        silence_duration_s=options["silence_duration"],
        crossfade_s=options["crossfade"],
        adsr=ADSR(*(options[name] for name in ("attack", "decay", "sustain", "release"))),
        pitch=melody_of(options["melody"]) if options["melody"] else one_pitch(options["pitch"]),
    )

"""`ddsp-nb grow`. PyTorch takes seconds to import, so what needs it is imported inside: errors come at once."""

from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddsp_nb.cli.checks import check_not_input, check_place
from ddsp_nb.cli.options import SEED, Written, options, parse_curve, parse_number, parse_ratios, parse_stage_option
from ddsp_nb.errors import AudioError
from ddsp_nb.growth.envelope import ADSR
from ddsp_nb.growth.plan import SETTINGS, WRITTEN, GrowthPlan
from ddsp_nb.growth.settings import Curve
from ddsp_nb.growth.tuning import parse_melody, parse_pitch

if TYPE_CHECKING:
    from ddsp_nb.growth.render import Growth

SOUND_SUFFIXES = (".wav", ".flac")
SUBTYPES = ["PCM_16", "PCM_24", "FLOAT"]
KINDS = {  # how the values of a setting are typed
    float: Written("number", parse_number),
    Curve: Written("number[,number ...]", parse_curve),
    SETTINGS["pitch"].type: str,
    SETTINGS["ratios"].type: Written("ratios", parse_ratios),
}
FLAGS = {"shrinking": ("--shrink",), "inharmonicity": ("--inharmonicity", "--stretch")}  # the others are as the setting


def plan_option(setting: Field):
    """An option for a setting of the plan, which gives kind, choices, default and help."""
    name, words, choices = setting.name, setting.metadata["help"], setting.metadata.get("choices", ())
    flags = FLAGS.get(name, ("--" + name.removesuffix("_s").removesuffix("_db").replace("_", "-"),))
    if setting.type is bool:
        return click.option(*flags, name, is_flag=True, help=words)
    kind = click.Choice([choice for choice in choices if choice != WRITTEN]) if choices else KINDS[setting.type]
    return click.option(*flags, name, default=setting.default, type=kind, help=words)


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
        "--stages",
        type=Written("stages", parse_stage_option),
        default=None,
        show_default=str(GrowthPlan.n_stages),
        help="Stages of the linear strategy; or your own: counts 1,4,9 or sets of partials 1/1+3/1+3+5.",
    ),
    *(plan_option(setting) for name, setting in SETTINGS.items() if name != "n_stages"),
    click.option(
        "--melody",
        default=None,
        show_default="none",
        help="A pitch for each stage instead: A3,C4,E4; repeated as needed.",
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
        if isinstance(settings["stages"], int) and settings["strategy"] != "linear":
            click.echo(f"Warning: --stages is for the linear strategy; {settings['strategy']} has its own.", err=True)
        plan, subtype = plan_from_options(settings), settings["subtype"]
        growth = lambda: grow_timbre(*load_model(checkpoint), plan, seed=seed)
    check_format(output, subtype)
    growth = growth()
    files = {name: settings[name] for name in ("stems", "midi", "stage_map", "overwrite")}
    paths = export(growth, output, subtype=subtype, stages=settings["stage_files"], **files)
    tell_growth(growth, paths, settings["certificate"])


def tell_growth(growth: "Growth", paths: list[Path], certificate: bool) -> None:
    """Print the stages, the remarks and the files, and the certificate if it is wanted."""
    counts = ", ".join(str(stage.n_harmonics) for stage in growth.stages)
    click.echo(f"{len(growth.stages)} stages of {counts} partials, {len(growth.audio) / growth.sample_rate:.1f} s.")
    for line in (*growth.remarks, *([growth.certificate()] if certificate else []), *paths):
        click.echo(line)


def plan_from_options(options: dict) -> GrowthPlan:
    """The plan that the options describe. Raises GrowthError where they describe none."""
    given = lambda owner: {f.name: options[f.name] for f in fields(owner) if f.name in options}
    values, stages = given(GrowthPlan), options["stages"]
    if not isinstance(stages, tuple):
        values |= {"stages": None, "n_stages": GrowthPlan.n_stages if stages is None else stages}
    pitch = parse_melody(options["melody"]) if options["melody"] else parse_pitch(options["pitch"])
    return GrowthPlan(**values | {"pitch": pitch, "adsr": ADSR(**given(ADSR))})

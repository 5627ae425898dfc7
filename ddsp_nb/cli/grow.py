"""`ddsp-nb grow`. PyTorch takes seconds to import, so what needs it is imported inside: errors come at once."""

from dataclasses import Field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddsp_nb.cli.checks import check_not_input, check_place
from ddsp_nb.cli.instruments import FAMILY
from ddsp_nb.cli.options import (
    SEED,
    Lengths,
    Written,
    is_typed,
    options,
    parse_curve,
    parse_ratios,
    parse_stage_option,
)
from ddsp_nb.errors import AudioError, CheckpointError
from ddsp_nb.growth.adsr import ADSR
from ddsp_nb.growth.plan import SETTINGS, WRITTEN, GrowthPlan
from ddsp_nb.growth.settings import LARGEST_SEED, Curve
from ddsp_nb.growth.timbre import others_of
from ddsp_nb.growth.tuning import WORDS
from ddsp_nb.notes.pitch import parse_melody
from ddsp_nb.piece.layers import PLACE, Composition, Layer
from ddsp_nb.piece.presets import PRESETS, Preset
from ddsp_nb.piece.randomise import GROUPS, random_preset
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.piece.typed import parse_number, parse_sets, parse_timbre

if TYPE_CHECKING:
    from ddsp_nb.piece.compose import Piece

ZIP = ".zip"
SUFFIXES = (".wav", ".flac", ZIP)
SUBTYPES = ["PCM_16", "PCM_24", "FLOAT"]
KINDS = {  # how the values of a setting are typed
    int: int,
    float: Written("number", parse_number),
    Curve: Written("number[,number ...]", parse_curve),
    SETTINGS["pitch"].type: str,
    SETTINGS["ratios"].type: Written("ratios", parse_ratios),
    SETTINGS["timbre"].type: Written("names", parse_timbre),
}
PLACED = (Path, Lengths(several=False), KINDS[float], KINDS[float])  # a file, its delay, gain and pan
FLAGS = {  # the others are as the setting
    "shrinking": ("--shrink",),
    "silence_duration_s": ("--silence-duration", "--silence"),
    "bpm": ("--tempo", "--bpm"),
}


def plan_option(setting: Field, **more):
    """An option for a setting of plan, layer or tempo, which gives kind, choices, default and help."""
    name, words, choices = setting.name, setting.metadata["help"], setting.metadata.get("choices", ())
    flags = FLAGS.get(name, ("--" + name.removesuffix("_s").removesuffix("_db").replace("_", "-"),))
    if setting.type is bool:
        return click.option(*flags, name, is_flag=True, help=words)
    kind = click.Choice([choice for choice in choices if choice != WRITTEN]) if choices else KINDS[setting.type]
    if setting.metadata.get("unit") == "s":
        kind, words = Lengths(several=setting.type == Curve), f"{words.removesuffix('.')}; or note values such as 1/8."
    return click.option(*flags, name, default=setting.default, type=kind, help=words, **more)


GROW_OPTIONS = (
    click.option(
        "--model",
        "checkpoints",
        default=["ddsp_model.pt"],
        multiple=True,
        type=Path,
        help="What `ddsp-nb train` wrote; give it again for the models of --add and --from, which find their own.",
    ),
    click.option(
        "--instrument",
        "--morph",
        "instruments",
        multiple=True,
        show_default="none",
        help="An instrument or a morph instead, as for `ddsp-nb play`; give it again as --model.",
    ),
    FAMILY,
    click.option(
        "--output",
        default="ddsp_grown_timbre.wav",
        type=Path,
        help="Sound file, .wav or .flac; or a .zip of all files.",
    ),
    click.option(
        "--from",
        "source",
        type=Path,
        default=None,
        show_default="none",
        help="Render a piece again from its .json, or from the sound file itself; the plan is then all in there.",
    ),
    click.option(
        "--preset",
        default=None,
        type=click.Choice(list(PRESETS), case_sensitive=False),
        show_default="none",
        help="Start from a preset of the workbook; other options then change it.",
    ),
    click.option(
        "--chance",
        default=None,
        type=click.IntRange(0, LARGEST_SEED),
        show_default="none",
        help="Draw the plan by chance: a number gives the same plan every time; other options then change it.",
    ),
    click.option(
        "--chance-group",
        "groups",
        default=(),
        type=click.Choice(list(GROUPS), case_sensitive=False),
        multiple=True,
        show_default="all",
        help="Draw only this by chance; the rest is as the preset says.",
    ),
    click.option(
        "--stages",
        type=Written("stages", parse_stage_option),
        default=None,
        show_default=str(GrowthPlan.n_stages),
        help="Stages of the linear strategy; or your own: counts 1,4,9 or sets of partials 1/1+3/1-8, 0 for none.",
    ),
    *(plan_option(setting, is_eager=True) for setting in fields(Tempo)),
    *(plan_option(setting) for name, setting in SETTINGS.items() if name != "n_stages"),
    click.option(
        "--noise-stages",
        type=Written("sets", parse_sets),
        default=None,
        show_default="none",
        help="Noise of your own instead: the bands of each stage, 0/1-8/1-64; the last set goes on.",
    ),
    click.option(
        "--melody",
        default=None,
        show_default="none",
        help="A pitch for each stage instead: A3,C4,E4; repeated as needed.",
    ),
    *(plan_option(setting) for setting in fields(Layer) if setting.name in PLACE),
    click.option(
        "--add",
        "pieces",
        type=PLACED,
        metavar="FILE DELAY GAIN PAN",
        multiple=True,
        show_default="none",
        help="A grown piece to lay over this one, by its .json or sound file, and its place: bell.json 1/2 -6 -0.5.",
    ),
    click.option(
        "--add-recording",
        "dry",
        type=PLACED,
        metavar="FILE DELAY GAIN PAN",
        multiple=True,
        show_default="none",
        help="A recording to lay over it as it is, and its place: violin.flac 0 -12 0.",
    ),
    click.option(
        "--recording",
        "recordings",
        multiple=True,
        type=Path,
        show_default="none",
        help="A recording that a piece of --from or --add has in it as it is.",
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
def grow(checkpoints, instruments, family_path, output, source, seed, pieces, dry, recordings, **settings):
    """Grow an instrument's timbre, stage by stage, into a sound file with a .json beside it that can render it again.

    Where a list is allowed, two numbers go from the first stage to the last, more are a curve through the stages.
    Delay, gain and pan are those of the first layer; --add and --add-recording lay others over it.
    """
    check_place(output, SUFFIXES, AudioError)
    tempo = Tempo(settings["bpm"], settings["beats_per_bar"])
    first = () if source else (layer_from_options(settings, seed),)
    checkpoints = () if instruments and not is_typed("checkpoints") else checkpoints
    pieces, dry = ([(path, Layer(None, 0, 0, *place)) for path, *place in added] for added in (pieces, dry))
    if source and checkpoints and not is_typed("checkpoints") and not checkpoints[0].is_file():
        raise CheckpointError(f"{source}: say who plays it. Give the --model or the --instrument that it grew from.")
    for path in (*checkpoints, *recordings, *(path for path, _ in (*pieces, *dry)), *filter(None, [source])):
        check_not_input(output, path)
    from ddsp_nb import compose
    from ddsp_nb.piece.export import check_format, check_free, export
    from ddsp_nb.piece.sidecar import match_sources, read_sidecar

    beside = [] if output.suffix.lower() == ZIP else [output.with_suffix(".json")]
    check_free([output, *beside], settings["overwrite"])
    added = [(read_sidecar(path), place) for path, place in pieces]
    if source:
        whole = read_sidecar(source)
        tempo, settings["subtype"] = whole.composition.tempo, whole.subtype
        added.insert(0, (whole, Layer(None)))
    check_format(output, settings["subtype"])
    layers = [*first, *(layer for sidecar, _ in added for layer in sidecar.composition.layers)]
    named = instruments or any(others_of(layer.plan.timbre) for layer in layers if layer.plan)
    sources = load_sources(
        checkpoints, instruments, family_path if named else None, [*(path for path, _ in dry), *recordings]
    )
    others = [moved(layer, place) for sidecar, place in added for layer in match_sources(sidecar, sources).layers]
    n_players = len(checkpoints) + len(instruments)
    played = [replace(place, source=n_players + i) for i, (_, place) in enumerate(dry)]
    piece = compose(Composition((*first, *others, *played), tempo), sources)
    also = {name: settings[name] for name in ("stems", "midi", "stage_map", "subtype", "overwrite")}
    paths = export(piece, output, stages=settings["stage_files"], **also)
    tell_piece(piece, paths, settings["certificate"])


def moved(layer: Layer, place: Layer) -> Layer:
    """A layer, later and louder by a place; what goes beyond left or right stays there. Raises GrowthError."""
    pan = min(max(layer.pan + place.pan, -1.0), 1.0)
    return replace(layer, delay_s=layer.delay_s + place.delay_s, gain_db=layer.gain_db + place.gain_db, pan=pan)


def load_sources(
    checkpoints: tuple[Path, ...], instruments: tuple[str, ...], family_path: Path | None, recordings: list[Path]
) -> list:
    """Sources of all models, then of instruments, then one for each recording, all at the first one's sample rate."""
    from ddsp_nb import Source, instrument, load_audio, load_family, load_model

    players = [load_model(path) for path in checkpoints]
    config = players[0][0].config if players else None
    family = load_family(family_path)
    players += [instrument(words, family, config) for words in instruments]
    sources = [Source(*player, family=family) for player in players]
    first = sources[0]
    heard = [load_audio(path, first.sample_rate) for path in recordings]
    return sources + [Source(first.model, first.take, audio, family) for audio in heard]


def tell_piece(piece: "Piece", paths: list[Path], certificate: bool) -> None:
    """Print the stages of each layer, the remarks and the files, and the certificates if they are wanted."""
    for i, layer in enumerate(piece.layers, 1):
        which, growth = f"Layer {i}: " if len(piece.layers) > 1 else "", layer.growth
        counts = ", ".join(str(stage.n_harmonics) for stage in growth.stages) if growth else ""
        words = f"{len(growth.stages)} stages of {counts} partials" if growth else "the recording as it is"
        click.echo(f"{which}{words}, {len(layer.sound) / piece.sample_rate:.1f} s.")
    for line in (*piece.remarks, *(piece.certificates() if certificate else ()), *paths):
        click.echo(line)


def layer_from_options(options: dict, seed: int) -> Layer:
    """The first layer of the piece. Raises GrowthError where the options describe none."""
    plan = changed_plan(starting_plan(options), options)
    if isinstance(options["stages"], int) and plan.strategy != "linear":
        click.echo(f"Warning: --stages is for the linear strategy; {plan.strategy} has its own.", err=True)
    place = {name: options[name] for name in PLACE}
    if options["chance"] is not None and not is_typed("seed"):
        seed = options["chance"]
    return Layer(plan, seed, **place)


def starting_plan(options: dict) -> GrowthPlan:
    """The plan that a preset or chance begin with, or else the plain one."""
    preset = PRESETS[options["preset"]] if options["preset"] else Preset(GrowthPlan())
    if options["chance"] is not None:
        preset = random_preset(options["chance"], options["groups"], preset)
    return preset.at(Tempo(options["bpm"], options["beats_per_bar"]))


def changed_plan(plan: GrowthPlan, options: dict) -> GrowthPlan:
    """A plan with the options that were typed instead of its own. Raises GrowthError where they describe none."""
    typed = lambda owner: {f.name: options[f.name] for f in fields(owner) if f.name in options and is_typed(f.name)}
    values, stages = typed(GrowthPlan), options["stages"]
    if not isinstance(stages, tuple):
        values |= {"stages": None} | ({} if stages is None else {"n_stages": stages})
    if options["melody"]:
        values["pitch"] = parse_melody(options["melody"], words=WORDS)
    elif "pitch" in values:
        pitches = parse_melody(options["pitch"], words=WORDS)
        values["pitch"] = pitches[0] if len(pitches) == 1 else pitches
    return replace(plan, **values, adsr=replace(plan.adsr, **typed(ADSR)))

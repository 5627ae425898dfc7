"""`ddsp-nb grow`. PyTorch takes seconds to import, so what needs it is imported inside: errors come at once."""

from dataclasses import Field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ddsp_nb.cli.checks import check_not_input, check_place
from ddsp_nb.cli.instruments import FAMILY
from ddsp_nb.cli.options import ROOM, SEED, TARGET, TUNING, Written, is_typed, lengths, load_room, optional, options
from ddsp_nb.errors import AudioError, CheckpointError
from ddsp_nb.growth.adsr import ADSR
from ddsp_nb.growth.plan import RULE, SETTINGS, WRITTEN, GrowthPlan
from ddsp_nb.growth.settings import LARGEST_SEED, Curve
from ddsp_nb.growth.timbre import others_of
from ddsp_nb.growth.tuning import WORDS
from ddsp_nb.notes.pitch import parse_melody
from ddsp_nb.notes.scala import tuned
from ddsp_nb.notes.score import SUFFIXES as SCORES
from ddsp_nb.notes.score import melody_of, read_score
from ddsp_nb.piece.layers import FILE, PLACE, ROOMS, Composition, Layer, RoomSetting
from ddsp_nb.piece.presets import PRESETS, Preset
from ddsp_nb.piece.randomise import GROUPS, random_preset
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.piece.typed import parse_curve, parse_number, parse_ratios, parse_sets, parse_stage_option, parse_timbre

if TYPE_CHECKING:
    from ddsp_nb.piece.compose import Piece

ZIP = ".zip"
SUFFIXES = (".wav", ".flac", ZIP)
SUBTYPES = ["PCM_16", "PCM_24", "FLOAT"]
KINDS = {  # how the values of a setting are typed
    int: int,
    float: Written("number", parse_number),
    Curve: Written("number[,number ...]", parse_curve),
    **dict.fromkeys((str, SETTINGS["pitch"].type, SETTINGS["rule"].type), str),
    SETTINGS["ratios"].type: Written("ratios", parse_ratios),
    SETTINGS["timbre"].type: Written("names", parse_timbre),
}
# A file, its delay, gain and pan.
PLACED = (Path, lengths(several=False), KINDS[float], KINDS[float])
placed = partial(optional, type=PLACED, metavar="FILE DELAY GAIN PAN", multiple=True)
FLAGS = {  # the others are as the setting
    "shrinking": ("--shrink",),
    "n_stages": ("--steps",),
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
        kind, words = lengths(several=setting.type == Curve), f"{words.removesuffix('.')}; or note values such as 1/8."
    return click.option(*flags, name, default=setting.default, type=kind, help=words, **more)


BPM, BEATS_PER_BAR = (plan_option(setting, is_eager=True) for setting in fields(Tempo))
GROW_OPTIONS = (
    click.option(
        "--model",
        "checkpoints",
        default=["ddsp_model.pt"],
        multiple=True,
        type=Path,
        help="What `ddsp-nb train` wrote; give it again for the models of --add and --from, which find their own.",
    ),
    optional(
        "--instrument",
        "--morph",
        "instruments",
        multiple=True,
        help="An instrument or a morph instead, as for `ddsp-nb play`; give it again as --model.",
    ),
    FAMILY,
    click.option(
        "--output", default="ddsp_grown_timbre.wav", type=Path, help="Sound file, .wav or .flac; or .zip of all files."
    ),
    optional("--from", "source", type=Path, help="Render a piece again from its .json or sound, where all of it is."),
    optional(
        "--preset",
        type=click.Choice(list(PRESETS), case_sensitive=False),
        help="Start from a preset of the workbook; other options then change it.",
    ),
    optional(
        "--chance",
        type=click.IntRange(0, LARGEST_SEED),
        help="Draw the plan by chance: a number gives the same plan every time; other options then change it.",
    ),
    optional(
        "--chance-group",
        "groups",
        type=click.Choice(list(GROUPS), case_sensitive=False),
        multiple=True,
        show_default="all",
        help="Draw only this by chance; the rest is as the preset says.",
    ),
    optional(
        "--stages",
        type=Written("stages", parse_stage_option),
        show_default=str(GrowthPlan.n_stages),
        help="Stages of the linear strategy, or of a rule; or your own: counts 1,4,9 or sets of partials 1/1+3/1-8, 0 "
        "for none. A rule goes on from the last of your own until there are as many as --steps.",
    ),
    BPM,
    BEATS_PER_BAR,
    *map(plan_option, SETTINGS.values()),
    optional(
        "--noise-stages",
        type=Written("sets", parse_sets),
        help="Noise of your own instead: the bands of each stage, 0/1-8/1-64; the last set goes on.",
    ),
    optional("--melody", help="Pitches of the stages instead: A3,C4,E4, or a MIDI or MusicXML file; they repeat."),
    *TUNING,
    *(plan_option(setting) for setting in fields(Layer) if setting.name in PLACE),
    placed("--add", "pieces", help="A grown piece to lay over it (.json, sound) and its place: bell.json 1/2 -6 -0.5."),
    placed("--add-recording", "dry", help="A recording to lay over it as it is, and its place: violin.flac 0 -12 0."),
    optional(
        "--recording", "recordings", multiple=True, type=Path, help="Recording that --from or --add has in it as it is."
    ),
    *ROOM,
    TARGET,
    click.option("--subtype", default="PCM_16", type=click.Choice(SUBTYPES), help="Sample format of the sound files."),
    click.option("--stems", is_flag=True, help="Also write partials, noise and room, which add up to the piece."),
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
    room = RoomSetting(settings["room"] if settings["room"] in ROOMS else FILE, settings["wet_db"])
    first = () if source else (layer_from_options(settings, seed),)
    checkpoints = () if instruments and not is_typed("checkpoints") else checkpoints
    pieces, dry = ([(path, Layer(None, 0, 0, *place)) for path, *place in added] for added in (pieces, dry))
    if source and checkpoints and not is_typed("checkpoints") and not checkpoints[0].is_file():
        raise CheckpointError(f"{source}: say who plays it. Give the --model or the --instrument that it grew from.")
    check_not_input(output, *checkpoints, *recordings, *(path for path, _ in (*pieces, *dry)), source, settings["room"])
    from ddsp_nb import compose
    from ddsp_nb.piece.export import check_format, check_free, export
    from ddsp_nb.piece.sidecar import match_sources, read_sidecar

    beside = [] if output.suffix.lower() == ZIP else [output.with_suffix(".json")]
    check_free([output, *beside], settings["overwrite"])
    added = [(read_sidecar(path), place) for path, place in pieces]
    if source:
        whole = read_sidecar(source)
        tempo, room, settings["subtype"] = whole.composition.tempo, whole.composition.room, whole.subtype
        settings["target_lufs"] = settings["target_lufs"] or whole.composition.target_lufs
        added.insert(0, (whole, Layer(None)))
    check_format(output, settings["subtype"])
    layers = [*first, *(layer for sidecar, _ in added for layer in sidecar.composition.layers)]
    named = instruments or any(others_of(layer.plan.timbre) for layer in layers if layer.plan)
    as_they_are = [*(path for path, _ in dry), *recordings]
    sources = load_sources(checkpoints, instruments, family_path if named else None, as_they_are)
    others = [moved(layer, place) for sidecar, place in added for layer in match_sources(sidecar, sources).layers]
    n_players = len(checkpoints) + len(instruments)
    played = [replace(place, source=n_players + i) for i, (_, place) in enumerate(dry)]
    heard = load_room(settings["room"], sources[0].sample_rate)
    composition = Composition((*first, *others, *played), tempo, room, settings["target_lufs"])
    piece = compose(composition, sources, room=heard)
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
    """Print the stages of each layer, remarks, certificates if they are wanted, files, and how loud it became."""
    from ddsp_nb.sound.loudness import in_words

    for i, layer in enumerate(piece.layers, 1):
        which, growth = f"Layer {i}: " if len(piece.layers) > 1 else "", layer.growth
        counts = ", ".join(str(stage.n_harmonics) for stage in growth.stages) if growth else ""
        words = f"{len(growth.stages)} stages of {counts} partials" if growth else "the recording as it is"
        click.echo(f"{which}{words}, {len(layer.sound) / piece.sample_rate:.1f} s.")
    for line in (*filter(None, [piece.room]), *piece.remarks, *(piece.certificates() if certificate else ()), *paths):
        click.echo(line)
    click.echo(f"{in_words(piece.audio, piece.sample_rate)}.")


def layer_from_options(options: dict, seed: int) -> Layer:
    """The first layer of the piece. Raises GrowthError where the options describe none."""
    plan = changed_plan(starting_plan(options), options)
    if isinstance(options["stages"], int) and plan.strategy not in ("linear", RULE):
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
    if isinstance(stages, int):
        values |= {"stages": None, "n_stages": stages}
    elif values.get("strategy", RULE) != RULE:  # those of a preset are no other strategy's
        values = {"stages": None} | values
    if options["melody"] or "pitch" in values:
        text = options["melody"] or options["pitch"]
        of_file = Path(text).suffix.lower() in SCORES
        melody = melody_of(read_score(text)) if of_file else parse_melody(text, words=WORDS)
        pitches = tuple(tuned(pitch, options["tuning"], WORDS) for pitch in melody)
        values["pitch"] = pitches[0] if len(pitches) == 1 else pitches
    return replace(plan, **values, adsr=replace(plan.adsr, **typed(ADSR)))

"""`ddsp-nb enrol` and `instruments`: instruments by name, and what commands share that play them. Light to import."""

from pathlib import Path

import click

from ddsp_nb.cli.checks import check_not_input, check_outputs, check_place
from ddsp_nb.cli.options import SEED, FiniteFloat, is_typed, options
from ddsp_nb.config import Config
from ddsp_nb.errors import CheckpointError, ConfigError, WorkbookError, held_warnings

FAMILY_SUFFIXES = (".safetensors",)
# Of sound that a code is found from; more says little more.
ENROLLED_S = 30.0

MODEL = click.option("--model", "checkpoint", default="ddsp_model.pt", type=Path, help="What `ddsp-nb train` wrote.")
INSTRUMENT = click.option(
    "--instrument",
    "--morph",
    "words",
    help="Instead of a model: an instrument by its name, as `ddsp-nb instruments` lists them, or a morph of several, "
    "“violin:0.5 flute:0.5”; weights may be curves over time, “violin:1,0 flute:0,1”.",
)
FAMILY = click.option(
    "--family",
    "family_path",
    default="ddsp_family.safetensors",
    type=Path,
    help="Instruments of your own, as `ddsp-nb enrol` keeps them.",
)
# Of commands that one instrument plays; `load_instrument` takes what is typed.
PLAYER = (MODEL, INSTRUMENT, FAMILY)


def load_instrument(checkpoint: Path, words: str | None, family_path: Path) -> tuple:
    """Model and take of a checkpoint, or of an instrument or a morph. Raises WorkbookError where both are asked for."""
    from ddsp_nb import instrument, load_family, load_model

    if words is None:
        return load_model(checkpoint)
    if is_typed("checkpoint"):
        raise WorkbookError("Give --model or --instrument, one of them.")
    return instrument(words, load_family(family_path))


@click.command()
@options(
    click.option("--audio", required=True, type=Path, help="Recording of one instrument, or a folder of them."),
    click.option("--name", required=True, help="By which --instrument will know it."),
    FAMILY,
    click.option("--skip", default=0.0, type=FiniteFloat(0), help="Seconds to pass over where a recording begins."),
    click.option("--duration", default=ENROLLED_S, type=FiniteFloat(0.1), help="Seconds of the recording to use."),
    SEED,
)
def enrol(audio, name, family_path, skip, duration, seed):
    """Make an instrument of a few seconds of sound, without training: find where it lies among all others."""
    check_place(family_path, FAMILY_SUFFIXES, CheckpointError)
    check_not_input(family_path, audio)
    from ddsp_nb import enrolled, load_family, save_family
    from ddsp_nb.cli.train import polyphony
    from ddsp_nb.store.recordings import analyse_recordings

    family, config = load_family(family_path), Config()
    family.check_name(name)
    with held_warnings():
        recordings = analyse_recordings([audio], config, start_s=skip, duration_s=duration)
        member = enrolled(recordings, config, seed)
    for line in polyphony(recordings, config):
        click.echo(line, err=True)
    save_family(family_path, family.with_member(name, member))
    click.echo(f"{name} lies near: {', '.join(family.nearest(member.code))}.")
    click.echo(family_path)


@click.command()
@options(
    FAMILY,
    click.option("--remove", "removed", metavar="NAME", help="Forget an instrument of your own."),
    click.option("--export", "exported", nargs=2, type=(str, Path), metavar="NAME FILE", help="Write one to a file."),
    click.option("--import", "source", type=Path, metavar="FILE", help="Add the instruments of such a file."),
    click.option("--overwrite", is_flag=True, help="Replace a file that exists."),
)
def instruments(family_path, removed, exported, source, overwrite):
    """List all instruments with the notes that they know; or remove, export or import those of your own."""
    if sum(asked is not None for asked in (removed, exported, source)) > 1:
        raise WorkbookError("Give --remove, --export or --import, one of them.")
    check_place(family_path, FAMILY_SUFFIXES, CheckpointError)
    check_outputs((exported or ())[1:], FAMILY_SUFFIXES, CheckpointError, [family_path], overwrite)

    from ddsp_nb import Family, load_family, save_family
    from ddsp_nb.notes.pitch import midi_name
    from ddsp_nb.playing.transfer import heard_range

    family, shipped = load_family(family_path), Family.shipped()
    if source is not None:
        if not source.is_file():
            raise CheckpointError(f"{source}: no such file. Give what `ddsp-nb instruments --export` wrote.")
        brought = {name: member for name, member in load_family(source).items() if name not in shipped}
        for name, member in brought.items():
            family = family.with_member(name, member)
        click.echo(f"{save_family(family_path, family)}: {', '.join(brought)}")
    elif removed is not None or exported is not None:
        name = exported[0] if exported else removed
        member = family[name]
        if name in shipped:
            raise ConfigError(f"{name!r} comes with the workbook: it is there for all, and stays.")
        kept = {name: member} if exported else {other: family[other] for other in family if other != name}
        click.echo(save_family(exported[1] if exported else family_path, Family(kept)))
    else:
        for name, member in family.items():
            low, high = (midi_name(round(number)) for number in heard_range(member.octaves))
            click.echo(f"{name:24} {low} to {high}{'' if name in shipped else ', your own'}")

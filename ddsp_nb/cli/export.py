"""`ddsp-nb export` and `partials`: an instrument, or partials, for other programs. Light to import."""

from pathlib import Path

import click

from ddsp_nb.cli.checks import check_outputs
from ddsp_nb.cli.instruments import PLAYER, load_instrument
from ddsp_nb.cli.options import SEED, options
from ddsp_nb.config import MOST_PARTIALS, Config
from ddsp_nb.errors import AudioError
from ddsp_nb.growth.plan import NOTE_ORDERS, STRATEGIES, GrowthPlan

PARTIALS_SUFFIXES = (".txt", ".sdif", ".json", ".csv", ".csd", ".scd", ".wav", ".pt")


@click.command()
@options(
    *PLAYER,
    click.option("--output", default="ddsp_instrument", type=Path, help="Folder for the files."),
    click.option("--strategy", type=click.Choice(STRATEGIES), help="How the wavetable grows; else by one a frame."),
    click.option("--order", default="low", type=click.Choice(NOTE_ORDERS), help="Which partials enter it first."),
    click.option("--overwrite", is_flag=True, help="Replace files that exist."),
    SEED,
)
def export(checkpoint, words, family_path, output, strategy, order, overwrite, seed):
    """Write the instrument for other programs: SFZ samples, a wavetable of its growth, and its network.

    README.txt in the folder tells what each file is.
    """
    from ddsp_nb import export_instrument

    model, take = load_instrument(checkpoint, words, family_path)
    plan = None if strategy is None else GrowthPlan(strategy=strategy, order=order, n_stages=model.config.n_harmonics)
    files = export_instrument(model, output, take=take, plan=plan, seed=seed, overwrite=overwrite)
    samples = [path for path in files if path.suffix == ".flac"]
    click.echo(f"{samples[0].parent}: {len(samples)} samples")
    for path in files:
        if path not in samples:
            click.echo(path)


@click.command()
@options(
    click.argument("source", metavar="INPUT", type=Path),
    click.argument("output", metavar="OUTPUT", type=Path),
    click.option("--tracks", "n_most", default=256, type=click.IntRange(1, MOST_PARTIALS), help="Of a sound, at most."),
    *PLAYER,
    click.option("--overwrite", is_flag=True, help="Replace a file that exists."),
)
def partials(source, output, n_most, checkpoint, words, family_path, overwrite):
    """Write the partials of INPUT to OUTPUT, for programs that play, draw or change them.

    INPUT is a sound, a model (.pt), the .json of a grown piece with the --model or the --instrument that it grew from,
    or a file of partials. OUTPUT is a text file of SPEAR (.txt), .sdif, .json, .csv, a score of Csound (.csd) or
    SuperCollider (.scd), their sound (.wav), or a model that `ddsp-nb grow` grows (.pt).
    """
    check_outputs([output], PARTIALS_SUFFIXES, AudioError, (source,), overwrite)
    import torch

    from ddsp_nb import DDSPModel, load_audio, load_model, read_sidecar, regrow, save_audio, save_model
    from ddsp_nb.studio import partials as made
    from ddsp_nb.studio.partial_files import FILES, is_partials, read_partials, write_partials

    config, take, suffix, ending = Config(), None, source.suffix.lower(), output.suffix.lower()
    if suffix == ".json" and not is_partials(source):
        piece = regrow(read_sidecar(source), load_instrument(checkpoint, words, family_path))
        config, whole = piece.layers[0].source.model.config, piece.gain.mean().item()
        place = lambda layer: (layer.start / piece.sample_rate, whole * 10 ** (layer.layer.gain_db / 20))
        grown = (made.of_growth(layer.growth, *place(layer)) for layer in piece.layers if layer.growth)
        found = [partial for partials in grown for partial in partials]
    elif suffix in FILES:
        found = read_partials(source)
    else:
        model, take = load_model(source) if suffix == ".pt" else (None, None)
        config = model.config if model else config
        take = take or made.take_of_sound(load_audio(source, config.sample_rate), config, n_most)
        found = made.of_take(take, config)
    if not found:
        raise AudioError(f"{source}: no partial sounds in it.")
    take = made.to_take(found, config) if take is None and ending in (".pt", ".wav") else take
    if ending == ".pt":
        torch.manual_seed(0)
        save_model(output, DDSPModel(config), take)
    elif ending == ".wav":
        save_audio(output, take.render(config).harmonic, config.sample_rate)
    else:
        write_partials(output, found)
    click.echo(f"{output}: {len(found)} partials, {max(partial.times_s[-1] for partial in found):.1f} s.")

"""`ddsp-nb export`: the trained instrument for other programs. Light to import, as the other commands are."""

from pathlib import Path

import click

from ddsp_nb.cli.instruments import PLAYER, load_instrument
from ddsp_nb.cli.options import SEED, options
from ddsp_nb.growth.plan import NOTE_ORDERS, STRATEGIES, GrowthPlan


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

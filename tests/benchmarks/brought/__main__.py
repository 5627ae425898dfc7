"""`python -m tests.benchmarks.brought [--tree PATH] [KIND ...]` prints a row of Markdown for each kind.

`--tree` asks another checkout, so that two tables are before and after; `--keep` leaves inputs and outputs behind. A
KIND is part of a name, such as `hum` or `"midi: MPE"`.
"""

import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from tests.benchmarks.brought.bench import Bench, Checkout, prepared
from tests.benchmarks.brought.kinds import KINDS
from tests.benchmarks.brought.sounds import ROOT


@click.command()
@click.argument("words", nargs=-1)
@click.option("--tree", default=ROOT, type=click.Path(path_type=Path), help="Checkout whose command line is asked.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder in which inputs and outputs stay.")
@click.option("--jobs", default=2, show_default=True, help="Kinds that are tried at a time.")
def main(words: tuple[str, ...], tree: Path, keep: Path | None, jobs: int) -> None:
    """Print what was brought, what is right, and what was found."""
    names = [name for name in KINDS if not words or any(re.search(word, name, re.IGNORECASE) for word in words)]
    with tempfile.TemporaryDirectory() as passing:
        folder = (keep or Path(passing)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        checkout = Checkout(tree.resolve(), folder, jobs)
        prepared(checkout)
        click.echo("| kind | right | found | |\n|---|---|---|---|")
        with ThreadPoolExecutor(jobs) as pool:
            right = list(pool.map(lambda name: row(name, checkout), names))
        checkout.close()
    click.echo(f"\n{sum(right)} of {len(right)} right")


def row(name: str, checkout: Checkout) -> bool:
    """Try one kind in a folder of its own; what goes wrong on the way is a row, too."""
    bench = Bench(checkout, checkout.folder / re.sub(r"\W+", "_", name) / time.strftime("%H%M%S"))
    bench.folder.mkdir(parents=True)
    try:
        right, found, ok = KINDS[name](bench=bench)
    except Exception as error:
        right, found, ok = "an answer", f"{type(error).__name__}: {error}", False
    cells = (name, right, found, "ok" if ok else "**wrong**")
    click.echo("| " + " | ".join(re.sub(r"\s+", " ", cell.replace("|", "\\|")) for cell in cells) + " |")
    return ok


if __name__ == "__main__":
    main()

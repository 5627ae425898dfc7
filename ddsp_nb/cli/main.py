"""The command line: `ddsp-nb train` teaches a network one recording, `ddsp-nb grow` grows its timbre to a file."""

import warnings

import click

from ddsp_nb.cli.grow import grow
from ddsp_nb.cli.sigterm import Terminated
from ddsp_nb.cli.train import train
from ddsp_nb.errors import WorkbookError

BAD_INPUT, INTERRUPTED = 2, 130


class OneLineErrors(click.Group):
    """Commands whose errors and warnings are one line on stderr each; bad input ends with exit code 2."""

    def main(self, *args, standalone_mode=True, **kwargs):
        with warnings.catch_warnings():
            warnings.showwarning = lambda words, *_, **__: click.echo(f"Warning: {in_one_line(words)}", err=True)
            try:
                result = super().main(*args, standalone_mode=False, **kwargs)
            except click.exceptions.NoArgsIsHelpError as error:
                error.show()
                raise SystemExit(BAD_INPUT) from None
            except (WorkbookError, click.ClickException) as error:
                message = error.format_message() if isinstance(error, click.ClickException) else str(error)
                click.echo(f"Error: {in_one_line(message)}", err=True)
                raise SystemExit(BAD_INPUT) from None
            except click.Abort as stop:
                click.echo("Stopped before the end; every file there is whole.", err=True)
                raise SystemExit(
                    Terminated.EXIT_CODE if isinstance(stop.__cause__, Terminated) else INTERRUPTED
                ) from None
        return result if not standalone_mode else raise_exit(result)


def in_one_line(message) -> str:
    """Any message, on one line."""
    return " ".join(str(message).split())


def raise_exit(result):
    """Leave with the exit code that --help gives, 0 where a command returned nothing."""
    raise SystemExit(result if isinstance(result, int) else 0)


@click.group(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
def main():
    """Timbre Grower: train a synthesizer on one recording, then grow its timbre from one sine wave."""


main.add_command(train)
main.add_command(grow)

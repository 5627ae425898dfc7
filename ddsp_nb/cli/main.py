"""The command line: `ddsp-nb train` and `enrol` make instruments of recordings; the other commands play them."""

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from ddsp_nb.cli.export import export, partials
from ddsp_nb.cli.grow import grow
from ddsp_nb.cli.instruments import enrol, instruments
from ddsp_nb.cli.live import live
from ddsp_nb.cli.play import play
from ddsp_nb.cli.train import train
from ddsp_nb.errors import WorkbookError

BAD_INPUT = 2  # exit code of a wrong option, as click has it, and of any other input that cannot be used
INTERRUPTED = 130  # exit code of a shell for Ctrl-C: 128 + SIGINT; also after SIGTERM, which is treated alike


class OneLineErrors(click.Group):
    """Commands whose errors and warnings are one line on stderr each; bad input ends with exit code 2."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command; in `standalone_mode`, the default, leave with its exit code, else return what it returns."""
        # A service manager or a shutting-down system asks as a person does: nothing is lost.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with one_line_warnings():
            try:
                result = super().main(*args, **options | {"standalone_mode": False})
            except click.exceptions.NoArgsIsHelpError as error:
                error.show()
                raise SystemExit(BAD_INPUT) from None
            except click.ClickException as error:
                leave("Error: " + error.format_message(), BAD_INPUT)
            except WorkbookError as error:
                leave(f"Error: {error}", BAD_INPUT)
            except click.Abort:
                leave("Stopped before the end; every file there is whole.", INTERRUPTED)
        if options.get("standalone_mode", True):
            raise SystemExit(result if isinstance(result, int) else 0)  # --help returns its exit code
        return result


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Print warnings as lines for people, without file and line of code, until the block ends.

    `catch_warnings` puts `warnings.showwarning` back at the end of the block, also after an error. It is of the
    whole process, as a command line is: nothing for a library.
    """
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: say(f"Warning: {message}")
        yield


def say(message: str) -> None:
    """Print a message as one line on stderr."""
    click.echo(" ".join(message.split()), err=True)


def leave(message: str, exit_code: int) -> NoReturn:
    """Print a message as one line on stderr and exit."""
    say(message)
    raise SystemExit(exit_code) from None


@click.group(cls=OneLineErrors, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
def main() -> None:
    """Timbre Grower: play instruments, make one of a recording, then grow its timbre from one sine wave."""


for command in (train, grow, play, live, export, partials, enrol, instruments):
    main.add_command(command)

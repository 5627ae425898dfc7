"""SIGTERM as a second Ctrl-C, so that a service manager or a shutting-down system loses no training."""

import signal
from contextlib import contextmanager


class Terminated(KeyboardInterrupt):
    """SIGTERM: a service manager or a shutting-down system asks for the end."""

    EXIT_CODE = 128 + signal.SIGTERM


@contextmanager
def heeding_sigterm():
    """Let SIGTERM stop the block as Ctrl-C does; the process then ends with 143, as one that it killed."""
    asked = []

    def stop(*_):
        asked.append(True)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if asked:
        raise SystemExit(Terminated.EXIT_CODE)

"""A loudspeaker that nobody hears, for browsers that wait for one before they sound."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNHEARD = ["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "-L", "module-null-sink", "-L"]


@contextmanager
def loudspeaker(pulseaudio: str, folder: Path) -> Iterator[Path]:
    """The socket of a PulseAudio server of its own, which keeps its files in `folder`."""
    door = f"module-native-protocol-unix auth-anonymous=1 socket={folder / 'socket'}"
    environment = os.environ | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([pulseaudio, *UNHEARD, door], env=environment, stdout=log, stderr=log)
    try:
        yield folder / "socket"
    finally:
        server.terminate()
        server.wait()

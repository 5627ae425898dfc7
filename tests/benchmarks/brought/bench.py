"""The command line, asked in a folder of its own, and what it answered."""

import json
import os
import queue
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mido
import numpy as np
import soundfile

from tests.benchmarks.brought.sounds import ROOT, SR

# Enough of an instrument to be heard, little enough to be waited for.
SMALL = ("--epochs", "1", "--hidden-size", "16", "--layers", "1", "--fft-sizes", "1024", "--output", "m.pt")
TIMEOUT_S = 400


@dataclass(frozen=True)
class Said:
    """What a command answered: its exit code, and all that it printed, bars left out."""

    code: int
    text: str

    def has(self, words: str) -> bool:
        return bool(re.search(words, self.text, re.IGNORECASE | re.DOTALL))

    def refused(self) -> bool:
        """One line that says what to do, exit code 2, and no traceback."""
        lines = [line for line in self.text.splitlines() if not line.startswith("Warning: ")]
        return self.code == 2 and len(lines) == 1 and lines[0].startswith("Error: ")

    def word(self) -> str:
        """Its warnings and errors; without any, all that it said."""
        lines = self.text.splitlines()
        warned = [line for line in lines if line.startswith(("Warning", "Error"))]
        return (" / ".join(warned) or f"no word, {' '.join(lines[-1:])}")[:300]


class Checkout:
    """The command line of one checkout, in as many processes as are asked at a time, and an instrument of its own."""

    def __init__(self, tree: Path, folder: Path, jobs: int) -> None:
        self.tree, self.folder = tree, folder
        self.environment = os.environ | {"PYTHONPATH": str(tree), "DDSP_NB_CACHE": "", "OMP_NUM_THREADS": "1"}
        self.hosts: queue.Queue[subprocess.Popen] = queue.Queue()
        for _ in range(jobs):
            host = [sys.executable, str(Path(__file__).with_name("host.py"))]
            pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.hosts.put(subprocess.Popen(host, env=self.environment, cwd=folder, **pipes))

    def run(self, words: list[str], folder: Path) -> Said:
        host, said = self.hosts.get(), folder / f".said-{time.monotonic_ns()}"
        try:
            host.stdin.write(json.dumps({"words": words, "folder": str(folder), "said": str(said)}) + "\n")
            host.stdin.flush()
            while not (answer := host.stdout.readline().strip()).lstrip("-").isdigit():
                pass
        finally:
            self.hosts.put(host)
        lines = [re.sub(r"\S*\d+%\|.*", "", x.rsplit("\r", 1)[-1]).strip() for x in said.read_text().splitlines()]
        return Said(int(answer), "\n".join(line for line in lines if line and "epoch/s]" not in line))

    def close(self) -> None:
        while not self.hosts.empty():
            self.hosts.get().stdin.close()


@dataclass(frozen=True)
class Bench:
    """One folder in which one kind is tried, and the checkout that is asked."""

    checkout: Checkout
    folder: Path

    @cached_property
    def model(self) -> str:
        """An instrument that has learned the violin, one for all kinds."""
        return str(self.checkout.folder / "model" / "m.pt")

    def run(self, *words: object) -> Said:
        """One command; what ends in a traceback ends the kind."""
        said = self.checkout.run([str(word) for word in words], self.folder)
        if said.code not in (0, 2) or said.has("Traceback"):
            raise AssertionError(f"exit {said.code}: {said.text.splitlines()[-1:]}")
        return said

    def train(self, name: str, *options: object) -> Said:
        return self.run("train", "--audio", name, *SMALL, *options)

    def on_terminal(self, *words: object) -> tuple[str, float]:
        """What a command shows where a person looks on, and how many seconds it takes."""
        command = "stty cols 80 rows 24; " + shlex.join([sys.executable, "-m", "ddsp_nb", *map(str, words)])
        where = dict(cwd=self.folder, env=self.checkout.environment, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S)
        started = time.monotonic()
        done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, **where)
        return done.stdout, time.monotonic() - started

    def bytes(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name

    def write(self, name: str, sound: np.ndarray, sample_rate: int = SR, **kinds: str) -> str:
        soundfile.write(self.folder / name, sound, sample_rate, **kinds)
        return name

    def read(self, name: str) -> np.ndarray:
        """[n_samples], or [n_samples, n_channels] where there are several."""
        return soundfile.read(self.folder / name)[0]

    def notes(self, name: str) -> list[int]:
        return [m.note for m in mido.MidiFile(self.folder / name) if m.type == "note_on" and m.velocity]

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()


def prepared(checkout: Checkout) -> Bench:
    """The folder in which the instrument of all kinds is trained, for a few seconds."""
    bench = Bench(checkout, checkout.folder / "model")
    if not Path(bench.model).exists():
        bench.folder.mkdir(parents=True, exist_ok=True)
        bench.run(
            "train", "--audio", ROOT / "data" / "violin.flac", "--epochs", 6, "--hidden-size", 32, "--output", "m.pt"
        )
    return bench

"""Every piece that was rendered, with the values it came from: named, pinned, brought back, kept on disk."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ddsp_nb.errors import GrowthError
from ddsp_nb.files import written_whole
from ddsp_nb.growth.piece import Piece

MOST_TAKES = 200  # that are kept; then the oldest goes that is neither pinned nor named
MOST_SAMPLES = 40_000_000  # of sound in memory, a third of a GB: older takes are rendered again when they are wanted
MOST_PINNED = 6  # buttons that a player has room for
LARGEST_BYTES = 5_000_000  # of a file of takes


@dataclass
class Take:
    """A rendered piece and what it was rendered from.

    Attributes:
        number: counts the takes, from 1.
        layers: values of the knobs, one dict a layer.
        words: what it is, in short.
        name: given by the user, or "".
        pinned: whether it stays in the player for comparison.
        piece: the sound, None where it has to be rendered again.
        verdict: of its certificate, "" where it was not measured.
    """

    number: int
    layers: list[dict]
    words: str = ""
    name: str = ""
    pinned: bool = False
    piece: Piece | None = field(default=None, repr=False)
    verdict: str = ""

    @property
    def title(self) -> str:
        """As buttons and lists show it."""
        return self.name or f"Take {self.number}"


class Takes:
    """The takes of a recording, the latest last.

    Args:
        path: file that keeps them from session to session; None keeps them in memory.
    """

    def __init__(self, path: Path | None = None):
        self.path, self.all = path, _read(path)

    def of(self, layers: list[dict]) -> Take | None:
        """The latest take of these values, None where there is none."""
        return next((take for take in reversed(self.all) if take.layers == layers), None)

    def keep(self, layers: list[dict], piece: Piece, words: str) -> Take:
        """Keep a piece: as the take of these values if there is one, else as a new take."""
        take = self.of(layers)
        if take is None:
            take = Take(max((t.number for t in self.all), default=0) + 1, [dict(values) for values in layers], words)
            self.all.append(take)
        take.piece = piece
        self._bound(take)
        self.write()
        return take

    def rename(self, take: Take, name: str) -> None:
        """Give a take a name that no other has.

        Raises:
            GrowthError: it is taken.
        """
        name = " ".join(name.split())
        if any(name == other.title for other in self.all if other is not take):
            raise GrowthError(f"Another take is called {name}. Choose another name.")
        take.name = name
        self.write()

    def pin(self, take: Take, pinned: bool) -> None:
        """Keep a take in the player, or no longer.

        Raises:
            GrowthError: there are as many as a player has room for.
        """
        if pinned and sum(t.pinned for t in self.all) >= MOST_PINNED:
            raise GrowthError(f"{MOST_PINNED} takes are pinned, which fills the player. Unpin one first.")
        take.pinned = pinned
        self.write()

    def discard(self, take: Take) -> None:
        """Forget a take."""
        self.all.remove(take)
        self.write()

    def write(self) -> None:
        """Keep values and names on disk; the sounds can be rendered again."""
        if self.path is None:
            return
        kept = [{k: v for k, v in vars(take).items() if k != "piece"} for take in self.all]
        with written_whole(self.path, GrowthError) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")

    def _bound(self, latest):
        while len(self.all) > MOST_TAKES:
            loose = [take for take in self.all[:-1] if not take.pinned and not take.name]
            self.all.remove((loose or self.all)[0])
        room = MOST_SAMPLES
        for take in sorted(self.all, key=lambda t: (t is not latest, not t.pinned, -t.number)):
            if take.piece is not None:
                room -= take.piece.audio.numel() * 3  # with its two stems
                if room < 0 and take is not latest:
                    take.piece = None


def _read(path) -> list[Take]:
    """Takes of an earlier session; none where the file is no such thing."""
    try:
        if path is None or path.stat().st_size > LARGEST_BYTES:
            return []
        return [Take(**take) for take in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []

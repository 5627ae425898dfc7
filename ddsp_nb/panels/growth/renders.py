"""Every piece that was rendered, with the plans it came from: listed, named, pinned, brought back, kept on disk."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from ddsp_nb.errors import GrowthError, WorkbookError
from ddsp_nb.panels.board import Button, Line, Rows, Words
from ddsp_nb.panels.growth.voice import Sketch
from ddsp_nb.panels.widgets import Attempt
from ddsp_nb.piece.compose import Piece
from ddsp_nb.store.workspace import Store

MOST_RENDERS = 200  # that are kept; then the oldest goes that is neither pinned nor named
MOST_SAMPLES = 40_000_000  # of sound in memory, a third of a GB: older ones are rendered again when they are wanted
MOST_PINNED = 6  # buttons that a player has room for
KEPT = f"Every render is kept: the last {MOST_RENDERS}, and those with a pin or a name. Plans bring sounds back."


@dataclass
class Render:
    """A rendered piece and what it was rendered from.

    Attributes:
        number: counts the renders, from 1.
        sketch: what it was rendered from.
        words: what it is, in short.
        name: given by the user, or "".
        pinned: whether it stays in the player for comparison.
        piece: the sound, None where it has to be rendered again.
        verdict: of its certificate, "" where it was not measured.
    """

    number: int
    sketch: Sketch
    words: str = ""
    name: str = ""
    pinned: bool = False
    piece: Piece | None = field(default=None, repr=False)
    verdict: str = ""

    @property
    def title(self) -> str:
        """As buttons and lists show it."""
        return self.name or f"Render {self.number}"


class Renders:
    """The renders of a recording, the latest last, in a store from session to session."""

    def __init__(self, store: Store):
        self.store, found = store, store.read()
        read = map(_read, found if isinstance(found, list) else [])
        self.all = [render for render in read if render is not None]

    def of(self, sketch: Sketch) -> Render | None:
        """The latest render of a sketch, None where there is none."""
        return next((render for render in reversed(self.all) if render.sketch == sketch), None)

    def keep(self, sketch: Sketch, piece: Piece, words: str) -> Render:
        """Keep a piece: as the render of its sketch if there is one, else as a new one."""
        render = self.of(sketch)
        if render is None:
            render = Render(max((r.number for r in self.all), default=0) + 1, sketch, words)
            self.all.append(render)
        render.piece = piece
        self._bound(render)
        self.write()
        return render

    def rename(self, render: Render, name: str) -> None:
        """Give a render a name. Raises GrowthError where another has it."""
        name = " ".join(name.split())
        if any(name == other.title for other in self.all if other is not render):
            raise GrowthError(f"Another render is called {name}. Choose another name.")
        render.name = name
        self.write()

    def pin(self, render: Render, pinned: bool) -> None:
        """Keep a render in the player, or no longer. Raises GrowthError where the player has no room for it."""
        if pinned and sum(r.pinned for r in self.all) >= MOST_PINNED:
            raise GrowthError(f"{MOST_PINNED} renders are pinned, which fills the player. Unpin one first.")
        render.pinned = pinned
        self.write()

    def discard(self, render: Render) -> None:
        """Forget a render."""
        self.all.remove(render)
        self.write()

    def write(self) -> None:
        """Keep plans and names on disk; the sounds can be rendered again."""
        kept = [asdict(replace(render, piece=None)) for render in self.all]
        self.store.write([{name: value for name, value in values.items() if name != "piece"} for values in kept])

    def _bound(self, latest):
        while len(self.all) > MOST_RENDERS:
            loose = [render for render in self.all[:-1] if not render.pinned and not render.name]
            self.all.remove((loose or self.all)[0])
        room = MOST_SAMPLES
        for render in sorted(self.all, key=lambda r: (r is not latest, not r.pinned, -r.number)):
            if render.piece is not None:
                room -= render.piece.audio.numel() * 3  # with its two stems
                if room < 0 and render is not latest:
                    render.piece = None


def _read(values) -> Render | None:
    """A render of an earlier session, None where it is none any more."""
    try:
        return Render(**values | {"sketch": Sketch.from_dict(values["sketch"])})
    except (WorkbookError, TypeError, KeyError):
        return None


class RendersBox:
    """Shows `Renders`, in `rows` of a board.

    Args:
        renders: what it shows.
        recall: called with the render that is to come back.
        changed: called when renders were pinned, named or discarded.
    """

    def __init__(
        self, renders: Renders, recall: Callable[[Render], None], changed: Callable[[], None], attempt: Attempt
    ):
        self.renders = renders
        self.list = Rows("Renders", [], bare=True)
        self.name = Line("Name of the render", example="its name", bare=True)

        def change(do: Callable[[Render], None]) -> Callable[[], None]:
            def act():
                do(self.chosen)
                changed()

            return lambda: attempt(act)

        self.buttons = {
            "Bring back": lambda: attempt(lambda: recall(self.chosen)),
            "Pin or unpin": change(lambda render: renders.pin(render, not render.pinned)),
            "Name it": change(lambda render: renders.rename(render, self.name.value)),
            "Discard": change(renders.discard),
        }
        row = [Button(words, press) for words, press in self.buttons.items()]
        self.rows = [self.list, [*row[:2], self.name, *row[2:]], Words(value=KEPT)]

    @property
    def chosen(self) -> Render:
        """The render that is chosen in the list. Raises GrowthError where there is none."""
        render = next((render for render in self.renders.all if render.number == self.list.value), None)
        if render is None:
            raise GrowthError("No render is chosen. Render a piece, then choose it in the list.")
        return render

    def show(self, held: Render | None) -> None:
        """Show the renders as they are, the latest first, with the one that the player holds chosen."""
        chosen = held.number if held is not None else self.list.value
        options = [(self._words(render), render.number) for render in reversed(self.renders.all)]
        self.list.options = options
        if any(number == chosen for _, number in options):
            self.list.value = chosen

    def _words(self, render):
        return f"{'★ ' if render.pinned else ''}{render.title}: {render.words}"

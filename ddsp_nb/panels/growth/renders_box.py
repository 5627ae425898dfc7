"""The list of renders: bring one back, pin it beside the others in the player, name it, discard it."""

from collections.abc import Callable

from ddsp_nb.errors import GrowthError
from ddsp_nb.panels.board import Button, Line, Rows, Words
from ddsp_nb.panels.growth.renders import MOST_RENDERS, Render, Renders
from ddsp_nb.panels.widgets import Attempt

KEPT = f"Every render is kept: the last {MOST_RENDERS}, and those with a pin or a name. Plans bring sounds back."


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

"""The list of takes: bring one back, pin it beside the others in the player, name it, discard it."""

from collections.abc import Callable

import ipywidgets

from ddsp_nb.errors import GrowthError
from ddsp_nb.panels.growth.takes import MOST_TAKES, Take, Takes
from ddsp_nb.panels.widgets import WRAPPED

ROWS = 6
KEPT = (
    f"Every render is kept: the last {MOST_TAKES}, and those with a pin or a name. Sounds come back from their plans."
)


class TakesBox(ipywidgets.VBox):
    """Shows `Takes`.

    Args:
        takes: what it shows.
        recall: called with the take that is to come back.
        changed: called when takes were pinned, named or discarded.
        attempt: runs a function and says what goes wrong.
    """

    def __init__(
        self,
        takes: Takes,
        recall: Callable[[Take], None],
        changed: Callable[[], None],
        attempt: Callable[[Callable[[], None]], None],
    ):
        self.takes, self._changed = takes, changed
        self.list = ipywidgets.Select(
            options=[], rows=ROWS, layout={"width": "100%", "max_width": "560px"}, description=""
        )
        self.name = ipywidgets.Text(placeholder="name of this take", continuous_update=False, layout={"width": "190px"})
        act = lambda do: attempt(lambda: do(self.chosen))
        self.buttons = {
            "Bring back": lambda: act(recall),
            "Pin or unpin": lambda: act(self._pin),
            "Name it": lambda: act(self._rename),
            "Discard": lambda: act(self._discard),
        }
        row = []
        for words, press in self.buttons.items():
            button = ipywidgets.Button(description=words, layout={"width": "110px"})
            button.on_click(lambda _, press=press: press())
            row.append(button)
        row.insert(2, self.name)
        super().__init__([ipywidgets.HTML(KEPT), self.list, ipywidgets.HBox(row, layout=WRAPPED)])

    @property
    def chosen(self) -> Take:
        """The take that is chosen in the list. Raises GrowthError where there is none."""
        take = next((take for take in self.takes.all if take.number == self.list.value), None)
        if take is None:
            raise GrowthError("No take is chosen. Render a piece, then choose it in the list.")
        return take

    def show(self, held: Take | None) -> None:
        """Show the takes as they are, the latest first, with the one that the player holds chosen."""
        chosen = held.number if held is not None else self.list.value
        options = [(self._words(take), take.number) for take in reversed(self.takes.all)]
        self.list.options = options
        if any(number == chosen for _, number in options):
            self.list.value = chosen

    def _words(self, take):
        return f"{'★ ' if take.pinned else ''}{take.title}: {take.words}"

    def _pin(self, take):
        self.takes.pin(take, not take.pinned)
        self._changed()

    def _rename(self, take):
        self.takes.rename(take, self.name.value)
        self._changed()

    def _discard(self, take):
        self.takes.discard(take)
        self._changed()

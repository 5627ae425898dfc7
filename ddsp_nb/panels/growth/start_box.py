"""Where a growth starts from: a preset of the workbook, one of one's own, or chance."""

from collections.abc import Callable

from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.panels.board import Button, Choice, Line, Number
from ddsp_nb.panels.growth.own_presets import OwnPresets
from ddsp_nb.panels.widgets import Attempt
from ddsp_nb.piece.presets import PRESETS, Preset, preset_named
from ddsp_nb.piece.randomise import GROUPS, random_preset

OWN_PLAN = "a plan of your own"
ALL = "everything"


class StartBox:
    """A list of presets, chance, and presets of one's own: `row` of a board.

    Args:
        own: presets of one's own.
        start: called with the preset to start from, and the seed of chance.
        current: gives the plan of the panel as a preset.
    """

    def __init__(
        self,
        own: OwnPresets,
        start: Callable[[Preset, int | None], None],
        current: Callable[[], Preset],
        attempt: Attempt,
    ):
        self.own, self._start, self._current = own, start, current
        self.preset = Choice("Start from", [OWN_PLAN])
        self._fill()
        self.preset.observe(self._choose, "value")
        self.roll_button = Button("By chance", lambda: attempt(self.roll))
        self.roll_button.tip = "Draw a plan by chance; the same number gives the same ones again"
        self.group = Choice("What chance draws", [ALL, *GROUPS], bare=True)
        self.number = Number("No.", 0, LARGEST_SEED, 1)
        self.name = Line("Name of a preset of your own", example="name of a preset", bare=True)
        self.save_button = Button("Save", lambda: attempt(self.save), tip="Keep the plan as a preset of your own")
        self.delete_button = Button("Delete", lambda: attempt(self.delete), tip="Forget the preset that is chosen")
        chance, mine = [self.roll_button, self.group, self.number], [self.name, self.save_button, self.delete_button]
        self.row = [self.preset, *chance, *mine]

    @property
    def presets(self) -> dict[str, Preset]:
        """The workbook's presets and those of one's own."""
        return PRESETS | self.own.by_name

    def show(self) -> None:
        """Say which preset the plan of the panel is."""
        self.preset.value = preset_named(self._current(), self.presets) or OWN_PLAN

    def roll(self) -> None:
        """Draw a plan by chance, with the next number."""
        self.number.value += 1
        groups = () if self.group.value == ALL else (self.group.value,)
        self._start(random_preset(self.number.value, groups, self._current()), self.number.value)

    def save(self) -> None:
        """Save the plan as a preset of one's own."""
        name = self.own.save(self.name.value, self._current())
        self._fill()
        self.preset.value = name

    def delete(self) -> None:
        """Forget the preset of one's own that is chosen."""
        self.own.delete(self.preset.value)
        self._fill()
        self.show()

    def _fill(self):
        with self.preset.hold_trait_notifications():
            self.preset.options = [*PRESETS, *sorted(self.own.by_name), OWN_PLAN]

    def _choose(self, change):
        name = change["new"]
        if name in self.presets and name != preset_named(self._current(), self.presets):
            self._start(self.presets[name], None)

"""Where a growth starts from: a preset of the workbook, one of one's own, or chance."""

from collections.abc import Callable

import ipywidgets

from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.panels.growth.knobs import LABEL, WIDE
from ddsp_nb.panels.growth.own_presets import OwnPresets
from ddsp_nb.panels.widgets import WRAPPED, button
from ddsp_nb.piece.presets import PRESETS, Preset, preset_named
from ddsp_nb.piece.randomise import GROUPS, random_preset

OWN_PLAN = "a plan of your own"
ALL = "everything"


class StartBox(ipywidgets.VBox):
    """A list of presets, with chance and presets of one's own in a row below.

    Args:
        own: presets of one's own.
        start: called with the preset to start from, and the seed of chance.
        current: gives the plan of the panel as a preset.
        attempt: runs a function and says what goes wrong.
    """

    def __init__(
        self,
        own: OwnPresets,
        start: Callable[[Preset, int | None], None],
        current: Callable[[], Preset],
        attempt: Callable[[Callable[[], None]], None],
    ):
        self.own, self._start, self._current = own, start, current
        self.preset = ipywidgets.Dropdown(description="Start from", style=LABEL, layout=WIDE)
        self._fill()
        self.preset.observe(self._choose, "value")
        self.group = ipywidgets.Dropdown(options=[ALL, *GROUPS], layout={"width": "112px"})
        self.number = ipywidgets.BoundedIntText(min=0, max=LARGEST_SEED, layout={"width": "70px"})
        self.roll_button = button("By chance", lambda: attempt(self.roll), icon="random")
        self.roll_button.tooltip = "Draw a plan by chance; the same number gives the same ones again"
        self.name = ipywidgets.Text(placeholder="name of a preset", continuous_update=False, layout={"width": "150px"})
        self.save_button = button("Save", lambda: attempt(self.save), icon="bookmark", width="90px")
        self.delete_button = button("Delete", lambda: attempt(self.delete), icon="trash", width="90px")
        chance = ipywidgets.HBox([self.roll_button, self.group, self.number], layout=WRAPPED)
        mine = ipywidgets.HBox([self.name, self.save_button, self.delete_button], layout=WRAPPED)
        super().__init__([self.preset, chance, mine])

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

"""Where a growth starts from: a preset of the workbook, one of one's own, which all recordings share, or chance."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ddsp_nb.errors import GrowthError, WorkbookError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.panels.board import Button, Choice, Line, Number
from ddsp_nb.panels.widgets import Attempt
from ddsp_nb.piece.presets import PRESETS, Preset, preset_named
from ddsp_nb.piece.randomise import GROUPS, random_preset
from ddsp_nb.store.workspace import Store

MOST_PRESETS = 500
LONGEST_NAME = 60  # characters
OWN_PLAN = "a plan of your own"
ALL = "everything"


class OwnPresets:
    """Presets that the user saved, in a store."""

    def __init__(self, store: Store):
        self.store, found = store, store.read()
        found = found if isinstance(found, dict) else {}
        read = {str(name)[:LONGEST_NAME]: _read(values) for name, values in found.items()}
        self.by_name = {name: preset for name, preset in read.items() if preset is not None}

    def save(self, name: str, preset: Preset) -> str:
        """Save a preset, over an older one of one's own of that name; returns the name as it is kept.

        Raises:
            GrowthError: no name, or one of the workbook's own.
            WorkbookError: the disk cannot be written.
        """
        name = " ".join(name.split())[:LONGEST_NAME]
        if not name or name in PRESETS:
            raise GrowthError("Give the preset a name of its own, such as “Slow bell”.")
        if len(self.by_name) >= MOST_PRESETS and name not in self.by_name:
            raise GrowthError(f"{MOST_PRESETS} presets are kept. Delete one first.")
        self._write(self.by_name | {name: preset})
        return name

    def delete(self, name: str) -> None:
        """Forget a preset. Raises GrowthError where it is none of one's own."""
        if name not in self.by_name:
            raise GrowthError("Only presets of your own can be deleted; choose one of them first.")
        self._write({key: preset for key, preset in self.by_name.items() if key != name})

    def _write(self, by_name):
        self.store.write({name: asdict(preset) for name, preset in by_name.items()})
        self.by_name = by_name


def _read(values: Any) -> Preset | None:
    """A preset that was kept, None where it is none any more."""
    try:
        return Preset(GrowthPlan.from_dict(values["plan"]), in_notes=bool(values["in_notes"]))
    except (WorkbookError, TypeError, KeyError):
        return None


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

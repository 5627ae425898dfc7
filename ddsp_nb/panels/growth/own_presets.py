"""Presets of one's own, by name: all recordings share them."""

from dataclasses import asdict
from typing import Any

from ddsp_nb.errors import GrowthError, WorkbookError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.piece.presets import PRESETS, Preset
from ddsp_nb.store.workspace import Store

MOST = 500
LONGEST_NAME = 60  # characters


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
        if len(self.by_name) >= MOST and name not in self.by_name:
            raise GrowthError(f"{MOST} presets are kept. Delete one first.")
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

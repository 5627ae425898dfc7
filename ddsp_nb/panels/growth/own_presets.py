"""Presets of one's own, by name, on disk: all recordings share them."""

import json
from pathlib import Path

from ddsp_nb.errors import GrowthError
from ddsp_nb.files import written_whole
from ddsp_nb.growth.presets import DEFAULTS, PRESETS, plan_from_values

MOST = 500
LONGEST_NAME = 60  # characters
LARGEST_BYTES = 5_000_000


class OwnPresets:
    """Names and values that the user saved.

    Args:
        path: file that keeps them; None keeps them in memory.
    """

    def __init__(self, path: Path | None = None):
        self.path, self.by_name = path, _read(path)

    def save(self, name: str, values: dict) -> str:
        """Save values under a name, over an older preset of one's own of that name; returns the name as it is kept.

        Raises:
            GrowthError: no name, one of the workbook's own, or a disk that cannot be written.
        """
        name = " ".join(name.split())[:LONGEST_NAME]
        if not name or name in PRESETS:
            raise GrowthError("Give the preset a name of its own, such as “Slow bell”.")
        if len(self.by_name) >= MOST and name not in self.by_name:
            raise GrowthError(f"{MOST} presets are kept. Delete one first.")
        changed = {key: value for key, value in values.items() if key in DEFAULTS and value != DEFAULTS[key]}
        self._write(self.by_name | {name: changed})
        return name

    def delete(self, name: str) -> None:
        """Forget a preset. Raises GrowthError where it is none of one's own."""
        if name not in self.by_name:
            raise GrowthError("Only presets of your own can be deleted; choose one of them first.")
        self._write({key: values for key, values in self.by_name.items() if key != name})

    def _write(self, by_name):
        if self.path is not None:
            with written_whole(self.path, GrowthError) as temporary:
                temporary.write_text(json.dumps(by_name), encoding="utf-8")
        self.by_name = by_name


def _read(path) -> dict[str, dict]:
    """Presets of a file that make plans; none where it is no such file."""
    try:
        if path is None or path.stat().st_size > LARGEST_BYTES:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name)[:LONGEST_NAME]: values for name, values in found.items() if _is_usable(values)}
    except (OSError, ValueError, AttributeError):
        return {}


def _is_usable(values):
    try:
        plan_from_values(DEFAULTS | values)
    except (GrowthError, TypeError, ValueError):
        return False
    return set(values) <= set(DEFAULTS)

"""What the growth panel shows and keeps: two pictures, the last two pieces, the way of its knobs, and the export."""

from dataclasses import dataclass
from pathlib import Path

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from ddsp_nb import plots
from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.export import check_format, export
from ddsp_nb.growth.render import Growth
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.panels.widgets import DPI, WRAPPED, png

MOST_UNDO = 200  # steps
WIDTH_IN = 10.0  # of the map
WIDTH_PX = int(WIDTH_IN * DPI)
MAP_HEIGHT_IN = 3.3
SOUND_HEIGHT_PX = 216
MOST_MARKS = 20  # of stages in the player
LEFT, RIGHT = 0.085, 0.985  # of the width; fixed margins, as fitting them takes as long as drawing
HIGHEST_HZ = 16_000
POINTS_A_STAGE = 40  # of the level's outline
QUIETEST_DB = -40  # where the level's axis ends
QUIETEST = 1e-9  # amplitude that stands for 0 in logarithms
BITS = {"16 bit": "PCM_16", "24 bit": "PCM_24", "float (WAV)": "FLOAT"}
ALSO = {"stems": "stems", "stages": "each stage", "midi": "MIDI", "stage_map": "map as picture"}
SLIM = {"width": "auto", "margin": "2px 14px 2px 4px", "flex": "0 0 auto"}


def draw_map(schedule: Schedule) -> bytes:
    """Which partials and bands sound when, above the level that envelope and loudness give them; a PNG file."""
    figure = Figure(figsize=(WIDTH_IN, MAP_HEIGHT_IN))
    upper, lower = figure.subplots(2, 1, height_ratios=(5, 1))
    figure.subplots_adjust(LEFT, 0.13, RIGHT, 0.98, hspace=0.07)
    plots.stage_map(schedule.masks, schedule.plan, upper, noise=schedule.noise_masks).set(xlabel="", xticks=())
    times_s, levels_db = _levels(schedule)
    lower.fill_between(times_s, QUIETEST_DB, levels_db, color="C0", alpha=0.5)
    top = max(0.0, *(stage.level_db for stage in schedule.stages))
    lower.set(xlim=upper.get_xlim(), ylim=(QUIETEST_DB, top + 3), xlabel="Time (s)", ylabel="Level\n(dB)")
    return png(figure)


def stage_marks(schedule: Schedule) -> list[tuple[float, str]]:
    """Where each stage begins, in seconds, and its number; of many, every other, or fewer."""
    every = -(-len(schedule.stages) // MOST_MARKS)
    return [(s.start / schedule.sample_rate, str(i + 1)) for i, s in enumerate(schedule.stages) if i % every == 0]


def _levels(schedule):
    """Outline of every stage's level: seconds and dB, with a gap after each stage."""
    times_s, levels_db = [], []
    for i, stage in enumerate(schedule.stages):
        samples = np.linspace(0, len(stage) - 1, POINTS_A_STAGE).astype(int)
        times_s += [(stage.start + samples) / schedule.sample_rate, [stage.stop / schedule.sample_rate]]
        levels_db += [20 * np.log10(schedule.envelope(i)[samples].numpy() + QUIETEST), [np.nan]]
    return np.concatenate(times_s), np.concatenate(levels_db)


class History:
    """States of the knobs, to go back and forth in.

    Args:
        first: where the knobs begin.
    """

    def __init__(self, first: dict):
        self.states, self.now = [first], 0

    def record(self, state: dict) -> None:
        """Keep a new state; what was undone before it is forgotten."""
        if state != self.states[self.now]:
            self.states = [*self.states[: self.now + 1], state][-MOST_UNDO:]
            self.now = len(self.states) - 1

    def step(self, by: int) -> dict:
        """The state one step back (-1) or forth (1), or the one at the end."""
        self.now = min(max(self.now + by, 0), len(self.states) - 1)
        return self.states[self.now]

    def can_step(self, by: int) -> bool:
        """Whether there is a state that way."""
        return 0 <= self.now + by < len(self.states)


@dataclass
class Take:
    """A rendered piece and what it was rendered from.

    Attributes:
        values: of the knobs.
        growth: `Growth`.
        verdict: of its certificate, "" where it was not measured.
    """

    values: dict
    growth: Growth
    verdict: str = ""


class Takes:
    """The last two takes, in slots 0 and 1 by turns; the same knobs render into the same slot."""

    def __init__(self):
        self.slots: list[Take | None] = [None, None]
        self.latest = 1

    def keep(self, take: Take) -> None:
        """Put a take into the slot of its own knobs, or that of the older one."""
        same = self.slot_of(take.values)
        self.latest = 1 - self.latest if same is None else same
        self.slots[self.latest] = take

    def slot_of(self, values: dict) -> int | None:
        """The slot that was rendered from these knobs, None where there is none."""
        return next((i for i, take in enumerate(self.slots) if take is not None and take.values == values), None)


class ExportBox(ipywidgets.VBox):
    """A file name, a format, and check boxes for what else to write beside the sound and its sidecar."""

    def __init__(self):
        self.file_name = ipywidgets.Text(
            value="output/growth.wav",
            placeholder="output/growth.wav, .flac or .zip",
            description="File",
            continuous_update=False,
            style={"description_width": "30px"},
            layout={"width": "270px", "max_width": "100%"},
        )
        self.bits = ipywidgets.Dropdown(options=list(BITS.items()), layout={"width": "120px", "flex": "0 0 auto"})
        self.button = ipywidgets.Button(
            description="Export", icon="download", layout={"width": "110px", "flex": "0 0 auto"}
        )
        self.replace_box = _check("replace existing files")
        self.also = {name: _check(label) for name, label in ALSO.items()}
        label = ipywidgets.Label("Also write:", layout={"margin": "2px 10px 2px 0", "flex": "0 0 auto"})
        rows = [self.file_name, self.bits, self.button, self.replace_box], [label, *self.also.values()]
        super().__init__([ipywidgets.HBox(row, layout=WRAPPED) for row in rows])

    @property
    def path(self) -> Path:
        """Where the sound goes. Raises GrowthError where no sound can have that name."""
        path = Path(self.file_name.value.strip())
        check_format(path, self.bits.value)
        return path

    def write(self, growth: Growth) -> list[Path]:
        """Write what is ticked; returns the files. Raises GrowthError where names are taken or cannot be used."""
        wanted = {name: box.value for name, box in self.also.items()}
        try:
            return export(growth, self.path, subtype=self.bits.value, overwrite=self.replace_box.value, **wanted)
        except GrowthError as error:
            raise GrowthError(str(error).replace("ask to overwrite", "tick “replace existing files”")) from error


def _check(label):
    return ipywidgets.Checkbox(value=False, description=label, indent=False, layout=SLIM)

"""A panel to compose a growth: the plan on the left, the piece as picture and sound on the right."""

import threading

import ipywidgets
import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.certificate import SAME_DB, SILENT_DB, STEP, Certificate
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.render import Growth, grow
from ddsp_nb.growth.schedule import Schedule, make_schedule
from ddsp_nb.panels.growth_controls import LABEL, WIDE, GrowthKnobs
from ddsp_nb.panels.growth_results import (
    HIGHEST_HZ,
    SOUND_HEIGHT_PX,
    WIDTH_PX,
    ExportBox,
    History,
    Take,
    Takes,
    draw_map,
    stage_marks,
)
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.presets import DEFAULTS, PRESETS, plan_from_values, preset_named
from ddsp_nb.panels.widgets import WRAPPED, errors_in_words, picture, say
from ddsp_nb.training import take
from ddsp_nb.training.model import DDSPModel

OWN_PLAN = "a plan of your own"
LETTERS = "AB"
HIGHLIGHT = "info"
MOST_NAMES = 6
PLAN_PX = 372  # of the column of knobs
LEAST_PX = 420  # of the column of results; in a narrower page it goes below the knobs


class GrowthPanel(ipywidgets.HBox):
    """Turn the knobs of a `GrowthPlan`, see its stages at once, then hear, compare and export the piece.

    Args:
        model: a trained model.
        recording: the take whose phrase it plays.
        seed: of the noise and of shuffled orders.
    """

    def __init__(self, model: DDSPModel, recording: take.Take, *, seed: int = 0):
        self.instrument, self.recording = model, recording
        self.board = GrowthKnobs(model.config.n_harmonics, seed, self._moved)
        self.knobs = self.board.by_name
        self.history, self.takes = History(self.board.values), Takes()
        self.take: Take | None = None  # what the player holds, None where the knobs have moved on
        super().__init__([self._build_plan(), self._build_results()], layout=WRAPPED)
        self.preset.observe(self._choose_preset, "value")
        self.refresh()

    def _build_plan(self):
        self.preset = ipywidgets.Dropdown(
            options=[*PRESETS, OWN_PLAN], description="Start from", style=LABEL, layout=WIDE
        )
        self.undo_button = _button("Undo", "undo", lambda: self._step(-1), "116px")
        self.redo_button = _button("Redo", "repeat", lambda: self._step(1), "116px")
        steps = ipywidgets.HBox([self.undo_button, self.redo_button])
        return ipywidgets.VBox([self.preset, steps, self.board.box], layout={"flex": f"0 0 {PLAN_PX}px"})

    def _build_results(self):
        lines = {"max_width": "100%"}
        self.status = ipywidgets.HTML(layout=lines | {"min_height": "56px"})  # two lines: pictures stay where they are
        self.verdict = ipywidgets.HTML(layout=lines)
        self.stage_map = picture(f"{WIDTH_PX}px")
        self.exporter = ExportBox()
        self.exporter.button.on_click(lambda _: self.export())
        sound = self._build_sound()
        parts = [self.status, self.stage_map, *sound, self.verdict, self.exporter]
        return ipywidgets.VBox(
            parts, layout={"flex": f"1 1 {LEAST_PX}px", "min_width": "0", "max_width": f"{WIDTH_PX}px"}
        )

    def _build_sound(self):
        """What makes, compares and measures pieces, and the player."""
        self.render_button = _button("Render and play", "play", lambda: self.render(play=True), "170px", "success")
        self.live_box = ipywidgets.Checkbox(description="after each change", indent=False, layout={"width": "190px"})
        words = ipywidgets.Label("Compare the last two:")
        self.take_buttons = [_button(name, "", lambda i=i: self.recall(i), "50px") for i, name in enumerate(LETTERS)]
        look = dict(max_hz=min(HIGHEST_HZ, self.instrument.config.nyquist_hz), height_px=SOUND_HEIGHT_PX)
        self.player = Player({"nothing yet": torch.zeros(1)}, self.instrument.config.sample_rate, **look)
        self.measure_button = _button("Measure", "check", self.measure, "110px")
        self.measure_button.tooltip = "Check in the sound that silent partials are silent, and that no edge clicks"
        for button in self.take_buttons:
            button.tooltip = "Bring back this piece, with its plan"
        row = [self.render_button, self.live_box, words, *self.take_buttons, self.measure_button]
        yield ipywidgets.HBox(row, layout=WRAPPED)
        yield self.player

    @property
    def plan(self) -> GrowthPlan:
        """The plan that the controls describe. Raises GrowthError where they make none."""
        return plan_from_values(self.board.values)

    @property
    def growth(self) -> Growth | None:
        """The piece that the player holds, None where the controls have moved since."""
        return self.take.growth if self.take is not None else None

    def refresh(self) -> None:
        """Draw the stages that the controls describe; a piece rendered from them before comes back.

        Where they describe none, that is said, and map and sound stay as they were.
        """
        self._say_state()
        with errors_in_words(self.status):
            schedule = self._schedule()
            self.stage_map.value = draw_map(schedule)
            slot = self.takes.slot_of(self.board.values)
            self._hold(None if slot is None else self.takes.slots[slot])
            if slot is None:
                say(self.status, f"{summary(schedule)}. Press “Render and play” to hear it.")

    def render(self, *, play: bool = False) -> None:
        """Render the piece into the player."""
        with errors_in_words(self.status):
            self._render(play)

    def recall(self, slot: int) -> None:
        """Bring back one of the last two pieces with its plan, and play it."""
        with errors_in_words(self.status):
            take = self.takes.slots[slot]
            if take is None:
                raise GrowthError(
                    f"Nothing is in {LETTERS[slot]} yet. Render a piece: the last two are kept in A and B."
                )
            self.live_box.value = False  # or else the knobs that move would render again
            self.board.set(take.values)
            self._hold(take, play=True)

    def export(self) -> None:
        """Write the piece and all that is ticked; existing files only where "replace" is ticked too."""
        with errors_in_words(self.status):
            if self.exporter.path and self.take is None:  # a wrong name is told before the work
                self._render(play=False)
            files = self.exporter.write(self.growth)
            more = f" and {len(files) - MOST_NAMES} more" if len(files) > MOST_NAMES else ""
            beside = ", ".join(path.name for path in files[1:MOST_NAMES])
            say(self.status, f"Written: {files[0]}{f', with {beside}{more} beside it' if beside else ''}.")

    def measure(self) -> None:
        """Measure the piece in a thread and tell whether it is as it should be."""
        with errors_in_words(self.status):
            if self.take is None:
                self._render(play=False)
            self.measure_button.disabled = True
            say(self.verdict, "Measuring every partial and band of every stage; you can go on meanwhile ...")
            self._measuring = threading.Thread(target=self._measure, args=(self.take,), daemon=True)
            self._measuring.start()

    def _measure(self, take):
        try:
            with errors_in_words(self.verdict):
                take.verdict = verdict(take.growth.certificate())
                say(self.verdict, self.take.verdict if self.take is not None else "")
        finally:
            self.measure_button.disabled = False

    def _render(self, play):
        values, plan = self.board.values, self.plan
        say(self.status, "Rendering ...")
        growth = grow(self.instrument, self.recording, plan, values["seed"])
        take = Take(values, growth)
        self.takes.keep(take)
        self._hold(take, play=play)

    def _hold(self, take, *, play=False):
        """Show a take, or none: picture and player of another piece than the one described would mislead."""
        self.take = take
        self.player.layout.visibility = "hidden" if take is None else "visible"
        for button, kept in zip(self.take_buttons, self.takes.slots, strict=True):
            button.button_style = HIGHLIGHT if take is not None and kept is take else ""
            button.disabled = kept is None
        say(self.verdict, take.verdict if take is not None else "")
        if take is None:
            self.player.pause()  # nothing sounds that cannot be seen and stopped
        else:
            letter, growth = LETTERS[self.takes.slots.index(take)], take.growth
            sounds, marks = {f"Piece {letter}": growth.audio}, stage_marks(growth.schedule)
            self.player.show(sounds, growth.sample_rate, marks=marks, play=f"Piece {letter}" if play else None)
            say(self.status, f"Rendered as {letter}: {summary(take.growth.schedule)}.")

    def _moved(self):
        """After each change of the controls, be it by hand, by a preset, by undo or by A and B."""
        self.history.record(self.board.values)
        self.refresh()
        if self.live_box.value and self.take is None:
            self.render(play=True)

    def _choose_preset(self, change):
        if change["new"] in PRESETS and change["new"] != preset_named(self.board.values):
            self.board.set(DEFAULTS | PRESETS[change["new"]])

    def _step(self, by):
        self.board.set(self.history.step(by))

    def _say_state(self):
        self.preset.value = preset_named(self.board.values) or OWN_PLAN
        self.undo_button.disabled = not self.history.can_step(-1)
        self.redo_button.disabled = not self.history.can_step(1)

    def _schedule(self) -> Schedule:
        plan, seed = self.plan, self.knobs["seed"].value
        return make_schedule(self.instrument, self.recording, plan, seed)


def summary(schedule: Schedule) -> str:
    """Stages, length, partials and remarks of a piece."""
    counts = [stage.n_harmonics for stage in schedule.stages]
    stages = "1 stage" if len(counts) == 1 else f"{len(counts)} stages"
    seconds = schedule.n_samples / schedule.sample_rate
    remarks = "".join(f" ({remark.rstrip('.')})" for remark in schedule.remarks)
    return f"{stages}, {seconds:.1f} s, from {counts[0]} to {counts[-1]} partials{remarks}"


def verdict(certificate: Certificate) -> str:
    """A certificate in one line."""
    if not certificate.passed:
        others = f" And {len(certificate.faults) - 1} more." if len(certificate.faults) > 1 else ""
        return f"Not passed. {certificate.faults[0]}{others}"
    figures = [
        _figure(certificate, "silent_partial_db", "silent partials at {:.0f} dB", f"under {SILENT_DB:g}"),
        _figure(certificate, "silent_band_db", "silent bands at {:.0f} dB", f"under {SILENT_DB:g}"),
        _figure(certificate, "partial_change_db", "levels kept within {:.3f} dB", f"under {SAME_DB:g}"),
        f"edges smooth to {100 * certificate.worst('click'):.2f} % (must be under {100 * STEP:g})",
    ]
    return f"Passed: {'; '.join(filter(None, figures))}."


def _figure(certificate, name, words, limit):
    worst = certificate.worst(name)
    return None if worst is None else f"{words.format(worst)} (must be {limit})"


def _button(label, icon, press, width, style=""):
    button = ipywidgets.Button(description=label, icon=icon, button_style=style, layout={"width": width})
    button.on_click(lambda _: press())
    return button

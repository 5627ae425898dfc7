"""A panel to compose a growth: the score above, the knobs of its plan below, and the piece as sound beside them."""

import asyncio
import os
import threading
from copy import deepcopy

import ipywidgets
import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.layers import MOST_LAYERS, Composition, Layer, Source
from ddsp_nb.growth.piece import Piece, compose
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.presets import BEATS, plan_from_values
from ddsp_nb.growth.schedule import Schedule, make_schedule
from ddsp_nb.growth.tempo import Tempo
from ddsp_nb.panels.growth.edits import edited
from ddsp_nb.panels.growth.export_box import ExportBox
from ddsp_nb.panels.growth.history import History
from ddsp_nb.panels.growth.instruments import Instruments, is_dry
from ddsp_nb.panels.growth.knobs import SHARED, GrowthKnobs
from ddsp_nb.panels.growth.own_presets import OwnPresets
from ddsp_nb.panels.growth.pictures import draw_map, remarks, stage_marks, summary, verdict
from ddsp_nb.panels.growth.score import Score, describe
from ddsp_nb.panels.growth.start_box import StartBox
from ddsp_nb.panels.growth.takes import Take, Takes
from ddsp_nb.panels.growth.takes_box import TakesBox
from ddsp_nb.panels.player import PICTURES, Player
from ddsp_nb.panels.widgets import WRAPPED, errors_in_words, say
from ddsp_nb.training import take
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.workspace import Recording, Workspace

PLAN_PX = 372  # of the column of knobs
LEAST_PX = 420  # of the column of results; in a narrower page it goes below the knobs
SOUND_HEIGHT_PX = 180
HIGHEST_HZ = 16_000
SNAP_BEATS = 1 / 4  # a sixteenth: where edges snap when lengths become note values
SETTLED_S = 0.06  # after the last change, before it is rendered: a knob that is turned sends many
MOST_NAMES = 5


class GrowthPanel(ipywidgets.VBox):
    """Draw and play the score of a piece, turn the knobs of its plans, then compare takes and export.

    Args:
        model: a trained model.
        recording_take: the take whose phrase it plays.
        seed: of the noise and of shuffled orders.
        recording: that the model learned from; it can then be a layer, as it is.
        workspace: whose other instruments can play layers, and where takes and presets are kept; nothing is, if None.
    """

    def __init__(
        self,
        model: DDSPModel,
        recording_take: take.Take,
        *,
        seed: int = 0,
        recording: Recording | None = None,
        workspace: Workspace | None = None,
    ):
        self.instruments = Instruments(Source(model, recording_take), recording, workspace)
        self.board = GrowthKnobs(model.config.n_harmonics, seed, self.instruments.choices, self._moved)
        self.knobs = self.board.by_name
        self.layers, self.selected = [self.board.values], 0
        folder = workspace.folder / "growth" if workspace is not None else None
        named = recording.model_path.stem if recording is not None else "instrument"
        self.takes = Takes(folder and folder / f"{named}-takes.json")
        self.history = History((self.layers, 0))
        self.take: Take | None = None  # what the player holds; the score may have moved on since
        self.loop: list[int] | None = None  # first and last stage of what is heard again and again
        self._schedules: dict = {}
        self._due: asyncio.TimerHandle | None = None
        own = OwnPresets(folder and folder / "presets.json")
        super().__init__([*self._build_score(model), self._build_below(own)])
        self.refresh()

    def _build_score(self, model):
        key = f"growth {id(self)}"
        look = dict(max_hz=min(HIGHEST_HZ, model.config.nyquist_hz), height_px=SOUND_HEIGHT_PX)
        self.player = Player({"nothing yet": torch.zeros(1)}, model.config.sample_rate, key=key, **look)
        self.score = Score(key, self._act)
        self.score.observe(lambda _: self.refresh(), "grid_beats")
        self.status = ipywidgets.HTML(layout={"max_width": "100%", "min_height": "22px"})
        self.layer_buttons = ipywidgets.ToggleButtons(options=["Layer 1"], style={"button_width": "84px"})
        self.layer_buttons.observe(self._choose_layer, "index")
        self.add_button = _button("+ Layer", "", lambda: self._attempt(self.add_layer), "84px")
        self.drop_button = _button("− Layer", "", lambda: self._attempt(self.drop_layer), "84px")
        yield ipywidgets.HBox([self.layer_buttons, self.add_button, self.drop_button], layout=WRAPPED)
        yield self.score
        yield self.status

    def _build_below(self, own):
        self.start = StartBox(own, self.board.set, lambda: self.board.values, self._attempt)
        self.preset = self.start.preset
        plan = ipywidgets.VBox([self.start, self.board.box], layout={"flex": f"0 0 {PLAN_PX}px"})
        self.takes_box = TakesBox(self.takes, self.recall, self._takes_changed, self._attempt)
        self.exporter = ExportBox(self.export, self._zipped)
        self.measure_button = _button("Measure", "check", self.measure, "110px")
        self.verdict = ipywidgets.HTML(layout={"max_width": "100%"})
        measure = ipywidgets.VBox([self.measure_button, self.verdict])
        folds = ipywidgets.Accordion([self.takes_box, self.exporter, measure], selected_index=1)
        for i, title in enumerate(("Takes", "Export", "Is silence silent?")):
            folds.set_title(i, title)
        results = ipywidgets.VBox([self.player, folds], layout={"flex": f"1 1 {LEAST_PX}px", "min_width": "0"})
        return ipywidgets.HBox([plan, results], layout=WRAPPED)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None or not os.environ.get(PICTURES):
            return bundle
        return bundle | {"image/png": draw_map(self._schedule(self.selected))}

    # What is planned

    @property
    def plan(self) -> GrowthPlan:
        """The plan of the chosen layer. Raises GrowthError where the controls make none."""
        return plan_from_values(self.board.values, self.tempo)

    @property
    def tempo(self) -> Tempo:
        """Of all layers."""
        values = self.layers[self.selected]
        return Tempo(values["tempo_bpm"], values["beats_per_bar"])

    @property
    def piece(self) -> Piece | None:
        """The piece that the player holds, None where the score has moved on since."""
        return self.take.piece if self.take is not None and self.take.layers == self.layers else None

    @property
    def growth(self):
        """The growth of the chosen layer of that piece."""
        return self.piece.growths[self.selected] if self.piece is not None else None

    def composition(self) -> tuple[Composition, list[Source]]:
        """The piece as plain data, and what plays it. Raises GrowthError where a layer makes no plan."""
        named = [self.instruments.source(values["plays"]) for values in self.layers]
        sources = dict(named)
        names = list(sources)
        layers = tuple(
            Layer(
                None if is_dry(values["plays"]) else plan_from_values(values, self.tempo),
                seed=values["seed"],
                source=names.index(name),
                delay_s=values["delay_s"],
                gain_db=values["gain_db"],
                pan=values["pan"],
            )
            for values, (name, _) in zip(self.layers, named, strict=True)
        )
        return Composition(layers, self.tempo), list(sources.values())

    def _schedule(self, i: int) -> Schedule:
        """Of layer i; a dry one is shown as what it would grow like."""
        values = self.layers[i]
        name, source = self.instruments.source(values["plays"])
        key = name, plan_from_values(values, self.tempo), values["seed"]
        if key not in self._schedules:
            self._schedules = dict(list(self._schedules.items())[-MOST_LAYERS:])
            self._schedules[key] = make_schedule(source.model, source.take, *key[1:])
        return self._schedules[key]

    def _extent_s(self, i):
        """Begin and end of layer i."""
        values = self.layers[i]
        _, source = self.instruments.source(values["plays"])
        if is_dry(values["plays"]):
            length_s = len(source.audio) / source.sample_rate
        else:
            schedule = self._schedule(i)
            length_s = schedule.n_samples / schedule.sample_rate
        return {"start": values["delay_s"], "stop": values["delay_s"] + length_s, "selected": i == self.selected}

    def refresh(self) -> None:
        """Show the score that the controls describe; a piece rendered from them before comes back.

        Where they describe none, that is said, and score and sound stay as they were.
        """
        self._show_state()
        with errors_in_words(self.status):
            schedule = self._schedule(self.selected)
            _, source = self.instruments.source(self.layers[self.selected]["plays"])
            delay_s, extents = (
                self.layers[self.selected]["delay_s"],
                [self._extent_s(i) for i in range(len(self.layers))],
            )
            look = dict(delay_s=delay_s, grid_beats=self.score.grid_beats, layers=extents)
            self.score.show(describe(schedule, source.model.config, self.tempo, **look))
            before = self.takes.of(self.layers)
            if self.piece is None and before is not None and before.piece is not None:
                self._hold(before)
            self.score.fresh = self.piece is not None
            say(self.verdict, self._verdict())
            held = f"{self.take.title}: " if self.piece is not None else ""
            say(self.status, f"{held}{summary(schedule)}{remarks(schedule)}.")

    # What is heard

    def render(self, *, play: bool = False, stage: int | None = None) -> None:
        """Render the piece into the player; `stage` of the chosen layer is then played once."""
        self._attempt(lambda: self._render(play, stage))

    def recall(self, kept: Take) -> None:
        """Bring back a take with its plan, and play it."""
        self.score.live = False  # or else the knobs that move would render again
        self._put(kept.layers, 0)
        self._render(play=True)

    def export(self) -> None:
        """Write the piece and all that is ticked; existing files only where "replace" is ticked too."""
        with errors_in_words(self.status):
            _ = self.exporter.path  # a wrong name is told before the work
            files = self.exporter.write(self._rendered())
            more = f" and {len(files) - 1 - MOST_NAMES} more" if len(files) > MOST_NAMES + 1 else ""
            beside = ", ".join(path.name for path in files[1 : MOST_NAMES + 1])
            say(self.status, f"Written: {files[0]}{f', with {beside}{more} beside it' if beside else ''}.")

    def measure(self) -> None:
        """Measure the piece in a thread and tell whether it is as it should be."""
        with errors_in_words(self.status):
            self._rendered()
            self.measure_button.disabled = True
            say(self.verdict, "Measuring every partial and band of every stage; you can go on meanwhile ...")
            self._measuring = threading.Thread(target=self._measure, args=(self.take,), daemon=True)
            self._measuring.start()

    def _measure(self, measured):
        try:
            with errors_in_words(self.verdict):
                certificates = measured.piece.certificates()
                named = [f"Layer {i}: " if len(certificates) > 1 else "" for i in range(1, len(certificates) + 1)]
                words = [name + verdict(certificate) for name, certificate in zip(named, certificates, strict=True)]
                measured.verdict = " ".join(words) or "A recording as it is has nothing to be measured."
                say(self.verdict, self._verdict())
        finally:
            self.measure_button.disabled = False

    def _verdict(self):
        """Of the piece that the score shows, "" where it is another one than was measured."""
        return self.take.verdict if self.take is not None and self.piece is not None else ""

    def _rendered(self) -> Piece:
        """The piece that the score shows, rendered if it was not."""
        if self.piece is None:
            self._render(play=False)
        assert self.piece is not None
        return self.piece

    def _zipped(self):
        result = None
        with errors_in_words(self.status):
            result = self.exporter.zipped(self._rendered())
        return result

    def _render(self, play, stage=None):
        before = self.take.piece if self.take is not None else None
        composition, sources = self.composition()
        if self.piece is None:
            say(self.status, "Rendering ...")
        piece = self.piece or compose(composition, sources, before=before)
        kept = self.takes.keep(self.layers, piece, self._words(piece))
        self._hold(kept, play=play, stage=stage)
        say(self.status, f"Rendered as {kept.title}: {kept.words}{remarks(self._schedule(self.selected))}.")

    def _words(self, piece):
        seconds = f"{piece.n_samples / piece.sample_rate:.1f} s"
        if len(self.layers) > 1:
            return f"{len(self.layers)} layers, {seconds}"
        return summary(self._schedule(0)) if piece.growths[0] else f"the recording, {seconds}"

    def _hold(self, kept, *, play=False, stage=None):
        """Put a take into the player, beside those that are pinned."""
        self.take = kept
        others = [other for other in self.takes.all if other.pinned and other.piece is not None and other is not kept]
        sounds = {other.title: other.piece.audio for other in (kept, *others)}
        self.player.show(
            sounds,
            kept.piece.sample_rate,
            marks=stage_marks(kept.piece, min(self.selected, len(kept.layers) - 1)),
            choose=kept.title,
            play=play and stage is None,
            once=None if stage is None else self._span_s(stage, stage),
            loop=self._span_s(*self.loop) if self.loop else None,
        )
        self.score.fresh = self.piece is not None
        say(self.verdict, self._verdict())
        self.takes_box.show(kept)

    def _span_s(self, first, last):
        """Seconds from the beginning of one stage of the chosen layer to the end of another."""
        schedule, delay_s = self._schedule(self.selected), self.layers[self.selected]["delay_s"]
        stages, rate = schedule.stages, schedule.sample_rate
        first, last = (stages[min(i, len(stages) - 1)] for i in (first, last))
        return delay_s + first.start / rate, delay_s + last.stop / rate

    # What hands do

    def _act(self, content):
        """After something was done on the score."""
        acts = {
            "play": lambda: self._render(True, content.get("stage")),
            "edit": lambda: self._edit({k: v for k, v in content.items() if k != "type"}),
            "loop": lambda: setattr(self, "loop", content.get("stages")),
            "undo": lambda: self._step(-1),
            "redo": lambda: self._step(1),
        }
        self._attempt(acts.get(content.get("type"), lambda: None))

    def _edit(self, drawn):
        try:
            values = edited(self.board.values, drawn, self._schedule(self.selected), self.tempo)
            plan_from_values(values, self.tempo)
            self.board.set(values)
        except (GrowthError, TypeError, ValueError):
            self.score.refuse()
            raise

    def _moved(self):
        """After each change of the controls, be it by hand, by the score, by a preset, by undo or by a take."""
        values, before = self.board.values, self.layers[self.selected]
        self.layers[self.selected] = values
        for layer in self.layers:
            layer |= {name: values[name] for name in SHARED}
        if values["timing"] == BEATS and before["timing"] != BEATS and not self.score.grid_beats:
            self.score.grid_beats = SNAP_BEATS
        self.history.record((self.layers, self.selected))
        self.refresh()
        if self.score.live and self.piece is None:
            self._later(lambda: self.render(play=self.loop is None))

    def _later(self, act):
        """Do it once nothing has changed for a moment; at once where no loop of events runs."""
        if self._due is not None:
            self._due.cancel()
        try:
            self._due = asyncio.get_running_loop().call_later(SETTLED_S, act)
        except RuntimeError:
            act()

    def _step(self, by):
        self._put(*self.history.step(by))

    def _put(self, layers, selected):
        """Take over the values of all layers, and show one."""
        self.layers, self.selected = deepcopy(layers), min(selected, len(layers) - 1)
        self._show_layers()
        self.board.set(self.layers[self.selected])

    def add_layer(self) -> None:
        """One more layer, with the first preset."""
        if len(self.layers) >= MOST_LAYERS:
            raise GrowthError(f"A piece has at most {MOST_LAYERS} layers.")
        shared = {name: self.layers[0][name] for name in SHARED}
        self._put([*self.layers, self.board.first | shared], len(self.layers))

    def drop_layer(self) -> None:
        """Take the chosen layer out."""
        if len(self.layers) == 1:
            raise GrowthError("A piece has at least one layer.")
        rest = [values for i, values in enumerate(self.layers) if i != self.selected]
        self._put(rest, max(0, self.selected - 1))

    def _choose_layer(self, change):
        if change["new"] is not None and change["new"] != self.selected:
            self._put(self.layers, change["new"])

    def _show_layers(self):
        names = [f"Layer {i + 1}" for i in range(len(self.layers))]
        self.layer_buttons.unobserve(self._choose_layer, "index")
        self.layer_buttons.options, self.layer_buttons.index = names, self.selected
        self.layer_buttons.observe(self._choose_layer, "index")
        self.drop_button.disabled = len(names) == 1

    def _takes_changed(self):
        """After takes were pinned, named or discarded: the one that is chosen stays so."""
        chosen = self.takes_box.list.value
        if self.take is not None and self.take.piece is not None:
            self._hold(self.take)
        self.takes_box.show(next((kept for kept in self.takes.all if kept.number == chosen), None))

    def _show_state(self):
        self.start.show(self.board.values)
        self._show_layers()
        self.score.can_undo, self.score.can_redo = self.history.can_step(-1), self.history.can_step(1)

    def _attempt(self, act):
        with errors_in_words(self.status):
            act()


def _button(label, icon, press, width):
    button = ipywidgets.Button(description=label, icon=icon, layout={"width": width})
    button.on_click(lambda _: press())
    return button

"""A panel to compose a growth: presets, layers and score, the knobs of its plan below, then the piece as sound."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import ipywidgets
import torch
from matplotlib.figure import Figure

from ddsp_nb.errors import GrowthError, WorkbookError
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.render import Growth
from ddsp_nb.growth.schedule import Schedule, make_schedule
from ddsp_nb.growth.track import Source
from ddsp_nb.panels.board import Board, Button, Tabs, Words
from ddsp_nb.panels.growth import composed
from ddsp_nb.panels.growth.composed import History
from ddsp_nb.panels.growth.edits import edited
from ddsp_nb.panels.growth.export_box import ExportBox
from ddsp_nb.panels.growth.instruments import Instruments
from ddsp_nb.panels.growth.knob_views import SHARED
from ddsp_nb.panels.growth.knobs import GrowthKnobs
from ddsp_nb.panels.growth.renders import Render, Renders, RendersBox
from ddsp_nb.panels.growth.room_box import RoomBox
from ddsp_nb.panels.growth.score import Score, describe
from ddsp_nb.panels.growth.start_box import OwnPresets, StartBox
from ddsp_nb.panels.growth.voice import Sketch, Voice
from ddsp_nb.panels.growth.words import remarks, stage_marks, summary, verdict
from ddsp_nb.panels.page import Pictured
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.widgets import errors_in_words, say
from ddsp_nb.piece.compose import Piece, compose
from ddsp_nb.piece.export import draw_map
from ddsp_nb.piece.layers import MOST_LAYERS, Composition
from ddsp_nb.piece.presets import Preset
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.store.workspace import Recording, Store, Workspace
from ddsp_nb.training.family import Family
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

SOUND_HEIGHT_PX = 180
HIGHEST_HZ = 16_000
SETTLED_S = 0.06  # after the last change, before it is rendered: a knob that is turned sends many
MOST_NAMES = 5


class GrowthPanel(Pictured, ipywidgets.VBox):
    """Draw and play the score of a piece, turn the knobs of its plans, then compare renders and export.

    What is planned is one `Sketch`; every hand on it puts another in its place.

    Args:
        model: a trained model.
        take: the take whose phrase it plays.
        seed: of the noise and of shuffled orders.
        recording: that the model learned from; it can then be a layer, as it is.
        workspace: whose other instruments can play layers, and where what is composed is kept until the panel is made
            again, with renders and presets; nothing is, if None.
        family: whose instruments timbres can name; the shipped one if None.
    """

    def __init__(
        self,
        model: DDSPModel,
        take: Take,
        *,
        seed: int = 0,
        recording: Recording | None = None,
        workspace: Workspace | None = None,
        family: Family | None = None,
    ):
        self.instruments = Instruments(Source(model, take, family=family or Family.shipped()), recording, workspace)
        choices = self.instruments.choices, self.instruments.family
        partials = take.controls.amplitudes.shape[-1], take.hz is not None
        self.board = GrowthKnobs(*partials, *choices, self._turned, self._let_go)
        self.knobs = self.board.by_name
        store = workspace.store if workspace is not None else lambda _: Store(None)
        named = recording.model_path.stem if recording is not None else "instrument"
        self.renders = Renders(store(f"growth/{named}-renders.json"))
        self.empty, self.store = (Sketch((Voice(seed=seed),)), 0), store(f"growth/{named}-composed.json")
        before = composed.read(self.store, [value for _, value in self.instruments.choices])
        self.history = before or History(self.empty)
        self.sketch, self.selected = self.history.step(0)
        # What the player holds; the score may have moved on since.
        self.held: Render | None = None
        # First and last stage of what is heard again and again.
        self.loop: list[int] | None = None
        self._schedules: dict[Any, Schedule] = {}
        self._due: asyncio.TimerHandle | None = None
        own = OwnPresets(store("growth/presets.json"))
        self.room = RoomBox(store("growth/rooms").path, model.config.sample_rate, self._enter, self._attempt)
        super().__init__([*self._build_score(model, own), *self._build_below()])
        # For its style.
        self.add_class("ddsp-growth")
        self.refresh()
        if before and self.renders.of(self.sketch):
            self._later(self.render)

    def _build_score(self, model, own):
        key = f"growth {id(self)}"
        look = dict(max_hz=min(HIGHEST_HZ, model.config.nyquist_hz), height_px=SOUND_HEIGHT_PX)
        self.player = Player({"nothing yet": torch.zeros(1)}, model.config.sample_rate, key=key, led=True, **look)
        # Until there is something to be seen.
        self.player.layout.display = "none"
        self.score = Score(key, self._act)
        self.score.observe(lambda _: self.refresh(), "grid_beats")
        self.status = Words()
        self.start = StartBox(own, self._start_from, lambda: self._preset, self._attempt)
        self.preset = self.start.preset
        anew = Button("Start anew", lambda: self._attempt(lambda: self.change(*self.empty)), tip="One layer as it was")
        self.layer_buttons = Tabs("Layers", [("Layer 1", 0)])
        self.layer_buttons.observe(self._choose_layer, "value")
        self.add_button = Button("+ Layer", lambda: self._attempt(self.add_layer))
        self.drop_button = Button("− Layer", lambda: self._attempt(self.drop_layer))
        yield Board([*self.start.row, anew], [self.layer_buttons, self.add_button, self.drop_button])
        yield self.score
        yield Board([self.status])

    def _build_below(self):
        self.renders_box = RendersBox(self.renders, self.recall, self._renders_changed, self._attempt)
        self.exporter = ExportBox(self.export, self._zipped)
        self.measure_button, self.verdict = Button("Measure", self.measure), Words()
        folds = {
            "Export": self.exporter.rows,
            "Renders": self.renders_box.rows,
            "Room": [self.room.row],
            "Is silence silent?": [[self.measure_button], self.verdict],
        }
        yield self.board.box
        yield self.player
        yield Board(folds, tabs=[*folds])

    def picture(self) -> Figure:
        """The chosen layer's stages."""
        return draw_map(self._schedule(self.selected))

    # What is planned

    @property
    def layers(self) -> tuple[Voice, ...]:
        """All layers of the piece."""
        return self.sketch.layers

    @property
    def voice(self) -> Voice:
        """The chosen layer."""
        return self.layers[self.selected]

    @property
    def plan(self) -> GrowthPlan:
        """The plan of the chosen layer; another can be put in its place."""
        return self.voice.plan

    @plan.setter
    def plan(self, plan: GrowthPlan) -> None:
        self._write(replace(self.voice, plan=plan))

    @property
    def tempo(self) -> Tempo:
        """Of all layers."""
        return self.sketch.tempo

    @property
    def piece(self) -> Piece | None:
        """The piece that the player holds, None where the score has moved on since."""
        return self.held.piece if self.held is not None and self.held.sketch == self.sketch else None

    @property
    def growth(self) -> Growth | None:
        """The growth of the chosen layer of that piece."""
        return self.piece.growths[self.selected] if self.piece is not None else None

    @property
    def _preset(self):
        return Preset.of(self.plan, self.voice.in_notes, self.tempo)

    def _playable(self) -> tuple[Composition, list[Source]]:
        """The piece with its sources, each layer pointing to its own."""
        named = [self.instruments.source(voice.plays) for voice in self.layers]
        names, sources = zip(*dict(named).items(), strict=True)
        each = zip(self.layers, named, strict=True)
        layers = tuple(voice.layer(names.index(name)) for voice, (name, _) in each)
        return Composition(layers, self.tempo, self.sketch.room), list(sources)

    def _schedule(self, i: int) -> Schedule:
        """Of layer i; a dry one is shown as what it would grow like."""
        voice = self.layers[i]
        name, source = self.instruments.source(voice.plays)
        key = name, voice.plan, voice.seed
        if key not in self._schedules:
            self._schedules = dict(list(self._schedules.items())[-MOST_LAYERS:])
            self._schedules[key] = make_schedule(source.model, source.take, voice.plan, voice.seed, source.family)
        return self._schedules[key]

    def _extent_s(self, i):
        """Begin and end of layer i."""
        voice = self.layers[i]
        _, source = self.instruments.source(voice.plays)
        n_samples = len(source.audio) if voice.is_dry else self._schedule(i).n_samples
        stop_s = voice.delay_s + n_samples / source.sample_rate
        return {"start": voice.delay_s, "stop": stop_s, "selected": i == self.selected}

    def refresh(self) -> None:
        """Show knobs and score of what is planned; a piece rendered from it before comes back.

        Where it cannot be rendered, that is said, and score and sound stay as they were.
        """
        self.board.show(self.voice, self.tempo)
        self.room.show(self.sketch.room, self.instruments.source(self.layers[0].plays)[1].take.room)
        self.start.show()
        self._show_layers()
        self.score.can_undo, self.score.can_redo = self.history.can_step(-1), self.history.can_step(1)
        with errors_in_words(self.status):
            schedule, extents = self._schedule(self.selected), [self._extent_s(i) for i in range(len(self.layers))]
            tempo = self.tempo if self.voice.in_notes else None
            own = self.instruments.source(self.voice.plays)[1].take.hz is not None
            look = dict(delay_s=self.voice.delay_s, grid_beats=self.score.grid_beats, layers=extents, own=own)
            self.score.show(describe(schedule, tempo, **look))
            before = self.renders.of(self.sketch)
            if self.piece is None and before is not None and before.piece is not None:
                self._hold(before)
            self.score.fresh = self.piece is not None
            say(self.verdict, self._verdict())
            title = f"{self.held.title}: " if self.held is not None and self.piece is not None else ""
            say(self.status, f"{title}{summary(schedule)}{remarks(schedule)}.")

    # What is heard

    def render(self, *, play: bool = False, stage: int | None = None) -> None:
        """Render the piece into the player; `stage` of the chosen layer is then played once."""
        self._attempt(lambda: self._render(play, stage))

    def recall(self, render: Render) -> None:
        """Bring back a render with its plans, and play it."""
        self._put(render.sketch, 0)
        self._render(play=True)

    def export(self) -> None:
        """Write the piece and all that is ticked; existing files only where "replace" is ticked too."""
        with errors_in_words(self.exporter.words):
            _ = self.exporter.path  # a wrong name is told before the work
            files, words = self.exporter.write(self._rendered())
            more = f" and {len(files) - 1 - MOST_NAMES} more" if len(files) > MOST_NAMES + 1 else ""
            beside = ", ".join(path.name for path in files[1 : MOST_NAMES + 1])
            others = f", with {beside}{more} beside it" if beside else ""
            say(self.exporter.words, f"Written: {files[0]}{others}. {words}")

    def measure(self) -> None:
        """Measure the piece in a thread and tell whether it is as it should be."""
        with errors_in_words(self.verdict):
            self._rendered()
            self.measure_button.disabled = True
            say(self.verdict, "Measuring every partial and band of every stage; you can go on meanwhile ...")
            self._measuring = threading.Thread(target=self._measure, args=(self.held,), daemon=True)
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
        return self.held.verdict if self.held is not None and self.piece is not None else ""

    def _rendered(self) -> Piece:
        """The piece that the score shows, rendered if it was not."""
        if self.piece is None:
            self._render(play=False)
        assert self.piece is not None
        return self.piece

    def _zipped(self):
        with errors_in_words(self.exporter.words):
            return self.exporter.zipped(self._rendered())

    def _render(self, play, stage=None):
        before = self.held.piece if self.held is not None else None
        composition, sources = self._playable()
        if self.piece is None:
            say(self.status, "Rendering ...")
        piece = self.piece or compose(composition, sources, room=self.room.room(self.sketch.room), before=before)
        render = self.renders.keep(self.sketch, piece, self._words(piece))
        self._hold(render, play=play, stage=stage)
        about = remarks(self._schedule(self.selected))
        say(self.status, f"Rendered and kept as {render.title}: {render.words}{about}.")

    def _words(self, piece):
        seconds = f"{piece.n_samples / piece.sample_rate:.1f} s"
        if len(self.layers) > 1:
            return f"{len(self.layers)} layers, {seconds}"
        return summary(self._schedule(0)) if piece.growths[0] else f"the recording, {seconds}"

    def _hold(self, render, *, play=False, stage=None):
        """Put a render into the player, beside those that are pinned."""
        self.held, self.player.layout.display = render, None
        pinned = {other.title: other.piece.audio for other in self.renders.all if other.pinned and other.piece}
        self.player.show(
            {render.title: render.piece.audio} | pinned,
            render.piece.sample_rate,
            marks=stage_marks(render.piece, min(self.selected, len(render.sketch.layers) - 1)),
            choose=render.title,
            play=play and stage is None,
            once=None if stage is None else self._span_s(stage, stage),
            loop=self._span_s(*self.loop) if self.loop else None,
        )
        self.score.fresh = self.piece is not None
        say(self.verdict, self._verdict())
        self.renders_box.show(render)

    def _span_s(self, first, last):
        """Seconds from the beginning of one stage of the chosen layer to the end of another."""
        schedule, delay_s = self._schedule(self.selected), self.voice.delay_s
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
            tempo = self.tempo if self.voice.in_notes else None
            self.plan = edited(self._schedule(self.selected), drawn, tempo)
        except (WorkbookError, TypeError, ValueError):
            self.score.refuse()
            raise

    def _turned(self, name):
        """After a knob was turned; where what was typed makes no plan, all stays as it was."""
        held = self.knobs[name].held
        if name in SHARED:
            tempo = replace(self.tempo, **{SHARED[name]: self.knobs[name].value})
            self._attempt(lambda: self.change(self.sketch.at_tempo(tempo), self.selected, held))
        else:
            self._attempt(lambda: self._write(self.board.turned(name, self.voice, self.tempo), held))

    def _let_go(self):
        """After a hand is off a knob that it has moved."""
        self.history.let_go()
        self._keep()

    def _enter(self, room):
        """Into another room; what was rendered sounds in it at once."""
        rendered = self.piece is not None
        self.change(replace(self.sketch, room=room), self.selected)
        if rendered:
            self.render()

    def _start_from(self, preset, seed):
        seed = self.voice.seed if seed is None else seed
        self._write(replace(self.voice, plan=preset.at(self.tempo), in_notes=preset.in_notes, seed=seed))

    def _write(self, voice, held=False):
        """Put another voice in the place of the chosen one."""
        layers = (*self.layers[: self.selected], voice, *self.layers[self.selected + 1 :])
        self.change(replace(self.sketch, layers=layers), self.selected, held)

    def change(self, sketch: Sketch, selected: int = 0, held: bool = False) -> None:
        """After each change by knobs, score or preset: take it over, and hear it where that is wanted.

        What a hand has `held` all the while is one step to be taken back.
        """
        self.history.record((sketch, selected), held=held)
        self._put(sketch, selected)
        if not held:
            self._keep()
        if self.score.live and self.piece is None:
            self._later(lambda: self.render(play=self.loop is None))

    def _put(self, sketch, selected):
        """Take over all layers, and show one."""
        self.sketch, self.selected = sketch, selected
        self.refresh()

    def _keep(self):
        """On disk, for the panel that is made next."""
        self._attempt(lambda: composed.write(self.store, self.history))

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
        self._keep()

    def add_layer(self) -> None:
        """One more layer, with the first preset."""
        if len(self.layers) >= MOST_LAYERS:
            raise GrowthError(f"A piece has at most {MOST_LAYERS} layers.")
        layers = (*self.layers, Voice(seed=self.layers[0].seed))
        self.change(replace(self.sketch, layers=layers), len(self.layers))

    def drop_layer(self) -> None:
        """Take the chosen layer out."""
        if len(self.layers) == 1:
            raise GrowthError("A piece has at least one layer.")
        rest = tuple(voice for i, voice in enumerate(self.layers) if i != self.selected)
        self.change(replace(self.sketch, layers=rest), max(0, self.selected - 1))

    def _choose_layer(self, change):
        if change["new"] != self.selected:
            self._put(self.sketch, change["new"])

    def _show_layers(self):
        self.layer_buttons.unobserve(self._choose_layer, "value")
        self.layer_buttons.options = [(f"Layer {i + 1}", i) for i in range(len(self.layers))]
        self.layer_buttons.value = self.selected
        self.layer_buttons.observe(self._choose_layer, "value")
        self.drop_button.disabled = len(self.layers) == 1

    def _renders_changed(self):
        """After renders were pinned, named or discarded: the one that is chosen stays so."""
        chosen = self.renders_box.list.value
        if self.held is not None and self.held.piece is not None:
            self._hold(self.held)
        self.renders_box.show(next((render for render in self.renders.all if render.number == chosen), None))

    def _attempt(self, act):
        with errors_in_words(self.status):
            act()

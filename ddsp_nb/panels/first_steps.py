"""Eight buttons, three knobs and a line of notes: a first instrument, growth and melody, without a word of theory."""

import ipywidgets
import torch
import traitlets
from matplotlib.figure import Figure

from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.render import grow
from ddsp_nb.notes.note import parse_notes
from ddsp_nb.panels.board import Board, Button, Choice, Line, Slider, Words
from ddsp_nb.panels.growth.knobs import STRATEGY_WORDS
from ddsp_nb.panels.growth.words import stage_marks
from ddsp_nb.panels.page import Pictured
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.widgets import errors_in_words, say
from ddsp_nb.piece.compose import Piece
from ddsp_nb.playing.family import take_of
from ddsp_nb.training.family import Family
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

# As they are called on the buttons, and in the family.
INSTRUMENTS = {
    "violin": "violin",
    "piano": "acoustic grand piano",
    "flute": "flute",
    "clarinet": "clarinet",
    "trumpet": "trumpet",
    "nylon guitar": "nylon guitar",
    "alto sax": "alto sax",
    "choir": "choir aahs",
}
# All of them have these notes.
PHRASE = "C4:0.3 E4:0.3 G4:0.3 C5:0.6 -:0.1 A4:0.3 F4:0.3 G4:0.9"
# Of pictures.
HIGHEST_HZ = 12_000
STAGE_S = 0.6
MOST_STAGES = 16
MELODIES = {
    "Up a chord": "C4:0.4 E4:0.4 G4:0.4 C5:1.2",
    "Down a scale": "C5:0.25 B4:0.25 A4:0.25 G4:0.25 F4:0.25 E4:0.25 D4:0.25 C4:1",
    "A question": "D4:0.3 F4:0.3 A4:0.6 -:0.2 G4:0.3 E4:1",
}


class FirstInstrument(Pictured, ipywidgets.VBox):
    """Eight instruments that sound at a click, each rendered when it is first wanted; what else listens is told.

    Attributes:
        chosen: name of the one that was clicked last.
    """

    chosen = traitlets.Unicode("violin")

    def __init__(self):
        self._family, self._models, self.status = Family.shipped(), dict[str, DDSPModel](), Words()
        self.buttons = {name: Button(name, lambda name=name: self.choose(name)) for name in INSTRUMENTS}
        self.player = Player({self.chosen: torch.zeros(1)}, self.model.config.sample_rate, max_hz=HIGHEST_HZ)
        super().__init__([Board([*self.buttons.values()], [self.status]), self.player])
        self._show()

    @property
    def model(self) -> DDSPModel:
        """What plays."""
        if self.chosen not in self._models:
            self._models[self.chosen] = self._member.model()
        return self._models[self.chosen]

    def plays(self, notes: str) -> Take:
        """Written notes as a take of the instrument. Raises NotesError where they are none."""
        return take_of(self._member, self.model, parse_notes(notes))

    def choose(self, name: str) -> None:
        """Play another one, from where the player is if it plays."""
        # Who listens to the change takes some time: the sound comes first.
        with errors_in_words(self.status), self.hold_trait_notifications():
            self.chosen = name
            self._show(play=True)

    def picture(self) -> Figure:
        """What is heard."""
        return self.player.picture()

    @property
    def _member(self):
        return self._family[INSTRUMENTS[self.chosen]]

    def _show(self, **wishes):
        for name, pressed in self.buttons.items():
            pressed.value = name == self.chosen
        sound = self.plays(PHRASE).render(self.model.config)
        parts = {"both": sound.audio, "sines": sound.harmonic, "noise": sound.noise}
        self.player.show(parts, self.model.config.sample_rate, **wishes)
        say(self.status, f"This is no recording: a network plays the {self.chosen}.")


class FirstGrowth(Pictured, ipywidgets.VBox):
    """Hear the timbre of the instrument that is chosen grow from one sine wave; three knobs."""

    def __init__(self, first: FirstInstrument):
        self.first = first
        self.n_stages, self.status = Slider("Stages", 2, MOST_STAGES, 1, 8), Words()
        self.strategy = Choice("Partials", [(words, name) for name, words in STRATEGY_WORDS.items()])
        self.bell = Slider("Bell stretch", 0, 0.01, 0.001, live=True)
        rate = first.model.config.sample_rate
        self.player = Player({"the growth": torch.zeros(1)}, rate, max_hz=HIGHEST_HZ)
        knobs = [self.strategy, self.n_stages, self.bell]
        for knob in knobs:
            knob.observe(lambda _: self.render(), "value")
        first.observe(lambda _: self.render(), "chosen")
        super().__init__([Board(knobs, [self.status]), self.player])
        self.render()

    def render(self) -> None:
        """Render what the knobs say; where the player plays, it goes on with the new piece."""
        with errors_in_words(self.status):
            self.n_stages.disabled = self.strategy.value != "linear"
            plan = GrowthPlan(
                strategy=self.strategy.value,
                n_stages=self.n_stages.value,
                stage_duration_s=STAGE_S,
                inharmonicity=self.bell.value,
                phrase="repeat",
            )
            growth = grow(self.first.model, self.first.plays(PHRASE), plan)
            counts = ", ".join(str(stage.n_harmonics) for stage in growth.stages)
            say(self.status, f"The {self.first.chosen} in {len(growth.stages)} stages, with {counts} partials.")
            self.player.show({"the growth": growth.audio}, growth.sample_rate, marks=stage_marks(Piece.of(growth)))


class FirstMelody(Pictured, ipywidgets.VBox):
    """Write notes and hear the instrument that is chosen play them."""

    def __init__(self, first: FirstInstrument):
        self.first = first
        self.choice, self.status = Choice("Melody", [*MELODIES.items()]), Words()
        self.notes = Line("Notes", self.choice.value)
        rate = first.model.config.sample_rate
        self.player = Player({"the melody": torch.zeros(1)}, rate, max_hz=HIGHEST_HZ)
        self.choice.observe(lambda change: setattr(self.notes, "value", change.new), "value")
        self.notes.observe(lambda _: self.render(), "value")
        first.observe(lambda _: self.render(), "chosen")
        super().__init__([Board([self.choice, self.notes], [self.status]), self.player])
        self.render()

    def render(self) -> None:
        """Play the notes; a mistake is said, and the last melody stays."""
        with errors_in_words(self.status):
            config = self.first.model.config
            melody = self.first.plays(self.notes.value).render(config).audio
            self.player.show({"the melody": melody.clamp(-1, 1)}, config.sample_rate)
            say(self.status, "A note is its name, a colon, its seconds or note value such as 1/4; - is a rest.")

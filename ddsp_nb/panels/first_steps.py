"""Three knobs and a line of notes: a first growth, a first melody, without a word of theory."""

import ipywidgets
import torch

from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.growth.render import grow
from ddsp_nb.notes.note import parse_notes
from ddsp_nb.panels.growth.knobs import STRATEGY_WORDS
from ddsp_nb.panels.growth.words import stage_marks
from ddsp_nb.panels.player import Player
from ddsp_nb.panels.widgets import WRAPPED, errors_in_words, say
from ddsp_nb.piece.compose import Piece
from ddsp_nb.playing.performance import draw
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

# Of pictures.
HIGHEST_HZ = 16_000
STAGE_S = 0.6
MOST_STAGES = 16
WIDE = {"description_width": "110px"}
MELODIES = {
    "Up a chord": "A4:0.4 C#5:0.4 E5:0.4 A5:1.2",
    "Down a scale": "A5:0.25 G5:0.25 F5:0.25 E5:0.25 D5:0.25 C5:0.25 B4:0.25 A4:1",
    "A question": "D5:0.3 F5:0.3 A5:0.6 -:0.2 G5:0.3 E5:1",
}


class FirstGrowth(ipywidgets.VBox):
    """Hear a recording's timbre grow from one sine wave, as a trained model plays it; three knobs."""

    def __init__(self, model: DDSPModel, take: Take):
        self.instrument, self.recording = model, take
        self.n_stages = ipywidgets.IntSlider(
            8, 2, MOST_STAGES, description="Stages", style=WIDE, continuous_update=False
        )
        self.strategy = ipywidgets.Dropdown(
            options=[(words, name) for name, words in STRATEGY_WORDS.items()], description="Partials", style=WIDE
        )
        stretch = {"min": 0, "max": 0.01, "step": 0.001, "readout_format": ".3f"}
        self.bell = ipywidgets.FloatSlider(
            0, description="Bell stretch", style=WIDE, continuous_update=False, **stretch
        )
        self.status = ipywidgets.HTML()
        rate = model.config.sample_rate
        self.player = Player({"the growth": torch.zeros(1)}, rate, max_hz=min(HIGHEST_HZ, rate / 2))
        knobs = [self.strategy, self.n_stages, self.bell]
        for knob in knobs:
            knob.observe(lambda _: self.render(), "value")
        super().__init__([ipywidgets.HBox(knobs, layout=WRAPPED), self.status, self.player])
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
            growth = grow(self.instrument, self.recording, plan)
            counts = [stage.n_harmonics for stage in growth.stages]
            say(self.status, f"{len(counts)} stages, with {', '.join(map(str, counts))} partials.")
            self.player.show({"the growth": growth.audio}, growth.sample_rate, marks=stage_marks(Piece.of(growth)))


class FirstMelody(ipywidgets.VBox):
    """Write notes and hear a trained model play them."""

    def __init__(self, model: DDSPModel):
        self.instrument = model
        self.choice = ipywidgets.Dropdown(options=list(MELODIES.items()), description="Melody", style=WIDE)
        self.notes = ipywidgets.Text(
            self.choice.value, description="Notes", style=WIDE, continuous_update=False, layout={"width": "560px"}
        )
        self.status = ipywidgets.HTML()
        self.player = Player({"the melody": torch.zeros(1)}, model.config.sample_rate, max_hz=HIGHEST_HZ)
        self.choice.observe(lambda change: setattr(self.notes, "value", change.new), "value")
        self.notes.observe(lambda _: self.render(), "value")
        super().__init__([self.choice, self.notes, self.status, self.player])
        self.render()

    def render(self) -> None:
        """Play the notes; a mistake is said, and the last melody stays."""
        with errors_in_words(self.status):
            sound = self.instrument(draw(parse_notes(self.notes.value), self.instrument), envelope=False)
            self.player.show({"the melody": sound.audio.clamp(-1, 1)}, self.instrument.config.sample_rate)
            say(self.status, "A note is its name, a colon, its seconds or note value such as 1/4; - is a rest.")

"""The knobs of the growth panel, in groups of which one is shown; what they say of a plan: `knob_views.py`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import ipywidgets

from ddsp_nb.errors import WorkbookError
from ddsp_nb.growth.plan import BAND_ORDERS, SETTINGS, WRITTEN
from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.growth.tuning import HELD, PHRASE, TABLES
from ddsp_nb.panels.growth.knob_views import (
    DEEPEST_DB,
    NO_SILENCE,
    NOTES,
    OWN,
    PACES,
    SILENCE_NOTES,
    STAGE_NOTES,
    read,
    write,
)
from ddsp_nb.panels.growth.voice import Voice
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.piece.views import SHAPES
from ddsp_nb.training.morph import OWN as ITSELF

WIDTH = "362px"
LABEL = {"description_width": "118px"}
WIDE = {"width": WIDTH}
# Where the sliders end; a plan from elsewhere may go beyond, and the stages as far as the instrument has partials.
TEMPO_RANGE, MOST_STAGES = (30, 240), 64
STRATEGY_WORDS = {
    "linear": "linear: equal steps",
    "exponential": "exponential: 1, 2, 4, 8 ...",
    "fibonacci": "fibonacci: 1, 2, 3, 5 ...",
    "primes": "primes: 1, 2, 3, 5, 7, 11 ...",
}
ORDER_WORDS = {
    "low": "low to high",
    "high": "high to low",
    "odd": "odd ones first",
    "octaves": "octaves first",
    "loudest": "loudest first",
    "random": "shuffled",
}
BAND_WORDS = ORDER_WORDS | {"odd": "every other first"}
NOISE_WORDS = {
    "last": "with the full sound",
    "every": "in every stage",
    "bands": "band by band",
    "none": "never",
    WRITTEN: "as written below",
}
TIMING_WORDS = {False: "in seconds", True: "in notes, at a tempo"}
SILENCE_WORDS = dict(zip(SILENCE_NOTES, SILENCE_NOTES, strict=True)) | {NO_SILENCE: "none"}
DIRECTION_WORDS = {False: "growing", True: "shrinking"}
PACE_WORDS = {p: f"{1 / p:g} × faster" if p < 1 else "steady" if p == 1 else f"{p:g} × slower" for p in PACES}
PITCH_WORDS = {PHRASE: "the recording's phrase", HELD: "one held note of it", NOTES: "notes of your own"}
PHRASE_WORDS = {"unfold": "unfolds over the piece", "repeat": "repeated in every stage"}
REST_WORDS = {"skip": "left out", "keep": "stay in it"}
RATIO_WORDS = dict(zip(TABLES, TABLES, strict=True)) | {
    "harmonic": "whole multiples (natural)",
    "just": "just intonation",
    "equal": "equal temperament",
    OWN: "of your own",
}
LOUDNESS_WORDS = dict(zip(SHAPES, SHAPES, strict=True))
DRAWN = ("lengths", "sustains", "levels", "timbres")  # lines for what was drawn; they count where they are not empty


def choice(label: str, words: dict, first: Any = None):
    """Maker of a drop-down list: values and the words that stand for them."""
    first = next(iter(words)) if first is None else first
    return partial(ipywidgets.Dropdown, options=[(w, v) for v, w in words.items()], value=first, description=label)


def text(label: str, example: str, first: str = ""):
    """Maker of a line to write in."""
    return partial(ipywidgets.Text, first, placeholder=example, description=label, continuous_update=False)


def slider(label: str, low: float, high: float, step: float, kind=ipywidgets.FloatSlider, **more):
    """Maker of a slider."""
    span = dict(min=low, max=high, step=step, value=low)
    return partial(kind, **span | more, description=label, continuous_update=False)


def limits(name: str) -> tuple[float, float]:
    """The whole range that the plan allows for a setting; other sliders end where hands still find their way."""
    return SETTINGS[name].metadata["low"], SETTINGS[name].metadata["high"]


# By group. The first two are always in sight, one of the others is.
KNOBS: dict[str, dict[str, Callable]] = {
    "Partials": {
        "strategy": choice("Partials grow", STRATEGY_WORDS | {WRITTEN: "as written below"}),
        "n_stages": slider("Stages", 1, MOST_STAGES, 1, ipywidgets.IntSlider),
        "stages": text("Stages", "counts 1, 4, 9 or sets 1/1+3/1+3+5", "1, 4, 9, 16, 25"),
        "order": choice("They enter", ORDER_WORDS),
        "shrinking": choice("Direction", DIRECTION_WORDS),
        "seed": partial(ipywidgets.BoundedIntText, min=0, max=LARGEST_SEED, description="Shuffle no."),
    },
    "Time": {
        "timing": choice("Lengths", TIMING_WORDS),
        "tempo_bpm": slider("Beats a minute", *TEMPO_RANGE, 1, readout_format=".4g"),
        "beats_per_bar": slider("Beats a bar", 1, 12, 1, ipywidgets.IntSlider),
        "stage_note": choice("Each stage takes", STAGE_NOTES, "1/4"),
        "silence_note": choice("Silent at its end", SILENCE_WORDS, "1/16"),
        "stage_duration_s": slider("Stage length (s)", 0.05, 10, 0.05),
        "pace": choice("Towards the end", PACE_WORDS, 1.0),
        "lengths": text("Drawn lengths", "empty it to use the sliders again"),
        "crossfade_s": slider("Cross-fade (s)", 0, 3, 0.05),
        "silence_duration_s": slider("Silence (s)", 0, 3, 0.05),
    },
    "Noise": {
        "noise": choice("Noise sounds", NOISE_WORDS),
        "noise_strategy": choice("Bands grow", STRATEGY_WORDS),
        "noise_order": choice("They enter", {name: BAND_WORDS[name] for name in BAND_ORDERS}),
        "bands": text("Bands", "sets, one a stage: 0/1-8/1-64", "0/1-64"),
    },
    "Pitch": {
        "pitch": choice("Plays", PITCH_WORDS),
        "phrase": choice("The phrase", PHRASE_WORDS),
        "rests": choice("Rests, breaths", REST_WORDS),
        "notes": text("Notes", "A4, or one for each stage: A3, C4, 440", "A3, C4, E4"),
        "ratios": choice("Partials at", RATIO_WORDS),
        "own_ratios": text("Multiples", "1, 2.1, 3.3", "1, 2.1, 3.3, 4.6"),
        "inharmonicity": slider("Bell stretch", *limits("inharmonicity"), 0.001, readout_format=".3f"),
    },
    "ADSR": {
        "attack_s": slider("Attack (s)", 0, 3, 0.01),
        "decay_s": slider("Decay (s)", 0, 3, 0.01),
        "sustain": slider("Sustain level", *limits("sustain"), 0.01),
        "sustains": text("Drawn sustain", "empty it to use the slider again"),
        "release_s": slider("Release (s)", 0, 3, 0.01),
    },
    "Loudness": {
        "loudness": choice("Loudness", LOUDNESS_WORDS),
        "depth_db": slider("By (dB)", 1, DEEPEST_DB, 1, value=24),
        "levels": text("Drawn levels (dB)", "empty it to use the list again"),
    },
    "Timbre": {
        "timbre_first": partial(ipywidgets.Dropdown, description="Begins as"),
        "timbre_last": partial(ipywidgets.Dropdown, description="Becomes"),
        "timbres": text("Drawn timbres", "empty it to use the lists again"),
    },
    "Layer": {
        "plays": partial(ipywidgets.Dropdown, description="It plays"),
        "delay_s": slider("Begins after (s)", 0, 60, 0.05),
        "gain_db": slider("Gain (dB)", -48, 12, 0.5),
        "pan": slider("Left to right", -1, 1, 0.05),
    },
}
ALWAYS = 2


class GrowthKnobs:
    """Widgets by name in `by_name`, laid out in `box`.

    Args:
        n_harmonics: of the instrument.
        instruments: what a layer can play: (words, value) each.
        others: names of the instruments that it can become.
        on_turn: called with the name of a knob that was turned.
    """

    def __init__(
        self,
        n_harmonics: int,
        instruments: list[tuple[str, str]],
        others: Iterable[str],
        on_turn: Callable[[str], None],
    ):
        groups = {
            heading: {name: make(style=LABEL, layout=WIDE) for name, make in knobs.items()}
            for heading, knobs in KNOBS.items()
        }
        self.by_name = {name: control for group in groups.values() for name, control in group.items()}
        self.by_name["n_stages"].max = max(n_harmonics, MOST_STAGES)
        self.by_name["plays"].options = instruments
        timbres = [("the instrument itself", ITSELF), *((name, name) for name in others)]
        self.by_name["timbre_first"].options = self.by_name["timbre_last"].options = timbres
        self._on_turn, self._showing = on_turn, False
        always, others = list(groups)[:ALWAYS], list(groups)[ALWAYS:]
        essential = [w for name in always for w in (ipywidgets.HTML(f"<b>{name}</b>"), *groups[name].values())]
        stack = ipywidgets.Stack([ipywidgets.VBox([*groups[name].values()]) for name in others], selected_index=0)
        chooser = ipywidgets.ToggleButtons(
            options=others, style={"button_width": "auto"}, layout={"width": WIDTH, "margin": "8px 0 0 0"}
        )
        ipywidgets.jslink((chooser, "index"), (stack, "selected_index"))
        self.box = ipywidgets.VBox([*essential, chooser, stack])
        for name, control in self.by_name.items():
            control.observe(partial(self._turned, name), "value")

    def turned(self, name: str, voice: Voice, tempo: Tempo) -> Voice:
        """A voice after a knob was turned. Raises WorkbookError where what was typed makes no plan."""
        return write(name, voice, tempo, {other: control.value for other, control in self.by_name.items()})

    def show(self, voice: Voice, tempo: Tempo) -> None:
        """Move the knobs that count to where a voice is; others are out of the way, and keep their place."""
        self._showing, places = True, read(voice, tempo)
        try:
            for name in sorted(places, key=self._is_text):  # what a text means depends on the other knobs
                control, place = self.by_name[name], places[name]
                if isinstance(control, ipywidgets.Dropdown) and place not in dict(control.options).values():
                    place = None
                control.disabled, control.layout.display = place is None, "none" if place is None else None
                if name in DRAWN or (place is not None and not self._is_text(name)):
                    control.value = "" if place is None else place
                elif place is not None and not self._means(name, voice, tempo):
                    control.value = place
        finally:
            self._showing = False

    def _is_text(self, name):
        return isinstance(self.by_name[name], ipywidgets.Text)

    def _means(self, name, voice, tempo):
        """Whether a text says what it should already, in whatever words it was typed."""
        try:
            return self.turned(name, voice, tempo) == voice
        except WorkbookError:
            return False

    def _turned(self, name, _):
        if not self._showing:
            self._on_turn(name)

"""The knobs of the growth panel, in groups of which one is shown; what they say of a plan: `knob_views.py`."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ddsp_nb.errors import WorkbookError
from ddsp_nb.growth.automaton import RULES
from ddsp_nb.growth.plan import BAND_ORDERS, RULE, SETTINGS, WRITTEN
from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.growth.tuning import HELD, PHRASE, TABLES
from ddsp_nb.panels.board import Board, Choice, Line, Number, Slider
from ddsp_nb.panels.growth import knob_views as views
from ddsp_nb.panels.growth.voice import Voice
from ddsp_nb.piece.tempo import Tempo
from ddsp_nb.piece.views import SHAPES
from ddsp_nb.training.morph import OWN as ITSELF

# Where the sliders end; a plan from elsewhere may go beyond, and the stages as far as the instrument has partials.
TEMPO_RANGE, MOST_STAGES = (30, 240), 64
STRATEGY_WORDS = {
    "linear": "linear: equal steps",
    "exponential": "exponential: 1, 2, 4, 8 ...",
    "fibonacci": "fibonacci: 1, 2, 3, 5 ...",
    "primes": "primes: 1, 2, 3, 5, 7, 11 ...",
}
GROWN_WORDS = STRATEGY_WORDS | {RULE: "by a rule, as cells do"}
ORDER_WORDS = {
    "low": "low to high",
    "high": "high to low",
    "odd": "odd ones first",
    "octaves": "octaves first",
    "loudest": "loudest first",
    "random": "shuffled",
    "longest": "longest first",
    "birth": "as they begin",
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
SILENCE_WORDS = {note: note for note in views.SILENCE_NOTES} | {views.NO_SILENCE: "none"}
DIRECTION_WORDS = {False: "growing", True: "shrinking"}
PACE_WORDS = {p: f"{1 / p:g} × faster" if p < 1 else "steady" if p == 1 else f"{p:g} × slower" for p in views.PACES}
PITCH_WORDS = {PHRASE: "the recording's phrase", HELD: "one held note of it", views.NOTES: "notes of your own"}
PHRASE_WORDS = {"unfold": "unfolds over the piece", "repeat": "repeated in every stage"}
REST_WORDS = {"skip": "left out", "keep": "stay in it"}
RATIO_WORDS = dict(zip(TABLES, TABLES, strict=True)) | {
    "harmonic": "whole multiples (natural)",
    "just": "just intonation",
    "equal": "equal temperament",
    views.OWN: "of your own",
}
LOUDNESS_AS_WORDS = {"gain": "as gain: partials add up", "heard": "by ear: stages are alike"}
LOUDNESS_WORDS = dict(zip(SHAPES, SHAPES, strict=True))
# Lines for what was drawn; they count where they are not empty.
DRAWN = ("lengths", "sustains", "levels", "timbres", "harmonises")


def choice(label: str, words: dict, first: Any = None):
    """Maker of a drop-down list: values and the words that stand for them."""
    return partial(Choice, label, [(w, v) for v, w in words.items()], first)


def text(label: str, example: str, first: str = ""):
    """Maker of a line to write in."""
    return partial(Line, label, first, example=example)


def slider(label: str, low: float, high: float, step: float, value: float | None = None):
    """Maker of a slider, which is seen and heard while it moves."""
    return partial(Slider, label, low, high, step, value, live=True)


def limits(name: str) -> tuple[float, float]:
    """The whole range that the plan allows for a setting; other sliders end where hands still find their way."""
    return SETTINGS[name].metadata["low"], SETTINGS[name].metadata["high"]


# By group. The first two are always in sight, one of the others is.
KNOBS: dict[str, dict[str, Callable]] = {
    "Partials": {
        "strategy": choice("Partials grow", GROWN_WORDS | {WRITTEN: "as written below"}),
        "rule": choice("Rule", dict(zip(RULES, RULES, strict=True)) | {views.OWN: "by its number"}),
        "rule_number": text("Rule no.", "0 to 63 with two neighbours, to 1023 with four", "30"),
        "neighbours": text("Neighbours", "next, +2, octaves 2, fifths 3/2, or several: next, 2"),
        "rule_chance": slider("Idle by chance", *limits("rule_chance"), 0.01),
        "n_stages": slider("Stages", 1, MOST_STAGES, 1),
        "stages": text("Written", "counts 1, 4, 9 or sets 1/1+3/1+3+5", "1, 4, 9, 16, 25"),
        "order": choice("They enter", ORDER_WORDS),
        "shrinking": choice("Direction", DIRECTION_WORDS),
        "seed": partial(Number, "Shuffle no.", 0, LARGEST_SEED, 1),
    },
    "Time": {
        "timing": choice("Lengths", TIMING_WORDS),
        "tempo_bpm": slider("Beats a minute", *TEMPO_RANGE, 1.0),
        "beats_per_bar": slider("Beats a bar", 1, 12, 1),
        "stage_note": choice("Each stage takes", views.STAGE_NOTES, "1/4"),
        "silence_note": choice("Silent at its end", SILENCE_WORDS, "1/16"),
        "stage_duration_s": slider("Stage length (s)", 0.05, 10, 0.05),
        "pace": choice("Towards the end", PACE_WORDS, 1.0),
        "lengths": text("Drawn lengths", "empty it to use the sliders again"),
        "crossfade_s": slider("Cross-fade (s)", 0, 3, 0.05),
        "silence_duration_s": slider("Silence (s)", 0, 3, 0.05),
    },
    "Noise": {
        "noise": choice("Noise sounds", NOISE_WORDS),
        "noise_strategy": choice("Bands grow", GROWN_WORDS),
        "noise_order": choice("Bands enter", {name: BAND_WORDS[name] for name in BAND_ORDERS}),
        "bands": text("Bands", "sets, one a stage: 0/1-8/1-64", "0/1-64"),
    },
    "Pitch": {
        "pitch": choice("Plays", PITCH_WORDS),
        "phrase": choice("The phrase", PHRASE_WORDS),
        "rests": choice("Rests, breaths", REST_WORDS),
        "notes": text("Notes", "A4, or one for each stage: A3, C4, 440", "A3, C4, E4"),
        "ratios": choice("Partials at", RATIO_WORDS),
        "own_ratios": text("Multiples", "1, 2.1, 3.3", "1, 2.1, 3.3, 4.6"),
        "inharmonicity": slider("Bell stretch", *limits("inharmonicity"), 0.001),
        "harmonise": slider("Harmonise", *limits("harmonise"), 0.01),
        "harmonises": text("Drawn harmonise", "empty it to use the slider again"),
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
        "depth_db": slider("By (dB)", 1, views.DEEPEST_DB, 1.0, 24),
        "loudness_as": choice("Measured", LOUDNESS_AS_WORDS),
        "levels": text("Drawn levels (dB)", "empty it to use the list again"),
    },
    "Timbre": {
        "timbre_first": partial(Choice, "Begins as", []),
        "timbre_last": partial(Choice, "Becomes", []),
        "timbres": text("Drawn timbres", "empty it to use the lists again"),
    },
    "Layer": {
        "plays": partial(Choice, "It plays", []),
        "delay_s": slider("Begins after (s)", 0, 60, 0.05),
        "gain_db": slider("Gain (dB)", -48, 12, 0.5),
        "pan": slider("Left to right", -1, 1, 0.05),
    },
}
ALWAYS = 2


class GrowthKnobs:
    """Controls by name in `by_name`, laid out in `box`.

    Args:
        n_partials: of the instrument.
        inharmonic: whether they have places of their own, from which they can be moved.
        instruments: what a layer can play: (words, value) each.
        others: names of the instruments that it can become.
        on_turn: called with the name of a knob that was turned.
        let_go: called when a hand is off one that it moved.
    """

    def __init__(
        self,
        n_partials: int,
        inharmonic: bool,
        instruments: list[tuple[str, str]],
        others: Iterable[str],
        on_turn: Callable[[str], None],
        let_go: Callable[[], object],
    ):
        groups = {heading: {name: make() for name, make in knobs.items()} for heading, knobs in KNOBS.items()}
        self.by_name = {name: control for group in groups.values() for name, control in group.items()}
        self.by_name["n_stages"].high = max(n_partials, MOST_STAGES)
        self.by_name["plays"].options = instruments
        timbres = [("the instrument itself", ITSELF), *((name, name) for name in others)]
        self.by_name["timbre_first"].options = self.by_name["timbre_last"].options = timbres
        self._on_turn, self._showing, self._useless = on_turn, False, () if inharmonic else ("harmonise", "harmonises")
        self.box = Board({heading: [*group.values()] for heading, group in groups.items()}, tabs=[*groups][ALWAYS:])
        for name, place in views.read(Voice(), Tempo()).items():
            control = self.by_name[name]
            if isinstance(control, Slider) and place is not None:
                control.usual = place
            control.observe(partial(self._turned, name), "value")
            control.observe(lambda change: change.new or let_go(), "held")

    def turned(self, name: str, voice: Voice, tempo: Tempo) -> Voice:
        """A voice after a knob was turned. Raises WorkbookError where what was typed makes no plan."""
        return views.write(name, voice, tempo, {other: control.value for other, control in self.by_name.items()})

    def show(self, voice: Voice, tempo: Tempo) -> None:
        """Move the knobs that count to where a voice is; others are out of the way, and keep their place."""
        self._showing, places = True, views.read(voice, tempo) | dict.fromkeys(self._useless)
        try:
            for name in sorted(places, key=self._is_text):  # what a text means depends on the other knobs
                control, place = self.by_name[name], places[name]
                if isinstance(control, Choice) and place not in control.values:
                    place = None
                control.disabled = control.hidden = place is None
                if name in DRAWN or (place is not None and not self._is_text(name)):
                    control.value = "" if place is None else place
                elif place is not None and not self._means(name, voice, tempo):
                    control.value = place
        finally:
            self._showing = False

    def _is_text(self, name):
        return isinstance(self.by_name[name], Line)

    def _means(self, name, voice, tempo):
        """Whether a text says what it should already, in whatever words it was typed."""
        try:
            return self.turned(name, voice, tempo) == voice
        except WorkbookError:
            return False

    def _turned(self, name, _):
        if not self._showing:
            self._on_turn(name)

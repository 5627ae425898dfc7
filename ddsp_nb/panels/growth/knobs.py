"""The knobs of the growth panel, in groups of which one is shown."""

from collections.abc import Callable
from functools import partial

import ipywidgets
import traitlets

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.plan import BAND_ORDERS, SETTINGS, WRITTEN
from ddsp_nb.growth.presets import (
    BEATS,
    CRESCENDO,
    DEFAULTS,
    DIMINUENDO,
    NOTES,
    OWN,
    SECONDS,
    STEADY,
    SWELL,
)
from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.growth.tempo import Tempo
from ddsp_nb.growth.tuning import PHRASE, TABLES

WIDTH = "362px"
LABEL = {"description_width": "118px"}
WIDE = {"width": WIDTH}
TEMPO_RANGE = (30, 240)  # of the slider; files may go beyond
FEWEST_STAGES = 64  # to which the slider goes, also where there are fewer partials
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
TIMING_WORDS = {SECONDS: "in seconds", BEATS: "in notes, at a tempo"}
NOTE_WORDS = {
    "1/1": "whole",
    "1/2": "half",
    "3/8": "dotted quarter",
    "1/4": "quarter",
    "3/16": "dotted eighth",
    "1/8": "eighth",
    "1/8t": "eighth triplet",
    "1/16": "sixteenth",
    "1/32": "thirty-second",
}
SILENCE_WORDS = {"0": "none", "1/64": "1/64", "1/32": "1/32", "1/16": "1/16", "1/8": "1/8", "1/4": "1/4"}
DIRECTION_WORDS = {False: "growing", True: "shrinking"}
PACE_WORDS = {
    **{1 / n: f"{n} × faster" for n in (8, 4, 2)},
    1.0: "steady",
    **{float(n): f"{n} × slower" for n in (2, 4, 8)},
}
PITCH_WORDS = {"phrase": "the recording's phrase", "held": "one held note of it", NOTES: "notes of your own"}
PHRASE_WORDS = {"unfold": "unfolds over the piece", "repeat": "repeated in every stage"}
RATIO_WORDS = dict(zip(TABLES, TABLES, strict=True)) | {
    "harmonic": "whole multiples (natural)",
    "just": "just intonation",
    "equal": "equal temperament",
    OWN: "of your own",
}
LOUDNESS_WORDS = {name: name for name in (STEADY, CRESCENDO, DIMINUENDO, SWELL)}
ESSENTIAL = {
    "Partials": ("strategy", "n_stages", "stages", "order", "shrinking", "seed"),
    "Time": (
        "timing",
        "tempo_bpm",
        "beats_per_bar",
        "stage_note",
        "silence_note",
        "stage_duration_s",
        "pace",
        "lengths",
        "crossfade_s",
        "silence_duration_s",
    ),
}
MORE = {  # one of these groups is shown
    "Noise": ("noise", "noise_strategy", "noise_order", "bands"),
    "Pitch": ("pitch", "phrase", "notes", "ratios", "own_ratios", "inharmonicity"),
    "Envelope": ("attack_s", "decay_s", "sustain", "sustains", "release_s"),
    "Loudness": ("loudness", "depth_db", "levels"),
    "Layer": ("plays", "delay_s", "gain_db", "pan"),
}
SHARED = ("tempo_bpm", "beats_per_bar")  # by all layers of a piece
GROWTH = "growth"  # what a layer plays: the growth of an instrument, or its recording as it is
FIRST_TEMPO = {"tempo_bpm": float(Tempo().bpm), "beats_per_bar": Tempo().beats_per_bar}
OF_LAYER = {"plays": f"{GROWTH}:", "delay_s": 0.0, "gain_db": 0.0, "pan": 0.0}  # beside a plan
in_seconds = lambda values: values["timing"] == SECONDS
COUNTS = {  # where a control has something to say; elsewhere it is out of the way
    "n_stages": lambda values: values["strategy"] == "linear",
    "stages": lambda values: values["strategy"] == WRITTEN,
    "order": lambda values: values["strategy"] != WRITTEN or not ("+" in values["stages"] or "/" in values["stages"]),
    "seed": lambda values: "random" in (values["order"], values["noise_order"]),
    "stage_note": lambda values: not in_seconds(values) and not values["lengths"],
    "silence_note": lambda values: not in_seconds(values) and values["crossfade_s"] == 0,
    "stage_duration_s": lambda values: in_seconds(values) and not values["lengths"],
    "pace": lambda values: in_seconds(values) and not values["lengths"],
    "lengths": lambda values: bool(values["lengths"]),
    "silence_duration_s": lambda values: in_seconds(values) and values["crossfade_s"] == 0,
    "noise_strategy": lambda values: values["noise"] == "bands",
    "noise_order": lambda values: values["noise"] == "bands",
    "bands": lambda values: values["noise"] == WRITTEN,
    "phrase": lambda values: values["pitch"] == PHRASE,
    "notes": lambda values: values["pitch"] == NOTES,
    "own_ratios": lambda values: values["ratios"] == OWN,
    "sustain": lambda values: not values["sustains"],
    "sustains": lambda values: bool(values["sustains"]),
    "loudness": lambda values: not values["levels"],
    "depth_db": lambda values: not values["levels"] and values["loudness"] != STEADY,
    "levels": lambda values: bool(values["levels"]),
}


def choice(label: str, words: dict):
    """Maker of a drop-down list: values and the words that stand for them."""
    return partial(ipywidgets.Dropdown, options=[(w, v) for v, w in words.items()], description=label)


def text(label: str, example: str):
    """Maker of a line to write in."""
    return partial(ipywidgets.Text, placeholder=example, description=label, continuous_update=False)


def slider(label: str, low: float, high: float, step: float, kind=ipywidgets.FloatSlider, **more):
    """Maker of a slider."""
    span = dict(min=low, max=high, step=step, value=low)
    return partial(kind, **span, description=label, continuous_update=False, **more)


def limits(name: str) -> tuple[float, float]:
    """The whole range that the plan allows for a setting; other sliders end where hands still find their way."""
    return SETTINGS[name].metadata["low"], SETTINGS[name].metadata["high"]


KNOBS = {
    "strategy": choice("Partials grow", STRATEGY_WORDS | {WRITTEN: "as written below"}),
    "n_stages": slider("Stages", 1, FEWEST_STAGES, 1, ipywidgets.IntSlider),
    "stages": text("Stages", "counts 1, 4, 9 or sets 1/1+3/1+3+5"),
    "order": choice("They enter", ORDER_WORDS),
    "shrinking": choice("Direction", DIRECTION_WORDS),
    "seed": partial(ipywidgets.BoundedIntText, min=0, max=LARGEST_SEED, description="Shuffle no."),
    "timing": choice("Lengths", TIMING_WORDS),
    "tempo_bpm": slider("Beats a minute", *TEMPO_RANGE, 1, readout_format=".4g"),
    "beats_per_bar": slider("Beats a bar", 1, 12, 1, ipywidgets.IntSlider),
    "stage_note": choice("Each stage takes", NOTE_WORDS),
    "silence_note": choice("Silent at its end", SILENCE_WORDS),
    "lengths": text("Drawn lengths", "empty it to use the sliders again"),
    "stage_duration_s": slider("Stage length (s)", 0.05, 10, 0.05),
    "pace": choice("Towards the end", PACE_WORDS),
    "crossfade_s": slider("Cross-fade (s)", 0, 3, 0.05),
    "silence_duration_s": slider("Silence (s)", 0, 3, 0.05),
    "noise": choice("Noise sounds", NOISE_WORDS),
    "noise_strategy": choice("Bands grow", STRATEGY_WORDS),
    "noise_order": choice("They enter", {name: BAND_WORDS[name] for name in BAND_ORDERS}),
    "bands": text("Bands", "sets, one a stage: 0/1-8/1-64"),
    "pitch": choice("Plays", PITCH_WORDS),
    "phrase": choice("The phrase", PHRASE_WORDS),
    "notes": text("Notes", "A4, or one for each stage: A3, C4, 440"),
    "ratios": choice("Partials at", RATIO_WORDS),
    "own_ratios": text("Multiples", "1, 2.1, 3.3"),
    "inharmonicity": slider("Bell stretch", *limits("inharmonicity"), 0.001, readout_format=".3f"),
    "attack_s": slider("Attack (s)", 0, 3, 0.01),
    "decay_s": slider("Decay (s)", 0, 3, 0.01),
    "sustain": slider("Sustain level", *limits("sustain"), 0.01),
    "sustains": text("Drawn sustain", "empty it to use the slider again"),
    "release_s": slider("Release (s)", 0, 3, 0.01),
    "loudness": choice("Loudness", LOUDNESS_WORDS),
    "depth_db": slider("By (dB)", 1, 48, 1),
    "levels": text("Drawn levels (dB)", "empty it to use the list again"),
    "plays": partial(ipywidgets.Dropdown, description="It plays"),
    "delay_s": slider("Begins after (s)", 0, 60, 0.05),
    "gain_db": slider("Gain (dB)", -48, 12, 0.5),
    "pan": slider("Left to right", -1, 1, 0.05),
}


class GrowthKnobs:
    """Widgets by name in `by_name`, laid out in `box`.

    Args:
        n_harmonics: of the instrument.
        seed: of noise and shuffled orders.
        instruments: what a layer can play: (words, value) each.
        on_change: called after each change of values, once where many change together.
    """

    def __init__(self, n_harmonics: int, seed: int, instruments: list[tuple[str, str]], on_change: Callable[[], None]):
        self.on_change, self._setting = on_change, False
        self.by_name = {name: make(style=LABEL, layout=WIDE) for name, make in KNOBS.items()}
        self.by_name["n_stages"].max = max(n_harmonics, FEWEST_STAGES)
        self.by_name["plays"].options = instruments
        self.first = DEFAULTS | OF_LAYER | FIRST_TEMPO | {"seed": seed, "plays": instruments[0][1]}
        for name, value in self.first.items():
            self.by_name[name].value = value
        groups = {heading: [self.by_name[name] for name in names] for heading, names in (ESSENTIAL | MORE).items()}
        essential = [w for h in ESSENTIAL for w in (ipywidgets.HTML(f"<b>{h}</b>"), *groups[h])]
        stack = ipywidgets.Stack([ipywidgets.VBox(groups[heading]) for heading in MORE], selected_index=0)
        chooser = ipywidgets.ToggleButtons(
            options=list(MORE), style={"button_width": "auto"}, layout={"width": WIDTH, "margin": "8px 0 0 0"}
        )
        ipywidgets.jslink((chooser, "index"), (stack, "selected_index"))
        self.box = ipywidgets.VBox([*essential, chooser, stack])
        for control in self.by_name.values():
            control.observe(self._changed, "value")
        self._offer()

    @property
    def values(self) -> dict:
        """What the controls stand at, by name."""
        return {name: control.value for name, control in self.by_name.items()}

    def set(self, values: dict) -> None:
        """Move controls together, as one change. Raises GrowthError where a value is none that a control can have."""
        self._setting, before = True, self.values
        try:
            for name, value in values.items():
                self.by_name[name].value = value
        except (KeyError, traitlets.TraitError) as error:
            for name, value in before.items():
                self.by_name[name].value = value
            raise GrowthError("These values are of another version; they cannot be brought back.") from error
        finally:
            self._setting = False
        self._changed()

    def _changed(self, _=None):
        if not self._setting:
            self._offer()
            self.on_change()

    def _offer(self):
        """Show the controls that count."""
        values = self.values
        for name, counts in COUNTS.items():
            control, shown = self.by_name[name], counts(values)
            control.disabled, control.layout.display = not shown, None if shown else "none"

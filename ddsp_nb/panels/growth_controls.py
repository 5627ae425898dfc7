"""The knobs of the growth panel, in groups of which one is shown."""

from collections.abc import Callable
from functools import partial

import ipywidgets

from ddsp_nb.growth.plan import BAND_ORDERS, SETTINGS, WRITTEN
from ddsp_nb.growth.settings import LARGEST_SEED
from ddsp_nb.growth.tuning import PHRASE, TABLES
from ddsp_nb.panels.presets import CRESCENDO, DEFAULTS, DIMINUENDO, NOTES, OWN, STEADY, SWELL

WIDTH = "362px"
LABEL = {"description_width": "118px"}
WIDE = {"width": WIDTH}
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
NOISE_WORDS = {"last": "with the full sound", "every": "in every stage", "bands": "band by band", "none": "never"}
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
    "Time": ("stage_duration_s", "pace", "crossfade_s", "silence_duration_s"),
}
MORE = {  # one of these groups is shown
    "Noise": ("noise", "noise_strategy", "noise_order"),
    "Pitch": ("pitch", "phrase", "notes", "ratios", "own_ratios", "inharmonicity"),
    "Envelope": ("attack_s", "decay_s", "sustain", "release_s"),
    "Loudness": ("loudness", "depth_db"),
}
COUNTS = {  # where a control has something to say; elsewhere it is out of the way
    "n_stages": lambda values: values["strategy"] == "linear",
    "stages": lambda values: values["strategy"] == WRITTEN,
    "seed": lambda values: "random" in (values["order"], values["noise_order"]),
    "silence_duration_s": lambda values: values["crossfade_s"] == 0,
    "noise_strategy": lambda values: values["noise"] == "bands",
    "noise_order": lambda values: values["noise"] == "bands",
    "phrase": lambda values: values["pitch"] == PHRASE,
    "notes": lambda values: values["pitch"] == NOTES,
    "own_ratios": lambda values: values["ratios"] == OWN,
    "depth_db": lambda values: values["loudness"] != STEADY,
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
    "stage_duration_s": slider("Stage length (s)", 0.05, 10, 0.05),
    "pace": choice("Towards the end", PACE_WORDS),
    "crossfade_s": slider("Cross-fade (s)", 0, 3, 0.05),
    "silence_duration_s": slider("Silence (s)", 0, 3, 0.05),
    "noise": choice("Noise sounds", NOISE_WORDS),
    "noise_strategy": choice("Bands grow", STRATEGY_WORDS),
    "noise_order": choice("They enter", {name: BAND_WORDS[name] for name in BAND_ORDERS}),
    "pitch": choice("Plays", PITCH_WORDS),
    "phrase": choice("The phrase", PHRASE_WORDS),
    "notes": text("Notes", "A4, or one for each stage: A3, C4, 440"),
    "ratios": choice("Partials at", RATIO_WORDS),
    "own_ratios": text("Multiples", "1, 2.1, 3.3"),
    "inharmonicity": slider("Bell stretch", *limits("inharmonicity"), 0.001, readout_format=".3f"),
    "attack_s": slider("Attack (s)", 0, 3, 0.01),
    "decay_s": slider("Decay (s)", 0, 3, 0.01),
    "sustain": slider("Sustain level", *limits("sustain"), 0.01),
    "release_s": slider("Release (s)", 0, 3, 0.01),
    "loudness": choice("Loudness", LOUDNESS_WORDS),
    "depth_db": slider("By (dB)", 1, 48, 1),
}


class GrowthKnobs:
    """Widgets by name in `by_name`, laid out in `box`.

    Args:
        n_harmonics: of the instrument.
        seed: of noise and shuffled orders.
        on_change: called after each change of values, once where many change together.
    """

    def __init__(self, n_harmonics: int, seed: int, on_change: Callable[[], None]):
        self.on_change, self._setting = on_change, False
        self.by_name = {name: make(style=LABEL, layout=WIDE) for name, make in KNOBS.items()}
        self.by_name["n_stages"].max = max(n_harmonics, FEWEST_STAGES)
        for name, value in (DEFAULTS | {"seed": seed}).items():
            self.by_name[name].value = value
        groups = {heading: [self.by_name[name] for name in names] for heading, names in (ESSENTIAL | MORE).items()}
        essential = [w for h in ESSENTIAL for w in (ipywidgets.HTML(f"<b>{h}</b>"), *groups[h])]
        stack = ipywidgets.Stack([ipywidgets.VBox(groups[heading]) for heading in MORE], selected_index=0)
        chooser = ipywidgets.ToggleButtons(
            options=list(MORE), style={"button_width": "86px"}, layout={"width": WIDTH, "margin": "8px 0 0 0"}
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
        """Move controls together, as one change."""
        self._setting = True
        try:
            for name, value in values.items():
                self.by_name[name].value = value
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

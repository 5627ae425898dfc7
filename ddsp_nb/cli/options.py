"""Options of `ddsp-nb grow`, and the plan that they describe. Light to import: help must come at once."""

from pathlib import Path

import click

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.text import melody_of, numbers_of, one_pitch, stages_of

STRATEGIES = ["linear", "exponential", "fibonacci", "primes"]
ORDERS = ["low", "high", "odd", "octaves", "loudest", "random"]
BAND_ORDERS = ["low", "high", "odd", "loudest", "random"]
NOISE_CHOICES = ["last", "every", "bands", "none"]
SUBTYPES = ["PCM_16", "PCM_24", "FLOAT"]


class Curve(click.ParamType):
    """A finite number, or several with commas between them."""

    name = "number[,number ...]"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            numbers = numbers_of(value)
        except GrowthError as error:
            self.fail(str(error), param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


class Number(Curve):
    """One finite number."""

    name = "number"

    def convert(self, value, param, ctx):
        number = super().convert(value, param, ctx)
        if isinstance(number, tuple):
            self.fail(f"{value!r} is not one number.", param, ctx)
        return number


class Stages(click.ParamType):
    """A number of stages, or stages of one's own: counts 1,4,9 or sets 1/1+3/1+3+5."""

    name = "stages"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            stages = stages_of(value)
        except GrowthError as error:
            self.fail(str(error), param, ctx)
        return stages[0] if len(stages) == 1 and isinstance(stages[0], int) else stages


class Ratios(Curve):
    """The name of a table, or numbers with commas between them."""

    name = "ratios"

    def convert(self, value, param, ctx):
        if isinstance(value, str) and value.replace("-", "").isalpha():
            return value
        numbers = super().convert(value, param, ctx)
        return numbers if isinstance(numbers, str | tuple) else (numbers,)


GROW_OPTIONS = (
    click.option("--model", "checkpoint", default="ddsp_model.pt", type=Path, help="What `ddsp-nb train` wrote."),
    click.option("--output", default="ddsp_grown_timbre.wav", type=Path, help="Sound file, .wav or .flac."),
    click.option(
        "--from",
        "source",
        type=Path,
        default=None,
        show_default="none",
        help="Render a piece again from its .json, or from the sound file itself; the plan is then all in there.",
    ),
    click.option(
        "--strategy", default="fibonacci", type=click.Choice(STRATEGIES), help="How the number of partials grows."
    ),
    click.option(
        "--stages",
        type=Stages(),
        default=None,
        show_default="8",
        help="Stages of the linear strategy; or your own: counts 1,4,9 or sets of partials 1/1+3/1+3+5.",
    ),
    click.option("--order", default="low", type=click.Choice(ORDERS), help="Which partials enter first."),
    click.option("--shrink", is_flag=True, help="Play it backwards: from the full sound to one sine wave."),
    click.option(
        "--stage-duration",
        default=0.5,
        type=Curve(),
        help="Length of a stage, s; 1,0.1 accelerates from 1 to 0.1 s, 0.1,1 slows down.",
    ),
    click.option(
        "--silence-duration", default=0.2, type=Curve(), help="Silence between stages, s; 0.5,0.1 shortens it."
    ),
    click.option("--crossfade", default=0.0, type=Number(), help="Let stages overlap by so many s instead."),
    click.option("--attack", default=0.02, type=Number(), help="Rise of a stage, s."),
    click.option("--decay", default=0.05, type=Number(), help="Fall to the sustain level, s."),
    click.option("--sustain", default=0.9, type=Number(), help="Sustain level, 0 to 1."),
    click.option("--release", default=0.08, type=Number(), help="Fade-out of a stage, s."),
    click.option("--loudness", default=0.0, type=Curve(), help="Level of the stages, dB; -24,0 is a crescendo."),
    click.option(
        "--noise",
        default="last",
        type=click.Choice(NOISE_CHOICES),
        help="Breath and bow: in the last stage, in every one, band by band, or never.",
    ),
    click.option(
        "--noise-strategy", default="linear", type=click.Choice(STRATEGIES), help="How the number of bands grows."
    ),
    click.option("--noise-order", default="low", type=click.Choice(BAND_ORDERS), help="Which bands enter first."),
    click.option(
        "--pitch",
        default="phrase",
        help="What is played: the recording's own phrase, its median note “held”, a note such as C#4, or Hz.",
    ),
    click.option(
        "--melody",
        default=None,
        show_default="none",
        help="A pitch for each stage instead: A3,C4,E4; repeated as needed.",
    ),
    click.option(
        "--ratios",
        default="harmonic",
        type=Ratios(),
        help="Where partials sound: harmonic, just, equal, quarter-tones, whole-tones, or multiples such as 1,2.1,3.3.",
    ),
    click.option(
        "--stretch", default=0.0, type=Number(), help="Stretch the partials as a stiff string does, 0 to 0.1."
    ),
    click.option("--subtype", default="PCM_16", type=click.Choice(SUBTYPES), help="Sample format of the sound files."),
    click.option("--stems", is_flag=True, help="Also write partials and noise, which add up to the piece."),
    click.option("--stage-files", is_flag=True, help="Also write each stage to a file of its own."),
    click.option("--midi", is_flag=True, help="Also write the stages as MIDI notes."),
    click.option("--map", "stage_map", is_flag=True, help="Also draw what sounds when, as a PNG picture."),
    click.option("--certificate", is_flag=True, help="Also measure the piece and print the table."),
    click.option("--overwrite", is_flag=True, help="Replace files that exist."),
)


def plan_of(options: dict):
    """The `GrowthPlan` that the options describe.

    Raises:
        GrowthError: they describe none.
    """
    from ddsp_nb import ADSR, GrowthPlan

    stages, same = options["stages"], ("strategy", "order", "loudness", "noise", "noise_strategy", "noise_order")
    same += ("ratios", "stretch")
    values = {("loudness_db" if name == "loudness" else name): options[name] for name in same}
    values |= {"stages": stages} if isinstance(stages, tuple) else {"n_stages": stages} if stages is not None else {}
    return GrowthPlan(
        **values,
        shrinking=options["shrink"],
        stage_duration_s=options["stage_duration"],
        silence_duration_s=options["silence_duration"],
        crossfade_s=options["crossfade"],
        adsr=ADSR(*(options[name] for name in ("attack", "decay", "sustain", "release"))),
        pitch=melody_of(options["melody"]) if options["melody"] else one_pitch(options["pitch"]),
    )

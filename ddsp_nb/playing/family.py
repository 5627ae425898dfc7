"""An instrument of a family, ready to be played: a model, and a phrase in its own timbre that can grow."""

import itertools
from collections.abc import Sequence

from ddsp_nb.config import Config
from ddsp_nb.notes.note import Note
from ddsp_nb.notes.pitch import A4, SEMITONES_PER_OCTAVE
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.performance import Performance
from ddsp_nb.training.family import Family, Member
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

# What an instrument plays that has no recording: semitones from the middle of its range, and seconds.
PHRASE = ((0, 0.4), (4, 0.4), (7, 0.4), (12, 0.8), (7, 0.4), (0, 1.6))
MIDDLE = 50  # hundredths of the pitches that were heard
# Of a phrase that was written: no recording can differ from it.
CEILING_DB = 100.0


def instrument(words: str, family: Family | None = None, config: Config | None = None) -> tuple[DDSPModel, Take]:
    """An instrument or a morph of several, as `load_model` gives a trained one.

    Args:
        words: a name such as "oboe", or a morph such as "flute:0.3 oboe:0.7".
        family: the shipped one by default.
        config: gives the sample rate and the sizes of the synthesizer.

    Raises:
        ConfigError: an unknown name, or a morph that is none.
    """
    member = (family or Family.shipped()).member(words)
    model = member.model(config)
    return model, take_of(member, model)


def take_of(member: Member, model: DDSPModel, notes: Sequence[Note] = ()) -> Take:
    """Written notes as an instrument plays them; without any, a short phrase in the middle of its range."""
    notes = notes or _usual_phrase(A4 + SEMITONES_PER_OCTAVE * member.octaves[MIDDLE].item())
    features = Performance.of_notes(notes).features(model, Articulation(*member.shape.tolist()))
    return Take(features, model.controls(features, envelope=False), CEILING_DB)


def _usual_phrase(number):
    ends_s = list(itertools.accumulate((seconds for _, seconds in PHRASE), initial=0.0))
    return [Note(*ends_s[i : i + 2], round(number) + semitones) for i, (semitones, _) in enumerate(PHRASE)]

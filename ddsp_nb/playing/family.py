"""An instrument of a family, ready to be played: a model, and a phrase in its own timbre that can grow."""

import itertools
from collections.abc import Sequence
from dataclasses import astuple, replace

import torch

from ddsp_nb.analysis.decompose import AnalysedRecording
from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.analysis.features import UNPITCHED, Features
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, warn_user
from ddsp_nb.notes.general_midi import NAMES, nearest_name
from ddsp_nb.notes.note import Note
from ddsp_nb.notes.pitch import A4, SEMITONES_PER_OCTAVE
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.performance import Performance
from ddsp_nb.training.corpus import Corpus
from ddsp_nb.training.family import SMALLEST, Family, Member
from ddsp_nb.training.instrument import USUAL_DB
from ddsp_nb.training.lessons import prepare
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

# What an instrument plays that has no recording: semitones from the middle of its range, and seconds.
PHRASE = ((0, 0.4), (4, 0.4), (7, 0.4), (12, 0.8), (7, 0.4), (0, 1.6))
MIDDLE = 50  # hundredths of the pitches that were heard
# Of a phrase that was written: no recording can differ from it.
CEILING_DB = 100.0
# Frames with a pitch, of which there are fewer hold no instrument.
LEAST_FRAMES = 16


def instrument(words: str, family: Family | None = None, config: Config | None = None) -> tuple[DDSPModel, Take]:
    """An instrument or a morph of several, as `load_model` gives a trained one; of curves, the middle.

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
    features = Performance.of_notes(notes).features(model, articulation(member))
    return Take(features, model.controls(features, envelope=False), CEILING_DB, tuple(member.shape.tolist()))


def articulation(member: Member) -> Articulation:
    """How the notes of an instrument begin, sink and end."""
    return Articulation(*member.shape.tolist())


def _usual_phrase(number):
    ends_s = list(itertools.accumulate((seconds for _, seconds in PHRASE), initial=0.0))
    return [Note(*ends_s[i : i + 2], round(number) + semitones) for i, (semitones, _) in enumerate(PHRASE)]


def morphing(lines: list[Features], words: str, family: Family, config: Config) -> list[Features]:
    """Lines that sound together, with the timbre of a morph from the first frame to the last where it has curves."""
    if not family.moves(words):
        return lines
    timbres = family.timbres(words, max(map(len, lines)), config)
    return [replace(line, timbre=timbres[: len(line)]) for line in lines]


def players(played: Performance, family: Family) -> dict[str, Performance]:
    """What each instrument plays of a score, as the programs of its channels say; a warning tells of stand-ins."""
    stand_ins = dict[str, None]()

    def player(program: int) -> str:
        name = nearest_name(program, family)
        if NAMES[program] != name:
            stand_ins[f"{NAMES[program]} by {name}"] = None
        return name

    parts = played.by_player(player)
    if stand_ins:
        warn_user(f"Not in the family, and played by what is most alike: {', '.join(stand_ins)}.")
    return parts


def enrolled(recordings: Sequence[AnalysedRecording], config: Config, seed: int = 0) -> Member:
    """A new instrument from seconds of sound, at the level of all others.

    Args:
        recordings: of one instrument, analysed with `config`.
        config: of their features.
        seed: of the frames that are looked at.

    Raises:
        AudioError: hardly any note with a pitch is in them.
    """
    corpus = Corpus.of(recordings, config, 0)
    voiced = torch.cat([phrase.features.voiced for phrase in corpus.heard])
    if voiced.sum() < LEAST_FRAMES or voiced.float().mean() < 1 - UNPITCHED:
        raise AudioError(f"{recordings[0].name}: hardly any note with a pitch is in it. Record one note at a time.")
    model = DDSPModel(replace(config, hidden_size=SMALLEST, n_layers=1))
    prepare(model, corpus, start="shared", seed=seed)
    shapes = torch.tensor([astuple(Articulation.measured(recording.features)) for recording in recordings])
    member = Member.of(model, shapes.median(0).values)
    up_db = USUAL_DB - model.network.instrument.usual_db
    floor = member.noise_floor + NEPERS_PER_DB * up_db
    return replace(member, loudness_db=member.loudness_db + up_db, noise_floor=floor)

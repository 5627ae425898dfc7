"""An SFZ instrument: held notes over the keyboard in three dynamics, and the text that maps them.

The opcodes are those of SFZ 1, which sfizz, sforzando, ARIA, LinuxSampler and others read (https://sfzformat.com).
`loop_end` is the last sample of the loop.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from ddsp_nb.errors import warn_user
from ddsp_nb.notes.level import midi_db
from ddsp_nb.notes.pitch import midi_name, midi_number
from ddsp_nb.playing.articulation import DECAY_DB_PER_S, SINKING_S, Articulation
from ddsp_nb.playing.own_timbre import usual_loudness_db
from ddsp_nb.playing.transfer import RANGE_MARGIN_SEMITONES, heard_range
from ddsp_nb.progress import with_bar
from ddsp_nb.sound.save import save_audio
from ddsp_nb.studio.held import HeldNote, held_note
from ddsp_nb.training.model import DDSPModel

LAYERS = {"p": 32, "mf": 72, "f": 112}  # the velocity at which each dynamic sounds alone, at its calibrated level
KEYS_PER_SAMPLE = 3  # each sample is stretched by a semitone at most within the sampled range
LEAST_SEMITONES = 24  # an instrument of fewer notes is sampled beyond them
BEYOND_SEMITONES = 12  # by which the outermost samples are stretched for keys outside
SAMPLES = "samples"  # folder beside the .sfz file
PEAK = 0.99  # of full scale, that no sample exceeds
# By which an exponential decay of the players falls in its time.
DECAY_DB = 80.0
VIBRATO_HZ, VIBRATO_CENTS = 5.5, 30  # of the modulation wheel, turned all the way


def sampled_notes(model: DDSPModel) -> list[int]:
    """MIDI numbers to sample, every third: the notes that were heard, and around them as many as make two octaves.

    Moved to where the pitch range of the config allows it.
    """
    low, high = heard_range(model.octave_quantiles)
    least, most = map(midi_number, model.config.f0_range_hz)
    missing = max(math.ceil(LEAST_SEMITONES - (high - low)), 0)
    first = math.floor(low) - missing // 2
    n_steps = math.ceil((high - low + missing) / KEYS_PER_SAMPLE)
    first = max(min(first, math.floor(most) - KEYS_PER_SAMPLE * n_steps), math.ceil(least))
    return [first + KEYS_PER_SAMPLE * i for i in range(n_steps + 1)]


def warn_of_guesses(model: DDSPModel) -> None:
    """Tell the user where notes are sampled that are far from any that was heard."""
    low, high = heard_range(model.octave_quantiles)
    notes = sampled_notes(model)
    if notes[0] < low - RANGE_MARGIN_SEMITONES or notes[-1] > high + RANGE_MARGIN_SEMITONES:
        warn_user(
            f"The instrument was heard from {midi_name(round(low))} to {midi_name(round(high))} and is sampled from "
            f"{midi_name(notes[0])} to {midi_name(notes[-1])}: the timbre of the other notes is a guess."
        )


def held_notes(
    model: DDSPModel, articulation: Articulation, *, seed: int = 0, on_note: Callable[[int, int], None]
) -> Iterator[tuple[str, HeldNote]]:
    """Name of the dynamic and note, for every sample; levels are those of `StreamingSynthesizer` at its velocity."""
    usual_db, notes = usual_loudness_db(model), sampled_notes(model)
    for n, note in enumerate(with_bar(notes, "Sampling"), 1):
        on_note(n, len(notes))
        for layer, velocity in LAYERS.items():
            yield layer, held_note(model, note, usual_db + midi_db(velocity), articulation, seed=seed)


def write_samples(notes: list[tuple[str, HeldNote]], folder: Path, sample_rate: int) -> tuple[list[Path], float]:
    """Write notes as 24-bit FLAC files, all with one linear gain, by which the loudest stays within full scale."""
    gain = min(1.0, PEAK / max(note.audio.abs().max().item() for _, note in notes))
    places = [(folder / sample_name(layer, note), gain * note.audio) for layer, note in notes]
    return [save_audio(path, audio, sample_rate, subtype="PCM_24") for path, audio in places], gain


def sample_name(layer: str, note: HeldNote) -> str:
    """Such as samples/A4_069_mf.flac, without the sharp, which some players take for the start of a comment."""
    return f"{SAMPLES}/{midi_name(note.note).replace('#', 's')}_{note.note:03d}_{layer}.flac"


def sfz_text(notes: list[tuple[str, HeldNote]], articulation: Articulation) -> str:
    """The .sfz file of these samples."""
    keys = sorted({note.note for _, note in notes})
    header = (
        "// Held notes in three dynamics, which cross by velocity. The modulation wheel adds vibrato.\n"
        "<global>\n"
        "loop_mode=loop_continuous\n"
        f"{_decay(articulation)}ampeg_release={articulation.release_s:.3f}\n"
        "amp_veltrack=0\n"
        "xf_velcurve=gain\n"
        "bend_up=200 bend_down=-200\n"
        f"pitchlfo_freq={VIBRATO_HZ:g} pitchlfo_depthcc1={VIBRATO_CENTS}\n"
    )
    return header + "".join(_region(layer, note, keys) for layer, note in notes)


def _decay(articulation: Articulation) -> str:
    """Of what is struck or plucked: the loop would sound for ever; a bow or a breath is held."""
    rate = articulation.decay_db_per_s
    if rate <= DECAY_DB_PER_S:
        return ""
    sustain = 100 * 10 ** (-rate * SINKING_S / 20)
    return f"ampeg_hold={articulation.attack_s:.3f} ampeg_decay={DECAY_DB / rate:.3f} ampeg_sustain={sustain:.3f}\n"


def _region(layer: str, note: HeldNote, keys: list[int]) -> str:
    """One sample: its keys, its velocities, its loop."""
    reach = (KEYS_PER_SAMPLE - 1) // 2
    low = note.note - (BEYOND_SEMITONES if note.note == keys[0] else reach)
    high = note.note + (BEYOND_SEMITONES if note.note == keys[-1] else reach)
    return (
        f"\n<region>\nsample={sample_name(layer, note)}\n"
        f"pitch_keycenter={note.note}\nlokey={max(low, 0)}\nhikey={min(high, 127)}\n{_velocities(layer)}"
        f"loop_start={note.loop_start}\nloop_end={note.loop_stop - 1}\n"
    )


def _velocities(layer: str) -> str:
    """Velocities of a dynamic: alone at its own one, crossing to the next by then."""
    velocities, i = list(LAYERS.values()), list(LAYERS).index(layer)
    below, own, above = ([1, *velocities, 127])[i : i + 3]
    fade_in = f"xfin_lovel={below}\nxfin_hivel={own}\n" if i else ""
    fade_out = f"xfout_lovel={own}\nxfout_hivel={above}\n" if i < len(velocities) - 1 else ""
    low, high = below + 1 if i else 1, above - 1 if fade_out else 127
    return f"lovel={low}\nhivel={high}\n{fade_in}{fade_out}"

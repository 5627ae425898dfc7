"""Write a grown piece to files: sound, stems, stages, sidecar, picture and MIDI."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import mido
import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.files import written_whole
from ddsp_nb.growth.render import Growth
from ddsp_nb.growth.schedule import Schedule, Stage
from ddsp_nb.growth.sidecar import sidecar_of
from ddsp_nb.sound.save import FORMATS, SUBTYPES, in_steps, save_audio

BITS = {"PCM_16": 16, "PCM_24": 24}
TICKS_PER_BEAT = 960  # of a MIDI file
BEATS_PER_MINUTE = 120
DB_PER_VELOCITY = 0.5  # 96 is 0 dB, 64 is -16 dB
PLAIN_VELOCITY = 96


def export(
    growth: Growth,
    path: str | Path,
    *,
    stems: bool = False,
    stages: bool = False,
    midi: bool = False,
    stage_map: bool = False,
    subtype: str = "PCM_16",
    overwrite: bool = False,
) -> list[Path]:
    """Write a piece and its sidecar, each file whole or not at all.

    The piece carries the sidecar's text as its comment; stems add up to the piece to the last bit of a PCM file.

    Args:
        growth: what `grow` rendered.
        path: name of the sound, .wav or .flac; the other files take their names from it.
        stems: also NAME_harmonic and NAME_noise.
        stages: also NAME_stage_01, 02 ...
        midi: also NAME.mid, a note for each stage.
        stage_map: also NAME_map.png.
        subtype: "PCM_16", "PCM_24", or "FLOAT" (WAV only).
        overwrite: replace files that exist.

    Returns:
        The files that were written.

    Raises:
        GrowthError: a name or subtype that cannot be used, or files that exist.
        AudioError: the place cannot be written.
    """
    path = Path(path)
    check_format(path, subtype)
    writers = export_writers(growth, path, stems, stages, midi, stage_map, subtype)
    check_free(writers, overwrite)
    for target, write in writers.items():
        write(target)
    return list(writers)


def check_format(path: Path, subtype: str) -> None:
    """Raise GrowthError unless a sound of that subtype can have that name."""
    if path.suffix.lstrip(".").upper() not in FORMATS or subtype not in SUBTYPES:
        raise GrowthError(f"{path}: use a name that ends in .wav or .flac, and one of {', '.join(SUBTYPES)}.")
    if path.suffix.lower() == ".flac" and subtype == "FLOAT":
        raise GrowthError(f"{path}: a FLAC file holds 16 or 24 bits. Use .wav for floating point.")
    if path.is_dir():
        raise GrowthError(f"{path}: is a folder. Choose another file name.")


def check_free(paths: Iterable[Path], overwrite: bool) -> None:
    """Raise GrowthError where files exist and are not to be replaced."""
    taken = [path for path in paths if path.exists()]
    if any(path.is_dir() for path in taken):
        raise GrowthError(f"{taken[0]}: is a folder. Choose another file name.")
    if taken and not overwrite:
        others = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise GrowthError(f"{taken[0]}{others}: exists already. Choose another name, or ask to overwrite.")


def export_writers(
    growth: Growth, path: Path, stems: bool, stages: bool, midi: bool, stage_map: bool, subtype: str
) -> dict[Path, Callable]:
    """The files of an export, each with the function that writes it."""
    named = lambda ending, suffix=path.suffix: path.with_name(f"{path.stem}{ending}{suffix}")
    text = sidecar_of(growth, subtype).to_json()
    save = lambda audio, comment="": partial(
        save_audio, audio=audio, sample_rate=growth.sample_rate, subtype=subtype, comment=comment
    )
    writers = {path: save(growth.audio, text), named("", ".json"): partial(_write_text, text)}
    if stems:
        harmonic, noise = _stems(growth, subtype)
        writers |= {named("_harmonic"): save(harmonic), named("_noise"): save(noise)}
    if stages:
        digits = max(2, len(str(len(growth.stages))))
        sounds = (growth.stage_audio(i) for i in range(len(growth.stages)))
        writers |= {named(f"_stage_{i:0{digits}d}"): save(sound) for i, sound in enumerate(sounds, 1)}
    if midi:
        writers[named("", ".mid")] = partial(save_midi, schedule=growth.schedule)
    if stage_map:
        writers[named("_map", ".png")] = partial(_draw_map, growth.schedule)
    return writers


def _stems(growth, subtype):
    """Harmonic part and noise; the noise is what is missing from the harmonic part in whole steps of the file."""
    if subtype not in BITS:
        return growth.harmonic, growth.noise
    piece, harmonic = (in_steps(x.cpu().double(), BITS[subtype]) for x in (growth.audio, growth.harmonic))
    return harmonic, piece - harmonic


def _write_text(text, path):
    with written_whole(path, GrowthError) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _draw_map(schedule, path):
    """The stage map as a PNG file."""
    from matplotlib.figure import Figure

    from ddsp_nb.plots import stage_map

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    stage_map(schedule.masks, schedule.plan, figure.subplots(), noise=schedule.noise_masks)
    with written_whole(path, GrowthError) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


def save_midi(path: str | Path, schedule: Schedule) -> Path:
    """Write a note for each stage: onset and end to the nearest 0.5 ms, nearest pitch, velocity from its loudness.

    Raises:
        GrowthError: the place cannot be written.
    """
    events = sorted(event for stage in schedule.stages for event in _note(stage, schedule))
    notes = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BEATS_PER_MINUTE), time=0)])
    now = 0
    for tick, kind, note, velocity in events:
        notes.append(mido.Message(kind, note=note, velocity=velocity, time=tick - now))
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(notes)
    with written_whole(path, GrowthError) as temporary:
        file.save(temporary)
    return Path(path)


def note_number(stage: Stage, schedule: Schedule) -> int:
    """MIDI number nearest to the pitch that a stage plays, that of its median frame; 69 is A4."""
    track = schedule.tracks[stage.pitch]
    last = len(track.f0_hz) - 1
    first = min(stage.offset * last // max(schedule.n_samples, 1), last) if stage.offset else 0
    hz = torch.median(track.f0_hz[first:]).item()
    return min(max(round(69 + 12 * math.log2(hz / 440)), 0), 127)


def _note(stage, schedule):
    """Two events, (tick, kind, note, velocity); the end of a note sorts before the start of the next."""
    tick = lambda sample: round(sample / schedule.sample_rate * BEATS_PER_MINUTE / 60 * TICKS_PER_BEAT)
    velocity = min(max(round(PLAIN_VELOCITY + stage.level_db / DB_PER_VELOCITY), 1), 127)
    note = note_number(stage, schedule)
    return (tick(stage.start), "note_on", note, velocity), (tick(stage.stop), "note_off", note, 0)

"""Write a grown piece to files: sound, stems, stages, sidecar, picture and MIDI, each on its own or all in a zip
(notebook 05, "How do you keep a piece?").
"""

import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ddsp_nb.errors import GrowthError
from ddsp_nb.files import write_zip, written_whole
from ddsp_nb.growth.render import Growth
from ddsp_nb.growth.schedule import Schedule
from ddsp_nb.piece.compose import Piece
from ddsp_nb.piece.layers import FILE
from ddsp_nb.piece.midi import save_midi
from ddsp_nb.piece.sidecar import sidecar_of
from ddsp_nb.sound.save import FORMATS, SUBTYPES, in_steps, save_audio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ZIP = ".zip"
IN_ZIP = ".wav"  # the sounds in a zip
BITS = {"PCM_16": 16, "PCM_24": 24}


def export(
    piece: Piece | Growth,
    path: str | Path,
    *,
    stems: bool = False,
    stages: bool = False,
    midi: bool = False,
    stage_map: bool = False,
    target_lufs: float | None = None,
    subtype: str = "PCM_16",
    overwrite: bool = False,
) -> list[Path]:
    """Write a piece and its sidecar, and NAME_impulse where it stands in the room of a file, each whole or not at all.

    The piece carries the sidecar's text as its comment, and in WAV files its stages as cue points; stems add up to the
    piece to the last bit of a PCM file. Of several layers each has its own files, NAME_layer_1_harmonic and so on.

    Args:
        path: name of the sound, .wav or .flac, from which the other files take their names; or of a .zip that holds
            all of them, the same piece in the same bytes.
        stems: also NAME_harmonic and NAME_noise, or NAME_recording, and NAME_room.
        stages: also NAME_stage_01, 02 ...
        midi: also NAME.mid, a note for each stage.
        stage_map: also NAME_map.png.
        target_lufs: bring all of them to a loudness of the piece, by one gain; see `Piece.at_loudness`.
        subtype: "PCM_16", "PCM_24", or "FLOAT" (WAV only).
        overwrite: replace files that exist.

    Raises:
        GrowthError: a name or subtype that cannot be used, or files that exist.
        AudioError: the place cannot be written.
    """
    piece = (Piece.of(piece) if isinstance(piece, Growth) else piece).at_loudness(target_lufs)
    path = Path(path)
    check_format(path, subtype)
    chosen: dict[str, Any] = dict(stems=stems, stages=stages, midi=midi, stage_map=stage_map, subtype=subtype)
    if path.suffix.lower() == ZIP:
        check_free([path], overwrite)
        with tempfile.TemporaryDirectory() as folder, written_whole(path, GrowthError) as temporary:
            write_zip(temporary, export(piece, Path(folder) / f"{path.stem}{IN_ZIP}", **chosen))
        return [path]
    writers = export_writers(piece, path, **chosen)
    check_free(writers, overwrite)
    for target, write in writers.items():
        write(target)
    return list(writers)


def check_format(path: Path, subtype: str) -> None:
    """Raise GrowthError unless a sound of that subtype, or a zip of such, can have that name."""
    if path.suffix.lstrip(".").upper() not in (*FORMATS, "ZIP") or subtype not in SUBTYPES:
        raise GrowthError(f"{path}: use a name that ends in .wav or .flac, or .zip for all, and {', '.join(SUBTYPES)}.")
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
    piece: Piece, path: Path, *, stems: bool, stages: bool, midi: bool, stage_map: bool, subtype: str
) -> dict[Path, Callable[[Path], object]]:
    """The files of an export, each with the function that writes it."""
    named = lambda ending, suffix=path.suffix: path.with_name(f"{path.stem}{ending}{suffix}")
    text = sidecar_of(piece, subtype).to_json()
    marks = [(round(at_s * piece.sample_rate), piece.stage_name(i, j)) for at_s, i, j in piece.marks]
    save = partial(_save, sample_rate=piece.sample_rate, subtype=subtype)
    writers: dict[Path, Callable[[Path], object]] = {
        path: save(lambda: piece.audio, comment=text, marks=marks),
        named("", ".json"): partial(_write_text, text),
    }
    layer_name = lambda i: f"_layer_{i + 1}" if 1 < len(piece.layers) > i else ""
    for i, part in piece.parts if stems else ():
        writers[named(f"{layer_name(i)}_{part}")] = save(partial(stem_in_steps, piece, i, part, subtype), marks=marks)
    for i, growth in enumerate(piece.growths):
        if growth is None:
            continue
        layer = layer_name(i)
        digits = max(2, len(str(len(growth.stages))))
        for j in range(len(growth.stages)) if stages else ():
            writers[named(f"{layer}_stage_{j + 1:0{digits}d}")] = save(partial(piece.stage_audio, i, j))
        if stage_map:
            writers[named(f"{layer}_map", ".png")] = partial(_write_map, growth.schedule)
    if piece.room and piece.composition.room.kind == FILE:
        writers[named("_impulse", IN_ZIP)] = piece.room.save
    if midi:
        writers[named("", ".mid")] = partial(save_midi, piece=piece)
    return writers


def _save(sound: Callable[[], torch.Tensor], **settings) -> Callable[[Path], Path]:
    """A writer of a sound, which is made only when it is written: many stems at once would fill the memory."""
    return lambda path: save_audio(path, sound(), **settings)


def stem_in_steps(piece: Piece, i: int, part: str, subtype: str) -> torch.Tensor:
    """A stem of the piece as a file holds it; the last of all is what the others leave of the piece, in whole steps."""
    if subtype not in BITS:
        return piece.stem(i, part)
    whole = lambda sound: in_steps(sound.cpu().double(), BITS[subtype])
    *others, last = piece.parts
    if (i, part) != last:
        return whole(piece.stem(i, part))
    rest = whole(piece.audio)
    for other in others:
        rest -= whole(piece.stem(*other))
    return rest


def _write_text(text, path):
    with written_whole(path, GrowthError) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _write_map(schedule, path):
    with written_whole(path, GrowthError) as temporary:
        draw_map(schedule).savefig(temporary, format="png", dpi=100)


def draw_map(schedule: Schedule) -> "Figure":
    """Which partials, and which bands of noise below them, sound when."""
    from matplotlib.figure import Figure

    from ddsp_nb.plots import stage_map

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    stage_map(schedule.masks, schedule.plan, figure.subplots(), noise=schedule.noise_masks)
    return figure

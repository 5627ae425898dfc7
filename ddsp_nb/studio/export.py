"""The instrument in a folder for other programs: SFZ samples, a wavetable, the network, and a text about them."""

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from ddsp_nb.errors import ExportError
from ddsp_nb.files import folder_written_whole, written_whole
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.notes.pitch import midi_name
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.own_timbre import OwnTimbre, lift_db, warn_of_lift
from ddsp_nb.studio.sfz import held_notes, sfz_text, warn_of_guesses, write_samples
from ddsp_nb.studio.wavetable import growth_frames, write_wavetable
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

SFZ, WAVETABLE, NETWORK, GUIDE = "instrument.sfz", "growth.wav", "controls.ts", "README.txt"
ROOM = "room.wav"
GUIDE_TEXT = Path(__file__).with_name("guide.txt")
OF_ROOM = "\nroom.wav\n  The recording's room, {:.1f} s, for a convolution reverb, all wet. Samples are dry.\n"
LIFTED = "\n  The recordings were very quiet: all notes are {:.0f} dB louder than they were."
# With which the network is traced; sizes may differ in use.
EXAMPLE_HZ, EXAMPLE_DB, EXAMPLE_S = 440.0, -20.0, 1.0


def export_instrument(
    model: DDSPModel,
    folder: str | Path,
    *,
    take: Take | None = None,
    plan: GrowthPlan | None = None,
    seed: int = 0,
    overwrite: bool = False,
    on_note: Callable[[int, int], None] = lambda n, n_all: None,
) -> list[Path]:
    """Write an instrument for samplers, wavetable synthesizers and other hosts, all of it or nothing.

    Args:
        folder: gets `instrument.sfz` with `samples/`, `growth.wav`, `controls.ts`, `README.txt` and `room.wav`.
        take: of its recording, with its room, on which attack and release are measured; usual ones (40 and 80 ms)
            without.
        plan: which partials sound in which frame of the wavetable; by default one more in each.
        overwrite: replace files in a folder that holds some.
        on_note: called before each note is sampled with its number, from 1, and how many there are.

    Returns:
        The files that were written.

    Raises:
        ExportError: the folder holds files already, or cannot be written.
        GrowthError: a plan of more than 256 stages.
    """
    folder = Path(folder)
    check_folder(folder, overwrite)
    frames = growth_frames(model, plan)
    articulation = Articulation.of(take)
    warn_of_guesses(model)
    warn_of_lift(model)
    notes = list(held_notes(model, articulation, seed=seed, on_note=on_note))
    sample_rate, room = model.config.sample_rate, take.room if take else None
    with folder_written_whole(folder, ExportError) as temporary:
        written, gain = write_samples(notes, temporary, sample_rate)
        guide = _guide(model, notes, articulation, gain, len(frames), room)
        for name, text in ((SFZ, sfz_text(notes, articulation)), (GUIDE, guide)):
            (temporary / name).write_text(text, encoding="utf-8")
            written.append(temporary / name)
        written.append(write_wavetable(frames, temporary / WAVETABLE, sample_rate))
        written.append(write_network(model, temporary / NETWORK))
        if room:
            written.append(room.save(temporary / ROOM))
        names = [path.relative_to(temporary) for path in written]
    return [folder / name for name in names]


def check_folder(folder: Path, overwrite: bool) -> None:
    """Raise ExportError where `folder` is a file, or holds files that are not to be replaced."""
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file. Choose another folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise ExportError(f"{folder}: holds files already. Choose another folder, or ask to overwrite.")


def _guide(model, notes, articulation, gain, n_frames, room) -> str:
    """README.txt for these samples, all with one linear gain, and a wavetable of so many frames."""
    levels_db = {layer: note.loudness_db + 20 * math.log10(gain) for layer, note in notes}
    return GUIDE_TEXT.read_text(encoding="utf-8").format(
        config=model.config,
        articulation=articulation,
        n_samples=len(notes),
        first=midi_name(notes[0][1].note),
        last=midi_name(notes[-1][1].note),
        levels=", ".join(f"{layer} {level_db:.1f}" for layer, level_db in levels_db.items()),
        lifted=LIFTED.format(lift_db(model)) if lift_db(model) else "",
        room=OF_ROOM.format(room.rt60_s) if room else "",
        n_frames=n_frames,
    )


def write_network(model: DDSPModel, path: Path) -> Path:
    """Write `OwnTimbre` as TorchScript, for LibTorch in C++, nn~ and others: it is called as its `forward` is.

    Raises ExportError.
    """
    timbre = OwnTimbre(model).eval().cpu()
    heard = [torch.full((2, 3), value) for value in (EXAMPLE_HZ, EXAMPLE_DB, EXAMPLE_S)]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch wants torch.export to be used, which C++ hosts cannot read
        traced = torch.jit.trace(timbre, (*heard, timbre.rest(2)))
        with written_whole(path, ExportError) as temporary:
            torch.jit.save(traced, str(temporary))
    return path

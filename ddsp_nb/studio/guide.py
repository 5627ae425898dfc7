"""README.txt of an exported instrument: what each file is, and how a host talks to the network."""

import math
from pathlib import Path

from ddsp_nb.config import Config
from ddsp_nb.notes.pitch import midi_name
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.studio.held import HeldNote
from ddsp_nb.synthesis.room import Room

GUIDE = Path(__file__).with_suffix(".txt")
ROOM = "\nroom.wav\n  The recording's room, {:.1f} s, for a convolution reverb, all wet. Samples are dry.\n"
LIFTED = "\n  The recordings were very quiet: all notes are {:.0f} dB louder than they were."


def guide_text(
    config: Config,
    notes: list[tuple[str, HeldNote]],
    articulation: Articulation,
    gain: float,
    lifted_db: float,
    n_frames: int,
    room: Room | None,
) -> str:
    """The text for these samples, all with one linear gain, and a wavetable of so many frames.

    Where notes are louder than very quiet recordings, it says by how much.
    """
    levels_db = {layer: note.loudness_db + 20 * math.log10(gain) for layer, note in notes}
    return GUIDE.read_text(encoding="utf-8").format(
        n_samples=len(notes),
        first=midi_name(notes[0][1].note),
        last=midi_name(notes[-1][1].note),
        attack_s=articulation.attack_s,
        release_s=articulation.release_s,
        **vars(config),
        levels=", ".join(f"{layer} {level_db:.1f}" for layer, level_db in levels_db.items()),
        lifted=LIFTED.format(lifted_db) if lifted_db else "",
        room=ROOM.format(room.rt60_s) if room else "",
        n_frames=n_frames,
        nyquist=f"{config.nyquist_hz:g}",
        n_fft=config.noise_n_fft,
    )

"""Notes that are played by hand: which sound, how loud each is now, and which one makes room for the next."""

from dataclasses import dataclass

from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.score import DECAY_DB_PER_S, RISE_DB

STOLEN_S = 0.01  # in which a voice that makes room falls by 40 dB: no click, and hardly heard
MAX_DECAY_DB = 6.0  # a note that is held for long sinks, but never dies


@dataclass
class Voice:
    """A note from its key to its silence; a step is a frame.

    Attributes:
        note: MIDI number, 69 is A4; need not be whole.
        level_db: beside the instrument's usual loudness.
        shape_db: of the envelope, -40 where a note begins and ends, 0 where it is held.
        decay_db: by which it has sunk while it was held.
        fall_s: in which it falls by 40 dB, or None while its key is down.
        stolen: whether it makes room for another.
    """

    note: float
    level_db: float
    shape_db: float = -RISE_DB
    decay_db: float = 0.0
    fall_s: float | None = None
    stolen: bool = False

    def step(self, articulation: Articulation, hop_s: float) -> float:
        """Move on by a frame; its level there, dB beside the instrument's usual one."""
        if self.fall_s is None:
            self.shape_db = min(self.shape_db + RISE_DB * hop_s / articulation.attack_s, 0.0)
            self.decay_db = min(self.decay_db + DECAY_DB_PER_S * hop_s, MAX_DECAY_DB)
        else:
            self.shape_db -= RISE_DB * hop_s / self.fall_s
        return self.level_db + self.shape_db - self.decay_db

    @property
    def ended(self) -> bool:
        """Whether it has fallen silent."""
        return self.fall_s is not None and self.shape_db < -RISE_DB

    @property
    def held(self) -> bool:
        """Whether its key is down."""
        return self.fall_s is None

    def release(self, articulation: Articulation) -> None:
        """The key goes up."""
        if self.held:
            self.fall_s = articulation.release_s

    def steal(self) -> None:
        """Make room."""
        self.stolen, self.fall_s = True, STOLEN_S


def make_room(voices: list[Voice], n_voices: int) -> None:
    """Steal the voice that is missed least where `n_voices` sound: the oldest released one, else the oldest."""
    sounding = [voice for voice in voices if not voice.stolen]
    if len(sounding) >= n_voices:
        min(sounding, key=lambda voice: voice.held).steal()  # the first of equals, and voices are in order of age

"""What the growth panel remembers: the way of its knobs, and the last two pieces that were rendered."""

from dataclasses import dataclass

from ddsp_nb.growth.render import Growth

MOST_STEPS = 200


class History:
    """States of the knobs, to go back and forth in.

    Args:
        first: where the knobs begin.
    """

    def __init__(self, first: dict):
        self.states, self.now = [first], 0

    def record(self, state: dict) -> None:
        """Keep a new state; what was undone before it is forgotten."""
        if state != self.states[self.now]:
            self.states = [*self.states[: self.now + 1], state][-MOST_STEPS:]
            self.now = len(self.states) - 1

    def step(self, by: int) -> dict:
        """The state one step back (-1) or forth (1), or the one at the end."""
        self.now = min(max(self.now + by, 0), len(self.states) - 1)
        return self.states[self.now]

    def can_step(self, by: int) -> bool:
        """Whether there is a state that way."""
        return 0 <= self.now + by < len(self.states)


@dataclass
class Take:
    """A rendered piece and what it was rendered from.

    Attributes:
        values: of the knobs.
        growth: `Growth`.
        sound: bytes of the WAV file that the player holds.
        picture: its spectrogram, bytes of a PNG file.
        verdict: of its certificate, "" where it was not measured.
    """

    values: dict
    growth: Growth
    sound: bytes
    picture: bytes = b""
    verdict: str = ""


class Takes:
    """The last two takes, in slots 0 and 1 by turns; the same knobs render into the same slot."""

    def __init__(self):
        self.slots: list[Take | None] = [None, None]
        self.latest = 1

    def keep(self, take: Take) -> int:
        """Put a take into the slot of its own knobs, or that of the older one; returns which."""
        same = self.slot_of(take.values)
        self.latest = 1 - self.latest if same is None else same
        self.slots[self.latest] = take
        return self.latest

    def slot_of(self, values: dict) -> int | None:
        """The slot that was rendered from these knobs, None where there is none."""
        return next((i for i, take in enumerate(self.slots) if take is not None and take.values == values), None)

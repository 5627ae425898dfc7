"""What a block of sound costs the fingers (notebook 06, "Why is block length latency?")."""

from collections import deque
from collections.abc import Iterable

import torch

from ddsp_nb.playing.stream import StreamingSynthesizer

# A4, B4 and C#5: three that are told apart.
KEYS = (69, 71, 73)


def play_in_blocks(
    synthesizer: StreamingSynthesizer, pressed: Iterable[int], n_samples: int, block: int
) -> torch.Tensor:
    """[n_samples] of keys that are pressed one after the other, each of which is heard from the next block on.

    Args:
        synthesizer: the instrument; no key of it is down.
        pressed: samples at which keys go down; each ends the one before.
        n_samples: of sound.
        block: samples that leave the computer at a time.
    """
    waiting, sound = deque(enumerate(pressed)), []
    for first in range(0, n_samples, block):
        while waiting and waiting[0][1] <= first:
            synthesizer.all_off()
            synthesizer.note_on(KEYS[waiting.popleft()[0] % len(KEYS)])
        sound.append(synthesizer.render(block))
    return torch.cat(sound)[:n_samples]

"""Blocks of live sound: events, or keys that are pressed now, through the live instrument (notebook 06, "Why is block
length latency?").
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch

from ddsp_nb.errors import warn_user
from ddsp_nb.notes.midi_channels import MidiReceiver
from ddsp_nb.notes.note import Event
from ddsp_nb.playing.stream import StreamingSynthesizer

# A4, B4 and C#5: three that are told apart.
KEYS = (69, 71, 73)


def blocks_of(synthesizer: StreamingSynthesizer, events: Iterable[Event], block: int) -> Iterator[torch.Tensor]:
    """Sound of events, [block] samples at a time, until the last note has ended; keys that are left down go up."""
    sample_rate, done = synthesizer.config.sample_rate, 0
    waiting = deque((round(seconds * sample_rate), event) for seconds, *event in events)
    while waiting or synthesizer.voices:
        parts, end = [], done + block
        while waiting and waiting[0][0] < end:
            sample, event = waiting.popleft()
            if sample > done:
                parts.append(synthesizer.render(sample - done))
                done = sample
            synthesizer.obey(*event)
        if not waiting:
            synthesizer.all_off()
        parts.append(synthesizer.render(end - done))
        done = end
        yield torch.cat(parts)


def blocks_of_port(synthesizer: StreamingSynthesizer, pending: Callable, block: int) -> Iterator[torch.Tensor]:
    """Sound of what arrives at a port, [block] samples at a time, without end; `pending` gives the new messages."""
    receive, told = MidiReceiver(), False
    while True:
        for message in pending():
            for event in receive(message):
                synthesizer.obey(*event)
        if receive.n_drums and not told:
            warn_user("Drums (channel 10) have no pitch and are left out.")
            told = True
        yield synthesizer.render(block)


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

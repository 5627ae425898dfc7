"""Blocks of live sound: events, or keys that are pressed now, through the live instrument."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch

from ddsp_nb.errors import warn_user
from ddsp_nb.notes.midi_channels import MidiReceiver
from ddsp_nb.notes.note import Event
from ddsp_nb.playing.stream import StreamingSynthesizer


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

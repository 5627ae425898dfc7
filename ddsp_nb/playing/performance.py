"""A MIDI file, or keys that are pressed now, through the live instrument: to sound in memory, or to a sound device."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import mido
import torch

from ddsp_nb.playing.midi import MidiControl
from ddsp_nb.playing.stream import StreamingSynthesizer

LONGEST_TAIL_S = 10.0  # after the last message, until every note has ended


def blocks_of(
    synthesizer: StreamingSynthesizer, events: Iterable[tuple[float, mido.Message]], block: int
) -> Iterator[torch.Tensor]:
    """Sound of timed messages, [block] samples at a time, until the last note has ended.

    Args:
        synthesizer: that plays.
        events: messages with their second, in order.
        block: samples.
    """
    control, sample_rate = MidiControl(synthesizer), synthesizer.config.sample_rate
    waiting, done = deque((round(second * sample_rate), message) for second, message in events), 0
    last = waiting[-1][0] if waiting else 0
    while waiting or (synthesizer.voices and done < last + LONGEST_TAIL_S * sample_rate):
        parts, end = [], done + block
        while waiting and waiting[0][0] < end:
            sample, message = waiting.popleft()
            if sample > done:
                parts.append(synthesizer.render(sample - done))
                done = sample
            control(message)
        if not waiting:
            synthesizer.all_off()  # keys that the file forgot
        parts.append(synthesizer.render(end - done))
        done = end
        yield torch.cat(parts)


def blocks_of_port(synthesizer: StreamingSynthesizer, pending: Callable, block: int) -> Iterator[torch.Tensor]:
    """Sound of what arrives at a port, [block] samples at a time, without end; `pending` gives the new messages."""
    control = MidiControl(synthesizer)
    while True:
        for message in pending():
            control(message)
        yield synthesizer.render(block)

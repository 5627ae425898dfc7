"""Gaps in the time line of a film, which are silence (all notebooks).

Frames of sound say when they are to be heard. Where that jumps, and what follows stays there for a while, nothing was
recorded. A clock that stutters comes back; one that is slow drifts; and a jump of many minutes is a clock that was set.
"""

import itertools
from collections import deque
from collections.abc import Iterator
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import AudioFrame

# FFmpeg's names of the formats that have a time line begin so. Others only count their samples.
FILMS = ("matroska,webm", "mov,mp4")
# A shorter gap is no whole packet.
SHORTEST_GAP_S, LONGEST_GAP_S = 0.015, 600.0
# So long before and after a gap its sides must stay where they are.
STEADY_S = 0.3
# Some films round times to 1 ms.
ROUNDING_S = 0.0011


def in_time(frames: Iterator["AudioFrame"], container: str) -> Iterator[tuple[int, "AudioFrame"]]:
    """Each frame after the number of silent samples that a film's time line leaves before it, else after 0.

    `container` is FFmpeg's name of the format.
    """
    if not container.startswith(FILMS):
        yield from ((0, frame) for frame in frames)
        return
    n_samples, lead = 0, 0.0
    # Number of samples before each frame, and by how many its time is ahead of them: before and after the next to go.
    behind: deque[tuple[int, float]] = deque()
    ahead: deque[tuple[int, float, AudioFrame]] = deque()
    for frame in itertools.chain(frames, [None]):
        if frame is not None:
            if frame.time is not None:
                lead = frame.time * frame.sample_rate - n_samples
            ahead.append((n_samples, lead, frame))
            n_samples += frame.samples
        while ahead and (frame is None or n_samples - ahead[0][0] > STEADY_S * frame.sample_rate):
            start, own, going = ahead.popleft()
            while len(behind) > 1 and start - behind[0][0] > STEADY_S * going.sample_rate:
                behind.popleft()
            yield silence_before(own, behind, ahead, going.sample_rate), going
            behind.append((start, own))


def silence_before(
    lead: float, behind: deque[tuple[int, float]], ahead: deque[tuple[int, float, "AudioFrame"]], sample_rate: int
) -> int:
    """Samples of silence where time jumps, and stays there, by more than what clocks and roundings explain."""
    if not behind:
        return 0
    before, after = [earlier for _, earlier in behind], [lead, *(later for _, later, _ in ahead)]
    if not SHORTEST_GAP_S < (min(after) - max(before)) / sample_rate < LONGEST_GAP_S:
        return 0
    usual = lambda leads, near: median(x for x in leads if abs(x - near) <= ROUNDING_S * sample_rate)
    return round(usual(after, lead) - usual(before, before[-1]))

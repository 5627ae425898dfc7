"""How fast the live instrument is: `python -m tests.benchmarks.stream [MODEL]`, on one thread as `ddsp-nb live`.

For 1 and 8 held notes and blocks of 128 to 2048 samples: the real-time factor (time to render over time that sounds)
and the slowest block beside the time that it sounds, with notes that begin and end all the time, after the first
second. A hop of 512 samples is rendered when its first sample is asked for, so small blocks are uneven: most cost
nothing, one in four the whole hop; a sound device's own buffer evens that out.
"""

import sys
import time

from ddsp_nb import Config, DDSPModel, StreamingSynthesizer, load_model
from ddsp_nb.playing.device import prepare_process

SECONDS = 5.0
WARM_UP_S = 1.0
BLOCKS = (128, 256, 512, 1024, 2048)
NOTE_S = 0.25  # between one note and the next, of those that keep changing
LOWEST_NOTE = 55


def block_times(model: DDSPModel, n_voices: int, block: int) -> list[float]:
    """Seconds that each block of 5 s of sound took, with `n_voices` that keep changing."""
    synthesizer = StreamingSynthesizer(model, n_voices=n_voices)
    sample_rate, times, begun = model.config.sample_rate, [], 0
    n_blocks = int((WARM_UP_S + SECONDS) * sample_rate / block)
    for i in range(n_blocks):
        if begun < n_voices or i * block / sample_rate > begun * NOTE_S:
            synthesizer.note_off(LOWEST_NOTE + (begun - n_voices) % 24)
            synthesizer.note_on(LOWEST_NOTE + begun % 24)
            begun += 1
        start = time.perf_counter()
        synthesizer.render(block)
        times.append(time.perf_counter() - start)
    return times[int(WARM_UP_S * sample_rate / block) :]


def main() -> None:
    """Print the table."""
    prepare_process()
    model = load_model(sys.argv[1])[0] if len(sys.argv) > 1 else DDSPModel(Config())
    print(f"GRU {model.config.n_layers} x {model.config.hidden_size}")
    print("notes | block | real-time factor | slowest block | 99 % of blocks | it sounds for")
    for n_voices in (1, 8):
        for block in BLOCKS:
            times = sorted(block_times(model, n_voices, block))
            sounds_s = block / model.config.sample_rate
            slow_ms, most_ms = 1000 * times[-1], 1000 * times[int(0.99 * len(times))]
            factor = sum(times) / (len(times) * sounds_s)
            print(
                f"{n_voices} | {block} | {factor:.2f} | {slow_ms:.1f} ms | {most_ms:.1f} ms | {1000 * sounds_s:.1f} ms"
            )


if __name__ == "__main__":
    main()

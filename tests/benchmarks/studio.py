"""What an export holds, measured on its files: `python -m tests.benchmarks.studio MODEL ...`, a line for each model.

Worst of all samples: pitch off (cents), loudness of the loop off (dB), the step from the loop's end to its start beside
the peak (dB, within the 24 bits of the file), and the exported network beside PyTorch's (largest difference).
"""

import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from ddsp_nb import export_instrument, load_model
from ddsp_nb.playing.own_timbre import OwnTimbre, usual_loudness_db
from tests.test_studio import LAYERS, cents_off, looped, read_sfz


def measure(path: str) -> str:
    """Export a model and measure the files."""
    model, take = load_model(path)
    usual_db = usual_loudness_db(model)
    with tempfile.TemporaryDirectory() as temporary:
        folder, start = Path(temporary) / "out", time.perf_counter()
        files = export_instrument(model, folder, take=take)
        seconds = time.perf_counter() - start
        size_mb = sum(file.stat().st_size for file in files) / 1e6
        regions, cents, level_db, step_db = read_sfz(folder / "instrument.sfz"), [], [], []
        for region in regions:
            loop, sound, begin, stop, rate = looped(region, folder)
            cents.append(abs(cents_off(loop, 440 * 2 ** ((int(region["pitch_keycenter"]) - 69) / 12), rate)))
            layer = LAYERS[Path(region["sample"]).stem.rsplit("_", 1)[1]]
            level_db.append(10 * np.log10(np.mean(loop**2)) - usual_db - layer[1])
            after = np.abs(sound[stop:] - sound[begin : begin + len(sound) - stop]).max()
            step_db.append(20 * np.log10(after / np.abs(sound).max() + 1e-9))
        network, timbre = torch.jit.load(str(folder / "controls.ts")), OwnTimbre(model)
        f0_hz, loudness_db = 440 * torch.exp2(torch.rand(4, 50) - 0.5), -40 + 30 * torch.rand(4, 50)
        with torch.no_grad():
            pairs = zip(
                timbre(f0_hz, loudness_db, timbre.rest(4)), network(f0_hz, loudness_db, timbre.rest(4)), strict=True
            )
            apart = max((ours - theirs).abs().max().item() for ours, theirs in pairs)
    common_db = (max(level_db) + min(level_db)) / 2
    return (
        f"{Path(path).stem} | {len(regions)} | {max(cents):.3f} | "
        f"{max(level_db) - common_db:.2f} (gain {common_db:.1f}) | "
        f"{max(step_db):.0f} | {apart:.1e} | {size_mb:.1f} MB in {seconds:.1f} s"
    )


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    print("model | samples | cents | loudness, dB | loop step, dB | network | size")
    for path in sys.argv[1:]:
        print(measure(path), flush=True)


if __name__ == "__main__":
    main()

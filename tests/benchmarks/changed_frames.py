"""What two checkouts hear differently: `python -m tests.benchmarks.changed_frames OTHER_CHECKOUT data/*.flac`.

Each extracts the features of every recording in a process of its own; frames are counted whose voicing differs, and,
where both hear a pitch, those whose pitch differs by over 3 and over 50 cents.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[2]
EXTRACT = """
import sys, warnings
import numpy as np
from ddsp_nb import Config, FeatureExtractor, load_audio
warnings.simplefilter("ignore")
for i, path in enumerate(sys.argv[2:]):
    found = FeatureExtractor(Config())(load_audio(path, 44_100))
    np.save(f"{sys.argv[1]}/{i}.npy", np.stack([found.f0_hz.numpy(), found.voiced.numpy()]))
"""


def extract(tree: Path, paths: list[str]) -> list[np.ndarray]:
    """[2, n_frames] pitch in Hz and voicing of each recording, as a checkout hears them."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", EXTRACT, folder, *paths]
        subprocess.run(command, check=True, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)})
        return [np.load(f"{folder}/{i}.npy") for i in range(len(paths))]


def main() -> None:
    """Print a Markdown row a recording."""
    other, *paths = sys.argv[1:]
    paths = [str(Path(path).resolve()) for path in paths]
    print("| recording | frames | voicing differs | over 3 cents | over 50 cents |\n|---|---|---|---|---|")
    for path, there, here in zip(paths, extract(Path(other).resolve(), paths), extract(HERE, paths), strict=True):
        both = (there[1] * here[1]).astype(bool)
        cents = 1200 * np.abs(np.log2(here[0, both] / there[0, both]))
        counts = (len(both), int((there[1] != here[1]).sum()), int((cents > 3).sum()), int((cents > 50).sum()))
        print(f"| {Path(path).name} | {' | '.join(map(str, counts))} |")


if __name__ == "__main__":
    main()

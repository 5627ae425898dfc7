"""Notes of General MIDI instruments and what they ask of a network, made once and kept.

Debian's `fluid-soundfont-gm` and `musescore-general-soundfont` (MIT), played by its `fluidsynth` without reverb and
chorus. Each note is analysed for itself, with the pitch looked for near where it is known to be.
"""

import os
import subprocess
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile as sf
import torch

from ddsp_nb.analysis.decompose import AnalysedRecording
from ddsp_nb.config import Config
from ddsp_nb.errors import WorkbookError
from ddsp_nb.files import written_whole
from ddsp_nb.notes.general_midi import NAMES
from ddsp_nb.notes.pitch import midi_hz
from ddsp_nb.training.instrument import Targets

FONTS = {
    "fluid": Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
}
RATES_HZ = (44_100, 16_000)
RENDERED_HZ = 44_100
# Lowest and highest note that is played, of each General MIDI program with a pitch that sines can follow.
RANGES = {
    (0, 1, 2, 3, 4, 5): (30, 96),
    (6, 7, 15): (36, 84),
    (8, 9, 10): (60, 100),
    (11, 12, 13): (50, 91),
    (16, 17, 18, 19): (36, 84),
    (20, 21, 22, 23): (46, 86),
    (24, 25, 26, 27, 28, 29, 30, 31): (40, 79),
    (32, 33, 34, 35, 36, 37, 38, 39, 43, 87): (28, 58),
    (40, 110): (55, 96),
    (41,): (48, 86),
    (42,): (36, 74),
    (44, 45, 46, 48, 49, 50, 51): (36, 86),
    (52, 53, 54, 85, 91): (46, 79),
    (56, 59): (54, 84),
    (57,): (40, 74),
    (58,): (28, 58),
    (60, 61, 62, 63): (40, 78),
    (64,): (56, 87),
    (65,): (49, 81),
    (66,): (43, 76),
    (67,): (36, 69),
    (68, 111): (58, 89),
    (69,): (52, 81),
    (70,): (34, 74),
    (71,): (50, 91),
    (72,): (74, 104),
    (73, 74, 75, 76, 77, 78, 79, 82): (58, 95),
    (80, 81, 83, 84, 88, 89, 90, 92, 93, 94, 95): (40, 86),
    (104, 105, 106, 107, 108, 114): (46, 82),
    (109,): (55, 82),
}
# Programs whose notes fade by themselves, and are held for longer.
FADING = {*range(16), *range(24, 40), 45, 46, *range(104, 109), 114}
N_PITCHES = 12
VELOCITIES = (40, 80, 120)
HELD_S, FADING_S, TAIL_S = 0.9, 1.6, 0.4
# Semitones around the known pitch in which it is looked for.
NEAR = 1.5
QUIETEST_DB = -55.0  # beside the loudest frame of an instrument
TICKS = 480  # of half a second, as MIDI files are without a tempo


@dataclass(frozen=True)
class Job:
    """One instrument of one font."""

    folder: Path
    font: str
    program: int

    @property
    def name(self) -> str:
        return NAMES[self.program]

    @property
    def notes(self) -> list[tuple[int, int]]:
        """(MIDI number, velocity) in the order of time; each pitch at two of the velocities."""
        low, high = next(span for programs, span in RANGES.items() if self.program in programs)
        keys = np.linspace(low, high, N_PITCHES).round().astype(int)
        return [(int(key), VELOCITIES[(i + j) % 3]) for i, key in enumerate(keys) for j in (0, 1)]

    @property
    def held_s(self) -> float:
        return FADING_S if self.program in FADING else HELD_S

    def path(self, rate: int) -> Path:
        return self.folder / self.font / f"{self.program:03d}_{self.name.replace(' ', '_')}.{rate}.pt"


def jobs(folder: Path, fonts=tuple(FONTS)) -> list[Job]:
    """Every instrument that is learned."""
    programs = sorted(program for group in RANGES for program in group)
    return [Job(folder, font, program) for font in fonts for program in programs]


def make(folder: Path, fonts=tuple(FONTS), processes: int = os.cpu_count() or 1) -> list[Job]:
    """Render and analyse what is not in the folder yet, on all cores; what was done before an interruption stays."""
    everything = jobs(folder, fonts)
    missing = [job for job in everything if not all(job.path(rate).is_file() for rate in RATES_HZ)]
    with ProcessPoolExecutor(processes) as pool:
        for job, n_frames in zip(missing, pool.map(analyse_job, missing), strict=True):
            print(f"{job.font} {job.name}: {n_frames} frames", flush=True)
    return everything


def analyse_job(job: Job) -> int:
    """Write what the notes of an instrument ask for, at each sample rate; returns the frames at the first."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    job.path(0).parent.mkdir(parents=True, exist_ok=True)
    sound = render(job)
    counts = []
    for rate in RATES_HZ:
        parts = targets_of(job, sound, rate)
        with written_whole(job.path(rate), WorkbookError) as temporary:
            torch.save(parts, temporary)
        counts.append(sum(len(part["inputs"]) for part in parts))
    return counts[0]


def render(job: Job) -> np.ndarray:
    """[n_samples] all notes of an instrument, one channel, peak 0.7."""
    track = mido.MidiTrack([mido.Message("program_change", program=job.program)])
    held, tail = (round(2 * TICKS * seconds) for seconds in (job.held_s, TAIL_S))
    for i, (key, velocity) in enumerate(job.notes):
        track.append(mido.Message("note_on", note=key, velocity=velocity, time=tail if i else 0))
        track.append(mido.Message("note_off", note=key, time=held))
    with tempfile.TemporaryDirectory() as work:
        midi, wav = Path(work) / "notes.mid", Path(work) / "notes.wav"
        mido.MidiFile(ticks_per_beat=TICKS, tracks=[track]).save(midi)
        options = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(RENDERED_HZ), "-O", "float"]
        options += ["-o", "synth.dynamic-sample-loading=1", "-F", str(wav)]
        subprocess.run(["fluidsynth", *options, FONTS[job.font], midi], check=True, capture_output=True)
        sound, _ = sf.read(wav, always_2d=True)
    sound = sound.mean(1)
    return 0.7 * sound / max(np.abs(sound).max(), 1e-6)


def targets_of(job: Job, sound: np.ndarray, rate: int) -> list[dict[str, torch.Tensor]]:
    """What each note asks for, frame by frame; notes that cannot be analysed are left out."""
    import librosa

    sound = sound if rate == RENDERED_HZ else librosa.resample(sound, orig_sr=RENDERED_HZ, target_sr=rate)
    each, parts = job.held_s + TAIL_S, []
    for i, (key, _) in enumerate(job.notes):
        low_hz, high_hz = (midi_hz(key + step) for step in (-NEAR, NEAR))
        config = Config(sample_rate=rate, f0_min_hz=max(low_hz, 20.0), f0_max_hz=min(high_hz, rate / 2))
        note = torch.from_numpy(sound[round(i * each * rate) : round((i + 1) * each * rate)]).float()
        try:
            recording = AnalysedRecording.of(job.name, note, config)
        except WorkbookError:
            continue
        targets = Targets.of(recording.features, recording.analysis, config)
        part = {name: value.half() for name, value in vars(targets).items()}
        parts.append(part | {"inputs": targets.inputs, "voiced": recording.features.voiced})
    return parts


if __name__ == "__main__":
    make(Path("artifacts/family"))

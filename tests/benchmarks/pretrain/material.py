"""Notes of General MIDI instruments and what they ask of a network, made once and kept.

Debian's `fluid-soundfont-gm` and `musescore-general-soundfont` (MIT), played by its `fluidsynth` without reverb and
chorus. Each note is analysed for itself, with the pitch looked for near where it is known to be.
"""

import math
import os
import subprocess
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import librosa
import mido
import numpy as np
import soundfile as sf
import torch

from ddsp_nb.analysis.decompose import AnalysedRecording
from ddsp_nb.analysis.mel import n_mels
from ddsp_nb.config import N_PLAYED, Config
from ddsp_nb.errors import WorkbookError
from ddsp_nb.files import written_whole
from ddsp_nb.notes.general_midi import NAMES
from ddsp_nb.notes.pitch import midi_hz
from ddsp_nb.playing import articulation
from ddsp_nb.training.instrument import USUAL_DB, Targets
from ddsp_nb.training.model import N_QUANTILES, USUAL_LOUDNESS
from tests.benchmarks import notes

FONTS = {
    "fluid": Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    "musescore": Path("/usr/share/sounds/sf3/MuseScore_General_Full.sf3"),
}
FOLDER = Path("artifacts/family")
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
# Of a level's window that reach over the end of a note.
WINDOW_FRAMES = 4
# After a key goes up, in which the slope of a release is read.
FALLING_S = 0.15
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
    sound = sound if rate == RENDERED_HZ else librosa.resample(sound, orig_sr=RENDERED_HZ, target_sr=rate)
    each, parts = job.held_s + TAIL_S, []
    for i, (key, _) in enumerate(job.notes):
        low_hz, high_hz = (midi_hz(key + step) for step in (-NEAR, NEAR))
        config = Config(sample_rate=rate, f0_min_hz=max(low_hz, 20.0), f0_max_hz=min(high_hz, rate / 2))
        try:
            parts.append(analysed(sound[round(i * each * rate) : round((i + 1) * each * rate)], config))
        except WorkbookError:
            continue
    return parts


def analysed(sound: np.ndarray, config: Config) -> dict[str, torch.Tensor]:
    """`Targets` of [n_samples] sound, and where it is voiced, as they are kept."""
    recording = AnalysedRecording.of("note", torch.from_numpy(sound).float(), config, room=None)
    targets = Targets.of(recording.features, recording.analysis, config)
    part = {name: value.half() for name, value in vars(targets).items()}
    return part | {"inputs": targets.inputs, "voiced": recording.features.voiced}


def recorded_targets(folder: Path, recorded: Path, name: str) -> list[list[dict[str, torch.Tensor]]]:
    """The same of the notes of a recorded instrument that may be learned, at each sample rate."""
    path = folder / "recorded" / f"{name}.pt"
    if not path.is_file():
        sound, _ = notes.halves(recorded, name, without=notes.SPLICED.get(name, set()))
        at_rates = [sound] + [librosa.resample(sound, orig_sr=notes.RATE, target_sr=rate) for rate in RATES_HZ[1:]]
        found = [[analysed(x, Config(sample_rate=rate))] for x, rate in zip(at_rates, RATES_HZ, strict=True)]
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path, WorkbookError) as temporary:
            torch.save(found, temporary)
    return torch.load(path)


@dataclass(frozen=True)
class Sounds:
    """All material, at one level.

    Attributes:
        names: of instruments, "fluid oboe", "musescore oboe", "recorded violin".
        targets: at each sample rate, of all instruments one after another.
        first, count: at each sample rate, [n_instruments] where the frames of each begin, and how many there are.
        octaves, loudness_db: [n_instruments, 101] quantiles of pitch and level, see `DDSPModel`.
        shape: [n_instruments, 3] how notes begin, sink and end, see `Articulation`.
    """

    names: list[str]
    targets: list[Targets]
    first: list[torch.Tensor]
    count: list[torch.Tensor]
    octaves: torch.Tensor
    loudness_db: torch.Tensor
    shape: torch.Tensor


def load(folder: Path, recorded: Path, without: list[str]) -> Sounds:
    """All material, made first where it is missing, without instruments in whose names one of these words is."""
    found = [(f"{job.font} {job.name}", [torch.load(job.path(rate)) for rate in RATES_HZ]) for job in make(folder)]
    found += [(f"recorded {name}", recorded_targets(folder, recorded, name)) for name in notes.PACKAGES]
    pitched = lambda parts: any(part["voiced"].any() for part in parts)
    found = [
        (name, rates) for name, rates in found if all(map(pitched, rates)) and not any(word in name for word in without)
    ]
    steps, rows, quantiles, shapes = torch.linspace(0, 1, N_QUANTILES), [], [], []
    for _, rates in found:
        at_rates = [{part: torch.cat([note[part] for note in notes_]) for part in notes_[0]} for notes_ in rates]
        rows.append([levelled(kept, rate) for kept, rate in zip(at_rates, RATES_HZ, strict=True)])
        targets, voiced = rows[-1][0]
        heard = targets.inputs[voiced if voiced.any() else ...]
        quantiles.append(torch.quantile(heard[:, :2], steps, dim=0))
        shapes.append(torch.tensor(shape_of([note["inputs"][:, 1].numpy() for note in rates[0]])))
    targets = [Targets.joined(row[i][0] for row in rows) for i in range(len(RATES_HZ))]
    count = [torch.tensor([len(row[i][0]) for row in rows]) for i in range(len(RATES_HZ))]
    octaves, loudness_db = torch.stack(quantiles).unbind(-1)
    # Frames that do not sound count for the usual level, and are not among these.
    loudness_db = loudness_db - loudness_db[:, USUAL_LOUDNESS, None] + USUAL_DB
    first = [n.cumsum(0) - n for n in count]
    return Sounds([name for name, _ in found], targets, first, count, octaves, loudness_db, torch.stack(shapes))


def shape_of(notes_db: list[np.ndarray]) -> tuple[float, float, float]:
    """Attack, decay and release as in `Articulation`, medians over rendered notes; usual ones of a recording."""
    hop_s = Config.hop_length / RATES_HZ[0]
    if len(notes_db) == 1:
        return articulation.ATTACK_S, articulation.DECAY_DB_PER_S, articulation.RELEASE_S
    attacks, decays, releases = [], [], []
    for note_db in notes_db:
        up = len(note_db) - 1 - round(TAIL_S / hop_s)
        held_db, tail_db = note_db[: up - WINDOW_FRAMES], note_db[up:]
        top = int(held_db.argmax())
        attacks.append(hop_s * int(np.argmax(held_db > held_db[top] - articulation.PLATEAU_DB)))
        decays.append((held_db[top] - held_db[-1]) / (hop_s * max(len(held_db) - 1 - top, 1)))
        fall_db = max(note_db[up] - tail_db[round(FALLING_S / hop_s)], 1.0)
        releases.append(FALLING_S * articulation.RISE_DB / fall_db)
    ranges = articulation.ATTACK_RANGE_S, articulation.DECAY_RANGE_DB_PER_S, articulation.RELEASE_RANGE_S
    measured = zip((attacks, decays, releases), ranges, strict=True)
    if up * hop_s < FADING_S - TAIL_S:
        measured = zip((attacks, [articulation.DECAY_DB_PER_S], releases), ranges, strict=True)
    attack_s, decay_db_per_s, release_s = (float(np.clip(np.median(x), *limits)) for x, limits in measured)
    return attack_s, decay_db_per_s, release_s


def levelled(kept: dict[str, torch.Tensor], rate: int) -> tuple[Targets, torch.Tensor]:
    """The frames that sound, as if the recording had the usual level; and which of them are voiced."""
    loud = kept["inputs"][:, 1] > kept["inputs"][:, 1].max() + QUIETEST_DB
    voiced = kept.pop("voiced")
    usual_db = torch.quantile(kept["inputs"][voiced][:, 1], USUAL_LOUDNESS / 100)
    targets = Targets(**kept)[loud]
    return replace(targets, inputs=louder(targets.inputs, USUAL_DB - usual_db, Config(sample_rate=rate))), voiced[loud]


def louder(inputs: torch.Tensor, by_db: torch.Tensor, config: Config) -> torch.Tensor:
    """[n_frames, n_inputs] of a recording that was turned up; a cepstrum's first number is the mean of all bands."""
    moved = inputs.clone()
    moved[:, 1] += by_db
    moved[:, N_PLAYED] += by_db * math.sqrt(n_mels(config))
    return moved


if __name__ == "__main__":
    make(FOLDER)

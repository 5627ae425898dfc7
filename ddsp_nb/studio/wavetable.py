"""The growth as a wavetable: single cycles from a sine to the full timbre, for wavetable synthesizers."""

import struct
from pathlib import Path

import torch

from ddsp_nb.errors import ExportError, GrowthError
from ddsp_nb.files import written_whole
from ddsp_nb.growth.masks import partial_masks
from ddsp_nb.growth.plan import GrowthPlan
from ddsp_nb.notes.pitch import A4, SEMITONES_PER_OCTAVE, midi_hz
from ddsp_nb.playing.own_timbre import usual_loudness_db
from ddsp_nb.sound.riff import chunk
from ddsp_nb.studio.held import settled_controls
from ddsp_nb.training.model import DDSPModel

FRAME = 2048  # samples of a cycle: what Serum, Vital, Surge and others take
MOST_FRAMES = 256  # that these read
PEAK = 0.99  # of full scale, that the loudest frame reaches
FLOAT = 3  # number of the format, IEEE float
MIDDLE = 50  # hundredths of the pitches that were heard
# What Serum writes and the others look for: samples of a frame; then how to go from frame to frame (1: cross-fade),
# and seven flags that are 0 for tables of one's own.
MARK = b"<!>2048 10000000 wavetable (Timbre Grower)"


def growth_frames(model: DDSPModel, plan: GrowthPlan | None = None) -> torch.Tensor:
    """[n_frames, 2048] single cycles of a growth, peak 0.99, at the instrument's middle pitch and usual loudness.

    A partial that is off is absent, one that is on keeps its level and its phase in all frames, so that what lies
    between two frames is their mixture. One gain serves all frames, or growth could not be heard. Stages, strategy and
    order of a plan say which partials sound in which frame; by default one more in each.

    Raises:
        GrowthError: more than 256 stages.
    """
    hz = midi_hz(A4 + SEMITONES_PER_OCTAVE * model.octave_quantiles[MIDDLE].item())
    controls, k = settled_controls(model, hz, usual_loudness_db(model)), torch.arange(1, model.config.n_harmonics + 1)
    amplitudes = controls.amplitudes[0] * (k * hz < model.config.nyquist_hz)
    plan = GrowthPlan(strategy="linear", n_stages=int((amplitudes > 0).sum())) if plan is None else plan
    masks = partial_masks(plan, len(k), levels=amplitudes)
    if len(masks) > MOST_FRAMES:
        raise GrowthError(f"A wavetable holds {MOST_FRAMES} frames at most; this plan has {len(masks)} stages.")
    spectra = torch.zeros(len(masks), FRAME // 2 + 1, dtype=torch.complex64)
    n_partials = min(len(k), FRAME // 2 - 1)
    phasors = torch.view_as_complex(controls.directions[0].contiguous()) * -1j  # a sine is a cosine, a quarter late
    spectra[:, 1 : n_partials + 1] = (masks * amplitudes * phasors)[:, :n_partials]
    frames = torch.fft.irfft(spectra, norm="forward")
    return frames * PEAK / frames.abs().max()


def write_wavetable(frames: torch.Tensor, path: Path, sample_rate: int) -> Path:
    """Write [n_frames, 2048] cycles as a float WAV file with Serum's chunk before the sound. Raises ExportError."""
    sound = frames.flatten().numpy().astype("<f4")
    form = struct.pack("<HHIIHH", FLOAT, 1, sample_rate, 4 * sample_rate, 4, 32)
    chunks = {b"fmt ": form, b"fact": struct.pack("<I", len(sound)), b"clm ": MARK, b"data": sound.tobytes()}
    content = b"WAVE" + b"".join(chunk(name, data) for name, data in chunks.items())
    with written_whole(path, ExportError) as temporary:
        temporary.write_bytes(chunk(b"RIFF", content))
    return path

"""README.txt of an exported instrument: what each file is, and how a host talks to the network."""

import math

from ddsp_nb.config import Config
from ddsp_nb.notes.pitch import midi_name
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.studio.held import HeldNote

GUIDE = """\
An instrument of Timbre Grower for other programs
=================================================

instrument.sfz, samples/
  For sfizz, sforzando and other SFZ players. {n_samples} held notes, {first} to {last}, at velocities
  32 (p), 72 (mf) and 112 (f); between those two layers cross, whose phases agree. Every loop is synthesised to repeat:
  nothing is cross-faded. The wheel bends by two semitones, the modulation wheel adds vibrato.
  Attack {attack_s:.3f} s (in the samples), release {release_s:.3f} s, both for 40 dB.
  Samples: mono FLAC, 24 bits, {sample_rate} Hz. Levels (RMS of the loop, dB relative to full scale): {levels}.

growth.wav
  Wavetable: {n_frames} frames of 2048 samples (32-bit float), from a sine to the full timbre, the chunk "clm " names
  the frame for Serum, Vital, Surge XT and others. One gain for all frames; partials keep level and phase.

controls.ts
  The network as TorchScript (LibTorch, torch.jit.load): pitch and loudness to controls, one frame every {hop} samples
  at {sample_rate} Hz. All numbers are float32.

    amplitudes, noise_gains, gain, state = forward(f0_hz, loudness_db, state)

    f0_hz        [voices, frames]                  Hz, above 0
    loudness_db  [voices, frames]                  RMS level, dB relative to full scale, -100 to 0
    state        [{layers}, voices, {hidden}]               zeros where a note begins, then what the call before gave
    amplitudes   [voices, frames, {harmonics}]              of partials k = 1, 2 ...; silent from {nyquist} Hz on
    noise_gains  [voices, frames, {bands}]              of bands with centres from 20 to {nyquist} Hz, log-spaced
    gain         [voices, frames, 1]               multiply both by it: then they have the loudness

  Frames may come one by one or many at a time; the results are the same. The sound of a voice is
    sum over k of amplitude_k(t) sin(k phi(t) - pi k (k - 1) / {harmonics}),  phi the integral of 2 pi f0,
  levels linear from frame to frame, plus white noise of variance 1 in windows (Hann, {n_fft} samples, one every {hop}),
  each multiplied in frequency by the gains: a bin is the mean of the bands, weighted by a Gaussian in log frequency
  around each centre whose standard deviation is the distance of two bands. Windowed again and added, it is divided by
  the sum of the squared windows.

    import torch
    network = torch.jit.load("controls.ts")
    state = torch.zeros({layers}, 1, {hidden})
    with torch.no_grad():
        amplitudes, noise_gains, gain, state = network(torch.tensor([[440.0]]), torch.tensor([[-20.0]]), state)
"""


def guide_text(
    config: Config, notes: list[tuple[str, HeldNote]], articulation: Articulation, gain: float, n_frames: int
) -> str:
    """The text for these samples, all with one linear gain, and a wavetable of so many frames."""
    levels_db = {layer: note.loudness_db + 20 * math.log10(gain) for layer, note in notes}
    return GUIDE.format(
        n_samples=len(notes),
        first=midi_name(notes[0][1].note),
        last=midi_name(notes[-1][1].note),
        attack_s=articulation.attack_s,
        release_s=articulation.release_s,
        sample_rate=config.sample_rate,
        levels=", ".join(f"{layer} {level_db:.1f}" for layer, level_db in levels_db.items()),
        n_frames=n_frames,
        hop=config.hop_length,
        layers=config.n_layers,
        hidden=config.hidden_size,
        harmonics=config.n_harmonics,
        bands=config.n_bands,
        nyquist=f"{config.nyquist_hz:g}",
        n_fft=config.noise_n_fft,
    )

"""Lock a pitch track to a recording's phase, so that sines line up (notebook 02, "The amplitudes of a recording").

In two stages: demodulation brings the pitch near enough (`track_phase`), least squares moves pitch and phase to where
the partials fit the recording best, the last hundredths of a radian (`fit_phase`).
"""

from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import convolve1d
from torch.nn import functional as F

from ddsp_nb.analysis.least_squares import assemble, least_squares, overlap_add, solve_block_tridiagonal
from ddsp_nb.config import Config
from ddsp_nb.synthesis.oscillator import TWO_PI, HarmonicOscillator, blend

# Demodulation
N_PARTIALS = 12  # that vote on the phase increment
BLOCK_S = 0.00073  # sound that is demodulated into one value
WINDOW_S = 0.0116  # the shortest window; low notes get three periods
SMOOTHING_S = 0.009  # over which partials vote together, with the shortest window
PERIODS = 3  # that a window must hold to keep neighbouring harmonics apart
MAX_CORRECTION = 0.06  # of the tracked pitch: a semitone
# Real recordings have converged by then. The second pass turns what the first demodulated, which is as good as anew.
N_DEMODULATIONS, PASSES_EACH = 2, 2

# Fit
N_STEPS = 2  # of Gauss and Newton
N_FIT_PARTIALS = 16  # hold the energy that counts
DAMPING = 0.1  # of a frame's own energy
STILLNESS = 1e-3  # of the mean energy: silent frames stay where they are
MIN_PERIODS = 2  # per hop: of slower notes a frame cannot tell phase from amplitude
MAX_PHASE_STEP = 0.3  # radians
MAX_PITCH_STEP = 0.03  # of the pitch


def track_phase(
    audio: np.ndarray, f0_hz: np.ndarray, sample_rate: int, hop_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Refine a pitch track against the measured phase of the first 12 harmonics.

    The sound is demodulated by e^(-ikφ) with the phase φ integrated so far; what is left of each harmonic turns
    slowly, and its energy-weighted rotation corrects the pitch, four times.

    Args:
        audio: [(n_frames - 1) * hop_length] sound.
        f0_hz: [n_frames] pitch, right to within a few percent.
        sample_rate: of the sound, Hz.
        hop_length: samples from frame to frame.

    Returns:
        f0_hz [n_frames] refined, and phase [n_frames] of the fundamental in radians, float64, unwrapped.
    """
    stride = max(1, round(hop_length / sample_rate / BLOCK_S))
    while hop_length % stride:
        stride -= 1
    block = hop_length // stride
    frames, blocks = np.arange(len(f0_hz)), np.arange((len(f0_hz) - 1) * stride + 1) / stride
    pitch_hz = np.interp(blocks, frames, f0_hz)
    block_s = block / sample_rate
    lowest, highest = (1 - MAX_CORRECTION) * pitch_hz, (1 + MAX_CORRECTION) * pitch_hz
    for _ in range(N_DEMODULATIONS):
        partials, reference = _demodulated(audio.reshape(-1, block), pitch_hz, block_s), _integrate(pitch_hz, block_s)
        for _ in range(PASSES_EACH):
            moved = _integrate(pitch_hz, block_s) - reference
            turn = np.exp(-0.5j * (moved[1:] + moved[:-1]))  # at the middle of each block
            turned = partials * np.cumprod(np.broadcast_to(turn, partials.shape), 0)
            pitch_hz = np.clip(pitch_hz + _pitch_correction(turned, pitch_hz, block_s), lowest, highest)
    return pitch_hz[::stride], _integrate(pitch_hz, block_s)[::stride]


def _demodulated(blocks: np.ndarray, pitch_hz: np.ndarray, block_s: float) -> np.ndarray:
    """[12, n_blocks] what each of [n_blocks, block] pieces of sound holds of the first harmonics, complex."""
    angle = _phase_in_blocks(pitch_hz, block_s, blocks.shape[1]).astype(np.float32)
    carrier, demodulated, partials = np.cos(angle) - 1j * np.sin(angle), blocks.astype(np.complex64), []
    for _ in range(N_PARTIALS):
        demodulated *= carrier
        partials.append(demodulated.sum(1))
    return np.stack(partials)


def _pitch_correction(partials: np.ndarray, pitch_hz: np.ndarray, block_s: float) -> np.ndarray:
    """Hz to add at each block edge, from the rotation of the demodulated harmonics between block centres.

    Notes are served in bands, one octave of window lengths each: a note too low for the shortest window to hold three
    of its periods gets one twice as long, or four times, and so on.
    """
    doublings = np.ceil(np.log2(PERIODS / pitch_hz[1:-1] / WINDOW_S)).clip(0)  # of the window, at inner block edges
    phase_step = np.zeros(len(doublings))
    for doubling in np.unique(doublings):
        blocks_per_s = 2**doubling / block_s
        rotation = _rotation(partials, WINDOW_S * blocks_per_s, SMOOTHING_S * blocks_per_s)
        phase_step = np.where(doublings == doubling, rotation, phase_step)
    return np.pad(phase_step / TWO_PI / block_s, 1)


def _rotation(partials: np.ndarray, window_blocks: float, smoothing_blocks: float) -> np.ndarray:
    """Energy-weighted phase step of the fundamental from block to block, [n_blocks - 1] radians."""
    smooth, k = _hann(smoothing_blocks), np.arange(1, len(partials) + 1)
    z = convolve1d(partials, _hann(window_blocks), mode="constant")
    steps = z[:, 1:] * z[:, :-1].conj()
    weight = np.abs(steps)
    rotation, energy = k @ (weight * np.angle(steps)), k**2 @ weight
    return convolve1d(rotation, smooth, mode="constant") / (convolve1d(energy, smooth, mode="constant") + 1e-12)


def _phase_in_blocks(pitch_hz: np.ndarray, block_s: float, block: int) -> np.ndarray:
    """[n_blocks, block] radians mod 2π: pitch is linear within a block, so its integral is a parabola."""
    u = np.arange(block) / block
    start, rise = pitch_hz[:-1, None], np.diff(pitch_hz)[:, None]
    cycles = _integrate(pitch_hz, block_s)[:-1, None] / TWO_PI + block_s * (start * u + rise * u * u / 2)
    return TWO_PI * (cycles % 1)


def _hann(length: float) -> np.ndarray:
    n = max(1, round(length)) | 1
    window = np.hanning(n + 2)[1:-1]
    return window / window.sum()


def _integrate(pitch_hz: np.ndarray, step_s: float) -> np.ndarray:
    return TWO_PI * step_s * np.concatenate([[0], np.cumsum((pitch_hz[1:] + pitch_hz[:-1]) / 2)])


@torch.no_grad()
def fit_phase(
    f0_hz: torch.Tensor, phase: torch.Tensor, voiced: torch.Tensor, audio: torch.Tensor, config: Config
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two Gauss-Newton steps on pitch and phase of all frames together.

    In each, the least-squares sound of the first 16 partials is made linear in the fundamental's phase, which the
    Hermite cubic of the oscillator gives from phase and pitch of two frames; what the partials leave of the recording
    tells where it should move.

    Args:
        f0_hz: [n_frames] pitch, Hz.
        phase: [n_frames] of the fundamental, radians, float64.
        voiced: [n_frames] bool, where partials sound.
        audio: [n_samples] the recording, at most (n_frames - 1) * hop_length long.
        config: gives sample rate and hop.

    Returns:
        f0_hz [n_frames] and phase [n_frames], float64, moved by at most 3 % and 0.3 radians a step; frames that hold
        less than two periods stay as they are.
    """
    config = replace(config, n_harmonics=min(N_FIT_PARTIALS, config.n_harmonics))
    audio = F.pad(audio, (0, (len(f0_hz) - 1) * config.hop_length - len(audio)))
    for _ in range(N_STEPS):
        f0_hz, phase = _gauss_newton_step(f0_hz, phase, voiced, audio, config)
    return f0_hz, phase


def _gauss_newton_step(
    f0_hz: torch.Tensor, phase: torch.Tensor, voiced: torch.Tensor, audio: torch.Tensor, config: Config
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pitch and phase, moved to where the error of a sound that is linear in both is least."""
    periods = f0_hz * config.hop_length / config.sample_rate
    coefficients = least_squares(f0_hz, phase, voiced & (periods > MIN_PERIODS), audio, config)
    sine, cosine = coefficients.chunk(2, -1)
    k = torch.arange(1, config.n_harmonics + 1)
    slopes = torch.cat([-k * cosine, k * sine], -1)  # of the sound, by the phase
    ends = HarmonicOscillator(config).ends(f0_hz, torch.stack([coefficients, slopes], 1), phase=phase)
    sound, slope = blend(ends).unbind(1)  # [n_hops, hop_length]
    residual = audio.view_as(sound) - sound
    diag, off_diag, rhs = _phase_equations(residual, slope, config.hop_length)
    energy = diag.diagonal(dim1=1, dim2=2)
    energy += DAMPING * (energy + STILLNESS * energy.mean(0)) + torch.finfo(energy.dtype).tiny
    phase_step, pitch_step = solve_block_tridiagonal(diag, off_diag, rhs).unbind(-1)  # radians, radians per hop
    f0_hz = f0_hz.double()
    step_hz, max_hz = pitch_step * config.sample_rate / (config.hop_length * TWO_PI), MAX_PITCH_STEP * f0_hz
    return f0_hz + step_hz.clamp(-max_hz, max_hz), phase + phase_step.clamp(-MAX_PHASE_STEP, MAX_PHASE_STEP)


def _phase_equations(
    residual: torch.Tensor, slope: torch.Tensor, hop_length: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The system for phase (radians) and pitch (radians per hop) of each frame, which Hermite's cubic joins."""
    u = torch.arange(hop_length) / hop_length
    start = slope[:, None] * torch.stack([2 * u**3 - 3 * u**2 + 1, u**3 - 2 * u**2 + u])  # [n_hops, 2, hop_length]
    end = slope[:, None] * torch.stack([3 * u**2 - 2 * u**3, u**3 - u**2])
    heard = ((wave @ residual[..., None])[..., 0].double() for wave in (start, end))
    diag, off_diag = assemble(start, end)
    return diag.double(), off_diag.double(), overlap_add(*heard)

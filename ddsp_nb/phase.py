"""Lock a pitch track to the recording's own phase, so that sines line up with its waveform."""

import numpy as np

TWO_PI = 2 * np.pi
N_PARTIALS = 12  # that vote on the phase increment
BLOCK_S = 0.00073  # sound that is demodulated into one value
WINDOW_S, SMOOTHING_S = 0.0116, 0.009
LARGEST_CORRECTION_HZ = 140.0  # of the pitch in one pass
N_PASSES = 4


def track_phase(audio: np.ndarray, f0_hz: np.ndarray, sample_rate: int, hop_length: int):
    """Refine a pitch track against the measured phase of the first 12 harmonics.

    The sound is demodulated by e^(-ikφ) with the phase φ integrated so far; what is left of each harmonic turns
    slowly, and its energy-weighted rotation corrects the pitch. Four passes converge on real recordings.

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
    for _ in range(N_PASSES):
        pitch_hz = pitch_hz + _pitch_correction(audio.reshape(-1, block), pitch_hz, block_s)
    return pitch_hz[::stride], _integrate(pitch_hz, block_s)[::stride]


def _pitch_correction(blocks, pitch_hz, block_s):
    """Hz to add at each block edge, from the rotation of the demodulated harmonics between block centres."""
    window, smooth = _hann(WINDOW_S / block_s), _hann(SMOOTHING_S / block_s)
    carrier = np.exp(-1j * _phase_in_blocks(pitch_hz, block_s, blocks.shape[1]))
    demodulated, rotation, energy = blocks.astype(complex), 0.0, 0.0
    for k in range(1, N_PARTIALS + 1):
        demodulated = demodulated * carrier
        z = np.convolve(demodulated.sum(1), window, mode="same")
        weight = np.abs(z[1:] * z[:-1])
        rotation = rotation + weight * k * np.angle(z[1:] * np.conj(z[:-1]))
        energy = energy + weight * k * k
    step = np.convolve(rotation, smooth, mode="same") / (np.convolve(energy, smooth, mode="same") + 1e-12)
    limit = LARGEST_CORRECTION_HZ
    return np.pad(np.clip(step / TWO_PI / block_s, -limit, limit), 1)


def _phase_in_blocks(pitch_hz, block_s, block):
    """[n_blocks, block] radians mod 2π: pitch is linear within a block, so its integral is a parabola."""
    u = np.arange(block) / block
    start, rise = pitch_hz[:-1, None], np.diff(pitch_hz)[:, None]
    cycles = _integrate(pitch_hz, block_s)[:-1, None] / TWO_PI + block_s * (start * u + rise * u * u / 2)
    return TWO_PI * (cycles % 1)


def _hann(length):
    n = max(1, round(length)) | 1
    window = np.hanning(n + 2)[1:-1]
    return window / window.sum()


def _integrate(pitch_hz, step_s):
    return TWO_PI * step_s * np.concatenate([[0], np.cumsum((pitch_hz[1:] + pitch_hz[:-1]) / 2)])

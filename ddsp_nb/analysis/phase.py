"""Lock a pitch track to the recording's own phase, so that sines line up with its waveform."""

import numpy as np

TWO_PI = 2 * np.pi
N_PARTIALS = 12  # that vote on the phase increment
BLOCK_S = 0.00073  # sound that is demodulated into one value
WINDOW_S, SMOOTHING_S = 0.0116, 0.009  # the shortest window; low notes get three periods
PERIODS = 3  # that a window must hold to keep neighbouring harmonics apart
LARGEST_CORRECTION = 0.06  # of the tracked pitch: a semitone
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
    lowest, highest = (1 - LARGEST_CORRECTION) * pitch_hz, (1 + LARGEST_CORRECTION) * pitch_hz
    for _ in range(N_PASSES):
        pitch_hz = pitch_hz + _pitch_correction(audio.reshape(-1, block), pitch_hz, block_s)
        pitch_hz = np.clip(pitch_hz, lowest, highest)
    return pitch_hz[::stride], _integrate(pitch_hz, block_s)[::stride]


def _pitch_correction(blocks, pitch_hz, block_s):
    """Hz to add at each block edge, from the rotation of the demodulated harmonics between block centres."""
    carrier = np.exp(-1j * _phase_in_blocks(pitch_hz, block_s, blocks.shape[1]))
    partials, demodulated = [], blocks.astype(complex)
    for _ in range(N_PARTIALS):
        demodulated = demodulated * carrier
        partials.append(demodulated.sum(1))
    octaves_low = np.ceil(np.log2(PERIODS / pitch_hz[1:-1] / WINDOW_S)).clip(0).astype(int)
    step = np.zeros(len(octaves_low))
    for octave in np.unique(octaves_low):
        low = octaves_low == octave
        step[low] = _rotation(partials, WINDOW_S * 2**octave / block_s, SMOOTHING_S * 2**octave / block_s)[low]
    return np.pad(step / TWO_PI / block_s, 1)


def _rotation(partials, window_length, smoothing_length):
    """Energy-weighted phase step of the fundamental from block to block, [n_blocks - 1] radians."""
    window, smooth = _hann(window_length), _hann(smoothing_length)
    rotation = energy = 0.0
    for k, partial in enumerate(partials, start=1):
        z = _convolve(partial, window)
        weight = np.abs(z[1:] * z[:-1])
        rotation = rotation + weight * k * np.angle(z[1:] * np.conj(z[:-1]))
        energy = energy + weight * k * k
    return _convolve(rotation, smooth) / (_convolve(energy, smooth) + 1e-12)


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


def _convolve(values, window):
    """`values` smoothed, as long as they were, even where the window is longer."""
    start = len(window) // 2
    return np.convolve(values, window)[start : start + len(values)]


def _integrate(pitch_hz, step_s):
    return TWO_PI * step_s * np.concatenate([[0], np.cumsum((pitch_hz[1:] + pitch_hz[:-1]) / 2)])

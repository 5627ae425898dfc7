"""The harmonic oscillator (notebook 02): a bank of sine waves at whole multiples of one pitch.

    audio = Σ_k a_k(t) sin(k φ(t) + θ_k(t)),  φ the integral of f0

With φ known, sin(kφ) and cos(kφ) are a fixed *basis*: a frame of sound is one small matrix product of basis and
coefficients, and interpolating after the product keeps everything of size n_samples x n_harmonics out of training.
Where a basis is used only once it is not made at all: sines are powers of one number on the unit circle, z = e^(iφ),
and z^(8a + b) = z^(8a) z^b, so that a product with 8 powers and one with every eighth take the place of all.
Phase is float64 and wrapped before it is multiplied out; each sample has its own Nyquist mask.
"""

import math

import torch
from torch.nn import functional as F

from ddsp_nb.config import Config

TWO_PI = 2 * math.pi
# Rendered together: what is computed of them stays in the processor's cache.
HOPS_AT_ONCE = 32
# Powers of z that are multiplied by every eighth one.
FACTOR = 8
# Of a cycle. Whole multiples of a phase in such steps, up to 1,024, are exact in float32.
STEPS = 1 << 14


class HarmonicOscillator:
    """Renders harmonic amplitudes to sound."""

    def __init__(self, config: Config):
        self.config = config

    def __call__(
        self,
        f0_hz: torch.Tensor,
        amplitudes: torch.Tensor,
        *,
        phase: torch.Tensor | None = None,
        phase_offsets: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Render controls to sound, of one clip or of a batch.

        Args:
            f0_hz: [n_frames] or [batch, n_frames] fundamental, Hz.
            amplitudes: [..., n_frames, n_harmonics] linear amplitude of each sine; as many harmonics as given.
            phase: [..., n_frames] float64 phase of the fundamental, radians; integrated from f0 if None.
            phase_offsets: [..., n_frames, n_harmonics] θ_k in radians; 0 if None.

        Returns:
            [..., (n_frames - 1) * hop_length] sound.
        """
        offsets = torch.zeros_like(amplitudes) if phase_offsets is None else phase_offsets
        coefficients = torch.cat([amplitudes * offsets.cos(), amplitudes * offsets.sin()], -1)
        return self.render(f0_hz, coefficients, phase=phase)

    def render(
        self, f0_hz: torch.Tensor, coefficients: torch.Tensor, *, phase: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Render coefficients of sin(kφ), and after them of cos(kφ), to sound.

        Args:
            f0_hz: [n_frames] or [batch, n_frames] fundamental, Hz.
            coefficients: [..., n_frames, 2 * n_harmonics].
            phase: [..., n_frames] float64 radians; integrated from f0 if None.

        Returns:
            [..., (n_frames - 1) * hop_length] sound.
        """
        if f0_hz.ndim > 1:
            clips = zip(f0_hz, coefficients, [None] * len(f0_hz) if phase is None else phase, strict=True)
            return torch.stack([self.render(*clip[:2], phase=clip[2]) for clip in clips])
        return blend(self.ends(f0_hz, coefficients, phase=phase)).flatten()

    def ends(
        self, f0_hz: torch.Tensor, coefficients: torch.Tensor, *, phase: torch.Tensor | None = None
    ) -> torch.Tensor:
        """[n_hops, 2, hop_length] what each hop would sound like with the controls of the frames at its two ends.

        Scaled by the gains of those frames, `blend` makes them the sound of scaled controls, without any new sine.
        Several sounds may share the pitch: coefficients [n_frames, n_sounds, 2 * n_harmonics] give [n_hops, n_sounds,
        2, hop_length].
        """
        phase = integrate_pitch(f0_hz, self.config) if phase is None else phase
        partials = torch.complex(*coefficients.chunk(2, -1))
        at_ends = torch.stack([partials[:-1], partials[1:]], -2)
        parts = []
        for start in range(0, len(at_ends), HOPS_AT_ONCE):
            hops, frames = slice(start, start + HOPS_AT_ONCE), slice(start, start + HOPS_AT_ONCE + 1)
            track = interpolate_phase(f0_hz[frames], phase[frames], self.config)
            parts.append(sum_of_sines(*track, at_ends[hops].flatten(1, -2), self.config))
        return torch.cat(parts).unflatten(1, at_ends.shape[1:-1])


def integrate_pitch(f0_hz: torch.Tensor, config: Config) -> torch.Tensor:
    """[..., n_frames] float64 radians, from 0 on: phase of a pitch, [..., n_frames] Hz, that moves linearly between."""
    f0_hz = f0_hz.double()
    steps = (f0_hz[..., 1:] + f0_hz[..., :-1]) * (math.pi * config.hop_length / config.sample_rate)
    return torch.nn.functional.pad(steps.cumsum(-1), (1, 0))


def interpolate_phase(f0_hz: torch.Tensor, phase: torch.Tensor, config: Config) -> tuple[torch.Tensor, torch.Tensor]:
    """Phase at every sample by the cubic through phase and pitch of the frames (McAulay & Quatieri 1986).

    Where `phase` is the integral of a linear pitch, the cubic is exactly that. Each hop begins within the first
    cycle, which whole multiples of the phase do not notice.

    Args:
        f0_hz: [..., n_frames] Hz.
        phase: [..., n_frames] radians, unwrapped.

    Returns:
        phase in cycles and its slope in Hz, both [..., n_frames - 1, hop_length] float64.
    """
    u = torch.arange(config.hop_length, dtype=torch.float64, device=f0_hz.device) / config.hop_length
    hop_s, cycles, f0_hz = config.hop_length / config.sample_rate, phase.double() / TWO_PI, f0_hz.double()
    slope, slope_after = f0_hz[..., :-1, None] * hop_s, f0_hz[..., 1:, None] * hop_s
    start, rise = cycles[..., :-1, None] % 1, cycles.diff()[..., None]
    square, cube = 3 * rise - 2 * slope - slope_after, slope + slope_after - 2 * rise
    at_samples = start + u * (slope + u * (square + u * cube))
    return at_samples, (slope + u * (2 * square + 3 * u * cube)) / hop_s


def harmonic_basis(f0_hz: torch.Tensor, phase: torch.Tensor, n_harmonics: int, config: Config) -> torch.Tensor:
    """sin(kφ), then cos(kφ), at every sample; zero where k f0 is at or above Nyquist.

    Args:
        f0_hz: [..., n_frames] Hz.
        phase: [..., n_frames] radians, float64.
        n_harmonics: k runs from 1 up to it.

    Returns:
        [..., n_frames - 1, 2 * n_harmonics, hop_length] float32.
    """
    cycles, frequency_hz = (x.flatten(0, -2) for x in interpolate_phase(f0_hz, phase, config))
    k = torch.arange(1, n_harmonics + 1, device=cycles.device)[:, None]
    basis = torch.empty(len(cycles), 2 * n_harmonics, config.hop_length, device=cycles.device)
    for i in range(0, len(cycles), HOPS_AT_ONCE):
        hops = slice(i, i + HOPS_AT_ONCE)
        basis[hops] = _sines(cycles[hops], frequency_hz[hops], k, config)
    return basis.unflatten(0, (*f0_hz.shape[:-1], -1))


def partial_basis(hz: torch.Tensor, phase: torch.Tensor, config: Config) -> torch.Tensor:
    """sin φ_k, then cos φ_k, of partials that each have a frequency of their own; zero at and above Nyquist.

    Args:
        hz: [n_frames, n_partials] Hz.
        phase: [n_frames, n_partials] float64 radians, unwrapped: `partial_phase` of hz.

    Returns:
        [n_frames - 1, 2 * n_partials, hop_length] float32.
    """
    cycles, frequency_hz = (x.transpose(0, 1) for x in interpolate_phase(hz.T, phase.T, config))
    angle = cycles.frac().float().mul_(TWO_PI)
    below = frequency_hz < config.nyquist_hz
    return torch.cat([angle.sin() * below, angle.cos() * below], 1)


def partial_phase(hz: torch.Tensor, config: Config) -> torch.Tensor:
    """[n_frames, n_partials] float64 radians, from 0 on: phases of partials at [n_frames, n_partials] Hz."""
    return integrate_pitch(hz.T, config).T


def render_partials(hz: torch.Tensor, coefficients: torch.Tensor, config: Config) -> torch.Tensor:
    """[(n_frames - 1) * hop_length] sound of partials at [n_frames, n_partials] Hz.

    Coefficients [n_frames, 2 * n_partials] are of sin φ_k, then of cos φ_k, with φ_k from 0 on; those that are silent
    cost nothing.
    """
    phase, parts = partial_phase(hz, config), []
    for start in range(0, len(hz) - 1, HOPS_AT_ONCE):
        frames = slice(start, start + HOPS_AT_ONCE + 1)
        pairs = coefficients[frames].unflatten(1, (2, -1))
        rows = pairs.any(0).any(0).nonzero()[:, 0]
        basis = partial_basis(hz[frames][:, rows], phase[frames][:, rows], config)
        parts.append(render_frames(basis, pairs[..., rows].flatten(1)).flatten())
    return torch.cat(parts)


def _sines(cycles: torch.Tensor, frequency_hz: torch.Tensor, k: torch.Tensor, config: Config) -> torch.Tensor:
    """[n_hops, hop_length] phase and pitch, and [..., n, 1] multiples, to the basis of these hops."""
    angle = (cycles[:, None] * k).frac_().float().mul_(TWO_PI)
    basis = torch.cat([angle.sin(), angle.cos_()], 1)
    if frequency_hz.amax() * k.amax() >= config.nyquist_hz:  # asked first: masking takes a quarter of the time
        basis *= (frequency_hz[:, None] * k < config.nyquist_hz).repeat(1, 2, 1)
    return basis


def sum_of_sines(
    cycles: torch.Tensor, frequency_hz: torch.Tensor, partials: torch.Tensor, config: Config
) -> torch.Tensor:
    """Sounds of harmonics with constant amplitudes: Σ_k of a sin(kφ + θ), silent where k f0 is at or above Nyquist.

    Args:
        cycles, frequency_hz: [n_hops, hop_length] float64 phase and its slope, as `interpolate_phase` gives them.
        partials: [n_hops, n_sounds, n_harmonics] complex amplitudes a (cos θ + i sin θ).

    Returns:
        [n_hops, n_sounds, hop_length] float32.
    """
    n_harmonics = partials.shape[-1]
    k = torch.arange(1, n_harmonics + 1, device=cycles.device)
    lowest_hz, highest_hz = (x * k for x in frequency_hz.aminmax(dim=1, keepdim=True))
    n_coarse = n_harmonics // FACTOR + 1
    (cosine, sine), coarse = powers(cycles, n_coarse)
    from_zero = F.pad(partials * (highest_hz < config.nyquist_hz)[:, None], (1, FACTOR * n_coarse - 1 - n_harmonics))
    real, imag = (x.unflatten(-1, (n_coarse, FACTOR)) for x in (from_zero.real, from_zero.imag))
    # Of Σ_b c z^b, for each a: the imaginary part, then the real one, by which cos(8aφ) and sin(8aφ) are multiplied.
    weights = torch.cat([torch.cat([imag, real], -1), torch.cat([real, -imag], -1)], 2).flatten(1, 2)
    inner = weights @ torch.cat([cosine, sine], 1)
    sound = (inner.unflatten(1, (-1, 2 * n_coarse)) * torch.cat(coarse, 1)[:, None]).sum(2)
    # Few partials pass Nyquist within a hop.
    hops, passing = ((lowest_hz < config.nyquist_hz) & (highest_hz >= config.nyquist_hz)).nonzero().unbind(1)
    if not len(hops):
        return sound
    basis = _sines(cycles[hops], frequency_hz[hops], k[passing, None, None], config)
    return sound.index_add(0, hops, torch.view_as_real(partials[hops, :, passing]) @ basis)


def powers(cycles: torch.Tensor, n_coarse: int) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
    """z^0 ... z^7 and z^0, z^8, z^16 ... of z = e^(iφ), for [n_hops, hop_length] float64 phases in cycles.

    Each is a real and an imaginary part, [n_hops, 8, hop_length] and [n_hops, n_coarse, hop_length] float32.
    """
    orders = torch.tensor([*range(FACTOR), *range(0, FACTOR * n_coarse, FACTOR)], device=cycles.device)[:, None].float()
    # In float32, which is quicker: whole multiples are exact of the phase in steps, and of the rest little is lost.
    cycles = cycles.frac()
    steps = (cycles * STEPS).round_() / STEPS
    rest = (cycles - steps).float()
    angle = (steps.float()[:, None] * orders).frac_().addcmul_(rest[:, None], orders).mul_(TWO_PI)
    cosine, sine = angle.cos(), angle.sin()
    return (cosine[:, :FACTOR], sine[:, :FACTOR]), (cosine[:, FACTOR:], sine[:, FACTOR:])


def render_frames(basis: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    """[..., n_hops, hop_length] sound of coefficients that move linearly from frame to frame.

    The basis is [..., n_hops, width, hop_length], its coefficients are [..., n_hops + 1, width].
    """
    return blend(_ends(basis, coefficients))


def _ends(basis: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    return torch.stack([coefficients[..., :-1, :], coefficients[..., 1:, :]], -2) @ basis


def blend(ends: torch.Tensor) -> torch.Tensor:
    """What hops sound like at their two ends, [..., n_hops, 2, hop_length], to sound [..., n_hops, hop_length]."""
    return torch.lerp(ends[..., 0, :], ends[..., 1, :], ramp(ends))


def ramp(basis: torch.Tensor) -> torch.Tensor:
    """[hop_length] weights of the later frame, from 0 up to just below 1."""
    hop_length = basis.shape[-1]
    return torch.arange(hop_length, dtype=basis.dtype, device=basis.device) / hop_length

"""Any sound as partials that each have a frequency of their own (notebook 08, "Which partials are there?")."""

from collections.abc import Iterable

import numpy as np
import scipy
import torch
from scipy.fft import fft
from scipy.ndimage import correlate1d, uniform_filter1d
from torch.nn import functional as F

from ddsp_nb.analysis.decompose import MIN_GAIN, Analysis, band_gains, snr_db
from ddsp_nb.analysis.least_squares import RIDGE, assemble, overlap_add, solve_block_tridiagonal
from ddsp_nb.analysis.peaks import LOWEST_HZ, Track, follow, spectral_peaks, strokes
from ddsp_nb.config import Config
from ddsp_nb.sound.load import check_audio
from ddsp_nb.synthesis.oscillator import TWO_PI, partial_basis, partial_phase, ramp, render_partials

# Of spectra. The shortest is taken of which a sound's spectra are sparse to within so many dB of the sparsest.
WINDOWS_S, NEARLY_DB = (0.05, 0.1, 0.2), 2.0
# Of a track's energy at least this part keeps its direction or turns evenly: of noise less does.
STEADY = 0.4
# Solved together, and with neighbours. Coefficients of two frames are held together as stiffly, beside their energy.
STRETCH_HOPS, OVERLAP, STIFFNESS = 64, 8, 1e-3
# Frequencies follow directions, averaged over so many frames. Tracks half as near share a row, at last so near.
N_PASSES, SMOOTH_FRAMES, SHARED_OCTAVES = 2, 10, 1 / 12
# Partials nearer than so many Hz come as one track that beats. What takes longer than so many frames is evened out, and
# its spectrum taken so many times as fine: there each is a peak, at least so much of the highest one.
BEATS_HZ, EVEN_FRAMES, FINER, BESIDE = 8.0, 31, 8, 0.25
# For a sound without any partial.
NOTHING = Track(slice(0, 1), np.full(1, 440.0), np.zeros(1))


@torch.no_grad()
def analyse_tracks(audio: torch.Tensor, config: Config, n_most: int = 256) -> Analysis:
    """Partials of [n_samples] sound, in at most `n_most` rows, and what they leave; errors: `check_audio`."""
    check_audio(audio, config.sample_rate)
    n_frames, window = config.n_frames(len(audio)), best_window(audio, config)
    peaks, struck = spectral_peaks(audio, config, window), strokes(audio, config)
    tracks = follow(peaks, config.sample_rate / window, struck, window / 2 / config.hop_length)
    for _ in range(N_PASSES):
        tracks, hz, alive = pack(tracks or [NOTHING], n_frames, n_most)
        coefficients = solve(hz, alive, audio, config)
        tracks = moved(tracks, hz, coefficients, config)
    harmonic = render_partials(hz, coefficients, config)[: len(audio)]
    noise = band_gains(audio - harmonic, config, n_frames)
    return Analysis(coefficients, harmonic, noise, snr_db(audio, harmonic), audio, hz)


def best_window(audio: torch.Tensor, config: Config) -> int:
    """Samples of the shortest window through which the spectra of [n_samples] sound are nearly the sparsest."""
    windows, spread_db = [2 * round(window_s * config.sample_rate / 2) for window_s in WINDOWS_S], []
    for window in windows:
        padded, shape = F.pad(audio, (window // 2, window)), torch.blackman_window(window)
        size = torch.stft(padded, window, window // 4, window=shape, return_complex=True).abs()
        spread_db.append(20 * torch.log10(size.sum() / size.norm() / size.numel() ** 0.5).item())
    return next(window for window, db in zip(windows, spread_db, strict=True) if db <= min(spread_db) + NEARLY_DB)


def pack(tracks: Iterable[Track], n_frames: int, n_most: int) -> tuple[list[Track], torch.Tensor, torch.Tensor]:
    """Tracks in as few rows as may be: the loudest first, in one near by that is free; [n_frames, n_rows] Hz; life."""
    tracks = sorted(tracks, key=lambda track: -(track.amplitude @ track.amplitude))
    octaves = [np.average(np.log2(track.hz), weights=track.amplitude + MIN_GAIN) for track in tracks]
    places, taken, packed = np.sort(octaves), np.zeros(len(tracks), bool), []
    alive = np.zeros((n_frames, len(places)), bool)
    for track, octave in zip(tracks, octaves, strict=True):
        around = slice(max(0, track.frames.start - 2), track.frames.stop + 2)
        new = SHARED_OCTAVES / 2 if taken.sum() < n_most else 1
        off = np.abs(places - octave) + alive[around].any(0) + new * ~taken
        if off.min() < SHARED_OCTAVES:
            packed.append(track._replace(row=int(off.argmin())))
            alive[track.frames, packed[-1].row] = taken[packed[-1].row] = True
    alive, hz = alive.compress(taken, axis=1), np.zeros((n_frames, taken.sum()), np.float32)
    packed = [track._replace(row=int(taken[: track.row].sum())) for track in packed]
    for track in sorted(packed, key=lambda track: track.frames.start):
        column, frames = hz[:, track.row], track.frames
        column[max(0, frames.start - 1) if column[0] else 0 :] = track.hz[0]
        column[frames], column[frames.stop :] = track.hz, track.hz[-1]
    return packed, torch.from_numpy(hz), torch.from_numpy(alive)


def solve(hz: torch.Tensor, alive: torch.Tensor, audio: torch.Tensor, config: Config) -> torch.Tensor:
    """Coefficients [n_frames, 2 * n_partials] of the sound of rows nearest to a recording; 0 where dead."""
    n_hops, hop = len(hz) - 1, config.hop_length
    sound = F.pad(audio, (0, n_hops * hop - len(audio))).view(n_hops, hop)
    phase, coefficients = partial_phase(hz, config), torch.zeros(len(hz), 2, hz.shape[1])
    for start in range(0, n_hops, STRETCH_HOPS):
        first, last = max(0, start - OVERLAP), min(n_hops, start + STRETCH_HOPS + OVERLAP)
        frames, kept = slice(first, last + 1), slice(start - first, None)
        rows, solution = solve_stretch(hz[frames], phase[frames], alive[frames], sound[first:last], config)
        coefficients[start : last + 1].scatter_(2, rows[kept, None].expand(-1, 2, -1), solution[kept])
    return coefficients.flatten(1)


def solve_stretch(
    hz: torch.Tensor, phase: torch.Tensor, alive: torch.Tensor, sound: torch.Tensor, config: Config
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows [n_frames, width] that live in each frame, filled up with dead ones; coefficients [n_frames, 2, width]."""
    rows = alive.int().argsort(dim=1, descending=True, stable=True)[:, : max(1, int(alive.sum(1).amax()))]
    lives = alive.gather(1, rows)
    pairs = lambda x, rows: torch.stack([x[:-1].gather(1, rows), x[1:].gather(1, rows)]).flatten(1)
    waves = lambda rows: partial_basis(pairs(hz, rows), pairs(phase, rows), config).view(2, *rows.shape, -1)
    start, end = (waves(of_hops).transpose(0, 1).flatten(1, 2) for of_hops in (rows[:-1], rows[1:]))
    heard = lives.repeat(1, 2)[..., None]
    start, end = start * heard[:-1] * (1 - ramp(start)), end * heard[1:] * ramp(end)
    diag, off_diag = assemble(start, end)
    rhs = overlap_add(*((wave @ sound[..., None])[..., 0] for wave in (start, end)))
    same = (rows[:-1, :, None] == rows[1:, None]) & lives[:-1, :, None] & lives[1:, None]
    stiff = same * (STIFFNESS * config.hop_length)
    off_diag -= torch.kron(torch.eye(2), stiff)
    held = overlap_add(stiff.sum(2), stiff.sum(1)) + RIDGE * config.hop_length + ~lives
    diag.diagonal(dim1=1, dim2=2).add_(held.repeat(1, 2))
    return rows, solve_block_tridiagonal(diag, off_diag, rhs).unflatten(1, (2, -1))


def moved(tracks: list[Track], hz: torch.Tensor, found: torch.Tensor, config: Config) -> list[Track]:
    """Steady tracks, those that beat as several, at frequencies moved as directions turn, as loud as was found."""
    partials = torch.complex(*found.chunk(2, -1)).numpy()
    turn = np.pad(partials[1:] * partials[:-1].conj(), ((1, 1), (0, 0)))  # into each frame, and out of the last one
    smooth = correlate1d(turn, np.hanning(SMOOTH_FRAMES + 2)[1:-1], axis=0, origin=-1, mode="constant")[:-1]
    moved_hz = hz.numpy() + np.angle(smooth) * config.sample_rate / (config.hop_length * TWO_PI)
    steady = []
    for frames, _, _, row in tracks:
        here, turns = np.abs(partials[frames, row]), turn[frames.start + 1 : frames.stop, row]
        if abs(turns.sum()) >= STEADY * (here @ here - (here[0] ** 2 + here[-1] ** 2) / 2):
            own_hz = hz.numpy()[frames, row]
            apart_hz = beats(partials[frames, row], own_hz, config.sample_rate / config.hop_length)
            lines = [np.full_like(own_hz, line) for line in apart_hz] if len(apart_hz) > 1 else [moved_hz[frames, row]]
            for line in lines:
                steady.append(Track(frames, line.clip(LOWEST_HZ, config.nyquist_hz).astype(float), here / len(lines)))
    return steady


def beats(partial: np.ndarray, hz: np.ndarray, rate: float) -> np.ndarray:
    """[n] Hz of the partials that a long track is, by its [n_frames] amplitudes and Hz, so many frames a second."""
    if len(partial) < 2 * EVEN_FRAMES or np.ptp(hz) > BEATS_HZ:
        return hz[:1]
    even = partial / (uniform_filter1d(np.abs(partial), EVEN_FRAMES) + MIN_GAIN) * np.hanning(len(partial))
    even *= np.exp(1j * TWO_PI / rate * np.cumsum(hz - hz.mean()))
    n, n_near = FINER * len(partial), round(FINER * len(partial) * BEATS_HZ / rate)
    size = np.roll(np.abs(fft(even, n)), n_near)[: 2 * n_near + 1]
    return hz.mean() + (scipy.signal.find_peaks(size, height=BESIDE * size.max())[0] - n_near) * (rate / n)

"""Does one note sound at a time, or several? (notebook 01, "Why is finding a pitch difficult?")

In each of some windows the peaks of the spectrum are laid against the series of partials that explains most of them.
A series whose low partials are missing explains nothing: a chord fits one over a deep root that nobody plays.
"""

import numpy as np
import torch
from scipy.ndimage import median_filter

from ddsp_nb.analysis.pitch import top_of_parabola
from ddsp_nb.config import Config

# Long beside the period of low notes, short beside a note; and of the windows, evenly spread, which say enough.
WINDOW_S, MOST_WINDOWS = 0.09, 150
# Below the loudest window: there sound is fading, or it is a rest.
SOUNDING_DB = 25.0
# Of a peak above its surroundings, which are so many bins wide, and below the highest one: the rest is noise, or faint.
PEAK_DB, SURROUNDINGS_BINS, FAINT_DB, COUNTED_DB = 10.0, 41, 40.0, 28.0
# Of the energy, in peaks: of noise 2 %, of a violin's quiet notes 90 %.
TONAL = 0.3
# Lowest partial of a note that may be looked for, and by which of its partials the loudest peaks may be.
LOWEST_HZ, LOUDEST_PEAKS, ORDERS = 30.0, 8, np.arange(1, 7)
# From its place, in bins of the spectrum, as a share (strings are stiff) and of the fundamental at most.
OFF_BINS, OFF_SHARE, OFF_F0 = 0.7, 0.008, 0.2
# Partials of which none should be missing; what a missing one costs, beside the amplitude that is explained.
LOW_PARTIALS, MISSING_COST = 12, 2.0
# Of the amplitudes in a window: with less explained, something else sounds besides.
EXPLAINED = 0.85
# Of the windows: single notes of a vibrating, ringing violin reach half, what is played at once begins there.
SEVERAL = 0.5


def several_notes(audio: torch.Tensor, config: Config) -> str:
    """What to expect of [n_samples] sound in which several notes sound at once; nothing of any other."""
    explained = explained_by_one_note(audio, config)
    several = explained < EXPLAINED
    if not len(several) or several.mean() < SEVERAL:
        return ""
    return (
        f"Several notes sound at once in {100 * several.mean():.0f} % of it (or one without a series of partials, as a "
        f"bell's): one series explains {100 * explained[several].mean():.0f} % of them. The network learns one "
        "note of them; a take of tracks holds them all (notebook 08). For the network, record one voice alone."
    )


def explained_by_one_note(audio: torch.Tensor, config: Config) -> np.ndarray:
    """[n_windows] share of the peaks' amplitudes, 0 to 1, that one series explains, of windows that sound."""
    n_fft = 1 << round(np.log2(WINDOW_S * config.sample_rate))
    if len(audio) < n_fft:
        return np.zeros(0)
    step = max(n_fft, len(audio) // MOST_WINDOWS)
    frames = np.lib.stride_tricks.sliding_window_view(audio.cpu().numpy(), n_fft)[::step]
    energy = np.square(frames).sum(1)
    frames = frames[energy > energy.max() * 10 ** (-SOUNDING_DB / 10)]
    spectra_db = 20 * np.log10(np.abs(np.fft.rfft(frames * np.hanning(n_fft))).clip(1e-9))
    found, bin_hz = [peaks(spectrum_db) for spectrum_db in spectra_db], config.sample_rate / n_fft
    return np.array([best_share(bins * bin_hz, amplitudes, bin_hz) for bins, amplitudes in found if len(bins)])


def peaks(spectrum_db: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places, in bins, and amplitudes of the peaks of [n_bins] levels; none of noise."""
    here = spectrum_db[2:-2]
    beside = np.max([spectrum_db[i : len(spectrum_db) - 4 + i] for i in (0, 1, 3, 4)], 0)
    bins = np.flatnonzero((here > beside) & (here > spectrum_db.max() - FAINT_DB)) + 2
    bins = bins[spectrum_db[bins] > median_filter(spectrum_db, SURROUNDINGS_BINS)[bins] + PEAK_DB]
    power = 10 ** (spectrum_db / 10)
    if sum(power[bins + i].sum() for i in (-1, 0, 1)) < TONAL * power.sum():
        bins = bins[:0]
    shift, peaks_db = top_of_parabola(*(spectrum_db[bins + i] for i in (-1, 0, 1)))
    return bins + shift, 10 ** (peaks_db / 20)


def best_share(hz: np.ndarray, amplitudes: np.ndarray, bin_hz: float) -> float:
    """Share of the amplitudes of peaks at `hz` that lies on the series that fits best."""
    loudest = np.argsort(-amplitudes)[:LOUDEST_PEAKS]
    f0_hz = (hz[loudest, None] / ORDERS).reshape(-1, 1)
    f0_hz = f0_hz[f0_hz[:, 0] > LOWEST_HZ]
    order = np.round(hz / f0_hz).astype(int)
    off_hz = np.minimum(np.maximum(OFF_BINS * bin_hz, OFF_SHARE * hz), OFF_F0 * f0_hz)
    fits = (order > 0) & (np.abs(hz - order * f0_hz) < off_hz)
    counted = amplitudes * (amplitudes > amplitudes.max() * 10 ** (-COUNTED_DB / 20))
    explained = (fits * counted).sum(1) / counted.sum()
    there = np.zeros((len(f0_hz), LOW_PARTIALS + 2), bool)
    there[np.nonzero(fits)[0], order[fits].clip(max=LOW_PARTIALS + 1)] = True
    low, there = np.arange(1, LOW_PARTIALS + 1), there[:, 1:-1]
    # Pipes that are closed at one end have odd partials alone.
    odd_alone = ~there[:, 1::2].any(1, keepdims=True)
    wanted = (low <= (hz.max() / f0_hz + OFF_F0).clip(1)) & ((low % 2 > 0) | ~odd_alone)
    missing = 1 - (there & wanted).sum(1) / wanted.sum(1)
    return float(explained[np.argmax(explained - MISSING_COST * missing)])

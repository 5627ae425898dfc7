"""What lies under a recording and is no instrument, told by its rests (notebook 01, "What does the network read?").

Mains hum, a fan, a whistle, a room's floor: in the rests only they are heard. A steady tone counts where it sounds in
every rest alike and goes on under the notes; then it is followed through the recording, at most as loud as in the
rests, so that a partial that happens to lie on it keeps all but that. Where there are no rests nothing is claimed.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_opening, convolve1d, median_filter

from ddsp_nb.analysis.mel import MIN_DB, loudness_db
from ddsp_nb.analysis.pitch import top_of_parabola
from ddsp_nb.config import Config

# Of the levels of all frames: what is quiet, and what is loud.
QUIET, LOUD = 0.05, 0.9
# From the quiet level to the loud one; with less there are no rests, only softer notes.
LEAST_DEPTH_DB = 12.0
# Above the quiet level, as a share of the way to the loud one, and at most: hum beats, and a room is never quite still.
REST_SHARE, REST_RANGE_DB = 0.5, 10.0
# Of a window on a rest: it tells tones apart that are 20 Hz apart, as the multiples of 50 and 60 Hz are.
WINDOW_S = 0.18
# Of a recording; in a shorter one the softer half of a note looks like a rest in which the louder half hums.
LEAST_S = 2.0
# Windows in rests; in fewer, noise can look steady.
LEAST_WINDOWS = 3
# Of a tone above its surroundings, which are so many Hz wide; and by which it may waver in the rests.
LEAST_PEAK_DB, SURROUNDINGS_HZ, WAVER_DB = 10.0, 240.0, 5.0
# By which it may be louder or softer under three quarters of the notes: else it is a softer note.
LOUDER_DB, SOFTER_DB = 8.0, 6.0
# By which what rings falls at least, from so many half windows before a rest to its begin, and to its end.
BEFORE_WINDOWS, INTO_DB, THROUGH_DB = 3, 1.5, 0.8
# Below the loudest frame, of one tone, of all and of noise: what is softer is not heard, or is no note to a tracker.
TONE_HEARD_DB, TONES_HEARD_DB, NOISE_HEARD_DB = 70.0, 60.0, 45.0
# By which something that plays stands out of bins beside it, and the share of windows in which noise seems to.
SHARP_DB, BESIDE_BINS, SHARP_SHARE = 12.0, (3, 4, 5), 1 / 3
# Of a long recording these say enough, and memory does not grow with it.
MOST_WINDOWS = 1000
# In which a tone is followed, block by block, with a window that is long beside its period.
BLOCK_S, FOLLOWED_S = 0.01, 0.3
# After the first, tones no longer hide each other.
N_PASSES = 3
MAINS_HZ, MAINS_DRIFT = (50.0, 60.0), 0.005


@dataclass(frozen=True)
class Background:
    """What is heard in the rests of a recording.

    Attributes:
        tones_hz: [n_tones] steady tones, none where there are no rests.
        tones_db: RMS level of the tones together, dB relative to full scale.
        tones: [n_samples] their sound, all through the recording.
        resting: [n_frames] bool, where nothing but noise is heard besides, loud enough to be taken for notes.
        noise_db: RMS level of that noise, dB relative to full scale; -inf without it.
    """

    tones_hz: np.ndarray
    tones_db: float
    tones: torch.Tensor
    resting: np.ndarray
    noise_db: float

    @classmethod
    def of(cls, audio: torch.Tensor, config: Config) -> "Background":
        """Of [n_samples] sound."""
        sound = audio.cpu().double().numpy()
        hz, amplitudes = steady_tones(sound, config)
        tones = follow(sound, hz, amplitudes, config.sample_rate) if len(hz) else np.zeros(len(sound))
        tones_db = 10 * np.log10(max(np.square(amplitudes).sum() / 2, 1e-12))
        return cls(hz, float(tones_db), torch.from_numpy(tones).to(audio), *audible_noise(sound - tones, config))

    def words(self) -> str:
        """What was found, in one line; nothing where nothing was."""
        hz, found = self.tones_hz, []
        while len(hz):
            base_hz = max((hz[0], *MAINS_HZ), key=lambda base_hz: is_multiple(hz, base_hz).sum())
            family = is_multiple(hz, base_hz)
            found.append(f"{base_hz:.0f} Hz{' with its multiples' if family.sum() > 1 else ''}")
            hz = hz[~family]
        several = len(found) > 1
        if found:
            tones = "Steady tones" if several else "A steady tone"
            found = [f"{tones} of {' and '.join(found)}, {self.tones_db:.0f} dB,"]
        if self.noise_db > -math.inf:
            several |= bool(found)
            found.append(f"{'and noise' if found else 'Noise'} of {self.noise_db:.0f} dB")
        verbs = "lie under the recording; they are" if several else "lies under the recording; it is"
        return f"{' '.join(found)} {verbs} kept out of pitch, ranges and export." if found else ""


def levels(sound: np.ndarray, config: Config) -> np.ndarray:
    """[n_frames] dB relative to full scale."""
    return loudness_db(torch.from_numpy(np.pad(sound, (0, -len(sound) % config.hop_length))), config).numpy()


def rests(level_db: np.ndarray, hop_s: float) -> np.ndarray:
    """[n_frames] where nothing is played, of [n_frames] levels: about as quiet as it gets, and far below the notes."""
    audible = level_db > MIN_DB + 1
    quiet_db, loud_db = np.quantile(level_db[audible], (QUIET, LOUD)) if audible.any() else (0, 0)
    if loud_db - quiet_db < LEAST_DEPTH_DB:
        return np.zeros(len(level_db), bool)
    quiet = level_db < quiet_db + min(REST_SHARE * (loud_db - quiet_db), REST_RANGE_DB)
    return binary_opening(audible & quiet, np.ones(max(2, round(WINDOW_S / hop_s))))


def floor_db(level_db: np.ndarray, voiced: np.ndarray, hop_s: float) -> float:
    """The level, dB, up to which a recording rests, of [n_frames] levels and voicing; -100 if it never does."""
    resting = rests(level_db, hop_s) & ~voiced
    return float(level_db[resting].max()) if resting.any() else MIN_DB


def spectra(sound: np.ndarray, resting: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Spectra [n_windows, n_bins], dB of a sine's amplitude, and which of them [n_windows] lie in rests.

    There are none where there are no rests.
    """
    n_fft = 1 << round(np.log2(WINDOW_S * config.sample_rate))
    if not resting.any() or len(sound) < LEAST_S * config.sample_rate:
        return np.zeros((0, n_fft // 2 + 1)), np.zeros(0, bool)
    step = max(n_fft // 2, len(sound) // MOST_WINDOWS)
    cut = lambda values: np.lib.stride_tricks.sliding_window_view(values[: len(sound)], n_fft)[::step]
    window = np.hanning(n_fft)
    amplitudes = np.abs(np.fft.rfft(cut(sound) * window)) / (window.sum() / 2)
    return 20 * np.log10(amplitudes.clip(1e-9)), cut(np.repeat(resting, config.hop_length)).min(1)


def ringing(spectra_db: np.ndarray, in_rest: np.ndarray) -> np.ndarray:
    """[n_bins] bool, what falls on its way into the rests and all through them: a note that dies away, and no hum."""
    begins = np.flatnonzero(in_rest[1:] & ~in_rest[:-1]) + 1
    ends = np.flatnonzero(in_rest & ~np.append(in_rest[1:], False))
    spans = [(begin, ends[ends >= begin][0]) for begin in begins if begin >= BEFORE_WINDOWS]
    if not spans:
        return np.zeros(spectra_db.shape[1], bool)
    into = [spectra_db[begin - BEFORE_WINDOWS] - spectra_db[begin] for begin, _ in spans]
    through = [spectra_db[begin] - spectra_db[end] for begin, end in spans]
    return (np.median(into, 0) > INTO_DB) & (np.median(through, 0) > THROUGH_DB)


def audible_noise(sound: np.ndarray, config: Config) -> tuple[np.ndarray, float]:
    """[n_frames] rests in which noise is heard that may pass for notes, and its level; none where something plays."""
    level_db = levels(sound, config)
    resting = rests(level_db, config.hop_length / config.sample_rate)
    spectra_db, in_rest = spectra(sound, resting, config)
    spectra_db = spectra_db[in_rest]
    sides = [np.roll(spectra_db, shift, 1) for side in (-1, 1) for shift in side * np.array(BESIDE_BINS)]
    sharp = (spectra_db - np.max(sides, 0))[:, 2 * max(BESIDE_BINS) : -max(BESIDE_BINS)].max(1) > SHARP_DB
    plays = len(sharp) < LEAST_WINDOWS or sharp.mean() > SHARP_SHARE
    noise_db = -math.inf if plays else float(np.median(level_db[resting]))
    if noise_db < level_db.max() - NOISE_HEARD_DB:
        return np.zeros(len(level_db), bool), -math.inf
    return resting, noise_db


def steady_tones(sound: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (Hz, rising) and amplitudes of the tones that every rest holds and that go on under the notes."""
    level_db = levels(sound, config)
    spectra_db, in_rest = spectra(sound, rests(level_db, config.hop_length / config.sample_rate), config)
    rests_db, notes_db = spectra_db[in_rest], spectra_db[~in_rest]
    if len(rests_db) < LEAST_WINDOWS or not len(notes_db):
        return np.zeros(0), np.zeros(0)
    least_db, usual_db, most_db = np.quantile(rests_db, (0.1, 0.5, 0.9), axis=0)
    bin_hz = config.nyquist_hz / (len(usual_db) - 1)
    around_db = median_filter(usual_db, round(SURROUNDINGS_HZ / bin_hz) | 1, mode="nearest")
    peak = np.pad((usual_db[1:-1] > usual_db[:-2]) & (usual_db[1:-1] >= usual_db[2:]), 1)
    peak &= (least_db > around_db + LEAST_PEAK_DB) & (most_db - least_db < WAVER_DB)
    bins = np.flatnonzero(peak & (usual_db > level_db.max() - TONE_HEARD_DB))
    under_db = np.quantile(notes_db[:, bins], 0.25, axis=0) - usual_db[bins]
    goes_on = (under_db > -SOFTER_DB) & (under_db < LOUDER_DB)
    shift, peaks_db = top_of_parabola(*(usual_db[bins + i] for i in (-1, 0, 1)))
    hz, amplitudes, wanted = (bins + shift) * bin_hz, 10 ** (peaks_db / 20), goes_on
    for mains_hz in MAINS_HZ:
        family = is_multiple(hz, mains_hz)
        # Of two that go on, no third is a coincidence: a note lies on it.
        wanted = wanted | family & ((family & goes_on).sum() > 1)
    rings = ringing(spectra_db, in_rest)[bins]
    # A note may lie on a few of the multiples of hum; where most of what was found rings, it is the instrument.
    if 2 * rings[wanted].sum() > wanted.sum():
        wanted &= ~rings
    wanted &= np.square(amplitudes[wanted]).sum() / 2 > 10 ** ((level_db.max() - TONES_HEARD_DB) / 10)
    return hz[wanted], amplitudes[wanted]


def is_multiple(hz: np.ndarray, base_hz: float) -> np.ndarray:
    """Which frequencies lie within the drift of mains of a multiple of `base_hz`."""
    times = (hz / base_hz).round().clip(1)
    return np.abs(hz / (times * base_hz) - 1) < np.minimum(MAINS_DRIFT, 0.1 / times)


def follow(sound: np.ndarray, hz: np.ndarray, amplitudes: np.ndarray, rate: int) -> np.ndarray:
    """Sound [n_samples] of steady tones in a recording, each at most as loud as `amplitudes`.

    Demodulated block by block and averaged, with the weight that least squares gives: one over the power of a block, so
    that the rests say most, and the notes only where no rest is near.
    """
    half = round(BLOCK_S * rate / 2)
    length = 2 * half
    blocks = np.pad(sound, (length, -len(sound) % length + length)).reshape(-1, length)
    near = np.arange(-length, length) + 0.5
    wave = np.exp(2j * np.pi * hz[:, None] / rate * near)
    turn = np.exp(2j * np.pi * hz / rate * (np.arange(len(blocks))[:, None] + 0.5) * length)
    weight = 1 / np.maximum(np.square(blocks).mean(1), np.square(amplitudes).sum() / 2)[:, None]
    # The ends of the recording lie in these blocks.
    weight[[0, -2, -1]] = 0
    window = np.hanning(round(FOLLOWED_S / BLOCK_S) | 1)
    average = lambda values: convolve1d(values, window, axis=0, mode="constant")
    found, total, heard = np.zeros_like(turn), average(weight) * half, np.zeros_like(blocks)
    for _ in range(N_PASSES):
        found += average(weight * turn.conj() * ((blocks - heard) @ wave[:, half:-half].conj().T)) / total
        found *= np.minimum(1, amplitudes / np.abs(found).clip(1e-12))
        # From the middle of a block each tone goes on to the middles of its neighbours, fading.
        spread = ((found * turn) @ (wave * (1 - np.abs(near) / length))).real
        joined = np.zeros((len(blocks) + 1, length))
        joined[:-1] += spread[:, :length]
        joined[1:] += spread[:, length:]
        heard = joined.reshape(-1)[half:-half].reshape(-1, length)
    return heard.reshape(-1)[length : length + len(sound)]

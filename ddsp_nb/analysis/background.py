"""What lies under a recording and is no instrument, told by its rests (notebook 01, "What does the network read?").

Mains hum, a fan, a whistle, a room's floor: in the rests only they are heard. A steady tone counts where it sounds in
every rest alike and goes on under the notes; then it is followed through the recording, at most as loud as in the
rests, so that a partial that happens to lie on it keeps all but that. Where there are no rests nothing is claimed.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_opening, convolve1d, median_filter

from ddsp_nb.analysis.mel import MIN_DB, loudness_db
from ddsp_nb.config import Config

# Of the levels of all frames: what is quiet, and what is loud.
QUIET, LOUD = 0.05, 0.9
# From the quiet level to the loud one; with less there are no rests, only softer notes.
LEAST_DEPTH_DB = 12.0
# Above the quiet level: hum beats, and a room is never quite still.
REST_RANGE_DB = 6.0
# Of a window on a rest: it tells tones apart that are 20 Hz apart, as the multiples of 50 and 60 Hz are.
WINDOW_S = 0.18
# Windows in rests; in fewer, noise can look steady.
LEAST_WINDOWS = 3
# Of a tone above its surroundings, which are so many Hz wide; and by which it may waver in the rests.
LEAST_PEAK_DB, SURROUNDINGS_HZ, WAVER_DB = 10.0, 240.0, 5.0
# By which it may be louder or softer under three quarters of the notes: else it is a softer note.
LOUDER_DB, SOFTER_DB = 8.0, 6.0
# Below the loudest frame: what is softer disturbs nothing.
HEARD_DB = 70.0
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
        level_db: RMS level of the tones together, dB relative to full scale.
        tones: [n_samples] their sound, all through the recording.
    """

    tones_hz: np.ndarray
    level_db: float
    tones: torch.Tensor

    @classmethod
    def of(cls, audio: torch.Tensor, config: Config) -> "Background":
        """Of [n_samples] sound."""
        sound = audio.cpu().double().numpy()
        hz, amplitudes = steady_tones(sound, config)
        tones = follow(sound, hz, amplitudes, config.sample_rate) if len(hz) else np.zeros(len(sound))
        level_db = 10 * np.log10(max(np.square(amplitudes).sum() / 2, 1e-12))
        return cls(hz, float(level_db), torch.from_numpy(tones).to(audio))

    def words(self) -> str:
        """What was found, in one line; nothing where nothing was."""
        hz, names = self.tones_hz, []
        while len(hz):
            base_hz = max((hz[0], *MAINS_HZ), key=lambda base_hz: is_multiple(hz, base_hz).sum())
            family = is_multiple(hz, base_hz)
            names.append(f"{base_hz:.0f} Hz{' with its multiples' if family.sum() > 1 else ''}")
            hz = hz[~family]
        if not names:
            return ""
        told = "A steady tone of {}, {:.0f} dB, lies under the recording; it is kept out of pitch, ranges and export."
        if len(names) > 1:
            told = (
                "Steady tones of {}, {:.0f} dB, lie under the recording; they are kept out of pitch, ranges and export."
            )
        return told.format(", ".join(names), self.level_db)


def rests(level_db: np.ndarray, config: Config) -> np.ndarray:
    """[n_frames] where nothing is played, of [n_frames] levels: about as quiet as it gets, and far below the notes."""
    audible = level_db > MIN_DB + 1
    if not audible.any():
        return np.zeros(len(level_db), bool)
    quiet_db, loud_db = np.quantile(level_db[audible], (QUIET, LOUD))
    if loud_db - quiet_db < LEAST_DEPTH_DB:
        return np.zeros(len(level_db), bool)
    n_frames = max(2, round(WINDOW_S * config.sample_rate / config.hop_length))
    return binary_opening(audible & (level_db < quiet_db + REST_RANGE_DB), np.ones(n_frames))


def steady_tones(sound: np.ndarray, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (Hz, rising) and amplitudes of the tones that every rest holds and that go on under the notes."""
    nothing = np.zeros(0), np.zeros(0)
    hop, rate = config.hop_length, config.sample_rate
    level_db = loudness_db(torch.from_numpy(np.pad(sound, (0, -len(sound) % hop))), config).numpy()
    resting = rests(level_db, config)
    n_fft = 1 << round(np.log2(WINDOW_S * rate))
    if not resting.any() or len(sound) < n_fft:
        return nothing
    spectra_db, in_rest = windows(sound, np.repeat(resting, hop), n_fft)
    if in_rest.sum() < LEAST_WINDOWS or in_rest.all():
        return nothing
    least_db, usual_db, most_db = np.quantile(spectra_db[in_rest], (0.1, 0.5, 0.9), axis=0)
    around_db = median_filter(usual_db, round(SURROUNDINGS_HZ * n_fft / rate) | 1, mode="nearest")
    peak = np.pad((usual_db[1:-1] > usual_db[:-2]) & (usual_db[1:-1] >= usual_db[2:]), 1)
    peak &= (least_db > around_db + LEAST_PEAK_DB) & (most_db - least_db < WAVER_DB)
    peak &= usual_db > level_db.max() - HEARD_DB
    under_db = np.quantile(spectra_db[~in_rest], 0.25, axis=0) - usual_db
    goes_on = peak & (under_db > -SOFTER_DB) & (under_db < LOUDER_DB)
    bins = np.flatnonzero(peak)
    a, b, c = (usual_db[bins + i] for i in (-1, 0, 1))
    shift = 0.5 * (a - c) / (a - 2 * b + c)
    hz, amplitudes = (bins + shift) * rate / n_fft, 10 ** ((b - 0.25 * (a - c) * shift) / 20)
    wanted = goes_on[bins]
    for mains_hz in MAINS_HZ:
        family = is_multiple(hz, mains_hz)
        # Of two that go on, no third is a coincidence: a note lies on it.
        wanted |= family & ((family & goes_on[bins]).sum() > 1)
    return hz[wanted], amplitudes[wanted]


def windows(sound: np.ndarray, resting: np.ndarray, n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of half overlapping windows [n_windows, n_bins], dB of a sine's amplitude, and which lie in a rest."""
    cut = lambda values: np.lib.stride_tricks.sliding_window_view(values[: len(sound)], n_fft)[:: n_fft // 2]
    window = np.hanning(n_fft)
    spectra = np.abs(np.fft.rfft(cut(sound) * window)) / (window.sum() / 2)
    return 20 * np.log10(spectra.clip(1e-9)), cut(resting).min(1)


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

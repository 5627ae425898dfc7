"""The room of a recording, learned from how its notes ring on (notebook 03, "What does the room add?").

Where a note has ended, only the room is heard. Powers add up: what is heard is what is played now, and what was played
before, fallen by the decay of the room since then (Polack 1988; Lebart, Boucher & Denbigh 2001). An instrument may ring
on too, but no sound falls faster than its room lets it; and where only that is heard, there is no room to be learned.
"""

from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from torch.nn import functional as F

from ddsp_nb.config import Config
from ddsp_nb.synthesis.room import N_BANDS, Room, band_of

# A room that is known, one that is looked for in each sound, or the sounds as they are.
Wanted = Room | None | Literal["learn"]
# Of the windows in which power is followed; they move by a quarter.
WINDOW_S, OVERLAP = 0.046, 4
# Frames before the end of a note and after it that tell how far it falls; and the least fall, of its loud bins, in dB,
# also as a share of the falls that are usual in the recording.
BEFORE, AFTER, APART = 6, (4, 12), 15
LEAST_FALL_DB, LEAST_SHARE_OF_FALL = 3.0, 0.65
# Below the loudest bin of a note, and below the loudest note: what is softer is not asked.
RANGE_DB, QUIET_DB = 20.0, 40.0
# Frames after the end of a note before which the window still holds some of it; and s to which the room is heard.
FIRST, LAST_S = 5, 0.8
# By which a bin rises when something else is played, and all of them together.
RISE_DB, RISE_OF_ALL_DB = 8.0, 5.0
# Frames from which on a tail holds its own floor.
LONG = 25
# Of the least power since a note ended, which is more than what lies under it.
FLOOR_SHARE = 0.5
# What tells a room from an instrument that rings. A bell falls from its stroke on: a note that is louder, by so many
# dB, than its bins and those beside them were in these earlier frames was not held. Where an instrument lets go,
# nothing drops first as the direct sound does. And a room is a sum of many echoes: the level of each sine jumps about,
# by so many dB RMS around a straight line, where an instrument dies away smoothly.
EARLIER, BESIDE, MOST_RISE_DB, LEAST_DROP_DB, LEAST_ROUGH_DB = (18, 8), 5, 9.0, 3.0, 0.5
# Frames that tell, so many times as loud as their floor; the share of bins that must be a room's; of how many notes,
# each so many times louder than the one before left its bins.
LEAST_FRAMES, CLEAR, LEAST_SHARE_OF_ROOM, LEAST_NOTES, LOUDER = 4, 4.0, 0.28, 2, 2.0
# Of each band, drawn by chance: enough to tell.
MOST = 1000
# What is tried: s in which the room falls by 60 dB, its energy beside the direct sound, and how much is room alone.
DECAYS_S, LEVELS_DB, SHARES = np.geomspace(0.1, 4.5, 24), np.arange(-40.0, 11.0, 2.0), np.array([0.1, 0.3, 0.6, 0.9])
# Nepers over which power lies that is not the room's; and the likelihood of what neither explains.
SPREAD, ODD = 14.0, 1e-4
# Frames and bins overlap: so many say as much as one that is alone.
ALIKE = 15
# Steps around the likeliest decay and level over which they are averaged.
NEAR = 2
# Bands over which decays and levels are alike, and by which bands far off count where the near ones say nothing.
DECAYS_SPEAK, LEVELS_SPEAK = (3.0, 0.3), (1.5, 0.03)
# Levels of rooms, dB: mean and spread; below the last all are as likely, down to none.
USUAL_DB, USUAL_SPREAD_DB, LEAST_USUAL_DB = -1.0, 4.0, -10.0
# Spread above the usual level of rooms that ring for a second, and of shorter ones less, as less energy adds up: what
# has died away before the window holds no note any more is not heard.
SPREAD_ABOVE_DB = 4.0
# Beside the usual decay of the bands: a band that is slower rings of something else.
SLOWEST = 1.4
# C50 from which on a take is nearer to its recording, to the ear's judges, when the room is left where it is.
DRY_DB = 17.5
# Nepers by which a room must foretell better than none does, and as much again for each second that it rings: a tail
# that hardly falls could as well be noise.
LEAST_EVIDENCE = 6.0
# Share of the power that is left where all is reverberation: less would twitter.
LEAST_SHARE = 1e-4


def learn_room(sound: torch.Tensor, config: Config, seed: int = 0) -> Room | None:
    """The room in which [n_samples] sound stands, or None: it is dry, rings by itself, or too little of it rings on.

    Each decay and level is judged by how well it foretells the power after the ends of notes: that is the room's,
    which is spread exponentially around what was foretold, or of something else, which may as well be any amount more.
    """
    n_fft = window_length(config.sample_rate)
    window, hop_s = torch.hann_window(n_fft), n_fft / OVERLAP / config.sample_rate
    spectra = torch.stft(sound, n_fft, n_fft // OVERLAP, window=window, return_complex=True, pad_mode="constant")
    power = spectra.abs().square().double().numpy()
    power = np.maximum(power, 1e-13 * power.max())
    hz = torch.fft.rfftfreq(n_fft, 1 / config.sample_rate)
    band_of_bin = band_of(hz, config.sample_rate).round().int().numpy()
    ends = note_ends(power)
    tails = [tail for end in ends for tail in [tail_of(power, end, round(LAST_S / hop_s))] if tail]
    if not tails or n_notes(power, ends) < LEAST_NOTES:
        return None
    bins, frames, lags, floors, of_room = map(np.concatenate, zip(*tails, strict=True))
    if of_room.sum() <= LEAST_SHARE_OF_ROOM * len(of_room):
        return None
    generator, bands = np.random.default_rng(seed), band_of_bin[bins]
    chosen = [generator.permutation(np.flatnonzero(bands == band))[:MOST] for band in range(N_BANDS)]
    told = [likelihood(power, bins[some], frames[some], lags[some], floors[some], hop_s) for some in chosen]
    likelihoods = np.stack(told) / ALIKE
    decays_s, levels_db = best(likelihoods)
    room = Room.of_bands(torch.from_numpy(levels_db), torch.from_numpy(decays_s), config.sample_rate, seed=seed)
    evidence = (likelihoods.max((1, 2)) - likelihoods[:, :, 0].max(1)).sum()
    heard = room.c50_db < DRY_DB and room.rt60_s < min(len(sound) / config.sample_rate, evidence / LEAST_EVIDENCE - 1)
    return room if heard else None


def best(likelihoods: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[n_bands] decays, s, and levels, dB, of [n_bands, n_decays, n_levels]: first the decays, then levels given them.

    Bands speak for their neighbours, and levels as rooms usually have them count for more where little is heard.
    """
    apart = np.arange(N_BANDS) - np.arange(N_BANDS)[:, None]
    speaking = lambda bands, far: np.exp(-0.5 * np.square(apart / bands)) + far
    usual = -0.5 * np.square((np.maximum(LEVELS_DB, LEAST_USUAL_DB) - USUAL_DB) / USUAL_SPREAD_DB)
    decays = around_best(speaking(*DECAYS_SPEAK) @ np.logaddexp.reduce(likelihoods + usual, 2))
    given = np.einsum("bc,bd,cdl->bl", speaking(*LEVELS_SPEAK), decays, likelihoods)
    decays_s = np.exp(decays @ np.log(DECAYS_S))
    above_db = np.maximum(LEVELS_DB - 10 * np.log10(decays_s)[:, None], 0)
    usual = usual - 0.5 * np.square(above_db / SPREAD_ABOVE_DB)
    return np.minimum(decays_s, SLOWEST * np.median(decays_s)), around_best(given + usual) @ LEVELS_DB


def around_best(likelihoods: np.ndarray) -> np.ndarray:
    """[n_bands, n_tried] how probable each is, of [n_bands, n_tried] log likelihoods; only near the likeliest."""
    steps = np.abs(np.arange(likelihoods.shape[1]) - likelihoods.argmax(1)[:, None])
    probable = np.exp(likelihoods - likelihoods.max(1, keepdims=True)) * (steps <= NEAR)
    return probable / probable.sum(1, keepdims=True)


def window_length(sample_rate: int) -> int:
    """Samples of a window, a power of two."""
    return 1 << round(WINDOW_S * sample_rate).bit_length()


def note_ends(power: np.ndarray) -> np.ndarray:
    """Frames after which the loud bins of [n_bins, n_frames] power fall farthest."""
    n_frames = power.shape[1]
    sums = np.pad(power.cumsum(1), ((0, 0), (1, 0)))
    mean = lambda first, last: (sums[:, last] - sums[:, first]) / np.maximum(last - first, 1)
    near = lambda by: (np.arange(n_frames) + by).clip(0, n_frames)
    before, after = mean(near(-BEFORE), near(0)), mean(near(AFTER[0]), near(AFTER[1]))
    loud = np.sqrt(before / before.max(0).clip(1e-20))
    loud[loud < 0.1] = 0
    fall_db = 10 * np.log10((before + 1e-20) / (after + 1e-12 * power.max()))
    fall_db = (loud * fall_db.clip(-10, 30)).sum(0) / loud.sum(0).clip(1e-9)
    level = before.sum(0)
    found = (fall_db > LEAST_FALL_DB) & (fall_db == maximum_filter1d(fall_db, APART))
    found &= level > level.max() * 10 ** (-QUIET_DB / 10)
    found[:BEFORE] = found[max(n_frames - AFTER[1], 0) :] = False
    ends = np.flatnonzero(found)
    usual = np.sort(fall_db[ends])[::-1][: max(3, len(ends) // 4)]
    return ends[fall_db[ends] >= LEAST_SHARE_OF_FALL * np.median(usual)] if len(ends) else ends


def tail_of(power: np.ndarray, end: int, n_last: int) -> tuple[np.ndarray, ...] | None:
    """Bins, the frame of the end, frames since then and floors of what rings on after a note; None where that is short.

    Only until something else is played, in the bin or in all of them. Last, of bins that tell: is it a room's?
    """
    before = power[:, end - BEFORE : end].mean(1)
    bins = np.flatnonzero(before > before.max() * 10 ** (-RANGE_DB / 10))
    after = power[:, end : min(end + n_last, power.shape[1] - 2)]
    smooth, whole = uniform_filter1d(after[bins], 3), after.sum(0)[FIRST - 2 :]
    risen = np.flatnonzero(whole > np.minimum.accumulate(whole) * 10 ** (RISE_OF_ALL_DB / 10))
    lags = np.arange(FIRST, FIRST - 3 + risen[0] if len(risen) else after.shape[1])
    if len(lags) < 3:
        return None
    smooth = smooth[:, lags]
    alive = (smooth > np.minimum.accumulate(smooth, 1) * 10 ** (RISE_DB / 10)).cumsum(1) == 0
    slow = uniform_filter1d(after[bins], 5, mode="nearest")
    own = np.where(alive, slow[:, lags], np.inf).min(1)
    floors = np.where(alive.sum(1) >= LONG, own, slow.min(1))
    row, column = np.nonzero(alive)
    clear = alive & (np.minimum.accumulate(after[bins][:, lags], 1) > CLEAR * floors[:, None])
    told = clear.sum(1) >= LEAST_FRAMES
    of_room = is_of_room(power, end, bins[told], lags, clear[told])
    return bins[row], np.full(len(row), end), lags[column], floors[row], of_room


def is_of_room(power: np.ndarray, end: int, bins: np.ndarray, lags: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """[n_bins] whether a note was held, its end was a drop, and what rings on, at [n_bins, n_lags] clear, is rough."""
    mean = lambda values: (values * clear).sum(1) / clear.sum(1)
    heard_db = 10 * np.log10(power[bins][:, end + lags])
    after, below = lags - mean(lags)[:, None], heard_db - mean(heard_db)[:, None]
    slope = mean(after * below) / mean(after**2)
    rough_db = np.sqrt(mean((below - slope[:, None] * after) ** 2))
    earlier = power[:, max(0, end - EARLIER[0]) : max(1, end - EARLIER[1])]
    earlier_db = 10 * np.log10(maximum_filter1d(earlier, BESIDE, axis=0)[bins].mean(1))
    before_db = 10 * np.log10(power[bins, end - BEFORE : end].mean(1))
    held = before_db - earlier_db < MOST_RISE_DB
    dropped = before_db - mean(heard_db) + slope * mean(lags) > LEAST_DROP_DB
    return held & dropped & (rough_db > LEAST_ROUGH_DB)


def n_notes(power: np.ndarray, ends: np.ndarray) -> int:
    """How many notes have these ends: a bell beats, so it seems to end again and again, but its bins grow no louder."""
    before = [power[:, end - BEFORE : end].mean(1) for end in ends]
    return len(ends[:1]) + sum(now @ now > LOUDER * (now @ last) for last, now in pairwise(before))


def likelihood(
    power: np.ndarray, bins: np.ndarray, ends: np.ndarray, lags: np.ndarray, floors: np.ndarray, hop_s: float
) -> np.ndarray:
    """[n_decays, n_levels] logarithm of how likely rooms make the power that is heard so long after the ends of notes.

    Counted from the frame after, around which notes end; the share of the room is the one that fits best.
    """
    n_before = round(LAST_S / hop_s)
    kept = np.pad(power, ((0, 0), (n_before, 0)))
    past = kept[bins[:, None], (ends + 1 + n_before)[:, None] - np.arange(n_before)]
    heard, told = power[bins, ends + lags], np.zeros((len(DECAYS_S), len(LEVELS_DB), len(SHARES)))
    energy = 10 ** (LEVELS_DB / 10)
    for i, decay_s in enumerate(DECAYS_S):
        kept_share = 10 ** (-6 * hop_s / decay_s)
        ringing = (past @ kept_share ** np.arange(n_before)) * (1 - kept_share) * kept_share ** (lags - 1)
        beside = heard / ((energy / (1 + energy))[:, None] * ringing + FLOOR_SHARE * floors)
        alone = np.exp(-np.minimum(beside, 100.0))
        room, other = beside * alone, (1 - alone) / SPREAD
        for j, share in enumerate(SHARES):
            told[i, :, j] = np.log(share * room + (1 - share) * other + ODD).sum(1)
    return told.max(2)


@torch.no_grad()
def without_room(sound: torch.Tensor, room: Room) -> torch.Tensor:
    """[n_samples] sound as it would be without its room: what still rings of earlier sound is taken out of each bin."""
    n_fft, length = window_length(room.sample_rate), len(sound)
    window, hop = torch.hann_window(n_fft, dtype=torch.float64), n_fft // OVERLAP
    spectra = torch.stft(sound.double(), n_fft, hop, window=window, return_complex=True)
    power, ringing = spectra.abs().square(), torch.zeros(spectra.shape, dtype=torch.float64)
    after = echoes(room, n_fft)
    n_frames = power.shape[1]
    for t in range(n_frames):
        power[:, t] = torch.maximum(power[:, t] - ringing[:, t], LEAST_SHARE * power[:, t])
        reach = min(after.shape[1], n_frames - t - 1)
        ringing[:, t + 1 : t + 1 + reach] += after[:, :reach] * power[:, t, None]
    gain = (power / spectra.abs().square().clamp(min=1e-20)).sqrt()
    return torch.istft(spectra * gain, n_fft, hop, window=window, length=length).to(sound)


def echoes(room: Room, n_fft: int) -> torch.Tensor:
    """[n_bins, n_hops] power that a room adds to each bin of the frames after, beside that of the direct sound."""
    hop = n_fft // OVERLAP
    after = F.pad(room.impulse[1:], (1, 0)).double()
    after = F.pad(after, (0, -len(after) % hop)).view(-1, hop)
    power = torch.fft.rfft(after, n_fft).abs().square().T
    width = max(1, n_fft // 64) | 1
    return F.avg_pool1d(power.T[None], width, 1, width // 2, count_include_pad=False)[0].T

"""Loudness and MFCCs (notebook 01, "How loud is it?"): what librosa measures, without its seconds of loading.

librosa's filterbank alone takes 1.1 s of the 17 s of processor time that `ddsp-nb train` then took with its defaults.
The mel scale is Slaney's (Auditory Toolbox, 1998): linear to 1 kHz, logarithmic above. A test holds every number to
librosa's.
"""

import math
from functools import cache

import numpy as np
import torch
from scipy.fft import dct
from torch.nn import functional as F

from ddsp_nb.config import Config

# Of loudness.
MIN_DB = -100.0
# Up to here the mel scale is linear; above, a mel is this step of the frequency's logarithm.
LINEAR_TO_HZ, HZ_PER_MEL = 1000.0, 200 / 3
LOG_STEP = math.log(6.4) / 27
# Of a mel band; and below the loudest one, what is quieter counts as that.
MIN_POWER, RANGE_DB = 1e-10, 80.0
# Whose spectra are in memory at a time.
MOST_FRAMES = 4096


def loudness_db(sound: torch.Tensor, config: Config) -> torch.Tensor:
    """RMS level of each frame in dB relative to full scale, 20 log10(rms), floored at -100 dB.

    [n_samples] sound of whole hops gives [n_frames], as many as hops and one.
    """
    return power_db(sound.square(), config)


def power_db(power: torch.Tensor, config: Config, *, block: int = 1) -> torch.Tensor:
    """The same of its mean power in blocks of so many samples, by which hop and half a window can be divided."""
    padded = F.pad(power, (config.frame_length // 2 // block,) * 2)
    power = F.avg_pool1d(padded[None], config.frame_length // block, config.hop_length // block)[0]
    return 10 * power.clamp(min=10 ** (MIN_DB / 10)).log10()


def mel_cepstrum(sound: torch.Tensor, config: Config) -> torch.Tensor:
    """MFCCs, [n_frames, n_mfcc] float32: the spectral envelope with pitch mostly taken out."""
    bands = mel_filterbank(config)
    padded = F.pad(sound.float(), (config.frame_length // 2,) * 2)
    frames = padded.unfold(0, config.frame_length, config.hop_length)
    window = torch.hann_window(config.frame_length).to(frames)
    power = torch.cat([torch.fft.rfft(part * window).abs().square() @ bands.T for part in frames.split(MOST_FRAMES)])
    level_db = 10 * power.clamp(min=MIN_POWER).log10()
    level_db = level_db.clamp(min=level_db.max() - RANGE_DB)
    return torch.from_numpy(dct(level_db.numpy(), norm="ortho")[:, : config.n_mfcc].astype(np.float32))


def n_mels(config: Config) -> int:
    """Mel bands of which the MFCCs are made."""
    return max(64, config.n_mfcc)


def mel_edges_hz(config: Config) -> np.ndarray:
    """[n_mels + 2] where each mel band begins; the one after the next is where it ends, the next is its centre."""
    linear = LINEAR_TO_HZ / HZ_PER_MEL  # mels
    highest = linear + math.log(config.nyquist_hz / LINEAR_TO_HZ) / LOG_STEP
    mels = np.linspace(0, highest, n_mels(config) + 2)
    return np.where(mels < linear, HZ_PER_MEL * mels, LINEAR_TO_HZ * np.exp(LOG_STEP * (mels - linear)))


@cache
def mel_filterbank(config: Config) -> torch.Tensor:
    """[n_mels, n_bins] triangles over the bins of a spectrum, each of the same area."""
    edges_hz, bins_hz = mel_edges_hz(config), np.linspace(0, config.nyquist_hz, config.frame_length // 2 + 1)
    rise = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    fall = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    area = 2 / (edges_hz[2:] - edges_hz[:-2])
    return torch.from_numpy(np.minimum(rise, fall).clip(min=0) * area[:, None]).float()

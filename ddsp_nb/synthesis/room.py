"""The room around an instrument (notebook 03, "What does the room add?").

The direct sound comes first and as it is. Then comes noise that dies away in each band at its own pace: to the ear a
room is how loud and how long that is, not the 48,000 numbers of its impulse response.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from scipy.fft import next_fast_len
from torch.nn import functional as F

from ddsp_nb.errors import AudioError
from ddsp_nb.sound.load import load_audio
from ddsp_nb.sound.save import save_audio

N_BANDS = 14
LOWEST_HZ, HIGHEST_HZ = 63.0, 16_000.0
# Of a file, around its highest peak: that is its direct sound, in whose place ours stands as it is.
DIRECT_S = 0.0025
SHORTEST_S, LONGEST_S = 0.01, 10.0
# Below the direct sound; what comes after the last sample that is louder is left out.
INAUDIBLE_DB = -90.0
# Of a level that falls by 60 dB in a second: 60 dB in nepers.
NEPERS_60_DB = 3 * math.log(10)
# After it, speech and fast notes are blurred: what C50 calls late (ISO 3382-1).
EARLY_S = 0.05
# Levels below the beginning of a decay between which its slope is measured (T20 of ISO 3382-1).
DECAY_DB = (-5.0, -25.0)


@dataclass(frozen=True)
class Room:
    """What a room makes of a sound.

    Attributes:
        impulse: [n_samples] its impulse response; the first sample is the direct sound, 1.
        sample_rate: Hz.
    """

    impulse: torch.Tensor
    sample_rate: int

    @classmethod
    def of_bands(cls, levels_db: torch.Tensor, rt60_s: torch.Tensor, sample_rate: int, *, seed: int = 0) -> "Room":
        """A room whose reverberation is noise.

        Args:
            levels_db: [n_bands] energy of the reverberation beside that of the direct sound, dB, in `centres_hz`.
            rt60_s: [n_bands] s in which it falls by 60 dB.
            sample_rate: Hz.
            seed: of the noise.
        """
        n_samples = math.ceil(float(rt60_s.max()) * 1.5 * sample_rate) + 1
        generator = torch.Generator().manual_seed(seed)
        white = torch.randn(len(rt60_s), n_samples, generator=generator, dtype=torch.float64)
        decays = torch.exp(-NEPERS_60_DB * torch.arange(n_samples) / sample_rate / rt60_s.double()[:, None])
        decays[:, 0] = 0
        gains = 10 ** (levels_db.double()[:, None] / 20) / decays.square().sum(1, keepdim=True).sqrt()
        impulse = (in_bands(white, sample_rate) * decays * gains).sum(0)
        impulse[0] = 1
        return cls(audible(impulse.float()), sample_rate)

    @classmethod
    def load(cls, path: str | Path, sample_rate: int) -> "Room":
        """The room of an impulse response, any sound file; its direct sound is put in time and level.

        Raises AudioError where it is no sound, silent, shorter than 0.1 or longer than 10 s.
        """
        sound = load_audio(path, sample_rate)
        if sound[0] == 1:  # as `save` writes it
            return cls(sound, sample_rate)
        peak, half = int(sound.abs().argmax()), round(DIRECT_S * sample_rate)
        direct = sound[max(0, peak - half) : peak + half + 1].square().sum().sqrt()
        rest = sound[peak + half + 1 :]
        if not SHORTEST_S * sample_rate <= len(rest) <= LONGEST_S * sample_rate:
            raise AudioError(
                f"{path}: {len(rest) / sample_rate:.2f} s follow its loudest moment, where an impulse response has "
                f"{SHORTEST_S:g} to {LONGEST_S:g} s of reverberation. Cut it, or use another one."
            )
        return cls(audible(torch.cat([torch.ones(1), torch.zeros(half), rest / direct])), sample_rate)

    def save(self, path: str | Path) -> Path:
        """Write the impulse response as floating-point WAV, which `load` reads to the last bit.

        Raises AudioError where it cannot be written.
        """
        return save_audio(path, self.impulse, self.sample_rate, subtype="FLOAT")

    def __call__(self, sound: torch.Tensor, wet_db: float = 0.0) -> torch.Tensor:
        """[..., n_samples] sound in the room, longer by its reverberation, which is `wet_db` louder than it was."""
        whole = self.added(sound) * 10 ** (wet_db / 20)
        whole[..., : sound.shape[-1]] += sound
        return whole

    def added(self, sound: torch.Tensor) -> torch.Tensor:
        """What the room adds to [..., n_samples] sound, longer by its reverberation: all but the direct sound."""
        after = self.reverberation.to(sound)
        n_samples = sound.shape[-1] + len(after) - 1
        n_fft = next_fast_len(n_samples, real=True)
        return torch.fft.irfft(torch.fft.rfft(sound, n_fft) * torch.fft.rfft(after, n_fft), n_fft)[..., :n_samples]

    def heard(self, sound: torch.Tensor, wet_db: float = 0.0) -> torch.Tensor:
        """What it adds to [..., n_samples] sound, `wet_db` louder, and after its end as long as that is heard."""
        added = self.added(sound) * 10 ** (wet_db / 20)
        return added[..., : max(sound.shape[-1], n_audible(added))]

    def __str__(self) -> str:
        return f"Room: {self.rt60_s:.1f} s, C50 {self.c50_db:.0f} dB."

    @property
    def reverberation(self) -> torch.Tensor:
        """[n_samples] its impulse response without the direct sound."""
        return F.pad(self.impulse[1:], (1, 0))

    @property
    def rt60_s(self) -> float:
        """Seconds in which its reverberation falls by 60 dB, by the slope of its decay."""
        return decay_s(self.reverberation, self.sample_rate)

    @property
    def c50_db(self) -> float:
        """Energy of the first 50 ms beside that of the rest, dB (ISO 3382-1): the higher, the drier it sounds."""
        early, late = self.impulse.double().square().tensor_split([round(EARLY_S * self.sample_rate)])
        return float(10 * torch.log10(early.sum() / late.sum().clamp(min=1e-12)))


def centres_hz(sample_rate: int) -> torch.Tensor:
    """[n_bands] centres of the bands of a room, log-spaced."""
    return torch.logspace(math.log10(LOWEST_HZ), math.log10(min(HIGHEST_HZ, 0.4 * sample_rate)), N_BANDS)


def band_of(hz: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Number of the band whose centre a frequency is, with fractions between centres; negative below the first one."""
    octaves = centres_hz(sample_rate).log2()
    return (hz.clamp(min=1).log2() - octaves[0]) / (octaves[1] - octaves[0])


def in_bands(sound: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """[n_bands, n_samples] a sound in the bands of a room, whose powers add up to that of the sound.

    Of [n_bands, n_samples] sounds, each in a band of its own.
    """
    n_samples = sound.shape[-1]
    n_fft = next_fast_len(2 * n_samples, real=True)
    place = band_of(torch.fft.rfftfreq(n_fft, 1 / sample_rate), sample_rate).clamp(0, N_BANDS - 1)
    weights = (1 - (place - torch.arange(N_BANDS)[:, None]).abs()).clamp(min=0).sqrt()
    return torch.fft.irfft(torch.fft.rfft(sound, n_fft) * weights.to(sound), n_fft)[:, :n_samples]


def decay_db(impulse: torch.Tensor) -> torch.Tensor:
    """[n_samples] energy that is still to come of [n_samples] reverberation, dB beside all of it (Schroeder 1965)."""
    left = impulse.double().square().flip(0).cumsum(0).flip(0)
    return 10 * torch.log10(left / left[0].clamp(min=1e-12) + 1e-12)


def decay_s(impulse: torch.Tensor, sample_rate: int) -> float:
    """Seconds in which [n_samples] reverberation falls by 60 dB; NaN where it never falls."""
    level_db = decay_db(impulse)
    begin, end = (int((level_db < limit).nonzero()[:1].sum()) for limit in DECAY_DB)
    return 3 * (end - begin) / sample_rate if end > begin else math.nan


def audible(impulse: torch.Tensor) -> torch.Tensor:
    """An impulse response without the end that nobody hears."""
    return impulse[: n_audible(impulse)].clone()


def n_audible(sound: torch.Tensor) -> int:
    """Samples of [..., n_samples] sound before the end that nobody hears."""
    loud = (sound.abs() > 10 ** (INAUDIBLE_DB / 20)).nonzero()[:, -1]
    return int(loud.max()) + 1 if len(loud) else 0

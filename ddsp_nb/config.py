"""Everything that is adjustable about the instrument, in one frozen dataclass."""

import math
from dataclasses import dataclass, fields

from ddsp_nb.errors import ConfigError

# Of an instrument or a take, and the highest number that a partial, or a band, of a written stage can have.
MOST_PARTIALS = 512
INTEGER_RANGES = {
    "sample_rate": (8_000, 192_000),
    "hop_length": (16, 8_192),
    "n_harmonics": (1, MOST_PARTIALS),
    "n_bands": (2, 512),
    "n_mfcc": (1, 128),
    "hidden_size": (1, 4_096),
    "n_layers": (1, 8),
}
MAX_WAVEFORM_WEIGHT = 10.0
# Pitch, loudness and age: inputs of the network that are known without a recording, too.
N_PLAYED = 3
# Of pitches: slower is heard as beats, and no instrument's own pitch is higher.
LOWEST_F0_HZ, HIGHEST_F0_HZ = 20.0, 10_000.0


@dataclass(frozen=True)
class Config:
    """Sizes of the analysis, the synthesizer and its network.

    Attributes:
        sample_rate: samples per second of everything that is heard, 8 000 to 192 000 Hz.
        hop_length: samples from one frame of controls to the next.
        n_harmonics: sine waves of the harmonic oscillator.
        n_bands: bands of the noise filterbank, log-spaced from 20 Hz to Nyquist.
        n_mfcc: mel-frequency cepstral coefficients among the network's inputs.
        hidden_size: units of each GRU layer and of the heads.
        n_layers: GRU layers.
        fft_sizes: window lengths (samples) of the multi-scale spectral loss.
        waveform_weight: of the waveforms' difference in the loss, beside 1 for that of the spectra; 0 to 10.
        f0_min_hz: lowest pitch that the tracker looks for.
        f0_max_hz: highest pitch that the tracker looks for, where the sample rate can hold it.

    Raises:
        ConfigError: a value outside its range; the message names it and the range.
    """

    sample_rate: int = 44_100
    hop_length: int = 512
    n_harmonics: int = 64
    n_bands: int = 64
    n_mfcc: int = 30
    hidden_size: int = 512
    n_layers: int = 2
    fft_sizes: tuple[int, ...] = (2048, 1024, 512, 256)
    # As usual: on unheard notes of violin, clarinet and bassoon it does neither good nor harm. The loss of spectra is
    # 0.864, 0.775 and 0.876 after training with it, and 0.864, 0.773 and 0.874 after training without.
    waveform_weight: float = 0.1
    f0_min_hz: float = 25.0
    f0_max_hz: float = 5_000.0

    def __post_init__(self):
        for name, (low, high) in INTEGER_RANGES.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ConfigError(f"{name} is {value!r}; use a whole number from {low} to {high}.")
        object.__setattr__(self, "fft_sizes", tuple(self.fft_sizes))
        if not self.fft_sizes or any(type(n) is not int or not 16 <= n <= 65_536 for n in self.fft_sizes):
            raise ConfigError(f"fft_sizes is {self.fft_sizes!r}; use whole numbers from 16 to 65536.")
        if not 0 <= self.waveform_weight <= MAX_WAVEFORM_WEIGHT:
            raise ConfigError(f"waveform_weight is {self.waveform_weight!r}; use 0 to {MAX_WAVEFORM_WEIGHT:g}.")
        if not LOWEST_F0_HZ <= self.f0_min_hz < self.f0_max_hz <= HIGHEST_F0_HZ or self.f0_min_hz >= self.nyquist_hz:
            raise ConfigError(
                f"The pitch range {self.f0_min_hz:g} to {self.f0_max_hz:g} Hz is not usable; use f0_min_hz (--f0-min) "
                f"from {LOWEST_F0_HZ:g} Hz on, and f0_max_hz (--f0-max) above it, up to {HIGHEST_F0_HZ:g} Hz."
            )

    @property
    def nyquist_hz(self) -> float:
        """Half the sample rate: no partial may sound above it."""
        return self.sample_rate / 2

    @property
    def f0_range_hz(self) -> tuple[float, float]:
        """Lowest and highest pitch that the tracker looks for at this sample rate, Hz."""
        return self.f0_min_hz, min(self.f0_max_hz, self.nyquist_hz)

    @property
    def n_inputs(self) -> int:
        """Channels that the network reads: pitch, loudness, age of the note and the MFCCs."""
        return N_PLAYED + self.n_mfcc

    @property
    def frame_length(self) -> int:
        """Analysis window in samples: a power of two of at least 46 ms."""
        return 1 << math.ceil(math.log2(0.046 * self.sample_rate))

    @property
    def noise_n_fft(self) -> int:
        """Window of the noise filterbank in samples: two hops, so that gains can move every hop."""
        return 2 * self.hop_length

    def n_frames(self, n_samples: int) -> int:
        """Frames that cover n_samples: one at every hop, both ends included."""
        return math.ceil(n_samples / self.hop_length) + 1

    @classmethod
    def from_dict(cls, settings: dict) -> "Config":
        """The reverse of `dataclasses.asdict`. Raises ConfigError where a name is unknown."""
        unknown = set(settings) - {f.name for f in fields(cls)}
        if unknown:
            raise ConfigError(f"Unknown settings: {', '.join(sorted(map(str, unknown)))}.")
        return cls(**settings)

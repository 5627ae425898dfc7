"""The envelope that MFCCs hold, read where partials and noise bands lie (notebook 04, "What does it say?").

The inverse cosine transform turns MFCCs back into a smooth mel spectrum. Read at k f0 and at the centres of the noise
bands it is what a channel vocoder would play; a network that is to do better asks with a *query* for each partial and
each band: which one it is, and what the envelope looks like around it. All levels are relative to the RMS level of the
frame, so that loudness need not be learned, and all frequencies are in Hz, so that the sample rate does not matter.
"""

import math

import numpy as np
import torch
from scipy.fft import idct

from ddsp_nb.analysis.mel import mel_edges_hz, n_mels
from ddsp_nb.config import N_PLAYED, Config
from ddsp_nb.synthesis.noise import band_centres_hz

Some = torch.Tensor | slice
ALL = slice(None)
NEPERS_PER_DB = math.log(10) / 20  # natural logarithm of the amplitude for a level of 1 dB
NEIGHBOURS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)  # mel bands around a frequency that a query sees
COARSE_HZ = np.geomspace(100, 18_000, 16)  # where every query sees the whole envelope
N_OWN_PARTIAL = 6  # numbers that only a partial's query has
N_OWN_BAND = 5  # numbers that only a band's query has
LOUDNESS_STEP_DB = 20.0  # is 1 in a query
SINE_BINS = 1.5  # over which a window spreads the energy of a sine
NOISE_SHARE = 3 / 8  # of a window's length: energy that it lets through of noise
SAFE_NYQUIST = 0.98  # of Nyquist: partials above are faded out by the recording's own filter


class Queries(torch.nn.Module):
    """Questions to a network about each partial and each noise band of a frame; holds tables only, nothing to learn."""

    inverse_dct: torch.Tensor  # [n_mfcc, n_mels], to natural logarithms of amplitude
    centres_hz: torch.Tensor  # [n_mels]
    log_widths: torch.Tensor  # [n_mels], of the mel bands in Hz
    coarse_hz: torch.Tensor  # [16]
    harmonics: torch.Tensor  # [n_harmonics] 1, 2, 3 ...
    bands_hz: torch.Tensor  # [n_bands] centres of the noise bands

    def __init__(self, config: Config):
        super().__init__()
        edges_hz = mel_edges_hz(config)
        table = lambda name, values: self.register_buffer(name, torch.as_tensor(values).float(), persistent=False)
        table("inverse_dct", idct(np.eye(config.n_mfcc, n_mels(config)), axis=-1, norm="ortho") * NEPERS_PER_DB)
        table("centres_hz", edges_hz[1:-1])
        table("log_widths", np.log((edges_hz[2:] - edges_hz[:-2]) / 2))
        table("coarse_hz", COARSE_HZ)
        table("harmonics", np.arange(1, config.n_harmonics + 1))
        table("bands_hz", band_centres_hz(config))
        self.n_harmonics, self.nyquist_hz = config.n_harmonics, config.nyquist_hz
        self.log_window = math.log(config.frame_length / 4)
        self.log_noise = math.log(config.sample_rate / NOISE_SHARE) / 2 - math.log(4)  # of a gain, beside a sine

    @staticmethod
    def sizes(envelope: bool) -> tuple[int, int]:
        """Numbers in the query of a partial and of a band."""
        common = (len(NEIGHBOURS) + 1 + len(COARSE_HZ) if envelope else 0) + N_PLAYED
        return N_OWN_PARTIAL + common, N_OWN_BAND + common

    def levels(self, inputs: torch.Tensor) -> torch.Tensor:
        """[n_frames, n_mels] log amplitude that a sine would have in each mel band, beside the loudness, of inputs."""
        return inputs[:, N_PLAYED:] @ self.inverse_dct - self.log_window - NEPERS_PER_DB * inputs[:, 1:2]

    def at_partials(
        self, inputs: torch.Tensor, some: Some = ALL, *, envelope: bool = True, usual_db: float | torch.Tensor = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the envelope says about each partial, and all that is known about it.

        Args:
            inputs: [n_frames, 3 + n_mfcc] as `Features.inputs` gives them.
            some: indices of the partials that are asked for; all by default.
            envelope: without it only pitch, loudness and age are looked at, and the envelope says nothing (0).
            usual_db: loudness of the instrument's usual notes, beside which queries tell the loudness.

        Returns:
            log amplitude [n_frames, n_harmonics] relative to the loudness, and queries [n_frames, n_harmonics, n].
        """
        f0_hz, k = 440 * torch.exp2(inputs[:, :1]), self.harmonics[some]
        hz = (f0_hz * k).clamp(max=self.nyquist_hz)
        place, log_width = self._places(hz)
        shared = (log_width - f0_hz.log()).clamp(min=0)  # log of the number of partials in one mel band
        sounds = self.safe(inputs, some).float()
        own = torch.stack(torch.broadcast_tensors(k.log2(), 1 / k, (hz / 1000).log2(), k % 2, shared, sounds), -1)
        one_sine = (log_width - shared - math.log(SINE_BINS)) / 2  # its energy was spread over the band
        return self._ask(inputs, own, place, one_sine, envelope, usual_db)

    def safe(self, inputs: torch.Tensor, some: Some = ALL) -> torch.Tensor:
        """[n_frames, n_harmonics] whether recordings have such partials: their filters fade out what lies higher."""
        return 440 * torch.exp2(inputs[:, :1]) * self.harmonics[some] < SAFE_NYQUIST * self.nyquist_hz

    def at_bands(
        self, inputs: torch.Tensor, some: Some = ALL, *, envelope: bool = True, usual_db: float | torch.Tensor = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same for the noise bands: [n_frames, n_bands] and [n_frames, n_bands, n]."""
        f0_hz, hz = 440 * torch.exp2(inputs[:, :1]), self.bands_hz[some].expand(inputs.shape[0], -1)
        place, log_width = self._places(hz)
        order = hz / f0_hz
        apart = (order - order.round().clamp(min=1)).abs().clamp(max=1)  # from the nearest partial, in f0
        beyond = (order > self.n_harmonics + 0.5).float()  # of the last partial: nothing but noise is there
        own = torch.stack([(hz / 1000).log2(), order.log2().clamp(-3, 7), apart, beyond, log_width - f0_hz.log()], -1)
        return self._ask(inputs, own, place, torch.full_like(place, self.log_noise), envelope, usual_db)

    def _places(self, hz: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Position of each frequency among the mel bands, [n_frames, n], and the log width of a mel band there."""
        last = len(self.centres_hz) - 1
        right = torch.searchsorted(self.centres_hz, hz.contiguous()).clamp(1, last)
        below, above = self.centres_hz[right - 1], self.centres_hz[right]
        share = ((hz - below) / (above - below)).clamp(0, 1)
        return right - 1 + share, torch.lerp(self.log_widths[right - 1], self.log_widths[right], share)

    def _ask(
        self,
        inputs: torch.Tensor,
        own: torch.Tensor,
        place: torch.Tensor,
        correction: torch.Tensor,
        envelope: bool,
        usual_db: float | torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The envelope at each place, corrected for what shares a mel band, and the queries."""
        common = torch.stack([inputs[:, 0], (inputs[:, 1] - usual_db) / LOUDNESS_STEP_DB, inputs[:, 2]], -1)
        if not envelope:
            return torch.zeros_like(place), torch.cat([own, _to_each(common, own)], -1)
        levels = self.levels(inputs)
        near = interpolate(levels, place[..., None] + torch.tensor(NEIGHBOURS, device=place.device))
        here = near[..., len(NEIGHBOURS) // 2]
        coarse = interpolate(levels, self._places(self.coarse_hz[None])[0].expand(len(levels), -1))
        frame = _to_each(torch.cat([common, coarse], -1), own)
        return here + correction, torch.cat([own, near - here[..., None], here[..., None], frame], -1)


def _to_each(common: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """[n_frames, m] known about a frame, for each of n queries: [n_frames, n, m]."""
    return common[:, None].expand(-1, own.shape[1], -1)


def interpolate(levels: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Rows [n_frames, n_columns] read at places [n_frames, ...] between their columns; beyond them, at the ends."""
    places = places.clamp(0, levels.shape[1] - 1)
    left = places.floor().long().clamp(max=levels.shape[1] - 2)
    gather = lambda index: torch.gather(levels, 1, index.flatten(1)).view(index.shape)
    return torch.lerp(gather(left), gather(left + 1), places - left)

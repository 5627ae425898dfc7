"""More instruments than there are: each of them through a few filters, as if it had another body or another room.

Levels of partials and bands, envelope and loudness move together by what the filter does to them, so that nothing has
to be rendered or analysed again. The filters are smooth: a tilt and three broad peaks or dips.
"""

from dataclasses import replace

import torch
from torch import nn

from ddsp_nb.analysis.envelope import NEPERS_PER_DB, Queries
from ddsp_nb.config import N_PLAYED, Config
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.training.instrument import MIN_LOG_AMPLITUDE, MIN_LOG_GAIN, Targets, partial_weights
from tests.benchmarks.pretrain.material import louder

# Of each instrument; the first is as it was recorded.
N = 3
TILT_DB_PER_OCTAVE, PEAK_DB, N_PEAKS = 1.2, 4.0, 3
# Octaves from 1 kHz between which the middles of peaks lie, and their widths.
LOWEST, HIGHEST = -3.3, 3.7
NARROWEST, WIDEST = 0.3, 1.3
LOWEST_HZ = 20.0


class Colours(nn.Module):
    """Filters of virtual instruments, drawn by chance; every N-th does nothing."""

    def __init__(self, n: int, configs: list[Config]):
        super().__init__()
        plain = (torch.arange(n) % N == 0)[:, None]
        self.register_buffer("tilt", TILT_DB_PER_OCTAVE * torch.randn(n, 1).masked_fill(plain, 0))
        self.register_buffer("peaks_db", PEAK_DB * torch.randn(n, N_PEAKS).masked_fill(plain, 0))
        self.register_buffer("middles", LOWEST + (HIGHEST - LOWEST) * torch.rand(n, N_PEAKS))
        self.register_buffer("widths", NARROWEST + (WIDEST - NARROWEST) * torch.rand(n, N_PEAKS))
        self.configs, self.queries = configs, nn.ModuleList(map(Queries, configs))
        to_bins = [FilteredNoiseGenerator(config).to_bins for config in configs]
        self.noise_powers = nn.ParameterList(nn.Parameter(x @ x.T / x.shape[1], requires_grad=False) for x in to_bins)

    def gains_db(self, each: torch.Tensor, hz: torch.Tensor) -> torch.Tensor:
        """[n_frames, m] at [n_frames, m] or [m] Hz, of the filters [n_frames]."""
        octaves = torch.log2(hz.clamp(min=LOWEST_HZ) / 1000).expand(len(each), -1)
        apart = (octaves[..., None] - self.middles[each][:, None]) / self.widths[each][:, None]
        return self.tilt[each] * octaves + (self.peaks_db[each][:, None] * torch.exp(-apart.square())).sum(-1)

    def forward(self, targets: Targets, each: torch.Tensor, turn: int, louder_db: torch.Tensor) -> Targets:
        """The same frames through the filters [n_frames], then louder by [n_frames] dB."""
        queries, powers = self.queries[turn], self.noise_powers[turn]
        f0_hz = 440 * torch.exp2(targets.inputs[:, :1])
        on_partials, on_bands = (self.gains_db(each, hz) for hz in (f0_hz * queries.harmonics, queries.bands_hz))
        there = targets.weights > 0
        amplitudes = targets.log_amplitudes + NEPERS_PER_DB * on_partials
        gains = targets.log_gains + NEPERS_PER_DB * on_bands
        before, after = (
            (x.exp() * there).square().sum(1) / 2 + ((y.exp() @ powers) * y.exp()).sum(1)
            for x, y in ((targets.log_amplitudes, targets.log_gains), (amplitudes, gains))
        )
        level_db = 10 * torch.log10(after / before)
        inputs = targets.inputs.clone()
        inputs[:, 1] += level_db
        inputs[:, N_PLAYED:] += self.gains_db(each, queries.centres_hz) @ (queries.inverse_dct / NEPERS_PER_DB).T
        amplitudes = (amplitudes - NEPERS_PER_DB * level_db[:, None]).clamp(min=MIN_LOG_AMPLITUDE)
        gains = (gains - NEPERS_PER_DB * level_db[:, None]).clamp(min=MIN_LOG_GAIN)
        inputs = louder(inputs, louder_db, self.configs[turn])
        return replace(
            targets,
            inputs=inputs,
            log_amplitudes=amplitudes,
            log_gains=gains,
            weights=partial_weights(amplitudes.exp(), there),
        )

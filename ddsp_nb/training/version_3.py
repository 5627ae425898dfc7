"""Models of format versions 1 to 3, whose GRU remembered one recording, phases and all: today a take says the same."""

import torch
from torch import nn
from torch.nn import functional as F

from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

LAST = 3  # version of this kind
INSTRUMENT = "instrument."  # weights that version 3 has; they corrected another envelope, and say nothing now


class Memory(nn.Module):
    """The network of that time: a GRU and a head each for amplitudes, noise gains and phases."""

    input_mean: torch.Tensor
    input_std: torch.Tensor
    max_amplitude: torch.Tensor

    def __init__(self, config: Config):
        super().__init__()
        hidden = config.hidden_size
        self.gru = nn.GRU(config.n_inputs, hidden, config.n_layers, batch_first=True)
        self.amplitude_head, self.noise_head = _head(hidden, config.n_harmonics), _head(hidden, config.n_bands)
        self.phase_head = _head(hidden, 2 * config.n_harmonics)
        self.register_buffer("input_mean", torch.zeros(config.n_inputs))
        self.register_buffer("input_std", torch.ones(config.n_inputs))
        self.register_buffer("max_amplitude", torch.zeros(config.n_harmonics))

    def forward(self, inputs: torch.Tensor, mix: float) -> Controls:
        """[n_frames, n_inputs] features to the controls that are played, the mix in them."""
        hidden = self.gru(((inputs - self.input_mean) / self.input_std).clamp(-5, 5))[0]
        directions = self.phase_head(hidden).unflatten(-1, (2, -1)).mT + torch.tensor([1e-4, 0.0])
        return Controls(
            mix * F.softplus(self.amplitude_head(hidden)).clamp(max=self.max_amplitude),
            F.normalize(directions, dim=-1),
            (1 - mix) * torch.sigmoid(self.noise_head(hidden)),
        )


def _head(hidden, n_outputs):
    return nn.Sequential(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, n_outputs))


@torch.no_grad()
def upgraded(weights: dict, features: Features, config: Config) -> tuple[DDSPModel, Take]:
    """The take that an old model remembered, and an instrument that is as instruments are.

    Raises:
        KeyError, RuntimeError: the weights do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same file is the same model, every time
        memory, model = Memory(config), DDSPModel(config)
    rest = {name: weight for name, weight in weights.items() if not name.startswith(("synthesizer.", INSTRUMENT))}
    memory.load_state_dict({n.removeprefix("synthesizer."): w for n, w in weights.items() if n.startswith("synth")})
    if set(rest) != {"mix_logit"}:
        raise KeyError("other weights than an old model has")
    played = memory(features.inputs(), torch.sigmoid(rest["mix_logit"]).item())
    coefficients = played.coefficients() * features.voiced[:, None]
    controls = Controls.of_coefficients(coefficients.half().float(), played.noise_magnitudes.half().float())
    inputs = features.inputs()
    model.hear(inputs[features.voiced] if features.voiced.any() else inputs)
    return model, Take(features, controls, float("nan"))

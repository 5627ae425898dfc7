"""The network that plays the synthesizer, and the synthesizer with it."""

import math
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional as F

from ddsp_nb.analysis.envelope import NEPERS_PER_DB
from ddsp_nb.analysis.features import Features, loudness_db
from ddsp_nb.config import Config
from ddsp_nb.errors import ConfigError
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.oscillator import HarmonicOscillator
from ddsp_nb.training.instrument import Instrument

INPUT_GAIN = 4.0
INITIAL_BIAS = -5.0  # bias of levels before training: about -43 dB each, so that a random start is no roar
MAX_NOISE_GAIN = 0.999  # of a band: 1 is white noise at full scale
LOUDNESS_PASSES = 2  # renderings after which a performance has its loudness to a few hundredths of a dB
MAX_LOUDNESS_STEP_DB = 12.0  # of one pass: a frame with nothing to turn up is not driven to roar
FULL_SCALE = 4.0  # no single sine wave needs to be louder


@dataclass
class Controls:
    """What the network decides, frame by frame; a batch may stand before the frames.

    Attributes:
        amplitudes: [..., n_frames, n_harmonics] linear, at least 0.
        directions: [..., n_frames, n_harmonics, 2] unit vectors (cos θ, sin θ) of each harmonic's phase offset.
        noise_magnitudes: [..., n_frames, n_bands] gains, 0 to 1.
    """

    amplitudes: torch.Tensor
    directions: torch.Tensor
    noise_magnitudes: torch.Tensor

    def scaled(self, gain: torch.Tensor) -> "Controls":
        """The same sound with a gain [..., n_frames] for each frame."""
        noise = (self.noise_magnitudes * gain[..., None]).clamp(max=MAX_NOISE_GAIN)
        return Controls(self.amplitudes * gain[..., None], self.directions, noise)

    def coefficients(self) -> torch.Tensor:
        """[..., n_frames, 2 * n_harmonics] of the basis sin(kφ), cos(kφ)."""
        return (self.amplitudes[..., None] * self.directions).mT.flatten(-2)


@dataclass
class Sound:
    """A rendered performance: audio = harmonic + noise, each [n_samples]."""

    audio: torch.Tensor
    harmonic: torch.Tensor
    noise: torch.Tensor


class DDSPSynthesizer(nn.Module):
    """Features to controls: a GRU and one head for amplitudes, noise gains and phase offsets each.

    The mean and spread of the inputs are stored with the weights (`fit_normalisation`), so that a model plays any
    recording the way it was trained; so is the highest amplitude of each harmonic in its recording (`max_amplitude`,
    set by `warm_start.py`), so that features it has never seen cannot make it roar.

    Args:
        config: `Config`; with its defaults the network has about 3.3 million parameters.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        hidden = config.hidden_size
        self.gru = nn.GRU(config.n_inputs, hidden, config.n_layers, batch_first=True)
        _strengthen_inputs(self.gru)
        self.amplitude_head = _head(hidden, config.n_harmonics, INITIAL_BIAS)
        self.noise_head = _head(hidden, config.n_bands, INITIAL_BIAS)
        self.phase_head = _head(hidden, 2 * config.n_harmonics)
        self.register_buffer("input_mean", torch.zeros(config.n_inputs))
        self.register_buffer("input_std", torch.ones(config.n_inputs))
        self.register_buffer("max_amplitude", torch.full((config.n_harmonics,), FULL_SCALE))

    @property
    def heads(self) -> tuple[nn.Sequential, ...]:
        """The three heads; the last layer of each is its read-out."""
        return self.amplitude_head, self.noise_head, self.phase_head

    def fit_normalisation(self, features: Features) -> None:
        """Keep the mean and standard deviation of the network's inputs over the sounding frames of a recording."""
        inputs = features.inputs()
        sounding = inputs[features.voiced] if features.voiced.sum() > 1 else inputs
        self.input_mean.copy_(sounding.mean(0))
        self.input_std.copy_(sounding.std(0).clamp(min=1e-3))

    def forward(self, inputs: torch.Tensor) -> Controls:
        """[..., n_frames, n_inputs] features, as `Features.inputs` gives them, to controls."""
        return self.controls(self.encode(inputs)[0])

    def encode(self, inputs: torch.Tensor, state: torch.Tensor | None = None):
        """Run the GRU from a state: hidden [..., n_frames, hidden_size] and the state after the last frame."""
        normalised = ((inputs - self.input_mean) / self.input_std).clamp(-5, 5)
        return self.gru(normalised, state)

    def controls(self, hidden: torch.Tensor) -> Controls:
        """The heads: hidden [..., n_frames, hidden_size] to controls."""
        directions = self.phase_head(hidden).unflatten(-1, (2, -1)).mT
        upright = torch.tensor([1e-4, 0.0], device=hidden.device)
        return Controls(
            amplitudes=F.softplus(self.amplitude_head(hidden)).clamp(max=self.max_amplitude),
            directions=F.normalize(directions + upright, dim=-1),
            noise_magnitudes=torch.sigmoid(self.noise_head(hidden)),
        )


@torch.no_grad()
def _strengthen_inputs(gru):
    """PyTorch's initial weights leave a GRU almost linear; a memory to be read out has to bend its inputs."""
    for name, weight in gru.named_parameters():
        if name.startswith("weight_ih"):
            weight *= INPUT_GAIN


def _head(hidden, n_outputs, bias=0.0):
    head = nn.Sequential(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, n_outputs))
    nn.init.constant_(head[-1].bias, bias)
    return head


class DDSPModel(nn.Module):
    """Features to sound: the network, the oscillator, the noise filterbank and a learnable mix of both.

    Args:
        config: `Config`; `harmonic_mix` is the exact share of the harmonic part before training.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.synthesizer = DDSPSynthesizer(config)
        self.oscillator, self.noise_generator = HarmonicOscillator(config), FilteredNoiseGenerator(config)
        self.instrument = Instrument.shared(config).requires_grad_(False)
        self.mix_logit = nn.Parameter(torch.tensor(math.log(config.harmonic_mix / (1 - config.harmonic_mix))))

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.mix_logit.device

    @property
    def mix(self) -> torch.Tensor:
        """Share of the harmonic part, 0 to 1; the noise has the rest."""
        return torch.sigmoid(self.mix_logit)

    @property
    def n_parameters(self) -> int:
        """Learnable numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def controls(self, features: Features) -> Controls:
        """What the network plays, [n_frames, ...]: amplitudes are silent already where the features are unvoiced.

        Raises:
            ConfigError: the features were extracted with another config.
        """
        check_features(features, self.config)
        controls = self.synthesizer(features.to(self.device).inputs())
        return gate(controls, features)

    @torch.no_grad()
    def forward(self, features: Features, seed: int = 0) -> Sound:
        """Play a recording from memory, phases and all, if it is the one that the model was trained on.

        Args:
            features: extracted with this model's config.
            seed: of the noise.

        Returns:
            `Sound` whose parts are [n_samples], as long as the recording.
        """
        features = features.to(self.device)
        return self._render(self.controls(features), features, seed, self.mix)

    @torch.no_grad()
    def perform(self, features: Features, *, envelope: bool = True, seed: int = 0) -> Sound:
        """Play a performance that was never heard: another phrase, another player's, a drawn one, at its loudness.

        Args:
            features: extracted with this model's config, or drawn.
            envelope: whether the MFCCs count. With them the timbre follows the recording's; without them pitch and
                loudness alone decide, and it is the instrument's own.
            seed: of the noise.

        Returns:
            `Sound` whose parts are [n_samples], as long as the performance.

        Raises:
            ConfigError: the features were extracted with another config.
        """
        check_features(features, self.config)
        features = features.to(self.device)
        sounding = replace(features, semitones=0.0)  # resonances stay where they are when the pitch moves
        amplitudes, gains = self.instrument(sounding.inputs(), envelope=envelope)
        level = torch.exp(NEPERS_PER_DB * features.loudness_db)[:, None]
        directions = low_crest_directions(self.config.n_harmonics).to(level).expand(len(features), -1, 2)
        controls = Controls(level * amplitudes.exp(), directions, (level * gains.exp()).clamp(max=MAX_NOISE_GAIN))
        controls = gate(controls, features)
        for _ in range(LOUDNESS_PASSES):
            heard_db = self._loudness_db(self._render(controls, features, seed).audio)
            wrong_db = (features.loudness_db - heard_db).clamp(-MAX_LOUDNESS_STEP_DB, MAX_LOUDNESS_STEP_DB)
            controls = controls.scaled(torch.exp(NEPERS_PER_DB * wrong_db))
        return self._render(controls, features, seed)

    def _render(self, controls, features, seed, mix=None):
        """`Sound` of controls, its parts weighted by a mix, or as they are."""
        harmonic = self.oscillator.render(features.f0_hz, controls.coefficients(), phase=features.phase)
        noise = self.noise_generator(controls.noise_magnitudes, generator=torch.Generator().manual_seed(seed))
        if mix is not None:
            harmonic, noise = mix * harmonic, (1 - mix) * noise
        harmonic, noise = harmonic[: features.n_samples], noise[: features.n_samples]
        return Sound(harmonic + noise, harmonic, noise)

    def _loudness_db(self, audio):
        """[n_frames] as `FeatureExtractor` measures it."""
        length = (self.config.n_frames(len(audio)) - 1) * self.config.hop_length
        padded = F.pad(audio, (0, length - len(audio))).cpu().numpy()
        return torch.from_numpy(loudness_db(padded, self.config)).to(audio)


def low_crest_directions(n_harmonics: int) -> torch.Tensor:
    """[n_harmonics, 2] constant phases, (cos θ, sin θ), that spread a period's energy in time (Schroeder 1970).

    Constant, since a phase that moves is heard as roughness or as another pitch.
    """
    k = torch.arange(1, n_harmonics + 1)
    angle = -math.pi * k * (k - 1) / n_harmonics
    return torch.stack([angle.cos(), angle.sin()], -1)


def gate(controls: Controls, features: Features) -> Controls:
    """Silence the harmonics of unvoiced frames."""
    voiced = features.voiced.to(controls.amplitudes)[:, None]
    return Controls(controls.amplitudes * voiced, controls.directions, controls.noise_magnitudes)


def check_features(features: Features, config: Config) -> None:
    """Raise ConfigError, saying what differs, unless the features fit the config."""
    ours = (config.sample_rate, config.hop_length, config.n_mfcc)
    theirs = (features.sample_rate, features.hop_length, features.mfcc.shape[-1])
    if ours != theirs:
        raise ConfigError(
            f"The features have (sample rate, hop, MFCCs) {theirs}, the model {ours}; extract them with model.config."
        )

"""Features to sound, through a network and the synthesizer (notebook 04, "What does the network read?")."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ddsp_nb.analysis.envelope import NEPERS_PER_DB, interpolate
from ddsp_nb.analysis.features import Features
from ddsp_nb.analysis.mel import loudness_db, power_db
from ddsp_nb.config import N_PLAYED, Config
from ddsp_nb.errors import ConfigError, warn_user
from ddsp_nb.progress import with_bar
from ddsp_nb.synthesis.controls import (
    MAX_NOISE_GAIN,
    Controls,
    Sound,
    Synthesizer,
    low_crest_directions,
    lowest_crest_directions,
)
from ddsp_nb.synthesis.oscillator import integrate_pitch, ramp
from ddsp_nb.training.instrument import Instrument

# Standard deviations beyond which an input of the GRU says nothing more.
CLAMP = 3.0
# Linear amplitudes: the least keeps logarithms finite, and no single sine wave needs to be louder than the most.
MIN_LEVEL, MAX_LEVEL = 1e-8, 4.0
# Of a long performance, so that memory does not grow with it.
FRAMES_AT_ONCE = 2048
# At most, of a stretch that the network is asked for; and after which the GRU has forgotten how it began: levels differ
# by 2e-5 dB, rounding.
STRETCH_FRAMES, MEMORY_FRAMES = 128, 32
# More do not stay in the processor's cache.
STRETCHES_AT_ONCE = 4
# Renderings after which a performance has its loudness; more do not come nearer.
LOUDNESS_PASSES = 3
# Of one pass: a frame with nothing to turn up is not driven to roar.
MAX_LOUDNESS_STEP_DB = 12.0
# Nepers, 26 dB: more is an error of the analysis, not the timbre of a recording.
MAX_BESIDES = 3.0
# Below the loudest frame nobody hears that a level is a little off; above, the user is told of more than 1 dB in more
# than a tenth of the frames.
QUIET_DB = 30.0
LOUDNESS_TOLERANCE_DB = 1.0
MISSED_SHARE = 0.1
# Half of the window over which loudness is measured.
WINDOW_FRAMES = 2
# Of the pitches and levels that were heard.
N_QUANTILES = 101
# Hundredths of the frames that an instrument heard are softer than its usual notes.
USUAL_LOUDNESS = 70


class ControlNetwork(nn.Module):
    """Features to controls: the instrument's levels, and a GRU that corrects them by what came before.

    What the instrument (`instrument.py`) expects of a frame, times its loudness, is where both heads begin: before
    training they add nothing. Amplitudes pass a softplus and noise gains a sigmoid. With the default config there are
    about 3.1 million parameters.
    """

    input_mean: torch.Tensor
    input_std: torch.Tensor

    def __init__(self, config: Config):
        super().__init__()
        hidden = config.hidden_size
        self.instrument = Instrument.shared(config)
        self.gru = nn.GRU(config.n_inputs, hidden, config.n_layers, batch_first=True)
        self.amplitude_head = _head(hidden, config.n_harmonics)
        self.noise_head = _head(hidden, config.n_bands)
        self.register_buffer("input_mean", torch.zeros(config.n_inputs))
        self.register_buffer("input_std", torch.ones(config.n_inputs))

    def forward(
        self,
        inputs: torch.Tensor,
        *,
        envelope: bool = True,
        state: torch.Tensor | None = None,
        disturb: Callable[[torch.Tensor], torch.Tensor] = lambda values: values,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Levels of performances, silent nowhere.

        Args:
            inputs: [batch, n_frames, n_inputs], as `Features.inputs` gives them; a timbre may follow.
            envelope: whether the MFCCs count.
            state: [n_layers, batch, hidden_size] of the GRU before the first frame; at rest if None.
            disturb: changes what the GRU reads and what is read from it while it trains.

        Returns:
            amplitudes [batch, n_frames, n_harmonics], noise gains [batch, n_frames, n_bands], and the GRU's state
            after the last frame.
        """
        timbre = inputs[..., len(self.input_mean) :].flatten(0, 1)
        inputs = inputs[..., : len(self.input_mean)]
        # The instrument learns levels, not by listening.
        with torch.no_grad():
            known = timbre if timbre.shape[-1] else None
            expected = self.instrument(inputs.flatten(0, 1), envelope=envelope, timbre=known)
        level, batch = NEPERS_PER_DB * inputs[..., 1:2], inputs.shape[:2]
        amplitudes, gains = ((level + x.unflatten(0, batch)).exp().clamp(MIN_LEVEL, MAX_LEVEL) for x in expected)
        heard = ((inputs - self.input_mean) / self.input_std).clamp(-CLAMP, CLAMP)
        if not envelope:
            heard = torch.cat([heard[..., :N_PLAYED], torch.zeros_like(heard[..., N_PLAYED:])], -1)
        hidden, state = self.gru(disturb(heard), state)
        hidden = disturb(hidden)
        amplitudes = F.softplus(inverse_softplus(amplitudes) + self.amplitude_head(hidden))
        gains = torch.sigmoid(torch.logit(gains.clamp(max=MAX_NOISE_GAIN)) + self.noise_head(hidden))
        return amplitudes, gains, state

    @torch.no_grad()
    def fit_normalisation(self, inputs: torch.Tensor) -> None:
        """Keep mean and spread of [n_frames, n_inputs] features."""
        self.input_mean.copy_(inputs.mean(0))
        self.input_std.copy_(inputs.std(0).clamp(min=1e-3))


def _head(hidden, n_outputs):
    """Hidden state to corrections, all 0 before training."""
    head = nn.Sequential(nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, n_outputs))
    nn.init.zeros_(head[-1].weight)
    nn.init.zeros_(head[-1].bias)
    return head


def inverse_softplus(y: torch.Tensor) -> torch.Tensor:
    """x whose softplus, log(1 + eˣ), is y > 0."""
    return y + torch.log(-torch.expm1(-y))


class DDSPModel(nn.Module):
    """Features to sound: the network, the oscillator and the noise filterbank."""

    octave_quantiles: torch.Tensor
    loudness_quantiles_db: torch.Tensor

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.network = ControlNetwork(config)
        self.synthesizer = Synthesizer(config)
        self.register_buffer("octave_quantiles", torch.zeros(N_QUANTILES))
        self.register_buffer("loudness_quantiles_db", torch.zeros(N_QUANTILES))

    @classmethod
    def vocoder(cls, features: Features, config: Config) -> "DDSPModel":
        """A model that has learned nothing: it plays the envelope of features like these as it is."""
        model = cls(config)
        model.network.instrument = Instrument.bare(config, features.inputs())
        return model

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.octave_quantiles.device

    @property
    def n_parameters(self) -> int:
        """Learnable numbers."""
        return sum(p.numel() for p in self.parameters())

    @torch.no_grad()
    def hear(self, inputs: torch.Tensor) -> None:
        """Keep what sounding frames [n_frames, n_inputs] are like: range, dynamics and the spread of the inputs."""
        self.network.fit_normalisation(inputs)
        steps = torch.linspace(0, 1, N_QUANTILES, dtype=torch.float64)
        quantiles = (torch.from_numpy(np.quantile(x, steps)) for x in inputs[:, :2].T.cpu().double().numpy())
        self.remember(*quantiles)

    @torch.no_grad()
    def remember(self, octaves: torch.Tensor, loudness_db: torch.Tensor) -> None:
        """Keep [101] quantiles of the pitches and of the levels that were heard, and the usual level."""
        self.octave_quantiles.copy_(octaves)
        self.loudness_quantiles_db.copy_(loudness_db)
        self.network.instrument.usual_db.copy_(loudness_db[USUAL_LOUDNESS])

    @torch.no_grad()
    def controls(self, features: Features, *, envelope: bool = True, loudness: bool = True) -> Controls:
        """What the instrument plays, [n_frames, ...]: partials are silent where the features are unvoiced.

        Args:
            features: extracted with this model's config, or drawn.
            envelope: whether the MFCCs count. With them the timbre follows the recording's; without them pitch and
                loudness alone decide, and it is the instrument's own.
            loudness: whether to set the level of each frame to that of the features exactly, by rendering.
        """
        controls = self._controls(features, envelope)
        return self.levelled(controls, features) if loudness else controls

    @torch.no_grad()
    def levelled(self, controls: Controls, features: Features) -> Controls:
        """Controls [n_frames, ...] at the loudness of the features, by rendering."""
        return controls.scaled(torch.cat([gain for gain, _ in self._rendered(controls, features, seed=0)]))

    @torch.no_grad()
    def forward(self, features: Features, *, envelope: bool = True, seed: int = 0) -> Sound:
        """Play a performance at its loudness: another phrase, another player's, a drawn one; see `controls`.

        Warns where that loudness cannot be reached. Raises ConfigError where the features are of another config.
        """
        rendered = torch.empty(2, (len(features) - 1) * self.config.hop_length, device=self.device)
        controls, done = self._of_lowest_crest(self._controls(features, envelope), features.to(self.device)), 0
        for _, parts in self._rendered(controls, features, seed):
            rendered[:, done : done + parts.shape[1]] = parts
            done += parts.shape[1]
        harmonic, noise = rendered[:, : features.n_samples]
        sound = Sound(harmonic + noise, harmonic, noise)
        whole = F.pad(sound.audio, (0, rendered.shape[1] - len(sound.audio)))
        warn_of_loudness(features.loudness_db.to(self.device), loudness_db(whole, self.config))
        return sound

    def _controls(self, features, envelope):
        """What the instrument plays, before its loudness is set."""
        check_features(features, self.config)
        features = features.to(self.device)
        moved = envelope and not features.tape and features.recorded_hz is not None
        amplitudes, gains = self._moved_levels(features) if moved else self._levels(features, envelope)
        silenced = amplitudes * features.voiced[:, None]
        directions = low_crest_directions(self.config.n_harmonics).to(silenced).expand(len(silenced), -1, 2)
        return Controls(silenced, directions, gains)

    def _of_lowest_crest(self, controls, features):
        """The same with phases that suit this performance, so that its peaks are no higher than they must be."""
        heard = features.f0_hz[:, None] * self.network.instrument.queries.harmonics < self.config.nyquist_hz
        level = torch.exp(NEPERS_PER_DB * features.loudness_db)[:, None]
        directions = lowest_crest_directions(level * F.normalize(controls.amplitudes * heard))
        return replace(controls, directions=directions.to(level).expand(len(level), -1, 2))

    def _rendered(self, controls, features, seed):
        """Stretch by stretch: the gain of each frame that gives it its loudness, and [2, n] partials and noise.

        A stretch is rendered with some frames around it, as far as their loudness reaches: no seam is heard, and memory
        does not grow with a performance.
        """
        config, features, n_hops = self.config, features.to(self.device), len(features) - 1
        hop, reach = config.hop_length, LOUDNESS_PASSES * (-(-config.frame_length // (2 * config.hop_length)) + 1)
        phase = integrate_pitch(features.f0_hz, config) if features.phase is None else features.phase
        drawn = lambda seed: torch.randn(n_hops * hop, generator=torch.Generator().manual_seed(seed)).to(self.device)
        # Levels are those of one noise, whichever is heard: the seed moves no partial.
        white = drawn(0)
        heard = drawn(seed) if seed else white
        for start in with_bar(range(0, n_hops, FRAMES_AT_ONCE), "Playing"):
            stop = min(start + FRAMES_AT_ONCE, n_hops)
            first, last = max(start - reach, 0), min(stop + reach, n_hops)
            frames, played = slice(first, last + 1), controls[first : last + 1]
            coefficients, samples = played.coefficients(), slice(first * hop, last * hop)
            sines = self.synthesizer.oscillator.ends(features.f0_hz[frames], coefficients, phase=phase[frames])
            noise = self.synthesizer.noise_generator.ends(white[samples], played.noise_magnitudes)
            fading = torch.stack([1 - ramp(sines), ramp(sines)])
            ends = torch.stack([sines * fading, noise])  # [2, n_hops, 2, hop]
            # The performance ends within its last hop.
            ends[:, -1, :, hop - max(0, last * hop - features.n_samples) :] = 0
            gain = self._gain(ends.sum(0), features.loudness_db[frames])
            parts = (ends * torch.stack([gain[:-1], gain[1:]], 1)[..., None]).sum(-2)
            if seed or (played.noise_magnitudes.amax(1) * gain > MAX_NOISE_GAIN).any():
                magnitudes = played.scaled(gain).noise_magnitudes
                parts[1] = self.synthesizer.noise_generator.shape(heard[samples], magnitudes).view_as(parts[1])
            inner = slice(start - first, stop - first)
            yield gain[inner.start : inner.stop + (stop == n_hops)], parts[:, inner].flatten(1)

    def _gain(self, ends, loudness_db):
        """[n_frames] by which the frames at the ends of [n_hops, 2, hop_length] are to be louder than they are.

        Power at any gains is told by three numbers for each piece of a hop: nothing is rendered again.
        """
        block = math.gcd(self.config.hop_length, self.config.frame_length // 2)
        before, after = ends.unflatten(-1, (-1, block)).unbind(1)  # [n_hops, n_blocks, block]
        powers = [(a * b).mean(-1) for a, b in ((before, before), (before, after), (after, after))]
        gain = torch.ones_like(loudness_db)
        for _ in range(LOUDNESS_PASSES):
            a, b = gain[:-1, None], gain[1:, None]
            power = a * a * powers[0] + 2 * a * b * powers[1] + b * b * powers[2]
            wrong_db = loudness_db - power_db(power.flatten(), self.config, block=block)
            step_db = smoothed(wrong_db.clamp(-MAX_LOUDNESS_STEP_DB, MAX_LOUDNESS_STEP_DB))
            gain = gain * torch.exp(NEPERS_PER_DB * step_db)
        return gain

    def _levels(self, features, envelope):
        """[n_frames, n_harmonics] amplitudes and [n_frames, n_bands] gains as the network answers.

        It is asked for stretches side by side, each of which begins a little before the one before it ends.
        """
        inputs = features.inputs()
        n_stretches = max(1, -(-(len(inputs) - MEMORY_FRAMES) // STRETCH_FRAMES))
        n_frames = max(1, -(-(len(inputs) - MEMORY_FRAMES) // n_stretches))
        missing = n_stretches * n_frames + MEMORY_FRAMES - len(inputs)
        padded = torch.cat([inputs, inputs[-1:].expand(missing, -1)])
        stretches = padded.unfold(0, n_frames + MEMORY_FRAMES, n_frames).mT
        asked = with_bar(stretches.split(STRETCHES_AT_ONCE), "Asking the network")
        answers = zip(*(self.network(some, envelope=envelope)[:2] for some in asked), strict=True)
        joined = lambda part: torch.cat(
            [part[0][0, :MEMORY_FRAMES], *(x[:, MEMORY_FRAMES:].flatten(0, 1) for x in part)]
        )
        amplitudes, gains = map(joined, answers)
        return amplitudes[: len(inputs)], gains[: len(inputs)]

    def _moved_levels(self, features):
        """The same at a pitch at which the MFCCs were not measured.

        They hold bumps where the recorded partials lay, and none where the new ones do. So the instrument is asked for
        its own timbre at both pitches, and what the recording had besides, at a frequency, is added there.
        """
        recorded = features.recorded()
        (amplitudes, gains), (plain, plain_gains) = (self._levels(recorded, envelope) for envelope in (True, False))
        own, own_gains = self._levels(features, envelope=False)
        besides = (amplitudes / plain).log().clamp(-MAX_BESIDES, MAX_BESIDES)
        places = self.network.instrument.queries.harmonics * (features.f0_hz / recorded.f0_hz)[:, None] - 1
        return own * interpolate(besides, places).exp(), own_gains * (gains / plain_gains)


def smoothed(values: torch.Tensor) -> torch.Tensor:
    """[n_frames] weighed 1 : 2 : 1 with their neighbours: partials must not flutter with the noise beside them."""
    padded = torch.cat([values[:1], values, values[-1:]])
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def warn_of_loudness(asked_db: torch.Tensor, played_db: torch.Tensor) -> None:
    """Tell the user where the instrument lacks the power for [n_frames] levels."""
    heard = asked_db > asked_db.max() - QUIET_DB
    # A level is measured over a window: one that is asked to change within it is late, and no lack of power.
    softest_db = -F.max_pool1d(-asked_db[None], 2 * WINDOW_FRAMES + 1, 1, WINDOW_FRAMES)[0]
    share = (softest_db - played_db > LOUDNESS_TOLERANCE_DB)[heard].float().mean().item()
    if share > MISSED_SHARE:
        warn_user(
            f"{100 * share:.0f} % of the performance is more than {LOUDNESS_TOLERANCE_DB:g} dB softer than asked: "
            "this instrument cannot play it as loud there. Transpose, or play softer."
        )


def check_features(features: Features, config: Config) -> None:
    """Raise ConfigError, saying what differs, unless the features fit the config."""
    ours = (config.sample_rate, config.hop_length, config.n_mfcc)
    theirs = (features.sample_rate, features.hop_length, features.mfcc.shape[-1])
    if ours != theirs:
        raise ConfigError(f"Features have (rate, hop, MFCCs) {theirs}, the model {ours}; extract them with its config.")

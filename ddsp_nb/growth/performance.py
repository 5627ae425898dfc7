"""What a stage plays before its mask: the recording's own phrase, or a held note that is as alive as the recording."""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config
from ddsp_nb.growth.tuning import HELD, PHRASE, pitch_hz
from ddsp_nb.synthesis.oscillator import integrate_pitch
from ddsp_nb.training.model import Controls

STEADY_S = 1.5  # of the recording, from which a held note takes its movement
SMOOTHING_S = 0.03  # keeps vibrato and swell, takes out what flutters from frame to frame
LEAST_FRAMES = 8
SOUNDING = 1e-3  # -30 dB: of the loudest frame's energy


@dataclass(frozen=True)
class Voice:
    """Pitch and controls of a stretch of sound.

    Attributes:
        f0_hz: [n_frames] Hz.
        phase: [n_frames] float64 radians, unwrapped.
        controls: `Controls` with [1, n_frames, ...].
        ratios: [n_harmonics] float64 multiples of f0 at which the partials sound, or None for whole ones.
    """

    f0_hz: torch.Tensor
    phase: torch.Tensor
    controls: Controls
    ratios: torch.Tensor | None = None

    def __getitem__(self, frames: slice) -> "Voice":
        return Voice(self.f0_hz[frames], self.phase[frames], pick(self.controls, frames), self.ratios)

    def cpu(self) -> "Voice":
        """The same voice in the computer's own memory."""
        parts = (self.controls.amplitudes, self.controls.directions, self.controls.noise_magnitudes)
        return Voice(self.f0_hz.cpu(), self.phase.cpu(), Controls(*(part.cpu() for part in parts)), self.ratios)

    def multiples(self) -> torch.Tensor:
        """[n_harmonics] frequency of each partial as a multiple of f0."""
        whole = torch.arange(1, self.controls.amplitudes.shape[-1] + 1, device=self.f0_hz.device).double()
        return whole if self.ratios is None else self.ratios.to(whole)

    def levels(self, config: Config) -> torch.Tensor:
        """[n_harmonics] the loudest each partial gets where it lies below Nyquist, linear."""
        below = self.f0_hz[:, None] * self.multiples() < config.nyquist_hz
        return (self.controls.amplitudes[0] * below).amax(0)


def make_voice(features: Features, controls: Controls, config: Config, pitch, n_frames: int, ratios=None) -> Voice:
    """The stretch of a recording that a stage plays.

    Args:
        features: of the recording.
        controls: what the network plays for them.
        pitch: "phrase", "held", a note name or Hz.
        n_frames: how long; walked back and forth where the recording is shorter.
        ratios: see `Voice`.
    """
    features = features.to(controls.amplitudes.device)
    if pitch == PHRASE:
        return phrase_voice(features, controls, config, n_frames, ratios)
    return held_voice(features, controls, config, None if pitch == HELD else pitch_hz(pitch), n_frames, ratios)


def phrase_voice(features, controls, config, n_frames, ratios=None) -> Voice:
    """The fullest stretch of a recording, on one note if there is one."""
    energy = controls.amplitudes[0].square().sum(-1)
    if n_frames <= len(features):
        frames = fullest_stretch(energy, features.f0_hz, n_frames)
        phase = None if features.phase is None else features.phase[frames]
    else:  # there and back, as often as it takes; phase cannot run backwards, so it is integrated anew
        frames, phase = there_and_back(len(features), n_frames).to(energy.device), None
    f0_hz = features.f0_hz[frames]
    phase = integrate_pitch(f0_hz, config) if phase is None else phase
    return Voice(f0_hz, phase, pick(controls, frames), ratios)


def held_voice(features, controls, config, hz, n_frames, ratios=None) -> Voice:
    """One note, with the small movements of pitch, loudness and spectrum that a steady stretch of the recording has.

    The network has read the recording as it was played, so that the timbre stays the instrument's; only the
    oscillator moves. `hz` None is the recording's median pitch.
    """
    energy = controls.amplitudes[0].square().sum(-1)
    steady = steady_stretch(energy, features.f0_hz, round(STEADY_S * config.sample_rate / config.hop_length))
    width = max(1.5, SMOOTHING_S * config.sample_rate / config.hop_length)
    longer = n_frames + reach(width)  # so that a note begins the same however long it lasts
    frames = steady[there_and_back(len(steady), longer).to(steady.device)]
    sounding = features.f0_hz[features.voiced] if features.voiced.any() else features.f0_hz
    hz = sounding.median() if hz is None else hz
    f0_hz = smooth(features.f0_hz[frames].log()[:, None], width)[:, 0].exp()
    f0_hz = hz * f0_hz / features.f0_hz[steady].median()
    still = pick(controls, frames)
    directions = F.normalize(smooth(still.directions[0].flatten(1), width).view_as(still.directions), dim=-1)
    amplitudes = smooth(still.amplitudes[0], width)[None]
    noise = smooth(still.noise_magnitudes[0], width)[None]
    voice = Voice(f0_hz, integrate_pitch(f0_hz, config), Controls(amplitudes, directions, noise), ratios)
    return voice[:n_frames]


def fullest_stretch(energy, f0_hz, n_frames):
    """Neighbouring frames with the most energy; stretches whose pitch moves over a semitone count a tenth."""
    total = energy.unfold(0, n_frames, 1).sum(1)
    start = int((total * torch.where(range_octaves(f0_hz, n_frames) < 1 / 12, 1.0, 0.1)).argmax())
    return start + torch.arange(n_frames, device=energy.device)


def steady_stretch(energy, f0_hz, n_frames):
    """Neighbouring frames that sound, within a semitone; as many of n_frames as there are, the loudest ones."""
    n_frames = min(n_frames, len(energy))
    while True:
        quietest = energy.unfold(0, n_frames, 1).amin(1)
        steady = (range_octaves(f0_hz, n_frames) < 1 / 12) & (quietest > SOUNDING * energy.max())
        if steady.any() or n_frames <= LEAST_FRAMES:
            break
        n_frames = max(n_frames * 3 // 4, LEAST_FRAMES)
    start = int(torch.where(steady, quietest + energy.max(), quietest).argmax())
    return start + torch.arange(n_frames, device=energy.device)


def range_octaves(f0_hz, n_frames):
    """[n_starts] by how many octaves the pitch moves within n_frames from each start."""
    octaves = f0_hz.log2().unfold(0, n_frames, 1)
    return octaves.amax(1) - octaves.amin(1)


def there_and_back(n: int, n_frames: int) -> torch.Tensor:
    """[n_frames] indices 0 ... n-1 ... 0 ... n-1 and so on."""
    last = max(n - 1, 1)
    return ((torch.arange(n_frames) + last) % (2 * last) - last).abs().clamp(max=n - 1)


def reach(width: float) -> int:
    """Frames before and after that a Gaussian of `width` frames hears."""
    return round(4 * width)


def smooth(values: torch.Tensor, width: float) -> torch.Tensor:
    """[n_frames, n] averaged over time with a Gaussian of `width` frames."""
    far = reach(width)
    kernel = torch.exp(-0.5 * (torch.arange(-far, far + 1, device=values.device) / width) ** 2).to(values)
    padded = F.pad(values.T[:, None], (far, far), mode="replicate")  # [n, 1, frames]
    return F.conv1d(padded, (kernel / kernel.sum())[None, None])[:, 0].T


def pick(controls: Controls, frames) -> Controls:
    """Controls of some frames."""
    return replace(
        controls,
        amplitudes=controls.amplitudes[:, frames],
        directions=controls.directions[:, frames],
        noise_magnitudes=controls.noise_magnitudes[:, frames],
    )

"""What a stage plays before its mask: the recording's own phrase, or a held note that is as alive as the recording."""

from collections.abc import Callable
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
LEAST_FRAMES = 8  # of a steady stretch; below that a wandering pitch is taken as it is
SOUNDING = 1e-3  # of the loudest frame's energy, -30 dB


@dataclass(frozen=True)
class ControlTrack:
    """Pitch and controls of a stretch of sound, frame by frame.

    Attributes:
        f0_hz: [n_frames] Hz.
        phase: [n_frames] float64 radians, unwrapped.
        controls: `Controls` of one clip, [n_frames, ...] each.
        ratios: [n_harmonics] float64 multiples of f0 at which the partials sound, or None for whole ones.
    """

    f0_hz: torch.Tensor
    phase: torch.Tensor
    controls: Controls
    ratios: torch.Tensor | None = None

    def __getitem__(self, frames: slice) -> "ControlTrack":
        return self._each(lambda x: x[frames])

    def cpu(self) -> "ControlTrack":
        """The same track in the computer's own memory."""
        return self._each(torch.Tensor.cpu)

    def _each(self, change):
        return ControlTrack(change(self.f0_hz), change(self.phase), each(self.controls, change), self.ratios)

    def multiples(self) -> torch.Tensor:
        """[n_harmonics] frequency of each partial as a multiple of f0."""
        whole = torch.arange(1, self.controls.amplitudes.shape[-1] + 1, device=self.f0_hz.device).double()
        return whole if self.ratios is None else self.ratios.to(whole)

    def levels(self, config: Config) -> torch.Tensor:
        """[n_harmonics] the loudest each partial gets where it lies below Nyquist, linear."""
        below = self.f0_hz[:, None] * self.multiples() < config.nyquist_hz
        return (self.controls.amplitudes * below).amax(0)


def make_track(
    features: Features,
    controls: Controls,
    config: Config,
    pitch: str | float,
    n_frames: int,
    ratios: torch.Tensor | None = None,
) -> ControlTrack:
    """The stretch of a recording that a stage plays.

    Args:
        features: of the recording.
        controls: what the network plays for them, [n_frames, ...].
        config: of the model.
        pitch: "phrase", "held", a note name or Hz.
        n_frames: how long; walked back and forth where the recording is shorter.
        ratios: see `ControlTrack`.
    """
    features = features.to(controls.amplitudes.device)
    if pitch == PHRASE:
        track = phrase_track(features, controls, config, n_frames)
    else:
        hz = _median_hz(features) if pitch == HELD else pitch_hz(pitch)
        track = held_track(features, controls, config, hz, n_frames)
    return replace(track, ratios=ratios)


def phrase_track(features: Features, controls: Controls, config: Config, n_frames: int) -> ControlTrack:
    """The fullest stretch of a recording, on one note if there is one."""
    if n_frames <= len(features):
        energy = controls.amplitudes.square().sum(-1)
        frames = fullest_stretch(energy, features.f0_hz, n_frames)
        phase = None if features.phase is None else features.phase[frames]
    else:  # there and back, as often as it takes; phase cannot run backwards, so it is integrated anew
        frames, phase = there_and_back(len(features), n_frames).to(features.f0_hz.device), None
    f0_hz = features.f0_hz[frames]
    phase = integrate_pitch(f0_hz, config) if phase is None else phase
    return ControlTrack(f0_hz, phase, each(controls, lambda x: x[frames]))


def _median_hz(features):
    sounding = features.f0_hz[features.voiced] if features.voiced.any() else features.f0_hz
    return sounding.median()


def held_track(
    features: Features, controls: Controls, config: Config, hz: float | torch.Tensor, n_frames: int
) -> ControlTrack:
    """One note, with the small movements of pitch, loudness and spectrum that a steady stretch of the recording has.

    The network has read the recording as it was played, so that the timbre stays the instrument's; only the
    oscillator moves.
    """
    energy = controls.amplitudes.square().sum(-1)
    steady = steady_stretch(energy, features.f0_hz, round(STEADY_S * config.sample_rate / config.hop_length))
    width = max(1.5, SMOOTHING_S * config.sample_rate / config.hop_length)
    longer = n_frames + reach(width)  # so that a note begins the same however long it lasts
    frames = steady[there_and_back(len(steady), longer).to(steady.device)]
    f0_hz = smooth(features.f0_hz[frames].log()[:, None], width)[:, 0].exp()
    f0_hz = hz * f0_hz / features.f0_hz[steady].median()
    directions = controls.directions[frames]
    calm = Controls(
        amplitudes=smooth(controls.amplitudes[frames], width),
        directions=F.normalize(smooth(directions.flatten(1), width).view_as(directions), dim=-1),
        noise_magnitudes=smooth(controls.noise_magnitudes[frames], width),
    )
    return ControlTrack(f0_hz, integrate_pitch(f0_hz, config), calm)[:n_frames]


def fullest_stretch(energy: torch.Tensor, f0_hz: torch.Tensor, n_frames: int) -> torch.Tensor:
    """Neighbouring frames with the most energy; stretches whose pitch moves over a semitone count a tenth."""
    total = energy.unfold(0, n_frames, 1).sum(1)
    start = int((total * torch.where(range_octaves(f0_hz, n_frames) < 1 / 12, 1.0, 0.1)).argmax())
    return start + torch.arange(n_frames, device=energy.device)


def steady_stretch(energy: torch.Tensor, f0_hz: torch.Tensor, n_frames: int) -> torch.Tensor:
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


def range_octaves(f0_hz: torch.Tensor, n_frames: int) -> torch.Tensor:
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


def each(controls: Controls, change: Callable[[torch.Tensor], torch.Tensor]) -> Controls:
    """Controls with each of their tensors changed in the same way."""
    return Controls(*map(change, vars(controls).values()))

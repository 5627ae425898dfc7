"""What a stage plays before its mask: the take's phrase, or a living note (notebook 05, "Does the phrase move?")."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from scipy.ndimage import gaussian_filter1d
from torch.nn import functional as F

from ddsp_nb.analysis.features import Features
from ddsp_nb.config import Config
from ddsp_nb.growth.player import Player
from ddsp_nb.growth.tuning import HELD, PHRASE, WORDS
from ddsp_nb.notes.pitch import pitch_hz
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.oscillator import harmonic_basis, integrate_pitch, partial_basis, partial_phase
from ddsp_nb.training.family import Family
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

# So much of the recording lends a held note its movement, where it is steady.
STEADY_S = 1.5
# Keeps vibrato and swell, takes out what flutters from frame to frame.
SMOOTHING_S = 0.03
# A recording without a steady stretch of so many frames wanders, and is taken as it is.
LEAST_FRAMES = 8
# Of the loudest frame's energy: -30 dB. Below it nobody says that the recording has begun.
SOUNDING = 1e-3
# The same, -40 dB: a phrase may be that soft, a breath is softer still.
FAINTEST = 1e-4
# Of the loudest partial: what is fainter, -60 dB, has faded.
FADED = 1e-3
# Stands for 0 below fractions.
SILENCE = 1e-12
# A shorter gap is a consonant within a word, a longer one a rest or a breath.
REST_S = 0.08
# Where a stretch between rests begins and ends: from there it falls by 15 dB within so many s.
EDGE, EDGE_S = 10**-1.5, 0.1


@dataclass(frozen=True)
class Source:
    """What a layer is played from: a trained model and the take of its recording.

    Attributes:
        audio: [n_samples] the recording at the model's sample rate, needed by layers that play it as it is.
        family: whose instruments the timbres of its plans name.
    """

    model: DDSPModel
    take: Take
    audio: torch.Tensor | None = None
    family: Family = field(default_factory=Family.shipped)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.model.config.sample_rate


@dataclass(frozen=True)
class ControlTrack:
    """Pitch and controls of a stretch of sound, frame by frame.

    Attributes:
        f0_hz: [n_frames] Hz.
        phase: [n_frames] float64 radians, unwrapped.
        controls: `Controls` of one clip, [n_frames, ...] each.
        sounding: [n_frames] bool, where there is a tone; elsewhere f0 is only carried on.
        asked: `Features` [n_frames] of the phrase or note, which other instruments are asked to play.
        own_hz: [n_frames, n_partials] frequency of partials that are no whole multiples of f0, or None.
        own_phase: [n_frames, n_partials] float64 radians of those.
        first: frame of its pitch, counted from where that begins in the piece, with which it begins itself.
    """

    f0_hz: torch.Tensor
    phase: torch.Tensor
    controls: Controls
    sounding: torch.Tensor
    asked: Features
    own_hz: torch.Tensor | None = None
    own_phase: torch.Tensor | None = None
    first: int = 0

    def __getitem__(self, frames: slice) -> "ControlTrack":
        parts = {name: x[frames] for name, x in vars(self).items() if name != "first" and x is not None}
        return replace(self, first=self.first + (frames.start or 0), **parts)

    def played_by(self, player: Player | None) -> "ControlTrack":
        """The same pitch, phases and loudness in another timbre; as it is without a player."""
        if player is None:
            return self
        width = smoothing_frames(self.asked.sample_rate / self.asked.hop_length)
        # Phases of faint partials are noise.
        calm = Controls.of_coefficients(smooth(self.controls.coefficients(), width), self.controls.noise_magnitudes)
        return replace(self, controls=player(self.asked, replace(self.controls, directions=calm.directions)))

    def noise(self, config: Config, seed: int) -> torch.Tensor:
        """[(n_frames - 1) * hop_length] its noise: all tracks of a pitch filter the same one."""
        hop, generator = config.hop_length, torch.Generator().manual_seed(seed)
        white = torch.randn((self.first + len(self.f0_hz) - 1) * hop, generator=generator)[self.first * hop :]
        return FilteredNoiseGenerator(config).shape(white, self.controls.noise_magnitudes.cpu())

    def at(self, ratios: torch.Tensor | None) -> "ControlTrack":
        """Partials at [n_partials] float64 multiples of f0; as it is without them."""
        if ratios is None:
            return self
        return replace(self, own_hz=self.f0_hz[:, None] * ratios, own_phase=self.phase[:, None] * ratios)

    def moved(self, factors: torch.Tensor, config: Config) -> "ControlTrack":
        """Partials that are no multiples of f0 with their frequencies times [n_partials] factors."""
        assert self.own_hz is not None and self.own_phase is not None
        hz = self.own_hz * factors
        return replace(self, own_hz=hz, own_phase=self.own_phase[:1] + partial_phase(hz, config))

    def rows(self, wanted: torch.Tensor) -> torch.Tensor:
        """Which of the wanted partials, [n_partials] bool, sound; of multiples of f0 all up to the highest."""
        rows = (wanted & self.controls.amplitudes.any(0)).nonzero()[:, 0]
        return rows if self.own_hz is not None else torch.arange(int(rows.max()) + 1 if len(rows) else 1)

    def basis(self, rows: torch.Tensor, config: Config) -> torch.Tensor:
        """[n_frames - 1, 2 * n_rows, hop_length] sines, then cosines, of the partials that `rows` gives."""
        if self.own_hz is None or self.own_phase is None:
            return harmonic_basis(self.f0_hz, self.phase, len(rows), config)
        return partial_basis(self.own_hz[:, rows], self.own_phase[:, rows], config)

    def hz(self) -> torch.Tensor:
        """[n_frames, n_partials] frequency of each partial."""
        multiples = torch.arange(1, self.controls.amplitudes.shape[-1] + 1, device=self.f0_hz.device)
        return self.f0_hz[:, None] * multiples if self.own_hz is None else self.own_hz

    def phases(self) -> torch.Tensor:
        """[n_frames, n_partials] float64 radians of each partial, unwrapped."""
        multiples = torch.arange(1, self.controls.amplitudes.shape[-1] + 1, device=self.phase.device)
        return self.phase[:, None] * multiples if self.own_phase is None else self.own_phase

    def lives(self) -> torch.Tensor:
        """[2, n_partials] frame in which each partial is first heard, and in how many it is."""
        heard = self.controls.amplitudes > FADED * self.controls.amplitudes.max()
        return torch.stack([torch.where(heard.any(0), heard.int().argmax(0), len(heard)), heard.sum(0)])

    def places(self) -> torch.Tensor:
        """[n_partials] mean frequency of each partial, Hz."""
        weights = self.controls.amplitudes.square().clamp(min=SILENCE)
        return (self.hz() * weights).sum(0) / weights.sum(0)

    def levels(self, config: Config) -> torch.Tensor:
        """[n_harmonics] the loudest each partial gets where it lies below Nyquist, linear."""
        return (self.controls.amplitudes * (self.hz() < config.nyquist_hz)).amax(0)


def track_maker(
    model: DDSPModel, take: Take, pitch: str | float, *, unfolding: bool = False, rests: bool = False
) -> Callable[[int], ControlTrack]:
    """What a stage plays at a pitch, as a function of how many frames it lasts; the network is asked once, here.

    The take is walked back and forth where a track is longer. An unfolding phrase begins where the recording does; else
    it is the recording's fullest stretch. Its rests are left out unless they are asked for, those of a note always.
    """
    if take.hz is not None:
        return partials_maker(take, take.hz, pitch, model.config)
    heard = sounding(take)
    if pitch != PHRASE or not rests:
        take, heard = without_rests(take, heard, model.config)
    if pitch == PHRASE:
        return lambda n_frames: phrase_track(take, heard, model.config, n_frames, unfolding=unfolding)
    a_tone = pitch != HELD or bool(heard.any())
    asked, controls = held_note(model, take, sounding_hz(take, pitch))
    f0_hz, asked = asked.f0_hz, replace(asked, voiced=asked.voiced & a_tone)
    controls = replace(controls, amplitudes=controls.amplitudes * a_tone)

    def track(n_frames):
        frames = there_and_back(len(f0_hz), n_frames)
        phase, is_tone = integrate_pitch(f0_hz[frames], model.config), torch.full((n_frames,), a_tone)
        return ControlTrack(f0_hz[frames], phase, controls[frames], is_tone, asked[frames])

    return track


def partials_maker(take: Take, hz: torch.Tensor, pitch: str | float, config: Config) -> Callable[[int], ControlTrack]:
    """The same of a take whose partials are no multiples of its pitch: they are struck anew where they have faded.

    A note is the whole sound with all its frequencies moved alike.
    """
    energy = take.controls.amplitudes.square().sum(-1)
    heard = (energy >= FADED**2 * energy.max()).nonzero()[:, 0]
    begin, end = (max(int(heard[0]) - 1, 0), int(heard[-1]) + 1) if len(heard) else (0, len(hz))
    phase, tonal = partial_phase(hz, config)[begin], energy >= FAINTEST * energy.max()
    ratio = sounding_hz(take, pitch) / sounding_hz(take)

    def track(n_frames):
        frames = begin + torch.arange(n_frames) % (end - begin)
        f0_hz, own_hz = ratio * take.features.f0_hz[frames], ratio * hz[frames]
        rest = take.controls[frames], tonal[frames], take.features[frames]
        return ControlTrack(f0_hz, integrate_pitch(f0_hz, config), *rest, own_hz, phase + partial_phase(own_hz, config))

    return track


def sounding_hz(take: Take, pitch: str | float = PHRASE) -> float:
    """The pitch that a take is heard at where it plays a phrase or a note: of a phrase, and held, it is the median.

    Where no pitch is heard, it is that of the loudest partial, if that is no multiple of one.
    """
    if pitch not in WORDS:
        return pitch_hz(pitch)
    heard = sounding(take)
    if take.hz is None or heard.any():
        return take.features.f0_hz[heard if heard.any() else slice(None)].median().item()
    energy = take.controls.amplitudes.square()
    loudest = int(energy.sum(0).argmax())
    return ((take.hz * energy)[:, loudest].sum() / energy[:, loudest].sum().clamp(min=SILENCE)).item()


def sounding(take: Take) -> torch.Tensor:
    """[n_frames] bool: where a tone sounds. What has no pitch, and what is 40 dB below the loudest, is none."""
    energy = take.controls.amplitudes.square().sum(-1)
    return take.features.voiced & (energy >= FAINTEST * energy.max())


def without_rests(take: Take, heard: torch.Tensor, config: Config) -> tuple[Take, torch.Tensor]:
    """A take, and where a tone sounds in it, without rests and breaths; one without any tone stays as it is.

    From stretch to stretch, levels and pitch go over within a hop, and the fundamental's phase goes on: each is moved
    in time by less than a period.
    """
    if not heard.any():
        return take, heard
    frames = torch.cat(list(_stretches(take.controls.amplitudes.square().sum(-1), heard, config)))
    features, phase = take.features[frames], take.features.phase
    if phase is not None:
        steps = integrate_pitch(features.f0_hz, config).diff() - phase[frames].diff()
        jumps = torch.where(frames.diff() == 1, 0.0, steps)
        features = replace(features, phase=phase[frames] + F.pad(jumps.cumsum(0), (1, 0)))
    return replace(take, features=features, controls=take.controls[frames]), heard[frames]


def _stretches(energy: torch.Tensor, heard: torch.Tensor, config: Config) -> Iterator[torch.Tensor]:
    """Frames of each stretch between rests, without what rises or falls steeply beside a rest."""
    n, frames_of = len(heard), lambda seconds: max(round(seconds * config.sample_rate / config.hop_length), 1)
    nearby = frames_of(EDGE_S)
    firm = energy >= EDGE * F.max_pool1d(energy[None], 2 * nearby + 1, 1, nearby)[0]
    # As if something sounded before and after: a recording that is cut closely has no rest there.
    heard, firm = (F.pad(mask, (1, 1), value=True) for mask in (heard, firm))
    frames = heard.nonzero()[:, 0]
    after_rests = (frames.diff() > frames_of(REST_S)).nonzero()[:, 0] + 1
    for stretch in frames.tensor_split(after_rests.cpu()):
        ends = stretch[firm[stretch]] - 1
        if len(ends):
            yield torch.arange(max(int(ends[0]), 0), min(int(ends[-1]) + 1, n), device=energy.device)


def phrase_track(
    take: Take, heard: torch.Tensor, config: Config, n_frames: int, *, unfolding: bool = False
) -> ControlTrack:
    """The recording from where it begins to sound, or the fullest stretch of it, on one note if there is one."""
    features, controls = take.features, take.controls
    energy = controls.amplitudes.square().sum(-1)
    if unfolding:
        begin = int((energy >= SOUNDING * energy.max()).nonzero()[0])
        features, controls, energy, heard = features[begin:], controls[begin:], energy[begin:], heard[begin:]
    if n_frames <= len(features):
        frames = torch.arange(n_frames) if unfolding else fullest_stretch(energy, features.f0_hz, n_frames)
        phase = None if features.phase is None else features.phase[frames]
    else:  # there and back, as often as it takes; phase cannot run backwards, so it is integrated anew
        frames, phase = there_and_back(len(features), n_frames), None
    f0_hz = features.f0_hz[frames]
    phase = integrate_pitch(f0_hz, config) if phase is None else phase
    return ControlTrack(f0_hz, phase, controls[frames], heard[frames], features[frames])


def held_note(model: DDSPModel, take: Take, hz: float) -> tuple[Features, Controls]:
    """Features and controls of a note of the instrument, with the small movements of a steady stretch of the recording.

    The instrument is asked for the note with the envelope of that stretch, which moves less than a tape's would.
    """
    config, energy = model.config, take.controls.amplitudes.square().sum(-1)
    frames_of = lambda seconds: seconds * config.sample_rate / config.hop_length
    steady = steady_stretch(energy, take.features.f0_hz, round(frames_of(STEADY_S)))
    stretch = take.features[int(steady[0]) : int(steady[-1]) + 1]
    width = smoothing_frames(frames_of(1.0))
    calm = lambda values: smooth(values[:, None], width)[:, 0]
    f0_hz = calm(stretch.f0_hz.log()).exp()
    note = replace(
        stretch,
        f0_hz=hz * f0_hz / f0_hz.median(),
        loudness_db=calm(stretch.loudness_db),
        mfcc=smooth(stretch.mfcc, width),
        voiced=torch.ones_like(stretch.voiced),
        phase=None,
        recorded_hz=f0_hz,
    )
    played = model.controls(note)
    amplitudes, noise = smooth(played.amplitudes, width), smooth(played.noise_magnitudes, width)
    return note, Controls(amplitudes, played.directions, noise)


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


def smoothing_frames(frames_per_s: float) -> float:
    """Standard deviation, frames, over which what flutters is averaged."""
    return max(1.5, SMOOTHING_S * frames_per_s)


def smooth(values: torch.Tensor, width: float) -> torch.Tensor:
    """[n_frames, n] averaged over time with a Gaussian of `width` frames."""
    averaged = gaussian_filter1d(values.detach().cpu().numpy(), width, axis=0, mode="nearest")
    return torch.from_numpy(averaged).to(values)

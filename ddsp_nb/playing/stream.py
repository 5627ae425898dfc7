"""The instrument live: notes on and off, sound block by block."""

import math

import torch

from ddsp_nb.errors import ConfigError
from ddsp_nb.notes.pitch import midi_hz
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.own_timbre import OwnTimbre
from ddsp_nb.playing.score import PLAIN_VELOCITY, USUAL_LOUDNESS, level_of_velocity
from ddsp_nb.playing.voices import Voice, make_room
from ddsp_nb.synthesis.controls import MAX_NOISE_GAIN, Controls, low_crest_directions
from ddsp_nb.synthesis.stream import NoiseStream, render_hop
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

MAX_BLOCK = 1 << 20  # samples that are asked for at once
MAX_VOICES = 64
MAX_BEND_SEMITONES = 48.0
QUIETEST_DB, LOUDEST_DB = -60.0, 24.0  # of the loudness control
MAX_NYQUIST = 0.98  # of half the sample rate, above which no pitch is bent


class StreamingSynthesizer:
    """An instrument that is played by hand.

    Every hop (512 samples) a frame of pitch and loudness for each voice becomes controls, and controls become sound.
    GRU state, phases, windows of the noise and the levels to interpolate from are carried from hop to hop, so blocks
    of any size give the same samples.

    *Latency.* A note, bend or level that arrives while a hop sounds counts from the next one on: 0 to hop_length
    samples, 512 (11.6 ms) by default, before it begins to sound. Otherwise nothing is delayed: sample n of the stream
    is sample n of `render_whole`, which has all frames at once. Those agree within 1e-5 but for the last hop, where a
    filterbank that sees the end lets its windows run into silence.

    Args:
        model: the instrument, with its own timbre.
        take: of its recording, from which attack and release are measured; usual ones (40 and 80 ms) without.
        n_voices: that sound at a time, 1 to 64; one more steals the oldest released one, which fades within 10 ms.
        seed: of the noise.

    Raises:
        ConfigError: n_voices outside its range.
    """

    def __init__(self, model: DDSPModel, take: Take | None = None, *, n_voices: int = 8, seed: int = 0):
        if not 1 <= n_voices <= MAX_VOICES:
            raise ConfigError(f"n_voices is {n_voices!r}; use 1 to {MAX_VOICES}.")
        self.config, self.timbre, self.n_voices = model.config, OwnTimbre(model).eval(), n_voices
        self.articulation = Articulation() if take is None else Articulation.of(take.features)
        self.usual_db = model.loudness_quantiles_db[USUAL_LOUDNESS].item()
        self.directions = torch.view_as_complex(low_crest_directions(self.config.n_harmonics))
        self.noise = NoiseStream(model.synthesizer.noise_generator, seed)
        self.bend_semitones = self.level_db = 0.0
        self.voices: list[Voice] = []
        self.ready = torch.empty(0)  # rendered, not yet asked for
        self.state = self.timbre.rest(0)
        self.f0_hz, self.phase = torch.empty(0), torch.empty(0, dtype=torch.float64)  # [n_voices] at the last frame
        self.partials = torch.empty(0, self.config.n_harmonics, dtype=torch.complex64)  # [n_voices, n_harmonics]

    @property
    def latency_samples(self) -> int:
        """The longest that a note waits before it begins to sound."""
        return self.config.hop_length

    def note_on(self, note: float, velocity: int = PLAIN_VELOCITY) -> None:
        """Begin a note.

        Args:
            note: MIDI number, 0 to 127; 69 is A4. It need not be whole.
            velocity: 1 to 127; 96 has the instrument's usual loudness, and a step is 0.25 dB.

        Raises:
            ConfigError: outside these ranges.
        """
        if not 0 <= note <= 127 or not 1 <= velocity <= 127:
            raise ConfigError(f"There is no note {note!r} of velocity {velocity!r}; use 0 to 127, and 1 to 127.")
        self.note_off(note)
        make_room(self.voices, self.n_voices)
        self.voices.append(Voice(note, level_of_velocity(velocity)))
        self.state = torch.cat([self.state, self.timbre.rest()], 1)
        self.f0_hz = torch.cat([self.f0_hz, torch.tensor([self._hz(note)])])
        self.phase = torch.cat([self.phase, torch.zeros(1, dtype=torch.float64)])
        self.partials = torch.cat([self.partials, self.partials.new_zeros(1, self.config.n_harmonics)])

    def note_off(self, note: float) -> None:
        """Release a note; nothing where it does not sound."""
        for voice in self.voices:
            if voice.note == note:
                voice.release(self.articulation)

    def all_off(self) -> None:
        """Release every note."""
        for voice in self.voices:
            voice.release(self.articulation)

    def bend(self, semitones: float) -> None:
        """Bend all notes, -48 to 48 semitones. Raises ConfigError outside."""
        if not abs(semitones) <= MAX_BEND_SEMITONES:
            raise ConfigError(f"Cannot bend by {semitones!r} semitones; use -48 to 48.")
        self.bend_semitones = float(semitones)

    def loudness(self, level_db: float) -> None:
        """Play all notes softer or louder, timbre included: -60 to 24 dB beside the usual. Raises ConfigError."""
        if not QUIETEST_DB <= level_db <= LOUDEST_DB:
            raise ConfigError(f"A loudness of {level_db!r} dB is out of reach; use -60 to 24.")
        self.level_db = float(level_db)

    @torch.inference_mode()
    def render(self, n_samples: int) -> torch.Tensor:
        """The next [n_samples] of sound, float32, one channel; silence where no note sounds.

        Raises:
            ConfigError: n_samples is not 1 to 1 048 576.
        """
        if not 1 <= n_samples <= MAX_BLOCK:
            raise ConfigError(f"A block of {n_samples!r} samples is out of reach; use 1 to {MAX_BLOCK}.")
        hops = [self.ready]
        while sum(map(len, hops)) < n_samples:
            hops.append(self._hop())
        sound = torch.cat(hops)
        self.ready = sound[n_samples:]
        return sound[:n_samples].clone()

    def _hop(self) -> torch.Tensor:
        """The next [hop_length]: one frame of every voice, and the way there from the frame before."""
        if not self.voices:
            return self.noise.hop(torch.zeros(self.config.n_bands))
        hop_s = self.config.hop_length / self.config.sample_rate
        f0_hz = torch.tensor([self._hz(voice.note) for voice in self.voices])
        level_db = torch.tensor([voice.step(self.articulation, hop_s) for voice in self.voices])
        sounding = torch.tensor([not voice.ended for voice in self.voices])[:, None]
        loudness_db = level_db + self.usual_db + self.level_db
        amplitudes, gains, self.state = self.timbre.levelled(f0_hz[:, None], loudness_db[:, None], self.state)
        partials = (amplitudes[:, 0] * sounding) * self.directions
        phase = self.phase + math.pi * hop_s * (self.f0_hz.double() + f0_hz.double())
        between = lambda before, after: torch.stack([before, after], 1)
        lines = render_hop(
            between(self.f0_hz, f0_hz), between(self.phase, phase), between(self.partials, partials), self.config
        )
        noise = (gains[:, 0] * sounding).square().sum(0).sqrt().clamp(max=MAX_NOISE_GAIN)  # of one voice, it is its own
        sound = lines.sum(0) + self.noise.hop(noise)
        self.f0_hz, self.phase, self.partials = f0_hz, phase, partials
        self._forget_ended()
        return sound

    def _forget_ended(self) -> None:
        """Let go of voices that have become silent."""
        left = [i for i, voice in enumerate(self.voices) if not voice.ended]
        if len(left) < len(self.voices):
            self.voices = [self.voices[i] for i in left]
            self.f0_hz, self.phase, self.partials = self.f0_hz[left], self.phase[left], self.partials[left]
            self.state = self.state[:, left]

    def _hz(self, note: float) -> float:
        """Fundamental of a note as it is bent now."""
        hz = midi_hz(note + self.bend_semitones)
        return min(hz, MAX_NYQUIST * self.config.nyquist_hz)


@torch.no_grad()
def render_whole(model: DDSPModel, f0_hz: torch.Tensor, loudness_db: torch.Tensor, *, seed: int = 0) -> torch.Tensor:
    """One voice with all its frames at once: the offline counterpart of `StreamingSynthesizer`.

    Args:
        model: the instrument.
        f0_hz: [n_frames] Hz.
        loudness_db: [n_frames] dB relative to full scale. The note begins after frame 0, which is silent.
        seed: of the noise.

    Returns:
        [(n_frames - 1) * hop_length] sound, by `Synthesizer`.
    """
    timbre = OwnTimbre(model)
    amplitudes, gains, _ = timbre.levelled(f0_hz[None, 1:], loudness_db[None, 1:], timbre.rest())
    after_silence = lambda values: torch.cat([torch.zeros_like(values[:1]), values])
    directions = low_crest_directions(model.config.n_harmonics).expand(len(f0_hz), -1, 2)
    controls = Controls(after_silence(amplitudes[0]), directions, after_silence(gains[0]))
    return model.synthesizer(controls, f0_hz, seed=seed).audio

"""The instrument live, block by block, from hands, events or a port (notebook 06, "Why is block length latency?")."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch

from ddsp_nb.errors import ConfigError, warn_user
from ddsp_nb.notes.level import PLAIN_VELOCITY
from ddsp_nb.notes.midi_channels import MidiReceiver
from ddsp_nb.notes.note import Event
from ddsp_nb.playing.own_timbre import OwnTimbre
from ddsp_nb.playing.voices import Voices
from ddsp_nb.synthesis.controls import MAX_NOISE_GAIN, low_crest_directions
from ddsp_nb.synthesis.stream import NoiseStream, render_hop
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

MAX_BLOCK = 1 << 20  # samples that are asked for at once
# A4, B4 and C#5: three that are told apart.
KEYS = (69, 71, 73)


class StreamingSynthesizer(Voices):
    """An instrument that is played by hand.

    Every hop (512 samples) a frame of pitch and loudness for each voice becomes controls, and controls become sound.
    GRU state, phases, windows of the noise and the levels to interpolate from are carried from hop to hop, so blocks
    of any size give the same samples.

    *Latency.* A note, bend or level that arrives while a hop sounds counts from the next one on: 0 to hop_length
    samples, 512 (11.6 ms) by default, before it begins to sound. Otherwise nothing is delayed: sample n of the stream
    is sample n of a synthesizer that has all frames at once. Those agree within 1e-5 but for the last hop, where a
    filterbank that sees the end lets its windows run into silence.

    Args:
        model: the instrument, with its own timbre.
        take: of its recording, on which the articulation is measured; usual values without.
        n_voices: that sound at a time, 1 to 64; one more steals the oldest released one, which fades within 10 ms.
        seed: of the noise.

    Raises:
        ConfigError: n_voices outside its range.
    """

    def __init__(self, model: DDSPModel, take: Take | None = None, *, n_voices: int = 8, seed: int = 0):
        super().__init__(model, take, n_voices=n_voices)
        self.instrument = OwnTimbre(model).eval()
        self.own = model.network.instrument.timbre().detach()
        # Of parts that do not play the model's own.
        self.timbres: dict[int, torch.Tensor] = {}
        self.directions = torch.view_as_complex(low_crest_directions(self.config.n_harmonics))
        self.noise = NoiseStream(model.synthesizer.noise_generator, seed)
        self.ready = torch.empty(0)  # rendered, not yet asked for
        self.state = self.instrument.rest(0)
        self.f0_hz, self.phase = torch.empty(0), torch.empty(0, dtype=torch.float64)  # [n_voices] at the last frame
        self.partials = torch.empty(0, self.config.n_harmonics, dtype=torch.complex64)  # [n_voices, n_harmonics]

    def note_on(self, note: float, velocity: int = PLAIN_VELOCITY, part: int = 0) -> None:
        """Begin a note, as `Voices` does, with a memory of its own."""
        super().note_on(note, velocity, part)
        self.state = torch.cat([self.state, self.instrument.rest()], 1)
        self.f0_hz = torch.cat([self.f0_hz, torch.tensor([self.hz(note, part)])])
        self.phase = torch.cat([self.phase, torch.zeros(1, dtype=torch.float64)])
        self.partials = torch.cat([self.partials, self.partials.new_zeros(1, self.config.n_harmonics)])

    def play_as(self, timbre: torch.Tensor, part: int | None = None) -> None:
        """Play in another timbre from the next frame on, notes that sound included; levels move there in a hop.

        It is [n_timbre] such as `family.member("flute:0.4 oboe:0.6").timbre(config)`, of which the noise floor is left
        out, for a part or all. Raises ConfigError where it is of another size or has numbers that are not finite.
        """
        if timbre.shape != self.own.shape or not timbre.isfinite().all():
            raise ConfigError(f"A timbre has {len(self.own)} finite numbers; use `Member.timbre(config)`.")
        if part is None:
            self.own, self.timbres = timbre, {}
        else:
            self.timbres[part] = timbre

    @torch.inference_mode()
    def render(self, n_samples: int) -> torch.Tensor:
        """The next [n_samples] of sound, float32, one channel; silence where no note sounds.

        Raises ConfigError where n_samples is not 1 to 1 048 576.
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
        f0_hz = torch.tensor([self.hz(voice.note, voice.part) for voice in self.voices])
        loudness_db = torch.tensor(self.step())
        age_s = torch.tensor([voice.age_s for voice in self.voices])
        sounding = torch.tensor([not voice.ended for voice in self.voices])[:, None]
        timbre = torch.stack([self.timbres.get(voice.part, self.own) for voice in self.voices])
        asked = (values[:, None] for values in (f0_hz, loudness_db, age_s))
        amplitudes, gains, self.state = self.instrument.levelled(*asked, self.state, timbre)
        partials = (amplitudes[:, 0] * sounding) * self.directions
        phase = self.phase + math.pi * hop_s * (self.f0_hz.double() + f0_hz.double())
        ends = (self.f0_hz, f0_hz), (self.phase, phase), (self.partials, partials)
        heard_hz, phases, moving = (torch.stack(both, 1) for both in ends)
        lines = render_hop(heard_hz, phases, moving, self.config)
        noise = (gains[:, 0] * sounding).square().sum(0).sqrt().clamp(max=MAX_NOISE_GAIN)  # of one voice, it is its own
        sound = lines.sum(0) + self.noise.hop(noise)
        self.f0_hz, self.phase, self.partials = f0_hz, phase, partials
        # Voices that have become silent are let go.
        left = [i for i, voice in enumerate(self.voices) if not voice.ended]
        if len(left) < len(self.voices):
            self.voices = [self.voices[i] for i in left]
            self.f0_hz, self.phase, self.partials = self.f0_hz[left], self.phase[left], self.partials[left]
            self.state = self.state[:, left]
        return sound


def blocks_of(synthesizer: StreamingSynthesizer, events: Iterable[Event], block: int) -> Iterator[torch.Tensor]:
    """Sound of events, [block] samples at a time, until the last note has ended; keys that are left down go up."""
    sample_rate, done = synthesizer.config.sample_rate, 0
    waiting = deque((round(seconds * sample_rate), event) for seconds, *event in events)
    while waiting or synthesizer.voices:
        parts, end = [], done + block
        while waiting and waiting[0][0] < end:
            sample, event = waiting.popleft()
            if sample > done:
                parts.append(synthesizer.render(sample - done))
                done = sample
            synthesizer.obey(*event)
        if not waiting:
            synthesizer.all_off()
        parts.append(synthesizer.render(end - done))
        done = end
        yield torch.cat(parts)


def blocks_of_port(synthesizer: StreamingSynthesizer, pending: Callable, block: int) -> Iterator[torch.Tensor]:
    """Sound of what arrives at a port, [block] samples at a time, without end; `pending` gives the new messages."""
    receive, told = MidiReceiver(), False
    while True:
        for message in pending():
            for event in receive(message):
                synthesizer.obey(*event)
        if receive.n_drums and not told:
            warn_user("Drums (channel 10) have no pitch and are left out.")
            told = True
        yield synthesizer.render(block)


def play_in_blocks(
    synthesizer: StreamingSynthesizer, pressed: Iterable[int], n_samples: int, block: int
) -> torch.Tensor:
    """[n_samples] of keys that are pressed at some samples, each of which ends the one before, no key being down.

    They are heard from the next block on: so many samples leave the computer at a time.
    """
    waiting, sound = deque(enumerate(pressed)), []
    for first in range(0, n_samples, block):
        while waiting and waiting[0][1] <= first:
            synthesizer.all_off()
            synthesizer.note_on(KEYS[waiting.popleft()[0] % len(KEYS)])
        sound.append(synthesizer.render(block))
    return torch.cat(sound)[:n_samples]

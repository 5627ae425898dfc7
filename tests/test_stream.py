"""The live instrument: blocks are the samples of the whole, notes begin and end without a click, MIDI is obeyed.

How fast it is, tests/benchmarks/stream.py measures."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import mido
import numpy as np
import pytest
import soundfile as sf
import torch
from click.testing import CliRunner

from ddsp_nb import ConfigError, DeviceError, FeatureExtractor, GrowthError, StreamingSynthesizer, save_model
from ddsp_nb.cli.main import main
from ddsp_nb.playing import device
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.midi import MidiControl, read_events
from ddsp_nb.playing.performance import blocks_of, blocks_of_port
from ddsp_nb.playing.score import ATTACK_S, RELEASE_S
from ddsp_nb.playing.stream import render_whole
from ddsp_nb.playing.voices import Voice
from ddsp_nb.synthesis.noise import FilteredNoiseGenerator
from ddsp_nb.synthesis.oscillator import HarmonicOscillator, integrate_pitch
from ddsp_nb.synthesis.stream import NoiseStream, render_hop

SAME = 1e-5


@pytest.fixture
def synthesizer(trained, take):
    return StreamingSynthesizer(trained, take, seed=3)


@pytest.fixture
def frames(synthesizer, monkeypatch):
    """Pitch and loudness of every frame that a voice plays from here on."""
    played, step = [], Voice.step

    def heard(voice, articulation, hop_s):
        level_db = step(voice, articulation, hop_s)
        loudness_db = level_db + synthesizer.usual_db + synthesizer.level_db
        played.append((synthesizer._hz(voice.note), loudness_db))
        return level_db

    monkeypatch.setattr(Voice, "step", heard)
    return played


def rms_db(sound):
    return 10 * torch.as_tensor(sound).double().square().mean().log10().item()


def roughness(sound, hop):
    """The largest second difference of the sound at the joints of hops, beside the largest within them."""
    bend = torch.as_tensor(sound).diff().diff().abs()
    at_joints = torch.zeros(len(bend), dtype=torch.bool)
    for offset in (-2, -1, 0):
        at_joints[hop + offset :: hop] = True
    return (bend[at_joints].max() / bend[~at_joints].max()).item()


@pytest.mark.parametrize("blocks", [[128], [2048], [1, 777, 130, 512]])
def test_blocks_are_the_samples_of_the_whole_performance(synthesizer, trained, frames, blocks):
    """A note with a bend, a crescendo and a release; all of it, but for the hop in which the whole one sees its end."""
    hop = synthesizer.config.hop_length
    acts = {5: lambda: synthesizer.bend(1.5), 9: lambda: synthesizer.loudness(6), 20: lambda: synthesizer.note_off(69)}
    synthesizer.note_on(69, 100)
    parts, done, i = [], 0, 0
    while done < 40 * hop:
        for at in [at for at in acts if at * hop <= done]:
            acts.pop(at)()
        parts.append(synthesizer.render(blocks[i % len(blocks)]))
        done, i = done + len(parts[-1]), i + 1
    f0_hz, loudness_db = map(torch.tensor, zip(*frames, strict=True))
    first = torch.tensor([440.0])
    whole = render_whole(trained, torch.cat([first, f0_hz]), torch.cat([torch.tensor([-100.0]), loudness_db]), seed=3)
    live = torch.cat(parts)
    n = min(len(live), len(whole) - hop)
    assert n > 20 * hop and live[: 20 * hop].abs().max() > 0.05
    assert (live[:n] - whole[:n]).abs().max() < SAME
    assert f0_hz[-1] / f0_hz[0] == pytest.approx(2 ** (1.5 / 12))


def test_hops_of_sines_are_those_of_the_oscillator_past_nyquist_too(small_config):
    torch.manual_seed(0)
    f0_hz = torch.tensor([[300.0, 900.0], [220.0, 220.0]])  # 32 partials of the first reach Nyquist on the way
    phase = torch.stack([integrate_pitch(hz, small_config) + 100 for hz in f0_hz])
    coefficients = torch.randn(2, 2, 64)
    pairs = torch.complex(*coefficients.unflatten(-1, (2, -1)).unbind(-2))
    whole = HarmonicOscillator(small_config).render(f0_hz, coefficients, phase=phase)
    assert (render_hop(f0_hz, phase, pairs, small_config) - whole).abs().max() < SAME * whole.abs().max()


def test_hops_of_noise_are_those_of_the_filterbank(small_config):
    generator, gains = FilteredNoiseGenerator(small_config), torch.rand(40, small_config.n_bands)
    gains[0] = 0
    whole = generator(gains, generator=torch.Generator().manual_seed(7))
    stream = NoiseStream(generator, 7)
    hops = torch.cat([stream.hop(frame) for frame in gains[1:]])
    hop = small_config.hop_length
    assert (hops - whole)[:-hop].abs().max() < SAME


def test_a_note_has_its_pitch_and_loudness(synthesizer, small_config):
    synthesizer.note_on(69, 96)
    sound = synthesizer.render(2 * small_config.sample_rate)
    features = FeatureExtractor(small_config)(sound)
    steady = slice(20, 50)
    assert features.f0_hz[steady].median().item() == pytest.approx(440, rel=0.002)
    expected_db = synthesizer.usual_db - 2 * features.times_s[steady]  # a held note sinks by 2 dB a second
    assert (features.loudness_db[steady] - expected_db).abs().mean() < 0.5


def test_attack_and_release_are_the_recordings_own(features, small_config):
    times_s = features.times_s
    rise = lambda seconds: (40 * (seconds - 1)).clamp(-40, 0)
    level_db = -20 + torch.minimum(rise((times_s - 0.3) / 0.2), rise((1.7 - times_s) / 0.4))
    level_db[(times_s < 0.3) | (times_s > 1.7)] = -100
    measured = Articulation.of(replace(features, loudness_db=level_db))
    assert measured.attack_s == pytest.approx(0.2, abs=0.03) and measured.release_s == pytest.approx(0.4, abs=0.04)
    assert Articulation.of(replace(features, loudness_db=torch.full_like(level_db, -20))) == Articulation()
    assert Articulation() == Articulation(ATTACK_S, RELEASE_S)


def test_a_released_note_falls_silent_as_long_as_the_release_takes(synthesizer, small_config):
    synthesizer.note_on(60)
    synthesizer.render(small_config.sample_rate)
    synthesizer.note_off(60)
    n = round(synthesizer.articulation.release_s * small_config.sample_rate)
    assert synthesizer.render(n // 2).abs().max() > 0.001
    synthesizer.render(n // 2 + 3 * small_config.hop_length)
    assert not synthesizer.voices and synthesizer.render(1000).abs().max() == 0


def test_a_ninth_note_takes_the_oldest_released_one_without_a_click(synthesizer, small_config):
    hop = small_config.hop_length
    for note in range(57, 65):
        synthesizer.note_on(note)
        synthesizer.render(hop)
    synthesizer.render(10 * hop)
    synthesizer.note_off(60)
    synthesizer.note_off(58)
    before = synthesizer.render(hop)
    synthesizer.note_on(80)
    assert [voice.note for voice in synthesizer.voices if voice.stolen] == [58]
    after = synthesizer.render(hop)
    assert sorted(voice.note for voice in synthesizer.voices) == [57, 59, 60, 61, 62, 63, 64, 80]
    assert roughness(torch.cat([before, after, synthesizer.render(8 * hop)]), hop) < 1.5


def test_where_no_note_is_released_the_oldest_one_goes(trained):
    synthesizer = StreamingSynthesizer(trained, n_voices=2)
    for note in (60, 64, 67):
        synthesizer.note_on(note)
        synthesizer.render(1024)
    assert [voice.note for voice in synthesizer.voices] == [64, 67]


def test_notes_sound_together_as_they_do_alone(trained, small_config):
    """Sines add up; what is random adds up in power."""
    alone = []
    for notes in ([60], [67], [60, 67]):
        synthesizer = StreamingSynthesizer(trained)
        for note in notes:
            synthesizer.note_on(note)
        alone.append(synthesizer.render(small_config.sample_rate))
    low, high, both = alone
    assert rms_db(both - low - high) < rms_db(both) - 15


@pytest.mark.parametrize(
    "wrong",
    [lambda s: s.note_on(128), lambda s: s.note_on(60, 0), lambda s: s.bend(float("nan")), lambda s: s.bend(100),
     lambda s: s.loudness(99), lambda s: s.render(0), lambda s: StreamingSynthesizer(s.timbre, n_voices=0)],
)  # fmt: skip
def test_what_is_out_of_reach_is_refused_in_one_line(synthesizer, wrong):
    with pytest.raises(ConfigError, match="use ") as error:
        wrong(synthesizer)
    assert "\n" not in str(error.value)


# MIDI


@pytest.fixture
def melody(tmp_path):
    """A chord with its bass held by the pedal, and a note of the drums."""
    file, track = mido.MidiFile(), mido.MidiTrack()
    file.tracks.append(track)
    for ticks, name, values in (
        (0, "control_change", {"control": 64, "value": 127}),
        (0, "note_on", {"note": 57, "velocity": 96}),
        (0, "note_on", {"note": 35, "velocity": 127, "channel": 9}),
        (480, "note_off", {"note": 57}),
        (0, "note_on", {"note": 69, "velocity": 96}),
        (960, "note_off", {"note": 69}),
        (0, "control_change", {"control": 64, "value": 0}),
    ):
        track.append(mido.Message(name, time=ticks, **values))
    file.save(tmp_path / "melody.mid")
    return tmp_path / "melody.mid"


def level_near(sound, hz, sample_rate):
    """Level of the sine nearest to a frequency, dB."""
    spectrum = np.abs(np.fft.rfft(np.asarray(sound) * np.hanning(len(sound))))
    at = round(hz * len(sound) / sample_rate)
    return 20 * np.log10(spectrum[at - 2 : at + 3].max() / len(sound) + 1e-12)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, trained, take):
    return save_model(tmp_path_factory.mktemp("live") / "model.pt", trained, take)


def live(checkpoint, *args):
    return CliRunner().invoke(main, ["live", "--model", str(checkpoint), *map(str, args)])


def test_a_midi_file_is_played_to_a_file_with_its_pedal(checkpoint, melody, tmp_path):
    result = live(checkpoint, "--midi", melody, "--output", tmp_path / "played.wav")
    assert result.exit_code == 0, result.stderr
    sound, rate = sf.read(tmp_path / "played.wav")
    first, second = sound[round(0.25 * rate) : round(0.5 * rate)], sound[round(1.0 * rate) : round(1.5 * rate)]
    assert level_near(first, 220, rate) > -50 and level_near(second, 220, rate) > -50  # the pedal holds it
    assert level_near(second, 880, rate) > level_near(first, 880, rate) - 20
    assert 1.5 * rate < len(sound) < 3.5 * rate and np.abs(sound[-100:]).max() < 1e-3
    again = live(checkpoint, "--midi", melody, "--output", tmp_path / "played.wav")
    assert again.exit_code == 2 and "--overwrite" in again.stderr


def test_drums_are_left_out_and_times_are_seconds(melody):
    events = read_events(melody)
    assert [(second, message.note) for second, message in events if message.type == "note_on"] == [(0, 57), (0.5, 69)]


def test_messages_arrive_at_their_sample(trained):
    """A note in the middle of a block begins with the next hop, whatever the size of the block."""
    event = [(3000 / 16_000, mido.Message("note_on", note=69)), (0.4, mido.Message("note_off", note=69))]
    sounds = [torch.cat(list(blocks_of(StreamingSynthesizer(trained), event, block))) for block in (128, 4096)]
    n = min(map(len, sounds))
    assert torch.equal(sounds[0][:n], sounds[1][:n])
    assert sounds[0][: 6 * 512].abs().max() == 0 and sounds[0][6 * 512 : 8 * 512].abs().max() > 0


def test_wheel_volume_and_all_notes_off_do_what_general_midi_says(synthesizer):
    control = MidiControl(synthesizer)
    control(mido.Message("pitchwheel", pitch=4096))
    control(mido.Message("control_change", control=7, value=50))
    assert synthesizer.bend_semitones == 1 and synthesizer.level_db == pytest.approx(-12.04, abs=0.01)
    control(mido.Message("note_on", note=60))
    control(mido.Message("control_change", control=123, value=0))
    control(mido.Message("program_change", program=3))
    assert not any(voice.held for voice in synthesizer.voices)


def test_keys_at_a_port_sound_in_the_next_block(synthesizer):
    keys = iter([[], [mido.Message("note_on", note=69)]])
    blocks = blocks_of_port(synthesizer, lambda: next(keys), 1024)
    assert next(blocks).abs().max() == 0 and next(blocks).abs().max() > 0


def test_blocks_reach_the_device_within_full_scale_and_late_ones_are_counted():
    written = []

    class Device:
        __enter__ = lambda self: self
        __exit__ = lambda self, *_: None

        def write(self, block):
            written.append(block)
            return len(written) == 2

    def blocks():
        yield torch.full((4,), 0.5)
        yield torch.full((4,), -3.0)
        raise KeyboardInterrupt  # Ctrl-C

    late = device.play_blocks(Device(), blocks(), 0.5)
    assert late == 1 and written[0].max() == 0.25 and written[1].min() == -1


# What is missing is said in one line.


class NoSound(Exception):
    pass


def without_device(*_, **__):
    raise NoSound("Error querying device -1")


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (None, "needs sounddevice"),
        (SimpleNamespace(OutputStream=without_device, PortAudioError=NoSound), "No sound device plays at 16000 Hz"),
    ],
)
def test_a_missing_module_or_device_is_named(checkpoint, melody, monkeypatch, module, words):
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    result = live(checkpoint, "--midi", melody)
    assert result.exit_code == 2 and words in result.stderr and "--output" in result.stderr
    assert result.stderr.count("\n") == 1


def test_missing_portaudio_is_named(tmp_path, monkeypatch):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(DeviceError, match="needs PortAudio, which is missing"):
        device.open_device(44_100, 512)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (ImportError("No module named 'rtmidi'"), "need python-rtmidi, which is missing"),
        (RuntimeError("ALSA: no sequencer"), "no MIDI ports \\(ALSA"),
        ([], "Ports now: none"),
        (["Piano 20:0"], "no MIDI port 'Organ'. Ports now: Piano 20:0"),
    ],
)
def test_a_missing_port_is_named(monkeypatch, names, words):
    def listed():
        if isinstance(names, Exception):
            raise names
        return names

    monkeypatch.setattr(mido, "set_backend", lambda *_, **__: None)
    monkeypatch.setattr(mido, "get_input_names", listed)
    with pytest.raises(DeviceError, match=words) as error:
        device.open_port("Organ")
    assert "\n" not in str(error.value)


def test_nothing_to_play_is_refused(checkpoint, melody, tmp_path):
    (tmp_path / "text.mid").write_text("no music")
    mido.MidiFile().save(tmp_path / "empty.mid")
    for args, words in (
        ([], "Say what to play"),
        (["--midi", melody, "--port", "x"], "Say what to play"),
        (["--port", "x", "--output", "x.wav"], "--output needs --midi"),
        (["--midi", tmp_path / "text.mid"], "cannot be read as MIDI"),
        (["--midi", melody, "--output", tmp_path / "x.mp3"], "ends in .wav or .flac"),
    ):
        result = live(checkpoint, *args)
        assert result.exit_code == 2 and words in result.stderr and result.stderr.count("\n") == 1, result.stderr
    with pytest.raises(GrowthError, match="no note is in it"):
        read_events(tmp_path / "empty.mid")

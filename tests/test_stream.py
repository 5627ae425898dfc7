"""The live instrument: blocks are the samples of the whole, notes begin and end without a click, MIDI is obeyed.

How fast it is, tests/benchmarks/stream.py measures."""

import math
import sys
from dataclasses import replace
from types import SimpleNamespace

import mido
import numpy as np
import pytest
import soundfile as sf
import torch
from browser.hearing import loudest_hz, partials_db
from click.testing import CliRunner

from ddsp_nb import (
    Config,
    ConfigError,
    DeviceError,
    FeatureExtractor,
    StreamingSynthesizer,
    WorkbookWarning,
    save_model,
)
from ddsp_nb.cli.main import main
from ddsp_nb.notes.midi import read_midi
from ddsp_nb.playing import device
from ddsp_nb.playing.own_timbre import OwnTimbre
from ddsp_nb.playing.stream import blocks_of, blocks_of_port
from ddsp_nb.synthesis.controls import Controls, low_crest_directions
from ddsp_nb.synthesis.oscillator import HarmonicOscillator, integrate_pitch
from ddsp_nb.synthesis.stream import render_hop
from ddsp_nb.training.family import Family

SAME = 1e-5


@pytest.fixture
def synthesizer(trained, take):
    return StreamingSynthesizer(trained, take, seed=3)


@pytest.fixture
def frames(synthesizer, monkeypatch):
    """Pitch, loudness and age of every frame that its one voice plays from here on."""
    played, step = [], synthesizer.step

    def heard():
        (loudness_db,) = step()
        voice = synthesizer.voices[0]
        played.append((synthesizer.hz(voice.note), loudness_db, voice.age_s))
        return [loudness_db]

    monkeypatch.setattr(synthesizer, "step", heard)
    return played


def render_whole(model, f0_hz, loudness_db, age_s, seed):
    """One voice with all its frames at once: the [n_frames] note begins after frame 0, which is silent."""
    timbre = OwnTimbre(model)
    with torch.no_grad():
        amplitudes, gains, _ = timbre.levelled(*(x[None, 1:] for x in (f0_hz, loudness_db, age_s)), timbre.rest())
        after_silence = lambda values: torch.cat([torch.zeros_like(values[:1]), values])
        directions = low_crest_directions(model.config.n_harmonics).expand(len(f0_hz), -1, 2)
        controls = Controls(after_silence(amplitudes[0]), directions, after_silence(gains[0]))
        return model.synthesizer(controls, f0_hz, seed=seed).audio


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
    f0_hz, loudness_db, age_s = torch.tensor([(440.0, -100.0, 0.0), *frames]).T
    whole = render_whole(trained, f0_hz, loudness_db, age_s, seed=3)
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


def test_a_note_has_its_pitch_and_loudness(synthesizer, small_config):
    synthesizer.note_on(69, 96)
    sound = synthesizer.render(2 * small_config.sample_rate)
    features = FeatureExtractor(small_config)(sound)
    steady = slice(20, 50)
    assert features.f0_hz[steady].median().item() == pytest.approx(440, rel=0.002)
    sunk_db = [synthesizer.articulation.level_db(second) for second in features.times_s[steady].tolist()]
    expected_db = synthesizer.usual_db + torch.tensor(sunk_db)
    assert (features.loudness_db[steady] - expected_db).abs().mean() < 0.5


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
     lambda s: s.loudness(99), lambda s: s.render(0), lambda s: StreamingSynthesizer(s.instrument, n_voices=0)],
)  # fmt: skip
def test_what_is_out_of_reach_is_refused_in_one_line(synthesizer, wrong):
    with pytest.raises(ConfigError, match="use ") as error:
        wrong(synthesizer)
    assert "\n" not in str(error.value)


# Timbres


@pytest.fixture(scope="module")
def small():
    """Sizes with which instruments of the family are played."""
    return Config(sample_rate=16_000, n_harmonics=32)


def held(words, config, seconds=0.5):
    """An instrument of the family with A4 held for so long, and its sound from then on for half a second."""
    synthesizer = StreamingSynthesizer(Family.shipped().member(words).model(config))
    synthesizer.note_on(69)
    synthesizer.render(round(seconds * config.sample_rate))
    return synthesizer


def partials(sound, config):
    return partials_db(sound.numpy(), config.sample_rate, 440, 12)


def test_another_timbre_is_heard_from_the_next_hop_on_without_a_click(small):
    timbre, hop = Family.shipped().member("trumpet:0.8 oboe:0.2").timbre(small), small.hop_length
    stays, moves = held("flute", small), held("flute", small)
    stays.render(hop - 8000 % hop), moves.render(hop - 8000 % hop)
    moves.play_as(timbre)
    before, after = stays.render(8000), moves.render(8000)
    # The first hop leads from one to the other.
    assert (before - after)[0].abs() < 1e-6 < 1e-3 < (before - after)[hop // 2 : hop].abs().max()
    steadiest = max(sound.diff().diff().abs().max() for sound in (before, after[2 * hop :]))
    assert after[: 2 * hop].diff().diff().abs().max() < 1.5 * steadiest
    assert loudest_hz(after.numpy(), small.sample_rate) % 440 == pytest.approx(0, abs=3)
    wanted = partials(held("trumpet:0.8 oboe:0.2", small).render(8000 + 2 * hop)[2 * hop :], small)
    strong = wanted > wanted.max() - 40
    assert np.abs(partials(after[2 * hop :], small) - wanted)[strong].max() < 1
    assert np.abs(partials(before, small) - wanted)[strong].max() > 6


@pytest.mark.parametrize("words", ["flute", "acoustic grand piano", "violin:0.5 clarinet:0.5"])
def test_a_note_of_the_family_begins_and_ends_no_louder_than_it_is_held(small, words):
    synthesizer = StreamingSynthesizer(Family.shipped().member(words).model(small))
    synthesizer.note_on(69)
    held = synthesizer.render(8192)
    synthesizer.note_off(69)
    tail = synthesizer.render(4096)
    rms = lambda sound: sound.unflatten(0, (-1, small.hop_length)).square().mean(1).sqrt()
    assert max(rms(held).max(), rms(tail).max()) < 1.5 * rms(held)[-8:].mean() and tail[-512:].abs().max() < 1e-3


def test_a_part_has_a_timbre_of_its_own(small):
    family, sounds = Family.shipped(), []
    for parts in ((), (1,), (0,)):
        synthesizer = held("flute", small)
        for part in parts:
            synthesizer.play_as(family["trumpet"].timbre(small), part)
        sounds.append(synthesizer.render(4000))
    assert torch.equal(sounds[0], sounds[1]) and (sounds[0] - sounds[2]).abs().max() > 0.01


def test_what_hissed_in_a_recording_is_not_played_by_hands(small):
    """Nor in the tail of a note, where nothing else would be left."""
    oboe = Family.shipped()["oboe"]
    hissing = replace(oboe, noise_floor=torch.full_like(oboe.noise_floor, math.log(10 ** (-40 / 20))))
    clean, mine = (StreamingSynthesizer(member.model(small)) for member in (oboe, hissing))
    for synthesizer in (clean, mine):
        synthesizer.note_on(69)
        synthesizer.render(8000)
        synthesizer.note_off(69)
    assert torch.equal(clean.render(3000), mine.render(3000))
    clean.play_as(hissing.timbre(small))
    clean.note_on(69), mine.note_on(69)
    assert torch.equal(clean.render(4000), mine.render(4000))


@pytest.mark.parametrize("wrong", [torch.zeros(5), torch.full((144,), torch.nan)])
def test_what_is_no_timbre_is_refused(small, wrong):
    with pytest.raises(ConfigError, match=r"^A timbre has 144 finite numbers; use "):
        held("flute", small, 0.01).play_as(wrong)


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
    # A released note has ended when it is 40 dB down.
    assert 1.5 * rate < len(sound) < 3.5 * rate and np.abs(sound[-100:]).max() < 1e-2 * np.abs(sound).max()
    again = live(checkpoint, "--midi", melody, "--output", tmp_path / "played.wav")
    assert again.exit_code == 2 and "--overwrite" in again.stderr


def test_drums_are_left_out_with_a_word_and_times_are_seconds(melody):
    with pytest.warns(WorkbookWarning, match="drum strokes on channel 10 have no pitch and are left out: 1"):
        events = read_midi(melody)
    assert [(event[0], event[2]) for event in events if event[1] == "on"] == [(0, 57), (0.5, 69)]


def test_messages_arrive_at_their_sample(trained):
    """A note in the middle of a block begins with the next hop, whatever the size of the block."""
    events = [(3000 / 16_000, "on", 69, 64), (0.4, "off", 69)]
    sounds = [torch.cat(list(blocks_of(StreamingSynthesizer(trained), events, block))) for block in (128, 4096)]
    n = min(map(len, sounds))
    assert torch.equal(sounds[0][:n], sounds[1][:n])
    assert sounds[0][: 6 * 512].abs().max() == 0 and sounds[0][6 * 512 : 8 * 512].abs().max() > 0


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
    *_, last = result.stderr.splitlines()
    assert result.exit_code == 2 and last.startswith("Error: ") and words in last and "--output" in last


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

"""The instrument that is played in the page: its sound, taken from the audio thread, against PyTorch's."""

import json
import random
import time
from itertools import pairwise

import mido
import numpy as np
import pytest
import soundfile as sf
import torch
from scipy.signal import welch

from browser.ear import RATE
from browser.hearing import loudest_hz, partials_db
from browser.looks import NAMELESS, wrong_looks
from browser.play_view import (
    WAYS_TO_STOP,
    controls_of_pytorch,
    controls_of_the_page,
    partials_of_the_page,
)
from ddsp_nb import Config, Performance, StreamingSynthesizer, load_model, parse_notes
from ddsp_nb.notes.level import DB_PER_DECADE
from ddsp_nb.notes.midi_channels import MidiReceiver
from ddsp_nb.panels.keyboard.weights import settings
from ddsp_nb.panels.page import module
from ddsp_nb.panels.rooms import made_room
from ddsp_nb.training.family import Family

pytestmark = pytest.mark.notebook("live")

A4_CODE, A4 = "KeyH", 69  # key of the computer when the octave of the keys begins with C4
MIDI_STUB = """() => {
    const port = {id: 'one', name: 'Stub', state: 'connected', onmidimessage: null};
    window.stub = {inputs: new Map([['one', port]]), port, onstatechange: null};
    Object.defineProperty(navigator, 'requestMIDIAccess', {value: async () => stub, writable: true});
}"""
REFUSE = "async () => { throw new DOMException('no', 'NotAllowedError'); }"
BREAK = "async () => { throw new DOMException('no sequencer', 'InvalidStateError'); }"
# Levels and pitches of the page's voices, frame by frame: the loudest, and the newest that sounds.
FRAMES = """async ([text, settings, events, n_frames]) => {
    const {Voices} = await import(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})));
    const levels = () => new Float32Array(settings.n_voices * 512), rest = () => new Float32Array(1);
    const network = {settings, rest, step() {}, amplitudes: levels(), gains: levels()};
    const voices = new Voices(network), waiting = [...events], frames = [];
    const obey = (kind, note, velocity) => {
        if (kind === 'off') return voices.noteOff(note);
        voices.allOff();
        voices.noteOn(note, velocity);
    };
    for (let frame = 0; frame < n_frames; frame++) {
        const before = [...voices.list];
        voices.frames(before.map(voice => voice.number));
        const sounding = before.filter(voice => !voice.ended);
        frames.push([Math.max(-100, ...sounding.map(voice => voice.loudness_db)), sounding.at(-1)?.f0_hz ?? 0]);
        const due = ([seconds]) => Math.round(seconds * settings.sample_rate) <= frame * settings.hop_length;
        while (waiting.length && due(waiting[0])) obey(...waiting.shift().slice(1));
    }
    return frames;
}"""
# What sounds in which part, semitones and dB of each, after each MIDI message: as the page has it.
RECEIVED = """async ([hands, channels, messages]) => {
    const load = text => import(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})));
    const {Hands} = await load(hands), {Receiver} = await load(channels);
    const sounding = new Set(), bends = {}, decades = {}, states = [];
    const player = {noteOn: (note, _, part) => sounding.add(`${part} ${note}`),
                    noteOff: (note, part) => sounding.delete(`${part} ${note}`)};
    const tell = (part, {bend_semitones, volume_decades}) => {
        if (bend_semitones !== undefined) bends[part] = bend_semitones;
        if (volume_decades !== undefined) decades[part] = volume_decades;
    };
    const receiver = new Receiver('midi one', 0, {hands: new Hands(player), tell});
    for (const message of messages) {
        receiver.obey(message);
        states.push([[...sounding].sort(), {...bends}, {...decades}, receiver.n_drums]);
    }
    return JSON.stringify(states);
}"""
BLOCK_MS = 12  # by which the clock of the audio context steps
ALIGNED_HOPS, HOP = 40, 512  # of a held note, compared


# Something of what was listened to is no silence.
SOUNDS = "() => ear.taps.at(-1)?.chunks.some(({samples}) => samples.some(x => Math.abs(x) > 1e-7))"


@pytest.mark.parametrize("words", [None, "flute:0.4 sitar:0.6"])
def test_controls_are_those_of_pytorch_in_any_timbre(page, trained, words):
    """Of the model, which has learned from a recording with a noise floor, and of a morph that comes as a message."""
    timbre = words and Family.shipped().member(words).timbre(trained.config)
    heard, _ = controls_of_the_page(page.page, trained, timbre=timbre)
    for mine, wanted in zip(heard, controls_of_pytorch(trained, timbre=timbre), strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("told", [40 * HOP, 40 * HOP + 128, 40 * HOP + 384])
def test_another_timbre_is_heard_at_the_next_hop_as_in_python(page, told):
    """Although frames of the one before are waiting."""
    family, config = Family.shipped(), Config()
    model, timbre = family["flute"].model(config), family.member("trumpet:0.8 oboe:0.2").timbre(config)
    heard = partials_of_the_page(page.page, model, timbre, note=A4, told=told, n_samples=80 * HOP)
    stays, moves = (StreamingSynthesizer(model) for _ in range(2))
    for synthesizer in (stays, moves):
        synthesizer.noise.hop = lambda gains: torch.zeros(HOP)
        synthesizer.note_on(A4, 48)
    before, changed = -(-told // HOP), []
    changed.append(moves.render(before * HOP))
    moves.play_as(timbre)
    changed.append(moves.render((80 - before) * HOP))
    np.testing.assert_allclose(heard, torch.cat(changed), atol=1e-5)
    other = np.abs(heard - stays.render(80 * HOP).numpy()) > 1e-4
    assert told <= np.flatnonzero(other)[0] < told + HOP


@pytest.fixture
def python(played, lab):
    """The same instrument in Python, with a note that is held."""
    synthesizer = StreamingSynthesizer(*load_model(lab.notebooks / "output/live.pt"))
    synthesizer.note_on(A4)
    return synthesizer


@pytest.mark.parametrize("measured", [True, False])
def test_notes_have_the_shape_that_python_gives_them(page, trained, take, measured):
    take = take if measured else None
    notes = parse_notes("A4:0.33 450:0.2 -:0.3 E5:0.4 C5:4")
    performance = Performance((*Performance.of_notes(notes).events, (5.3, "on", 60, 30), (5.5, "off", 60)), 5.6)
    features, about = performance.features(trained, take), settings(trained, take, 8)
    frames = page.page.evaluate(FRAMES, [module("play_voices"), about, performance.events, len(features)])
    loudness_db, f0_hz = np.array(frames).T
    np.testing.assert_allclose(loudness_db, features.loudness_db, atol=1e-4)
    sounding = (f0_hz > 0) & np.append(False, features.f0_hz[1:] == features.f0_hz[:-1])
    assert sounding.sum() > 150 and loudness_db.min() == -100
    np.testing.assert_allclose(f0_hz[sounding], features.f0_hz[sounding], rtol=1e-6)


def from_first(sound):
    """A sound from its first sample that is not 0; the one before it is the beginning of a note, which is 0."""
    return sound[np.flatnonzero(np.abs(sound) > 0)[0] - 1 :]


@pytest.mark.parametrize("room", ["none", "hall"])
def test_a_held_note_is_that_of_pytorch(page, played, python, ear, room):
    played.set(bands=0)
    for _ in range(5):
        # Another note, so that all is there and what was counted before is forgotten.
        played.press(40)
        ear.hear(0.05)
        played.release_all()
        played.wait_for_silence()
        # Of that note nothing rings in a room which is entered after it, once the room before has faded.
        played.set(room="none")
        ear.hear(0.2)
        played.set(room=room, wet_db=-6)
        ear.forget()
        played.press(A4)
        ear.hear(0.7)
        # A machine that is busy may give the page too little time.
        if not played.counts()["starved"]:
            break
        played.release_all()
        played.wait_for_silence()
    heard = from_first(ear.record()[-1][1])
    python.noise.hop = lambda gains: torch.zeros(HOP)
    dry = from_first(python.render(ALIGNED_HOPS * HOP).numpy())
    wanted = (made_room(room, RATE)(torch.tensor(dry), -6.0).numpy() if room != "none" else dry)[: len(dry)]
    n = min(len(heard), len(wanted))
    wrong_db = 20 * np.log10(np.std(heard[:n] - wanted[:n]) / np.std(wanted[:n]))
    print(f"a held note differs from PyTorch's by {wrong_db:.0f} dB")
    assert n > 0.4 * RATE and wrong_db < -60
    page.wait_for_value("panel.room", room)


def test_a_note_rings_on_in_a_room_and_nowhere_else(page, played, ear):
    played.set(bands=0, partials=3, room="hall", wet_db=-3)
    ear.forget()
    played.press(A4)
    ear.hear(0.8)
    played.release_all()
    ear.hear(1.4)
    sound = ear.record()[-1][1]
    level_db = 20 * np.log10(sound[: len(sound) // 441 * 441].reshape(-1, 441).std(1) + 1e-9)  # of hundredths
    fallen = [np.flatnonzero(level_db > level_db.max() - by_db)[-1] / 100 for by_db in (25, 40)]
    assert 1 < 4 * (fallen[1] - fallen[0]) < 2.2  # s for 60 dB; the hall has 1.5 at 1 kHz, and more below
    played.view.get_by_label("Room", exact=True).select_option("none")
    page.wait_for_value("[panel.room, panel.wet_db]", ["none", -3])
    assert abs(ear.hear(0.2, settle_s=0.3)).max() == 0
    ear.forget()
    played.press(A4)
    ear.hear(0.4)
    played.release_all()
    played.wait_for_silence()
    assert abs(ear.hear(0.1)).max() == 0


def test_noise_has_the_level_of_pytorchs_in_every_band(played, python, ear):
    played.set(partials=0)
    played.press(A4)
    heard = ear.hear(2.5, settle_s=0.5)
    python.directions = 0 * python.directions
    noise = python.render(3 * RATE)[RATE // 2 :].numpy()
    hz, power = welch(heard, RATE, nperseg=2048)
    wanted, edges = welch(noise, RATE, nperseg=2048)[1], np.geomspace(100, 20_000, 24)
    bands = [(hz >= low) & (hz < high) for low, high in pairwise(edges)]
    level = lambda spectrum: np.array([10 * np.log10(spectrum[band].sum()) for band in bands])
    difference = level(power) - level(wanted)
    print(f"noise differs by {np.abs(difference).max():.1f} dB at most, {difference.mean():.2f} dB on average")
    assert np.abs(difference).max() < 2.5 and abs(difference.mean()) < 0.5


def test_growth_takes_partials_away_in_their_order(page, played, ear):
    played.set(bands=0)
    played.press(A4 - 12)
    ear.hear(0.3)
    all_db = partials_db(ear.hear(0.5), RATE, 220, 30)
    played.set(partials=3)
    few_db = partials_db(ear.hear(0.5, settle_s=0.15), RATE, 220, 30)
    np.testing.assert_allclose(few_db[:3], all_db[:3], atol=1.5)
    assert few_db[3:].max() < few_db[:3].max() - 80
    played.set(order="odd")
    odd_db = partials_db(ear.hear(0.5, settle_s=0.15), RATE, 220, 30)
    assert odd_db[[1, 3, 5]].max() < odd_db[[0, 2, 4]].max() - 80 and odd_db[4] > odd_db[1]
    assert page.value("model.config.n_harmonics") == 64


def test_bends_are_exact_in_cents(played, ear):
    played.set(bands=0, partials=1)
    played.press(A4)
    for semitones in (0, 0.37, -2, 1.5):
        played.set(bend_semitones=semitones)
        sound = ear.hear(0.9, settle_s=0.15)
        cents = 1200 * np.log2(phase_hz(sound) / 440)
        assert abs(cents - 100 * semitones) < 0.1


def test_keys_play_a_tuning(page, played, ear):
    page.do("panel.tuning = [None if key == 70 else 440 * 2 ** ((key - 69) / 19) for key in range(128)]")
    page.do("panel.use(model, take)")
    page.wait_for(played.view, "root => root.engine.about.tuning")
    played.set(bands=0, partials=1)
    played.press(A4 + 7)
    for semitones in (0, 0.5):
        played.set(bend_semitones=semitones)
        cents = 1200 * np.log2(phase_hz(ear.hear(0.9, settle_s=0.15)) / 440)
        assert abs(cents - 1200 * 7 / 19 - 100 * semitones) < 0.1
    played.release(A4 + 7)
    played.wait_for_silence()
    played.press(A4 + 1)
    assert np.abs(ear.hear(0.3)).max() < 1e-6
    page.do("panel.tune(None)")


def test_keys_play_the_tuning_of_a_file(page, played, ear, tmp_path):
    """A scale of thirds that begins with middle C; a map puts it on A4; a file that is no scale changes nothing."""
    files = {
        "thirds.scl": "! thirds.scl\nThirds\n3\n400.\n800.\n2/1\n",
        "own.kbm": "0\n0\n127\n69\n69\n440.0\n0\n",
        "bad.scl": "no scale",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    def bring(name, words):
        with page.page.expect_file_chooser() as chooser:
            played.click("Tuning …")
        chooser.value.set_files(tmp_path / name)
        page.wait_for_words(played.view, words)

    def cents(note):
        played.press(note)
        heard = 1200 * np.log2(phase_hz(ear.hear(0.9, settle_s=0.15)) / 440)
        played.release(note)
        played.wait_for_silence()
        return heard

    played.set(bands=0, partials=1)
    bring("own.kbm", "own.kbm: is a keyboard map. First choose the scale")
    assert abs(cents(A4 + 1) - 100) < 0.1
    bring("thirds.scl", "The keys play thirds.scl.")
    assert abs(cents(62) - (-900 + 800)) < 0.1
    bring("own.kbm", "The keys play thirds.scl with own.kbm.")
    assert abs(cents(A4 + 1) - 400) < 0.1
    bring("bad.scl", "bad.scl: is no scale of 1 to 512 steps")
    assert abs(cents(A4 + 1) - 400) < 0.1
    played.click("Usual tuning")
    page.wait_for_value("panel.tuning is None", True)
    assert abs(cents(A4 + 1) - 100) < 0.1
    assert not played.view.get_by_role("button", name="Usual tuning").count()


def phase_hz(sound):
    """Frequency of one sine by the line through its phase."""
    window = np.hanning(len(sound))
    half = len(sound) // 2
    rough = loudest_hz(sound, RATE)
    carrier = np.exp(-2j * np.pi * rough * np.arange(len(sound)) / RATE)
    first, second = (
        (sound * carrier)[part] * window[: half * 2 : 2] for part in (slice(0, half), slice(half, 2 * half))
    )
    return rough + np.angle(second.sum() / first.sum()) * RATE / half / (2 * np.pi)


def test_stolen_voices_do_not_click(played, ear):
    played.set(bands=0, partials=1)
    for i in range(8):
        played.press(57 + i, velocity=30)
    ear.hear(0.3)
    steady = np.abs(np.diff(ear.hear(0.3), 2)).max()
    ear.forget()
    for i in range(4):
        played.press(70 + i, velocity=30)
        ear.hear(0.1, settle_s=0)
    ((_, sound),) = ear.record()[-1:]
    assert played.counts()["voices"] <= 9
    # The new notes are an octave higher, whose own waves bend up to four times as much.
    assert np.abs(np.diff(sound, 2)).max() < 5 * steady


def test_a_key_is_heard_at_once(page, played, ear):
    late_ms = []
    page.page.keyboard.press("KeyA")
    played.wait_for_silence()
    for _ in range(12):
        page.page.wait_for_timeout(37)
        ear.forget()
        page.page.keyboard.down("KeyA")
        page.page.wait_for_function(SOUNDS)
        late_ms.append(ear.late_ms())
        page.page.keyboard.up("KeyA")
        played.wait_for_silence()
    assert min(late_ms) > -BLOCK_MS and len(late_ms) == 12  # each key sounds, and none before it was pressed


@pytest.mark.parametrize("how", ["focus", "blur", "hidden", "another widget"])
def test_no_note_is_stuck(page, played, how):
    page.page.keyboard.down("KeyA")
    played.wait_for_voices(1)
    ways = {"focus": "root => root.blur()", "blur": "root => dispatchEvent(new Event('blur'))", **WAYS_TO_STOP}
    played.view.evaluate(ways[how])
    assert played.held() == []
    played.wait_for_silence()
    page.page.keyboard.up("KeyA")
    if how == "another widget":
        page.page.get_by_role("button", name="Stop", exact=True).click()


def test_a_midi_keyboard_plays_and_lets_go_when_it_is_unplugged(page, played, ear):
    page.page.evaluate(MIDI_STUB)
    played.click("MIDI keyboard")
    page.wait_for_words(played.view, "Listening to Stub")
    played.set(bands=0, partials=1)
    say = lambda *data: page.page.evaluate("data => stub.port.onmidimessage({data: Uint8Array.from(data)})", data)
    say(0x90, A4, 20)  # so soft that nothing is turned down
    assert abs(loudest_hz(ear.hear(), RATE) - 440) < 3
    loud = ear.hear(0.3).std()
    say(0xB0, 1, 127)  # the wheel makes it louder
    assert ear.hear(0.3, settle_s=0.2).std() > 1.5 * loud
    say(0xB0, 1, 0)
    say(0xE0, 127, 127)
    assert abs(loudest_hz(ear.hear(0.5, settle_s=0.2), RATE) - 440 * 2 ** (2 / 12)) < 3
    say(0xE0, 0, 64)
    say(0xB0, 64, 127)  # the pedal
    say(0x90, A4, 0)
    page.page.wait_for_timeout(500)
    assert played.counts()["voices"] == 1 and played.held() == []
    say(0xB0, 64, 0)
    played.wait_for_silence()
    say(0x90, 60, 100)
    assert played.held() == [60]
    page.page.evaluate("() => { stub.port.state = 'disconnected'; stub.onstatechange({port: stub.port}); }")
    assert played.held() == []
    played.wait_for_silence()
    page.wait_for_words(played.view, "No MIDI keyboard is plugged in")


def test_what_a_midi_channel_is_told_is_its_own(page, played, ear):
    page.page.evaluate(MIDI_STUB)
    played.click("MIDI keyboard")
    page.wait_for_words(played.view, "Listening to Stub")
    played.set(bands=0, partials=1)
    say = lambda *data: page.page.evaluate("data => stub.port.onmidimessage({data: Uint8Array.from(data)})", data)
    played.click("Record")
    say(0x90, A4, 20)
    say(0x90, A4, 20)  # again, before it goes up
    say(0x80, A4, 0)
    loud = ear.hear(0.3, settle_s=0.3)
    for message in ((0xE1, 0, 0), (0xB1, 7, 0), (0xB1, 64, 127), (0x81, A4, 0), (0xB1, 123, 0)):
        say(*message)
    told = ear.hear(0.3, settle_s=0.2)
    assert abs(loudest_hz(told, RATE) - 440) < 3 and told.std() > 0.7 * loud.std()
    for message in ((0xB1, 7, 100), (0xB1, 101, 0), (0xB1, 100, 0), (0xB1, 6, 12), (0xE1, 0, 0), (0x91, A4, 60)):
        say(*message)
    both = ear.hear(0.5, settle_s=0.3)
    assert abs(loudest_hz(both, RATE) - 220) < 3 and played.counts()["voices"] == 2  # an octave down
    say(0x99, 36, 100)
    page.wait_for_words(played.view, "Drums (channel 10) have no pitch")
    for message in ((0x80, A4, 0), (0xB1, 123, 0), (0xB1, 121, 0)):
        say(*message)
    played.wait_for_silence()
    played.click("Stop recording")
    page.wait_for_value("panel._performance is not None", True)
    page.do("recorded = panel.performance()")
    page.do("recorded.save_midi('output/two.mid')\nagain = type(recorded).of_midi('output/two.mid')")
    ons = [event[2:] for event in page.value("again.events") if event[1] == "on"]
    assert ons == [[A4, 20, 0], [A4, 20, 0], [A4, 60, 1]]
    bends = page.value("[event[2:] for event in again.events if event[1] == 'bend']")
    assert bends == [[pytest.approx(semitones, abs=0.01), 1] for semitones in (-2, -12, 0)]


def random_messages(chance, n):
    """Messages of a few channels, keys and controllers, such that they meet often."""
    numbers = (6, 7, 11, 38, 64, 66, 96, 97, 99, 100, 101, 120, 121, 123)
    for _ in range(n):
        channel = chance.choice((0, 0, 1, 2, 9, 14, 15))
        kind = chance.choice((0x80, 0x90, 0x90, 0xB0, 0xB0, 0xE0))
        key, value = chance.choice((60, 61)), chance.choice((0, 0, 1, 6, 12, 64, 127))
        yield [kind + channel, chance.choice(numbers) if kind == 0xB0 else key, value]
        if chance.random() < 0.05:  # a zone of MPE
            yield from ([0xB0 + chance.choice((0, 15)), number, v] for number, v in ((101, 0), (100, 6), (6, value)))


def test_the_page_understands_midi_as_python_does(page):
    messages = list(random_messages(random.Random(3), 3000))
    receive, sounding, bends, levels = MidiReceiver(), set(), {}, {}
    told = json.loads(page.page.evaluate(RECEIVED, [module("play_hands"), module("play_channels"), messages]))
    for message, (page_sounding, page_bends, page_decades, n_drums) in zip(messages, told, strict=True):
        for kind, *values, part in receive(mido.Message.from_bytes(message)):
            if kind in ("on", "off"):
                (sounding.add if kind == "on" else sounding.discard)(f"{part} {values[0]}")
            elif kind == "quiet":
                sounding = {sound for sound in sounding if sound.split()[0] != str(part)}
            else:
                (bends if kind == "bend" else levels)[part] = values[0]
        assert sorted(sounding) == page_sounding and n_drums == receive.n_drums, message
        for part in range(16):
            assert page_bends.get(str(part), 0) == pytest.approx(bends.get(part, 0), abs=1e-9), message
            page_db = min(max(DB_PER_DECADE * page_decades.get(str(part), 0), -60), 24)
            assert page_db == pytest.approx(levels.get(part, 0), abs=1e-9), message


@pytest.mark.parametrize(
    ("stub", "words"), [("undefined", "no Web MIDI"), (REFUSE, "Allow it"), (BREAK, "cannot be used on this computer")]
)
def test_it_says_why_there_is_no_midi(page, played, stub, words):
    page.page.evaluate(
        f"() => Object.defineProperty(navigator, 'requestMIDIAccess', {{value: {stub}, writable: true}})"
    )
    played.click("MIDI keyboard")
    page.wait_for_words(played.view, words)


def test_fingers_on_the_screen_play(page, played, ear):
    played.set(bands=0, partials=1)
    keys = played.view.locator(".keys .key")
    box = keys.nth(9).bounding_box()  # A of the lowest octave
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 0.9 * box["height"])
    page.page.mouse.down()
    assert abs(loudest_hz(ear.hear(), RATE) - 440) < 3
    other = keys.nth(11).bounding_box()
    page.page.mouse.move(other["x"] + other["width"] / 2, other["y"] + 0.9 * other["height"], steps=4)
    assert played.held() == [71]
    page.page.mouse.up()
    assert played.held() == []


def test_what_is_played_is_recorded(page, played, tmp_path):
    played.set(bands=0, partials=1)
    played.click("Record")
    begun_s = time.monotonic()
    page.page.keyboard.down("KeyA")
    page.page.wait_for_timeout(500)
    page.page.keyboard.up("KeyA")
    held_s = time.monotonic() - begun_s
    page.page.keyboard.press("KeyS", delay=200)
    page.page.wait_for_timeout(200)
    played.click("Stop recording")
    page.wait_for_value("panel._performance is not None", True)
    events = page.value("panel.performance().events")
    assert [event[1:] for event in events] == [["on", 60, 96, 0], ["off", 60, 0], ["on", 62, 96, 0], ["off", 62, 0]]
    down_s, up_s = events[0][0], events[1][0]
    assert 0.3 < up_s - down_s < held_s + 0.1
    page.wait_for(played.view, "root => ['WAV', 'MIDI'].every(kind => root.engine.performance.has(kind))")
    files = []
    for name in ("Download what was recorded as WAV", "Download what was recorded as MIDI"):
        with page.page.expect_download() as download:
            played.click(name)
        files.append(tmp_path / download.value.suggested_filename)
        download.value.save_as(files[-1])
    sound, rate = sf.read(files[0])
    assert rate == RATE and sf.info(files[0]).subtype == "PCM_24"
    held = sound[int((down_s + 0.2) * rate) : int(up_s * rate)]
    assert abs(loudest_hz(held, rate) - 261.6) < 6
    notes = [message.note for message in mido.MidiFile(files[1]) if message.type == "note_on"]
    assert notes == [60, 62]
    assert page.value("panel.performance().n_notes") == 2


def test_other_weights_come_under_the_fingers(page, played, ear):
    played.set(bands=0)
    played.press(A4)
    before = partials_db(ear.hear(0.4, settle_s=0.4), RATE, 440, 12)
    ear.forget()
    page.do(
        """torch.manual_seed(1)
other = DDSPModel(config)
other.hear(take.features.inputs())
panel.use(other, take)"""
    )
    other = partials_db(ear.hear(0.4, settle_s=0.8), RATE, 440, 12)
    assert len(ear.record()) == 1 and other.max() > -60  # the same node sounds on
    page.do("panel.use(model, take)")
    again = partials_db(ear.hear(0.4, settle_s=0.8), RATE, 440, 12)
    # A note that sinks changes its timbre a little, too.
    far_db = lambda now: np.abs(now - now[0] - (before - before[0])).max()
    assert far_db(other) > 12 and far_db(again) < 6


def test_many_notes_leave_nothing_behind(page, played):
    for i in range(60):
        played.press(50 + i % 30, source=f"{i} ")
        page.page.wait_for_timeout(15)
        played.release(50 + i % 30, source=f"{i} ")
    played.wait_for_silence()
    left = played.view.evaluate("root => [root.engine.hands.held.size, root.engine.struck.size]")
    assert left == [0, 0]


@pytest.mark.parametrize("width_px", [600, 1500])
def test_every_control_has_a_name_and_words_are_whole(page, played, width_px):
    assert played.view.evaluate(NAMELESS) == [] and wrong_looks(page, [played.view], width_px) == []


def test_it_sounds_without_a_kernel_and_ends_with_its_last_view(page, played, ear):
    page.restart()
    played.press(A4)
    assert abs(ear.hear(0.2)).max() > 1e-3
    engine = played.view.evaluate_handle("root => root.engine")
    ear.forget()
    page.page.evaluate("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    sound = ear.hear_out()
    assert not len(sound) or abs(sound[-1]) < 1e-6
    ended = page.page.evaluate("engine => [engine.node, engine.worker, engine.about, engine.hands.held.size]", engine)
    assert ended == [None, None, None, 0]
    page.run_all()

"""The microphone as a hand of the instrument: what is sung is heard from it, moved by whole octaves."""

from itertools import groupby

import numpy as np
import pytest

from browser.ear import RATE
from browser.hearing import loudest_hz
from browser.play_view import WAYS_TO_STOP, PlayView
from ddsp_nb.panels.page import module

pytestmark = pytest.mark.notebook("live")

SUNG_HZ = 110 * 2 ** (0.3 / 12)  # 30 cents above A2
FIFTH = 2 ** (7 / 12)
# A singer at the microphone: a tone with partials, whose stream the browser hands out instead of a microphone's.
SINGER = """() => {
    const context = new AudioContext(), gain = new GainNode(context, {gain: 0});
    const wave = context.createPeriodicWave(new Float32Array(6), Float32Array.of(0, 1, 0.7, 0.5, 0.3, 0.2));
    const tone = new OscillatorNode(context, {frequency: 110, periodicWave: wave});
    tone.connect(gain);
    tone.start();
    window.singer = {context, streams: [],
        sing(hz, loud) { tone.frequency.value = hz; gain.gain.setTargetAtTime(loud, context.currentTime, 0.003); }};
    navigator.mediaDevices.getUserMedia = async () => {
        const to = context.createMediaStreamDestination();
        gain.connect(to);
        singer.streams.push(to.stream);
        await context.resume();
        return to.stream;
    };
}"""
LIGHTS = "() => singer.streams.flatMap(s => s.getTracks()).filter(t => t.readyState === 'live').length"
REFUSE = "name => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', name); }; }"
NO_DEVICES = (
    "() => Object.defineProperty(navigator, 'mediaDevices', {value: undefined, writable: true, configurable: true})"
)
TRACK = """async ([text, rate]) => {
    const url = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
    const {PitchTracker} = await import(url);
    const sine = (hz, level = 0.1) => t => level * Math.sin(2 * Math.PI * hz * t);
    const sum = (...parts) => t => parts.reduce((all, part) => all + part(t), 0);
    const noise = () => 0.2 * (Math.random() - 0.5);
    const sounds = {sine: sine(441.3), low: sine(82.4), high: sine(1046.5), piccolo: sine(4186), noise,
        bass: sum(...[1, 2, 3, 4].map(k => sine(30.87 * k, 0.05))),
        silence: () => 0, room: sine(100, 1e-3), noisy: sum(sine(220), sine(440, 0.05), () => 0.2 * noise()),
        no_fundamental: sum(...[2, 3, 4, 5].map(k => sine(150 * k, 0.05))),
        octave: t => (t < 0.5 ? sine(220) : sine(440))(t),
        slip: t => (t > 0.5 && t < 0.52 ? sine(440) : sine(220))(t)};
    return Object.fromEntries(Object.entries(sounds).map(([name, sound]) => {
        const heard = [], tracker = new PitchTracker(rate, data => heard.push([data.f0_hz, data.level_db]));
        tracker.take(Float32Array.from({length: rate}, (_, i) => sound(i / rate)));
        return [name, heard];
    }));
}"""


class Singer:
    """Sings into the page's microphone, whose place a tone generator takes."""

    def __init__(self, page, view):
        self.page, self.view = page, view
        page.evaluate(SINGER)

    def sing(self, hz, level=0.1):
        self.page.evaluate("([hz, level]) => singer.sing(hz, level)", [hz, level])

    def be_silent(self):
        self.sing(110, 0)

    def lights(self):
        """How many microphones are open."""
        return self.page.evaluate(LIGHTS)


@pytest.fixture
def played(page):
    view = page.page.locator(".ddsp").filter(has=page.page.locator(".keys")).first
    played = PlayView(page, view)
    played.wait()
    played.set(bands=0, partials=1, level_db=-20, bend_semitones=0)  # one sine: its frequency is the pitch
    before = page.page.evaluate_handle("() => [navigator.mediaDevices, navigator.mediaDevices.getUserMedia]")
    yield played
    view.evaluate("root => { root.engine.microphone.stop(); root.engine.microphone.words = ''; root.engine.pause(); }")
    page.page.evaluate(
        """([devices, own]) => {
            Object.defineProperty(navigator, 'mediaDevices', {value: devices, writable: true, configurable: true});
            navigator.mediaDevices.getUserMedia = own;
            window.singer?.context.close();
            delete window.singer;
        }""",
        before,
    )


@pytest.fixture
def singer(page, played):
    """One who is listened to, and silent."""
    singer = Singer(page.page, played.view)
    played.click("Sing")
    page.wait_for_words(played.view, "with headphones")
    return singer


def cents_beside(heard_hz, sung_hz):
    """Distance in cents, but for whole octaves."""
    cents = 1200 * np.log2(heard_hz / sung_hz)
    return cents - 1200 * round(cents / 1200)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_the_tracker_knows_pitch_noise_and_silence(page, rate):
    heard = {name: np.array(x) for name, x in page.page.evaluate(TRACK, [module("play_pitch"), rate]).items()}
    steady = {name: windows[14:] for name, windows in heard.items()}  # from when the windows are full
    tones = {"sine": 441.3, "low": 82.4, "high": 1046.5, "noisy": 220, "no_fundamental": 150}
    for name, hz in (tones | {"bass": 30.87, "piccolo": 4186}).items():
        cents = 1200 * np.log2(steady[name][:, 0] / hz)
        print(f"{name}: off by {np.abs(cents).max():.1f} cents at most")
        assert np.abs(cents).max() < 10
    for name in ("noise", "silence", "room"):
        assert not heard[name][:, 0].any()
    np.testing.assert_allclose(steady["sine"][:, 1], 20 * np.log10(0.1 / np.sqrt(2)), atol=0.3)
    assert abs(steady["octave"][-1, 0] - 440) < 1  # an octave that lasts is meant
    assert steady["slip"][:, 0].max() < 230  # one that does not is not


def test_what_is_sung_is_played_an_octave_or_more_away(page, played, singer, ear):
    singer.sing(SUNG_HZ)
    first_hz = loudest_hz(ear.hear(0.6, settle_s=0.4), RATE)
    singer.sing(SUNG_HZ * FIFTH)
    second_hz = loudest_hz(ear.hear(0.6, settle_s=0.4), RATE)
    wrong = [cents_beside(first_hz, SUNG_HZ), cents_beside(second_hz, SUNG_HZ * FIFTH)]
    print(f"sung {SUNG_HZ:.1f} Hz, played {first_hz:.1f} Hz; off by {wrong} cents")
    assert np.abs(wrong).max() < 20
    assert abs(1200 * np.log2(second_hz / first_hz) - 700) < 20  # the octave stays
    low, high = played.view.evaluate("root => root.engine.about.heard_notes")
    assert abs(69 + 12 * np.log2(first_hz / 440) - (low + high) / 2) <= 6.1
    assert played.counts()["voices"] == 1 and len(played.held()) == 1
    singer.be_silent()
    played.wait_for_silence()
    assert played.held() == []


def test_louder_singing_plays_louder(played, singer, ear):
    singer.sing(220, 0.05)
    soft = ear.hear(0.3, settle_s=0.6).std()
    singer.sing(220, 0.2)
    assert ear.hear(0.3, settle_s=0.2).std() > 1.5 * soft


def test_a_recording_follows_what_was_sung(page, played, singer):
    played.click("Record")
    for hz in (SUNG_HZ, SUNG_HZ * FIFTH):
        singer.sing(hz)
        page.page.wait_for_timeout(700)
    singer.be_silent()
    page.page.wait_for_timeout(400)
    played.click("Stop recording")
    page.wait_for_value("panel._performance is not None", True)
    page.do("sung = panel.performance()\nfeatures = sung.features(model, take)")
    events = page.value("sung.events")
    ons, offs = ([event for event in events if event[1] == kind] for kind in ("on", "off"))
    # On a busy machine the microphone has gaps, after which a note begins again.
    steps = [on[2] - ons[0][2] for on in ons]
    assert [step for step, _ in groupby(steps)] == [0, 7] and [off[2] for off in offs] == [on[2] for on in ons]
    f0_hz, hop_s = np.array(page.value("features.f0_hz.tolist()")), page.value("config.hop_length / config.sample_rate")
    for step, hz in ((0, SUNG_HZ), (7, SUNG_HZ * FIFTH)):
        notes = [(off[0] - on[0], on[0], off[0]) for on, off, n in zip(ons, offs, steps, strict=True) if n == step]
        _, begin_s, end_s = max(notes)
        sung = f0_hz[int((begin_s + end_s) / 2 / hop_s) : int(end_s / hop_s)]
        assert abs(cents_beside(np.median(sung), hz)) < 20


@pytest.mark.parametrize("how", ["pressed again", "another widget", "hidden", "unplugged"])
def test_the_microphone_is_let_go(page, played, singer, how):
    singer.sing(220)
    page.wait_for(played.view, "root => root.engine.hands.held.size === 1")
    assert singer.lights() == 1
    ways = {"unplugged": "root => singer.streams[0].getTracks()[0].dispatchEvent(new Event('ended'))", **WAYS_TO_STOP}
    if how == "pressed again":
        played.click("Stop singing")
    else:
        played.view.evaluate(ways[how])
    assert singer.lights() == 0 and played.held() == []
    played.wait_for_silence()
    page.page.wait_for_timeout(300)
    page.wait_for(played.view, "root => root.engine.settings.bend_semitones === 0")
    if how == "unplugged":
        page.wait_for_words(played.view, "pulled out")
    if how == "another widget":
        page.page.get_by_role("button", name="Stop", exact=True).click()


def test_it_says_why_there_is_no_microphone(page, played):
    page.page.evaluate(REFUSE, "NotAllowedError")
    played.click("Sing")
    page.wait_for_words(played.view, "may not use the microphone")
    assert played.view.get_by_role("button", name="Sing", exact=True).is_enabled() and not played.counts()


def test_it_says_that_the_page_is_not_secure(page, played):
    page.page.evaluate(NO_DEVICES)
    played.click("Sing")
    page.wait_for_words(played.view, "localhost or over https")


def test_the_microphone_goes_with_the_last_view(page, played, singer):
    singer.sing(220)
    page.wait_for(played.view, "root => root.engine.hands.held.size === 1")
    played.view.evaluate("root => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.page.wait_for_function(f"() => !({LIGHTS})()")
    page.run_all()

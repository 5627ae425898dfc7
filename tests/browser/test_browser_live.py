"""The instrument that is played in the page: its sound, taken from the audio thread, against PyTorch's."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import welch

from browser.ear import RATE, Ear
from browser.hearing import loudest_hz, partials_db

A4_CODE, A4 = "KeyH", 69  # key of the computer when the octave of the keys begins with C4
CONTROLS = """async ([root, asked]) => {
    const {engine} = root, answer = await engine.ask(engine.worker, {controls: asked});
    return [answer.frames.map(([a, g]) => [[...a], [...g]]), answer.ms_a_frame];
}"""
COUNT = "async root => root.engine.node && await root.engine.ask(root.engine.node.port, {})"
ALIGNED_HOPS = 40  # of a held note, compared


@pytest.fixture(scope="module")
def ears():
    """One ear for the page, from the first test on."""
    return []


@pytest.fixture
def page(notebook, ears):
    page = notebook("live")
    if not ears:
        ears.append(Ear(page.page))
    page.page.wait_for_selector(".ddsp .keys")
    return page


@pytest.fixture
def ear(page, ears):
    return ears[0]


class Instrument:
    """The panel's view and what can be done to it."""

    def __init__(self, page, view):
        self.page, self.view = page, view

    def wait(self):
        self.page.wait_for(self.view, "root => root.engine.ready")

    def set(self, **settings):
        self.view.evaluate("(root, settings) => root.engine.set(settings)", settings)

    def press(self, note, velocity=96, source="test"):
        self.view.evaluate("(root, [s, n, v]) => root.engine.hands.press(s + n, n, v)", [source, note, velocity])

    def release(self, note, source="test"):
        self.view.evaluate("(root, s) => root.engine.hands.release(s)", source + str(note))

    def release_all(self):
        self.view.evaluate("root => root.engine.hands.releaseAll()")

    def counts(self):
        return self.view.evaluate(COUNT)

    def held(self):
        return self.view.evaluate("root => [...root.engine.hands.held.values()]")

    def words(self):
        return self.view.locator(".words").inner_text()

    def wait_for_silence(self):
        for _ in range(100):
            counts = self.counts()
            if not counts or not counts["voices"]:
                return
            self.page.page.wait_for_timeout(30)
        raise AssertionError(f"{counts['voices']} voices are stuck")


@pytest.fixture
def played(page):
    view = page.page.locator(".ddsp").filter(has=page.page.locator(".keys")).first
    instrument = Instrument(page, view)
    instrument.wait()
    usual = view.evaluate("root => ({partials: root.engine.about.n_harmonics, bands: root.engine.about.n_bands})")
    instrument.set(**usual, order="low", level_db=0, bend_semitones=0, swell=0, volume_db=0, octave=3)
    view.focus()
    yield instrument
    instrument.release_all()
    instrument.wait_for_silence()


def test_controls_are_those_of_pytorch(page, played):
    asked = {"f0_hz": [440 * 2 ** (i / 40) for i in range(-40, 60)], "loudness_db": [-30 + i % 17 for i in range(100)]}
    frames, _ = played.view.evaluate(f"(root, asked) => ({CONTROLS})([root, asked])", asked)
    page.do(
        f"""from ddsp_nb.playing.own_timbre import OwnTimbre
timbre = OwnTimbre(model)
f0, db = torch.tensor({asked["f0_hz"]})[None], torch.tensor({asked["loudness_db"]}).float()[None]
levels = [x[0].tolist() for x in timbre.levelled(f0, db, timbre.rest())[:2]]"""
    )
    wanted = page.value("levels")
    for part in (0, 1):
        np.testing.assert_allclose([frame[part] for frame in frames], wanted[part], atol=1e-6, rtol=1e-4)


def reference(page, note, n_hops):
    """[n_samples] of a held note without noise, as `StreamingSynthesizer` plays it."""
    page.do(
        f"""from ddsp_nb import StreamingSynthesizer
synthesizer = StreamingSynthesizer(model, take)
synthesizer.noise.hop = lambda gains: torch.zeros(config.hop_length)
synthesizer.note_on({note})
reference = synthesizer.render({n_hops} * config.hop_length).tolist()"""
    )
    return np.array(page.value("reference"))


def from_first(sound):
    """A sound from its first sample that is not 0; the one before it is the beginning of a note, which is 0."""
    return sound[np.flatnonzero(np.abs(sound) > 0)[0] - 1 :]


def test_a_held_note_is_that_of_pytorch(page, played, ear):
    played.press(40)
    ear.hear(0.05)
    played.release_all()
    played.wait_for_silence()
    played.set(bands=0)
    played.page.page.wait_for_timeout(50)
    ear.hear(0.05)
    ear.forget()
    played.press(A4)
    ear.hear(0.7)
    heard = from_first(ear.record()[-1][1])
    wanted = from_first(reference(page, A4, ALIGNED_HOPS))
    n = min(len(heard), len(wanted))
    assert n > 0.4 * RATE
    wrong_db = 20 * np.log10(np.std(heard[:n] - wanted[:n]) / np.std(wanted[:n]))
    np.savez("/tmp/asc_live/held.npz", heard=heard, wanted=wanted)
    starved = played.counts()["starved"]
    print(f"a held note differs from PyTorch's by {wrong_db:.0f} dB; {starved} quanta starved")
    assert wrong_db < -60


def test_noise_has_the_level_of_pytorchs_in_every_band(page, played, ear):
    played.set(partials=0)
    played.press(A4)
    heard = ear.hear(2.5, settle_s=0.5)
    page.do(
        f"""synthesizer = StreamingSynthesizer(model, take)
synthesizer.partials_off = torch.zeros(config.n_harmonics)
synthesizer.directions = synthesizer.directions * 0
synthesizer.note_on({A4})
noise = synthesizer.render(3 * config.sample_rate)[config.sample_rate // 2 :]
import numpy, scipy.signal
power = scipy.signal.welch(noise.numpy(), config.sample_rate, nperseg=2048)[1].tolist()"""
    )
    hz, power = welch(heard, RATE, nperseg=2048)
    wanted, edges = np.array(page.value("power")), np.geomspace(100, 20_000, 24)
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
    assert np.abs(np.diff(sound, 2)).max() < 3 * steady


def test_a_key_is_heard_at_once(page, played, ear):
    late_ms = []
    page.page.keyboard.press("KeyA")
    played.wait_for_silence()
    for _ in range(12):
        page.page.wait_for_timeout(37)
        ear.forget()
        page.page.keyboard.down("KeyA")
        ear.hear(0.12, settle_s=0)
        (start, sound), ((key, *_), _) = ear.record()[-1], ear.clock()
        first = np.flatnonzero(np.abs(sound) > 1e-7)[0]
        late_ms.append(1000 * ((start + first) / RATE - key))
        page.page.keyboard.up("KeyA")
        played.wait_for_silence()
    print(f"key to rendered: median {np.median(late_ms):.1f} ms, at most {max(late_ms):.1f} ms")
    assert np.median(late_ms) < 30


@pytest.mark.parametrize("how", ["focus", "blur", "hidden", "unplugged", "another widget"])
def test_no_note_is_stuck(page, played, how):
    page.page.keyboard.down("KeyA")
    played.view.evaluate("root => root.engine.hands.press('midi one 0 62', 62, 96)")
    page.page.wait_for_timeout(100)
    assert played.counts()["voices"] == 2
    kinds = {
        "focus": "root => { root.blur(); root.engine.hands.releaseAll('midi'); }",
        "blur": "root => { dispatchEvent(new Event('blur')); root.engine.hands.releaseAll('midi one '); }",
        "hidden": """root => { Object.defineProperty(document, 'hidden', {value: true, configurable: true});
            document.dispatchEvent(new Event('visibilitychange')); delete document.hidden; }""",
        "unplugged": "root => { root.engine.hands.releaseAll('midi one '); root.engine.hands.releaseAll('key'); }",
    }
    if how in kinds:
        played.view.evaluate(kinds[how])
    else:
        page.page.get_by_role("button", name="Play", exact=True).click()
    assert played.held() == []
    played.wait_for_silence()
    page.page.keyboard.up("KeyA")
    if how == "another widget":
        page.page.get_by_role("button", name="Stop", exact=True).click()

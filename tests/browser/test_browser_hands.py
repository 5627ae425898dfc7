"""Drawbars and band faders in a real JupyterLab: what they play is measured from samples of the audio thread."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import hilbert, welch

from browser.ear import RATE
from browser.hearing import loudest_hz, partials_db
from browser.looks import NAMELESS, wrong_looks
from ddsp_nb import Config
from ddsp_nb.errors import ConfigError
from ddsp_nb.panels import BandFaders, Drawbars
from ddsp_nb.synthesis.noise import band_centres_hz

pytestmark = pytest.mark.notebook("hands")

A4, A7 = "69", "105"  # of the pitch slider: MIDI numbers


class Hand:
    """A view of a widget and its controls, by their names."""

    def __init__(self, view):
        self.view, self.bars = view, view.locator("canvas.paint")

    def press(self, name):
        self.view.get_by_role("button", name=name, exact=True).click()

    def preset(self, name):
        self.press(f"Preset: {name}")

    def slide(self, name, value):
        self.view.get_by_role("slider", name=name, exact=True).fill(value)

    def wall(self, on):
        self.view.get_by_label("Nyquist wall", exact=True).set_checked(on)

    def keys(self, *keys):
        for key in keys:
            self.bars.press(key)

    def plays(self):
        return self.view.get_by_role("button", name="Stop", exact=True).count() == 1

    def silence(self):
        if self.plays():
            self.press("Stop")

    def words(self):
        return self.view.locator(".words").inner_text()


@pytest.fixture
def drawbars(page):
    hand = Hand(page.page.locator(".ddsp").filter(has=page.page.get_by_label("Nyquist wall")).first)
    for name, value in {"Odd / even": "0", "Tilt": "0", "Vibrato": "0", "Pitch": A4}.items():
        hand.slide(name, value)
    hand.wall(True)
    hand.preset("sine")
    yield hand
    hand.silence()


@pytest.fixture
def faders(page):
    hand = Hand(page.page.locator(".ddsp").filter(has=page.page.get_by_label("Preset: wind")).first)
    hand.preset("white")
    yield hand
    hand.silence()


def lines(sound):
    """Frequencies and levels in dB below the loudest; the window leaks less than -90 dB."""
    levels = np.abs(np.fft.rfft(sound * np.blackman(len(sound)) ** 2))
    return np.fft.rfftfreq(len(sound), 1 / RATE), 20 * np.log10(levels / levels.max() + 1e-9)


def level_at(sound, hz):
    where, levels_db = lines(sound)
    return levels_db[np.abs(where - hz) < 20].max()


def test_the_sine_is_one_line(drawbars, ear):
    drawbars.press("Play")
    hz, levels_db = lines(ear.hear())
    assert abs(hz[levels_db.argmax()] - 440) < 2
    assert levels_db[np.abs(hz - 440) > 25].max() < -60


def test_odd_only_is_hollow_and_presets_are_what_they_say(drawbars, ear):
    drawbars.press("Play")
    drawbars.preset("sawtooth")
    np.testing.assert_allclose(
        partials_db(ear.hear(), RATE, 440, 9) - 20 * np.log10(1 / np.arange(1, 10)), -14.4, atol=1
    )
    drawbars.slide("Odd / even", "-100")
    odd = partials_db(ear.hear(), RATE, 440, 9)
    assert odd[1::2].max() < odd[0] - 60 and odd[8] > odd[0] - 20
    drawbars.slide("Odd / even", "0")
    drawbars.preset("hollow")
    np.testing.assert_allclose(partials_db(ear.hear(), RATE, 440, 9)[::2], odd[::2], atol=0.5)
    drawbars.preset("violin")
    recipe = partials_db(ear.hear(), RATE, 440, 5)
    np.testing.assert_allclose(recipe[:4] - recipe[0], 20 * np.log10([1, 0.5, 0.8, 0.3]), atol=0.2)
    assert recipe[4] < recipe[0] - 60


def test_the_wall_silences_what_would_fold_back(drawbars, ear):
    folded_hz = 13 * 3520 - RATE  # of harmonic 13, where no harmonic of 3520 Hz has any business to be
    drawbars.preset("sawtooth")
    drawbars.slide("Pitch", A7)
    drawbars.press("Play")
    assert level_at(ear.hear(), folded_hz) < -80
    drawbars.wall(False)
    assert -30 < level_at(ear.hear(), folded_hz) < -20


def test_tilt_count_vibrato_and_sweep_are_heard(drawbars, ear):
    drawbars.preset("sawtooth")
    drawbars.press("Play")
    drawbars.slide("Tilt", "-6")
    drawbars.slide("Harmonics", "4")
    levels_db = partials_db(ear.hear(), RATE, 440, 8)
    np.testing.assert_allclose(levels_db[:4] - levels_db[0], [0, -12.04, -19.07, -24.06], atol=0.3)
    assert levels_db[4:].max() < levels_db[0] - 60
    drawbars.slide("Vibrato", "100")
    drawbars.slide("Vibrato rate", "10")
    drawbars.slide("Harmonics", "1")
    phase = np.unwrap(np.angle(hilbert(ear.hear())))
    swung = np.diff(phase)[1000:-1000] * RATE / (2 * np.pi)
    np.testing.assert_allclose([swung.min(), swung.max()], [440 * 2 ** (-1 / 12), 440 * 2 ** (1 / 12)], rtol=0.01)
    drawbars.slide("Vibrato", "0")
    drawbars.press("Sweep: up three octaves and back")
    assert loudest_hz(ear.hear(0.1, settle_s=0.6), RATE) > 480
    assert "Sweep" in drawbars.words()
    drawbars.press("Sweep: up three octaves and back")
    assert abs(loudest_hz(ear.hear(), RATE) - 440) < 2


def test_bars_are_painted_and_changed_by_keys(page, drawbars, ear):
    drawbars.press("Play")
    box = drawbars.bars.bounding_box()
    height = box["y"] + 0.4 * box["height"]
    page.page.mouse.move(box["x"] + 40, height)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 0.9 * box["width"], height, steps=3)  # so quick that it skips bars
    page.page.mouse.up()
    levels_db = partials_db(ear.hear(), RATE, 440, 16)
    np.testing.assert_allclose(levels_db, levels_db[0], atol=0.5)
    drawbars.keys("Home", "ArrowRight", "Delete", "ArrowRight", *6 * ["ArrowDown"])
    assert "Harmonic 3, 1.32 kHz: −" in drawbars.words()
    changed = partials_db(ear.hear(), RATE, 440, 4) - levels_db[0]
    assert changed[1] < changed[0] - 60 and abs(changed[2] - changed[3] + 6) < 0.2


def test_nothing_clips(drawbars, faders, ear):
    drawbars.preset("sawtooth")
    drawbars.slide("Tilt", "6")  # as loud a 64th harmonic as the first: one high peak
    drawbars.slide("Pitch", "33")
    drawbars.press("Play")
    assert 0.5 < abs(ear.hear()).max() <= 0.9
    faders.slide("Level", "24")
    faders.press("Play")
    noise = ear.hear(0.6)
    assert abs(noise).max() < 1 and 0.14 < noise.std() < 0.18


def test_a_change_does_not_click(drawbars, ear):
    drawbars.press("Play")
    ear.hear(0.1)
    ear.forget()
    drawbars.keys("Home", "Delete")
    ear.hear(0.1)
    ((_, sound),) = ear.record()
    assert abs(sound[:441]).max() > 0.2 and abs(sound[-441:]).max() < 1e-6
    second = np.abs(np.diff(sound, 2)).max()  # a cut sine would jump by its amplitude
    assert second < 3 * 0.25 * (2 * np.pi * 440 / RATE) ** 2


@pytest.mark.parametrize("name", ["drawbars", "faders"])
def test_a_key_is_heard_within_a_tenth_of_a_second(name, request, ear):
    hand = request.getfixturevalue(name)
    hand.preset({"drawbars": "sine", "faders": "one band"}[name])
    hand.press("Play")
    late_ms = []
    for _ in range(4):
        hand.keys("Delete")
        ear.hear(0.05)
        ear.forget()
        hand.keys("ArrowUp")
        ear.hear(0.1, settle_s=0)
        late_ms.append(ear.late_ms() + 1000 * ear.clock()[1])
    print(f"{name}: key to loudspeaker {np.median(late_ms):.0f} ms, at most {max(late_ms):.0f} ms")
    assert min(late_ms) < 100  # what the page itself takes; a busy machine adds to some of them


def test_white_is_flat_and_pink_falls(faders, ear):
    faders.press("Play")
    edges = 100 * 2 ** np.arange(0, 7.5, 0.5)

    def half_octaves(sound):
        hz, power = welch(sound, RATE, nperseg=4096)
        bands = [power[(hz >= low) & (hz < high)] for low, high in pairwise(edges)]
        return np.array([10 * np.log10(band.mean()) for band in bands])

    white = half_octaves(ear.hear(1.5))
    assert np.ptp(white) < 3 and abs(white - white.mean()).max() < 1.5
    faders.preset("pink")
    pink = half_octaves(ear.hear(0.8))
    slope = np.polyfit(np.arange(len(pink)) / 2, pink, 1)[0]
    assert abs(slope + 3) < 0.3


def test_one_band_is_where_it_says(faders, ear):
    faders.keys("Home", *40 * ["ArrowRight"])
    faders.preset("one band")
    faders.press("Play")
    sound = ear.hear(0.5)
    power, hz = np.abs(np.fft.rfft(sound)) ** 2, np.fft.rfftfreq(len(sound), 1 / RATE)
    octaves = np.abs(np.log2(np.maximum(hz, 1) / band_centres_hz(Config())[40].item()))
    assert power[octaves < 0.5].sum() > 0.9 * power.sum()
    assert "Band 40, 1.71 kHz: 0 dB" in faders.words()


def test_the_wind_wanders_until_it_is_painted_over(faders, ear):
    faders.preset("wind")
    faders.press("Play")
    blown = [loudest_octave(ear.hear(0.15, settle_s=0.25)) for _ in range(4)]
    assert np.ptp(blown) > 0.3
    faders.keys("End", "Delete")
    held = [loudest_octave(ear.hear(0.3)) for _ in range(2)]
    assert abs(held[0] - held[1]) < 0.3


def loudest_octave(sound):
    hz, power = welch(sound, RATE, nperseg=2048)
    return np.log2((hz * power).sum() / power.sum())


def test_one_widget_sounds_at_a_time(drawbars, faders, ear):
    drawbars.press("Play")
    ear.hear(0.1)
    ear.forget()
    faders.press("Play")
    ear.hear(0.2)
    (start, tone), (later, noise) = ear.record()
    both = start + np.flatnonzero(tone)[-1] - later - np.flatnonzero(noise)[0]
    assert both < 0.02 * RATE  # one fades out while the other fades in
    assert faders.plays() and not drawbars.plays()


def test_views_share_their_widget_and_the_sound_goes_with_the_last(page, faders, ear):
    views = page.append("other = Drawbars()\ndisplay(other, other)").locator(".ddsp")
    views.nth(1).wait_for()
    one, two = Hand(views.nth(0)), Hand(views.nth(1))
    one.preset("hollow")
    two.press("Play")
    one.view.get_by_role("button", name="Stop", exact=True).wait_for()  # pictures follow with the next frame
    assert one.plays() and two.view.get_by_role("button", name="Preset: hollow").get_attribute("aria-pressed") == "true"
    assert not two.view.get_by_role("button", name="Preset: violin").count()  # no recipe was handed in
    assert abs(ear.hear(0.1)).max() > 0.1
    ear.forget()
    page.page.evaluate("() => jupyterapp.commands.execute('notebook:clear-cell-output')")
    sound = ear.hear_out()  # and nothing runs on unheard
    assert abs(sound[-1]) < 1e-6


def test_every_control_has_a_name_and_is_reached_by_tab(page, drawbars, faders):
    for hand in (drawbars, faders):
        assert hand.view.evaluate(NAMELESS) == []
        controls = hand.view.locator("button, input, canvas.paint")
        controls.first.focus()
        for i in range(1, controls.count()):
            page.page.keyboard.press("Tab")
            assert controls.nth(i).evaluate("control => control === document.activeElement")
    before = page.page.locator(".jp-Cell").count()
    faders.keys("d", "d", "a", "ArrowUp")  # would cut, add and choose cells
    assert page.page.locator(".jp-Cell").count() == before
    assert faders.bars.evaluate("bars => bars === document.activeElement")


@pytest.mark.parametrize("width_px", [600, 1100, 1500])
def test_words_are_whole(page, drawbars, faders, width_px):
    assert wrong_looks(page, [drawbars.view, faders.view], width_px) == []


def test_it_sounds_without_a_kernel(page, drawbars, ear):
    page.restart()  # the new one knows nothing of the widgets
    drawbars.press("Play")
    assert abs(loudest_hz(ear.hear(), RATE) - 440) < 5


@pytest.mark.parametrize("widget", [Drawbars, BandFaders])
@pytest.mark.parametrize(
    "recipe", [[[1.0, 2.0]], [], 3.0, "abc", [1.0, float("nan")] * 32, 64 * [0.0], 64 * [-1.0], 65 * [1]]
)
def test_what_is_no_recipe_is_said_in_one_line(widget, recipe):
    with pytest.raises(ConfigError, match=r"^recipe .*; (give|use) .*\.$"):
        widget(recipe)


def test_recipes_are_scaled_and_widgets_have_no_address():
    assert Drawbars(torch.tensor([0.1, 0.2])).recipe == [0.5, 1.0]
    assert BandFaders(np.full(64, 3.0)).recipe == 64 * [1.0]
    assert [repr(Drawbars()), repr(BandFaders())] == ["Drawbars()", "BandFaders()"]

"""The keyboard as hands and eyes meet it: keys, the picture of what sounds, and its buttons for more."""

import zipfile

import numpy as np
import pytest

from browser.ear import RATE
from browser.test_browser_live import A4, MIDI_STUB

pytestmark = pytest.mark.notebook("live")

# Of each key: width, height, least contrast of its words, whether it is said to be a guess, and its colours.
KEYS = """root => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => numbers(colour).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    return [...root.querySelectorAll('.key')].map(key => {
        const {color, backgroundImage, backgroundColor} = getComputedStyle(key);
        const all = `${backgroundImage} ${backgroundColor}`.match(/rgba?\\([^)]*\\)/g);
        const behind = all.filter(colour => numbers(colour)[3] !== 0);
        const contrasts = behind.map(c => [light(c), light(color)].sort((a, b) => b - a))
            .map(([high, low]) => (high + 0.05) / (low + 0.05));
        return {black: key.classList.contains('black'), width: key.offsetWidth, height: key.offsetHeight, behind,
                contrast: Math.min(...contrasts), says: getComputedStyle(key, '::after').content, name: key.title};
    });
}"""
GUESSES = """root => [...root.querySelectorAll('.key')]
    .some(key => getComputedStyle(key, '::after').content === '"guess"')"""
# Where partials are drawn, pixels from the left; words that are written; when the audio thread was asked last.
EYE = """root => {
    const canvas = root.querySelector('canvas.sight'), {port} = root.engine.node;
    const {fillText} = CanvasRenderingContext2D.prototype, ask = port.postMessage.bind(port);
    window.eye = {words: [], asked_ms: 0};
    canvas.getContext('2d').fillText = function(words, ...at) {
        eye.words.push(words);
        fillText.call(this, words, ...at);
    };
    port.postMessage = (message, ...more) => {
        if (message.look) eye.asked_ms = performance.now();
        ask(message, ...more);
    };
    eye.partials = () => {
        const {width, height} = canvas, row = canvas.getContext('2d').getImageData(0, height - 24, width, 1).data;
        const blue = i => row[4 * i + 2] > 150 && row[4 * i] < 60, all = [...Array(width).keys()].filter(blue);
        return all.filter(i => !blue(i - 1));
    };
}"""


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_keys_fit_a_finger_and_their_words_are_read_in_both_themes(page, played, theme):
    played.press(60), played.press(61)
    page.page.evaluate(f"() => jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
    page.page.wait_for_function("theme => document.body.dataset.jpThemeName.endsWith(theme)", arg=theme)
    counts = {}
    for width in (800, 1500):
        page.resize(width, 800)
        keys = played.view.evaluate(KEYS)
        white = [key for key in keys if not key["black"]]
        assert min(key["width"] for key in white) >= 55 and min(key["height"] for key in white) >= 180
        assert min(key["contrast"] for key in keys) >= 4.5
        counts[width] = len(white)
    assert 8 <= counts[800] < counts[1500] and counts[1500] >= 15


def test_a_guess_is_told_only_where_one_asks(page, played):
    low, high = played.view.evaluate("root => root.engine.about.heard_notes")
    keys = played.view.evaluate(KEYS)
    assert {key["says"] for key in keys} == {"none"} and "guess" not in played.view.locator(".words").first.inner_text()
    assert len({tuple(key["behind"]) for key in keys}) == 2  # white and black
    played.view.get_by_label("Show which notes are guesses").check()
    page.wait_for(played.view, GUESSES)
    said = [key["says"] == '"guess"' for key in played.view.evaluate(KEYS)]
    assert said == [not low - 0.5 <= 60 + step <= high + 0.5 for step in range(len(said))] and any(said)


def test_the_picture_shows_the_partials_that_sound_and_asks_for_nothing_in_silence(page, played):
    played.set(bands=0, partials=3)
    played.press(A4)
    page.page.wait_for_function("root => root.engine.node", arg=played.view.element_handle())
    played.view.evaluate(EYE)
    width = played.view.locator("canvas.sight").bounding_box()["width"]
    place = lambda hz: 36 + np.log(hz / 20) / np.log(RATE / 2 / 20) * (width - 48)
    page.page.wait_for_function("() => eye.partials().length === 3")
    np.testing.assert_allclose(page.page.evaluate("eye.partials()"), [place(440 * k) for k in (1, 2, 3)], atol=2)
    played.set(bend_semitones=2)
    moved = [place(440 * 2 ** (1 / 6) * k) for k in (1, 2, 3)]
    page.page.wait_for_function("x => Math.abs(eye.partials()[0] - x) < 2", arg=moved[0])
    np.testing.assert_allclose(page.page.evaluate("eye.partials()"), moved, atol=2)
    page.page.wait_for_function("() => eye.words.some(words => /^peak −.*RMS −/.test(words))")
    assert {"A4", "B4"} <= set(page.page.evaluate("eye.words"))
    played.release_all()
    played.wait_for_silence()
    # Once the level that is told has fallen.
    page.page.wait_for_function("() => performance.now() - eye.asked_ms > 500")
    assert page.page.evaluate("eye.partials().length") == 0
    assert "Infinity" not in " ".join(page.page.evaluate("eye.words"))


def test_a_phrase_grows_at_a_button(page, played):
    page.do("panel._performance = None")
    played.click("Grow this phrase")
    page.wait_for_words(played.view, "Press Record in the panel, play, then Stop.")
    played.click("Record")
    for note in (A4, 72):
        played.press(note)
        page.page.wait_for_timeout(400)
        played.release(note)
    played.click("Stop recording")
    page.wait_for_value("panel._performance is not None", True)
    page.ear.forget()
    played.click("Grow this phrase")
    page.wait_for_words(played.view, "Your phrase grows in")
    page.ear.wait_for_start()
    sounds, seconds = page.sounds(played.view.locator(".ddsp.player")), page.value("panel.performance().seconds")
    assert list(sounds) == ["growing", "as played"] and seconds > 0.7
    assert all(seconds - 0.1 < len(sound) / RATE < seconds + 2 for sound in sounds.values())
    assert np.abs(sounds["growing"]).max() > 0.3
    page.do("panel.grown.pause()")


def test_a_sampler_gets_the_instrument_at_a_button(page, played, tmp_path):
    with page.page.expect_download() as download:
        played.click("Export for a sampler (zip)")
    page.wait_for_words(played.view, "open instrument.sfz")
    download.value.save_as(tmp_path / "instrument.zip")
    with zipfile.ZipFile(tmp_path / "instrument.zip") as zipped:
        text, names = zipped.read("instrument/instrument.sfz").decode(), set(zipped.namelist())
    samples = [line.removeprefix("sample=") for line in text.splitlines() if line.startswith("sample=")]
    assert len(samples) > 10 and {f"instrument/{sample}" for sample in samples} <= names


def test_a_slider_learns_a_controller_and_forgets_it(page, played):
    page.page.evaluate(MIDI_STUB)
    say = lambda *data: page.page.evaluate("data => stub.port.onmidimessage({data: Uint8Array.from(data)})", data)
    partials = lambda: played.view.evaluate("root => root.engine.settings.partials")
    slider = played.view.get_by_label("Partials", exact=True)
    played.click("MIDI learn")
    page.wait_for_words(played.view, "Touch a slider")
    slider.press("ArrowLeft")
    say(0xB0, 1, 127)
    page.wait_for_words(played.view, "64 of 64 · CC 1")
    say(0xB3, 1, 0)  # of any channel, and no swell, as the wheel is else
    assert partials() == 0 and played.view.evaluate("root => root.engine.parts.get(0).swell") == 0
    assert page.page.evaluate("localStorage['ddsp_nb controllers']") == '{"Partials":1}'
    played.click("MIDI learn")
    slider.press("ArrowRight")
    page.wait_for(slider, "slider => !slider.parentElement.innerText.includes('CC')")
    played.click("MIDI learn")
    say(0xB0, 1, 64)
    # Now it is the wheel that makes all louder.
    assert played.view.evaluate("root => root.engine.parts.get(0).swell") > 0.5
    say(0xB0, 1, 0)
    assert partials() == 1 and page.page.evaluate("localStorage['ddsp_nb controllers']") == "{}"

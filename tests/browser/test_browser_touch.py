"""The growth that is touched: partials are seen and heard as far as the pointer, or the slider, has come."""

import numpy as np
import pytest

from browser.hearing import partials_db
from browser.notebook_page import PLAYER, unpacked

pytestmark = pytest.mark.notebook("touch")

C4_HZ = 261.63
RATE = 44_100
# Of all versions together, as they leave for the loudspeaker; and of all partials, at that moment and at the usual one,
# for which a busy machine may be late.
LISTEN = """async player => {
    const {playback} = player, {context} = playback;
    playback.seek(0.3);
    const last = await overhear(playback, 16384), whole = playback.sounds.get("64 partials").getChannelData(0);
    // A busy machine sounds late.
    while (context.currentTime < playback.origin + 0.6) await new Promise(done => setTimeout(done, 50));
    const samples = last();
    const until = seconds => whole.subarray(seconds * 44100 - 16384, seconds * 44100);
    return [samples, until(playback.at + context.currentTime - playback.origin), until(0.9)].map(pack);
}"""
RUNNING = "player => player.playback.running"
# The brightest of the pixels around a partial, 0 to 255, once it is drawn.
BRIGHTNESS = """async (player, hz) => {
    await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const canvas = player.querySelector('canvas.player'), context = canvas.getContext('2d');
    const height = canvas.height * (canvas.clientHeight - 16) / canvas.clientHeight;
    const y = height * (1 - hz / 12000), {data} = context.getImageData(canvas.width / 4, y - 2, 8, 5);
    return data.filter((value, i) => i % 4 < 3).reduce((most, value) => Math.max(most, value));
}"""


@pytest.fixture
def touched(page):
    player = page.page.locator(PLAYER).last
    page.sounds(player)
    yield player
    page.page.mouse.up()


def move(page, player, share):
    """The pointer to a share of the way from left to right over the picture."""
    box = player.locator("canvas.player").bounding_box()
    page.page.mouse.move(box["x"] + share * box["width"], box["y"] + 60)


def heard_db(player):
    """[24] levels of the partials that leave for the loudspeaker, dB of full scale; they sink, and 0.9 s is meant."""
    heard, then, meant = (partials_db(unpacked(text), RATE, C4_HZ, 24) for text in player.evaluate(LISTEN))
    return heard - then + meant


def brightness(player, partial):
    return player.evaluate(BRIGHTNESS.replace("(player, hz)", "player").replace("hz /", f"{partial * C4_HZ} /"))


def test_partials_appear_and_fade_under_the_pointer_and_sound_while_it_is_pressed(page, touched):
    move(page, touched, 0)
    first, sixth = brightness(touched, 1), brightness(touched, 6)
    move(page, touched, 5 / 12)
    assert brightness(touched, 1) == first and brightness(touched, 6) > 2 * sixth
    assert "6 partials" in touched.inner_text() and not touched.evaluate(RUNNING)
    move(page, touched, 0)
    assert brightness(touched, 6) == sixth
    page.page.mouse.down()
    page.wait_for(touched, RUNNING)
    alone = heard_db(touched)
    assert alone[0] > -30 and alone[1:].max() < alone[0] - 70
    move(page, touched, 5 / 12)
    six = heard_db(touched)
    assert six[0] == pytest.approx(alone[0], abs=0.5)
    assert six[1:6].min() > six[0] - 50 and six[6:].max() < six[0] - 70
    move(page, touched, 1 / 24)
    assert heard_db(touched)[1] == pytest.approx(six[1] - 6, abs=0.5)  # half way to the second partial
    page.page.mouse.up()
    assert not touched.evaluate(RUNNING)


def test_the_growth_is_played_by_keys_alone(page, touched):
    slider = touched.locator("input[type=range]")
    slider.press("Home")
    slider.press(" ")
    page.wait_for(touched, RUNNING)
    for _ in range(20):
        slider.press("ArrowRight")
    three = heard_db(touched)
    assert "3 partials" in slider.get_attribute("aria-valuetext")
    assert three[1:3].min() > three[0] - 50 and three[3:].max() < three[0] - 70
    slider.press("End")
    assert heard_db(touched)[:12].min() > three[0] - 60
    slider.press(" ")
    assert not touched.evaluate(RUNNING)


def test_another_instrument_grows_while_it_is_touched(page, touched):
    page.mark(touched)
    page.page.get_by_role("button", name="trumpet").click()
    page.wait_for_sound(touched)
    sounds = page.sounds(touched)
    assert len(sounds) == 13 and len({len(sound) for sound in sounds.values()}) == 1
    assert max(np.abs(sound).max() for sound in sounds.values()) == pytest.approx(0.9, abs=0.001)

"""The map of instruments in a real JupyterLab: what lies under its ring is heard, and Python knows what it is."""

import numpy as np
import pytest

from browser.ear import RATE
from browser.hearing import loudest_hz, partials_db
from browser.looks import NAMELESS, wrong_looks
from browser.play_view import PlayView

pytestmark = pytest.mark.notebook("map")

A3 = 57


@pytest.fixture
def timbres(page):
    view = page.page.locator(".ddsp").filter(has=page.page.locator("canvas.timbres")).first
    instrument = PlayView(page, view)
    instrument.wait()
    page.page.keyboard.press("Escape")
    view.scroll_into_view_if_needed()
    yield instrument
    page.page.mouse.up()
    instrument.release_all()
    instrument.wait_for_silence()


def point_of(page, timbres, name):
    """Pixels of an instrument on the map, as they follow from the places that Python knows."""
    x, y = page.value(f"timbres.places[list(timbres.family).index({name!r})].tolist()")
    aspect = page.value("__import__('ddsp_nb').panels.timbre_map.ASPECT")
    box = timbres.view.locator("canvas.timbres").bounding_box()
    inner = {side: box[side] - 32 for side in ("width", "height")}
    return box["x"] + 16 + x / aspect * inner["width"], box["y"] + 16 + (1 - y) * inner["height"]


def test_a_drag_is_heard_while_a_key_is_held(page, timbres, ear):
    timbres.set(bands=0)
    partials = lambda: partials_db(ear.hear(0.4, settle_s=0.4), RATE, 220, 12)
    page.page.mouse.move(*point_of(page, timbres, "clarinet"))
    page.page.mouse.down()
    timbres.press(A3)
    ear.hear(0.1)  # all is there
    reed = partials()
    page.page.mouse.move(*point_of(page, timbres, "trumpet"), steps=8)
    brass = partials()
    page.page.mouse.up()
    page.wait_for_value("timbres.words", "trumpet")
    assert timbres.counts()["voices"] == 1 and page.value("timbres.words in timbres.family")
    far_db = lambda a, b: np.abs((a - a[0]) - (b - b[0])).max()
    assert far_db(reed, brass) > 6
    assert abs(loudest_hz(ear.hear(), RATE) / 220 % 1 - 0.5) > 0.45
    timbres.release_all()
    timbres.wait_for_silence()
    page.do("timbres.words = 'clarinet'")
    page.wait_for_words(timbres.view, "clarinet")
    timbres.press(A3)
    assert far_db(partials(), reed) < 3


CODES = [f"timbres.family['{name}'].code.tolist()" for name in ("flute", "oboe")]


def test_between_instruments_words_say_what_is_heard(page, timbres):
    canvas = timbres.view.locator("canvas.timbres")
    page.do("timbres.words = 'flute:0.6 oboe:0.4'")
    page.wait_for_words(timbres.view, "0.6 flute + 0.4 oboe")
    canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        canvas.press(key)
    page.wait_for_value("timbres.words == 'flute:0.6 oboe:0.4'", False)
    said = canvas.get_attribute("aria-valuetext")
    assert all(name in said for name in page.value("list(timbres.family.weights(timbres.words))"))
    page.do("from ddsp_nb.playing.family import instrument\nmodel, take = instrument(timbres.words, timbres.family)")
    code = np.array(timbres.view.evaluate("root => [...root.engine.timbre.timbre]")[:16])
    named, *ends = (np.array(page.value(words)) for words in ("model.network.instrument.code.tolist()", *CODES))
    # The page goes straight from code to code, `instrument` on the way that was bent until its steps are even.
    assert np.linalg.norm(code - named) < 0.5 * np.linalg.norm(ends[0] - ends[1])


def test_a_phrase_loops_until_it_is_stopped(page, timbres, ear):
    timbres.click("Loop a phrase")
    ear.hear(0.1)
    assert np.abs(ear.hear(0.5)).max() > 0.01
    page.wait_for(timbres.view, "root => [...root.engine.hands.held.values()].includes(72)")
    page.page.locator(".ddsp-stop").click()
    timbres.view.get_by_role("button", name="Loop a phrase", exact=True).wait_for()
    assert timbres.held() == []


@pytest.mark.parametrize("width_px", [600, 1100, 1500])
def test_words_are_whole_and_controls_have_names(page, timbres, width_px):
    assert wrong_looks(page, [timbres.view], width_px) == [] and timbres.view.evaluate(NAMELESS) == []

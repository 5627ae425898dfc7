"""Players in a real JupyterLab: they hold what was rendered, play it, switch in place, and one sounds at a time."""

import re
import sys

import numpy as np
import pytest

from browser.lab_server import CLIP_S, ROOT
from browser.looks import wrong_looks
from browser.notebook_page import PLAYER

pytestmark = pytest.mark.notebook("players")

SAMPLE_RATE = 16_000
LISTEN = """async player => {
    const last = await overhear(player.playback, 2048);
    let peak = 0;
    for (let i = 0; i < 10; i++) {
        await new Promise(done => setTimeout(done, 40));
        peak = last().reduce((most, x) => Math.max(most, Math.abs(x)), peak);
    }
    return peak;
}"""
# What a sine's loudspeaker moves at.
HEARD_HZ = """async ({playback}) => {
    const samples = (await overhear(playback, 4096))();
    const rises = samples.filter((x, i) => i && samples[i - 1] < 0 && x >= 0).length;
    return rises * playback.context.sampleRate / 4096;
}"""
RUNNING = "player => player.playback.running"
AT = "player => player.playback.position()"
# Where it began to play, and when by the clock of the sound.
BEGUN = "player => [player.playback.at, player.playback.origin]"


@pytest.fixture
def players(page):
    page.page.keyboard.press("Escape")
    return page.page.locator(PLAYER).all()[:2]


@pytest.fixture
def blind(page):
    view = page.page.locator(PLAYER).nth(2)
    page.sounds(view)
    return view


def test_players_hold_what_was_rendered_at_one_gain_and_pictures_show(page, players, lab):
    counts = page.execution_counts()
    assert counts == list(range(1, len(counts) + 1))  # every cell ran, once, in its order
    (recording,), (loud, soft) = (list(page.sounds(player).values()) for player in players)
    assert len(recording) == len(loud) == CLIP_S * SAMPLE_RATE
    assert 0 < abs(recording).max() <= 1
    np.testing.assert_allclose([abs(loud).max(), abs(soft).max()], [0.9, 0.09], atol=1e-3)
    picture = page.page.locator("img.ddsp-figure:not(.ddsp-still *)")
    assert picture.count() == 1 and picture.evaluate("picture => picture.naturalWidth") > 300
    assert [session["path"] for session in lab.sessions()].count("players.ipynb") == 1


def test_one_player_sounds_at_a_time_and_versions_switch_in_place(page, players):
    first, second = players
    for player in players:
        page.sounds(player)
        player.evaluate("player => player.playback.setLoop([0.1, player.playback.length])")  # the clip is short
    first.get_by_role("button", name="Play").click()
    page.wait_for(first, f"player => ({AT})(player) > 0.2")
    assert first.evaluate(LISTEN) > 0.05
    second.get_by_role("button", name="Play").click()
    page.wait_for(second, RUNNING)
    assert not first.evaluate(RUNNING)
    loud = second.evaluate(LISTEN)
    begun = second.evaluate(BEGUN)
    second.get_by_role("button", name="soft").click()
    assert second.evaluate(BEGUN) == begun and second.evaluate(RUNNING)  # it goes on where it was
    page.wait_for(second, f"async player => await ({LISTEN})(player) < {0.3 * loud}")
    second.get_by_role("button", name="Pause").click()
    at = second.evaluate(AT)
    page.page.wait_for_timeout(200)
    assert second.evaluate(AT) == at and not second.evaluate("player => player.playback.nodes.size")
    for player in players:
        player.evaluate("player => player.playback.setLoop(null)")


def test_keyboard_and_pointer_move_the_playhead(page, players):
    player = players[1]
    page.sounds(player)
    picture = player.get_by_role("slider")
    box = picture.bounding_box()
    page.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    length = player.evaluate("player => player.playback.length")
    assert player.evaluate(AT) == pytest.approx(length / 2, abs=0.03)
    picture.press("ArrowLeft")
    assert player.evaluate(AT) == pytest.approx(length / 2 - 0.5, abs=0.03)
    picture.press("1")
    assert player.evaluate("player => player.playback.now") == "loud"
    picture.press(" ")
    page.wait_for(player, RUNNING)
    picture.press(" ")
    assert not player.evaluate(RUNNING)
    page.page.mouse.move(box["x"] + 100, box["y"] + 40)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 200, box["y"] + 40)
    page.page.mouse.up()
    begin, end = player.evaluate("player => player.playback.loop")
    assert end - begin == pytest.approx(100 / box["width"] * length, rel=0.05)
    assert "Hz" in player.get_by_role("status").inner_text()  # what is under the pointer
    picture.press("Escape")
    assert player.evaluate("player => player.playback.loop") is None


@pytest.mark.parametrize("width_px", [600, 1100, 1500])
def test_words_are_whole(page, players, blind, width_px):
    for player in players:
        page.sounds(player)
    assert wrong_looks(page, [*players, blind], width_px) == []


def test_a_blind_test_by_keys_alone_plays_what_it_asks_for_and_counts(page, blind):
    """Who hears the pitch of X is right every time, and the page shows nothing of it."""
    order, shown = page.value("blind._order.tolist()"), set()
    assert set(order[1:]) == {"A", "B"}
    blind.evaluate("view => view.playback.setLoop([0.2, 1.8])")
    picture = blind.get_by_role("slider")
    picture.press(" ")
    for trial, x in enumerate(order):
        page.wait_for(blind, f"view => view.innerText.includes('Trial {trial + 1} of 8') && ({RUNNING})(view)")
        assert blind.evaluate("view => view.playback.now") == "A"
        picture.press("a")  # an answer before X was heard is none
        picture.press("3")
        hz = {"A": 440, "B": 660}[x]
        page.wait_for(blind, f"async view => Math.abs(await ({HEARD_HZ})(view) - {hz}) < 20")
        if trial:  # in the first one there is nothing to begin anew
            shown.add(re.sub(r"\d+(\.\d+)?", "", blind.evaluate("view => view.outerHTML")))
        picture.press(x.lower())
    page.wait_for(blind, "view => view.innerText.includes('8 of 8 right')")
    assert len(shown) == 1
    assert "less than 1 %" in blind.inner_text() and not blind.evaluate(RUNNING)
    assert page.value("blind.right") == [True] * 8


def test_a_blind_test_by_buttons_keeps_its_answers_and_begins_anew(page, blind):
    page.do("blind.begin(0)")
    blind.get_by_role("button", name="Play").click()
    wrong = {"A": "X is B", "B": "X is A"}
    for trial, x in enumerate(page.value("blind._order.tolist()")[:2]):
        page.wait_for(blind, f"view => view.innerText.includes('Trial {trial + 1} of 8')")
        blind.get_by_role("button", name="X", exact=True).click()
        blind.get_by_role("button", name=wrong[x]).click()
    page.wait_for(blind, "view => view.innerText.includes('Trial 3 of 8')")
    again = page.append("blind").locator(PLAYER)
    page.sounds(again)
    page.wait_for(again, "view => view.innerText.includes('Trial 3 of 8')")
    assert page.value("blind.right") == [False, False]
    blind.get_by_role("button", name="anew").click()
    page.wait_for(blind, "view => view.innerText.includes('Trial 1 of 8')")
    assert page.value("[blind.seed, blind.right]") == [1, []]


# What a browser tells of a busy page: a player that was out of sight and is in sight by now, in one go.
SLOW = """() => { const Quick = IntersectionObserver; window.IntersectionObserver = class extends Quick {
    constructor(tell, options) {
        const changes = [];
        super((more) => changes.push(...more) > 1 && tell(changes.splice(0)), options);
    }
    observe(element) {
        element.style.display = 'none';
        super.observe(element);
        setTimeout(() => { element.style.display = ''; }, 100);
    }
}; return () => { window.IntersectionObserver = Quick; }; }"""


def test_a_player_that_came_into_sight_while_the_page_was_busy_has_its_sound(page):
    quick = page.page.evaluate_handle(SLOW)
    player = page.append("play(torch.zeros(8_000), 16_000)").locator(PLAYER)
    assert len(page.sound(player)) == 8_000
    quick.evaluate("back => back()")


def test_a_cell_that_is_run_again_leaves_no_player_behind(page):
    page.do("import ipywidgets; from ipywidgets.widgets.widget import _instances")
    count = "sum(type(w).__name__ == 'Player' for w in _instances.values())"
    before = page.value(count)
    page.run_all()
    assert page.value(count) == before


def test_a_player_plays_on_where_its_kernel_was_restarted(page, players):
    player = players[0]
    held = page.sounds(player)
    page.restart()
    player.get_by_role("button", name="Play").click()
    page.wait_for(player, RUNNING)
    player.get_by_role("button", name="Pause").click()
    assert page.sounds(player).keys() == held.keys()
    page.run_all()


def test_kernels_run_this_checkout_with_the_interpreter_of_the_tests(page):
    page.do("import sys, ddsp_nb")
    assert page.value("[sys.executable, ddsp_nb.__file__]") == [sys.executable, str(ROOT / "ddsp_nb/__init__.py")]

"""Firefox: a player and the keyboard sound; where there is no loudspeaker, a sentence says so."""

import pytest

from browser.conftest import browser_path
from browser.ear import LISTEN
from browser.firefox import Firefox
from browser.loudspeaker import loudspeaker
from browser.notebook_page import READY, TOOLS
from browser.test_browser_players import LISTEN as PEAK

FIREFOX = ("firefox-esr", "firefox")
PLAYER = "document.querySelector('.ddsp.player')"
KEY = "document.querySelector('.keys .key')"
PLAYABLE = "!document.querySelector('.keys').closest('.ddsp').innerText.includes('on its way')"
HEARD = "ear.taps.some(({chunks}) => chunks.some(({samples}) => samples.some(x => Math.abs(x) > 0.01)))"
SAVED = "!jupyterapp.shell.currentWidget.context.model.dirty"


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    with loudspeaker(browser_path(("pulseaudio",)), tmp_path_factory.mktemp("loudspeaker")) as socket:
        yield socket


def opened(lab, folder, speaker):
    firefox = Firefox(browser_path(FIREFOX), folder, speaker)
    firefox.open(lab.page_of("firefox.ipynb"))
    firefox.wait(f"({READY})()")
    return firefox


def test_a_player_and_the_keyboard_sound_in_firefox(lab, tmp_path, speaker):
    firefox = opened(lab, tmp_path, speaker)
    for prepare in (TOOLS, LISTEN):
        firefox.value(f"({prepare})()")
    firefox.value("jupyterapp.commands.execute('notebook:run-all-cells')")
    firefox.wait(f"{PLAYER}?.playback.sounds.size")
    firefox.click(f"{PLAYER}.querySelector('.play')")
    firefox.wait(f"{PLAYER}.playback.position() > 0.1")
    assert firefox.value(f"({PEAK})({PLAYER})") == pytest.approx(0.3, abs=0.01)
    firefox.wait(PLAYABLE)
    firefox.press(KEY)
    firefox.wait(HEARD)
    firefox.release()
    assert firefox.value(f"{PLAYER}.playback.running") is False
    firefox.wait(SAVED)
    assert firefox.faults == []
    firefox.close()


def test_without_a_loudspeaker_a_sentence_says_so(lab, tmp_path):
    firefox = opened(lab, tmp_path, tmp_path / "nowhere")
    firefox.wait(f"{PLAYER}?.playback.sounds.size")
    firefox.click(f"{PLAYER}.querySelector('.play')")
    firefox.wait("document.querySelector('[role=alert]')?.innerText.includes('finds no loudspeaker')")
    firefox.close()

"""Players in a real JupyterLab: all cells run, every player plays at its level, pictures show, nothing calls out."""

import sys

from browser.lab_server import CLIP_S, ROOT

IN_CELLS = ".jp-OutputArea-output audio:not(.jupyter-widgets)"
SAMPLE_RATE = 16_000


def test_players_play_what_was_rendered_and_pictures_show(notebook, lab):
    page = notebook("players")
    counts = page.execution_counts()
    assert counts == list(range(1, len(counts) + 1))  # every cell ran, once, in its order
    sounds = [page.sound(player, SAMPLE_RATE) for player in page.page.locator(IN_CELLS).all()]
    assert [len(sound) for sound in sounds] == [CLIP_S * SAMPLE_RATE] * 3
    recording, loud, soft = (abs(sound).max() for sound in sounds)
    assert (
        0 < recording <= 1 and abs(loud - 0.9) < 1e-3 and abs(soft - 0.09) < 1e-3
    )  # one gain for all that is compared
    picture = page.page.locator(".jp-RenderedImage img")
    assert picture.count() == 1 and picture.evaluate("picture => picture.naturalWidth") > 300
    assert [session["path"] for session in lab.sessions()].count("players.ipynb") == 1


def test_kernels_run_this_checkout_with_the_interpreter_of_the_tests(notebook):
    page = notebook("players")
    page.do("import sys, ddsp_nb")
    assert page.value("[sys.executable, ddsp_nb.__file__]") == [sys.executable, str(ROOT / "ddsp_nb/__init__.py")]

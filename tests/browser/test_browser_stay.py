"""Pages that are reloaded, left by their kernel or opened without one: nothing is lost, and they say what to do."""

import os

import pytest

from browser.notebook_page import PLAYER

pytestmark = pytest.mark.notebook("stay")

STILL, INERT = ".ddsp-still", "[inert]"
STOPPED = "The kernel was restarted. Run the notebook again to go on."
SAVED = "() => !jupyterapp.shell.currentWidget.context.model.dirty"
RUN_AGAIN = "() => jupyterapp.commands.execute('notebook:run-cell')"
SAVE = "() => jupyterapp.shell.currentWidget.context.save()"
# Sooner than JupyterLab saves by itself.
SAVED_WITHIN_MS = 60_000
ERROR = "Error displaying widget"
HAS_ERROR = f"() => document.body.textContent.includes({ERROR!r})"
ICON = "view => getComputedStyle(view, '::before').content"
N_VIEWS = 4


def visible(page, selector):
    return page.page.locator(selector).filter(visible=True)


def test_a_reload_after_a_run_loses_nothing(page):
    page.page.wait_for_function(SAVED, timeout=SAVED_WITHIN_MS)
    page.load()
    page.page.locator(PLAYER).nth(1).wait_for()
    page.page.get_by_label("Recording", exact=True).wait_for()
    page.page.get_by_label("Nyquist wall").wait_for()
    assert page.page.locator(STILL).count() == N_VIEWS and visible(page, STILL).count() == 0


def test_without_its_kernel_what_cannot_act_looks_so_and_a_button_runs_all(page):
    players = page.page.locator(PLAYER)
    page.sounds(players.first)
    page.restart()
    words = page.page.get_by_text(STOPPED)
    words.first.wait_for()
    assert all(view.evaluate(ICON) == "none" for view in page.page.locator(".jupyter-widgets-disconnected").all())
    chooser = page.page.locator(".jp-OutputArea-output").filter(has=page.page.get_by_label("Recording", exact=True))
    assert chooser.get_by_text(STOPPED).count() == 1
    assert chooser.get_by_label("Recording", exact=True).evaluate("list => Boolean(list.closest('[inert]'))")
    # What needs no kernel stays as it is.
    assert players.first.evaluate("player => !player.closest('[inert]')")
    assert page.page.get_by_label("Nyquist wall").evaluate("wall => !wall.closest('[inert]')")
    assert words.count() == page.page.locator(".jp-OutputArea-output").filter(has=page.page.locator(INERT)).count()
    chooser.get_by_role("button", name="Run all cells").click()
    words.first.wait_for(state="detached")
    page.wait_for_value("'Drawbars' in globals()", True)
    assert page.page.locator(INERT).count() == words.count() == 0


def test_a_page_saves_by_itself_but_nothing_over_what_others_wrote(page):
    path = page.lab.notebooks / page.name
    # Of a file that has lain for an hour a browser would remember for minutes when it was written.
    hour_ago = path.stat().st_mtime - 3600
    os.utime(path, (hour_ago, hour_ago))
    shown = page.page.get_by_label("Nyquist wall")
    n_shown = shown.count()
    page.append("Drawbars()")
    shown.nth(n_shown).wait_for()
    page.page.wait_for_function(SAVED, timeout=SAVED_WITHIN_MS)
    for _ in range(3):
        written = path.stat().st_mtime
        changed = round(written) + 60
        os.utime(path, (changed, changed))
        page.page.evaluate(RUN_AGAIN)
        # Longer than a page waits before it saves.
        page.page.wait_for_timeout(2500)
        # Else another save, of the run before, was still on its way.
        if not page.page.evaluate(SAVED):
            break
    assert path.stat().st_mtime == changed
    assert not page.page.evaluate(SAVED) and page.page.locator(".jp-Dialog").count() == 0
    os.utime(path, (written, written))
    page.page.evaluate(SAVE)


def test_a_saved_notebook_without_its_kernel_shows_stills(page):
    page.shut_down()
    page.load()
    page.page.wait_for_function(HAS_ERROR)
    assert ERROR not in page.page.inner_text("body")
    stills = visible(page, STILL)
    assert stills.count() == N_VIEWS + 1 and all("run the notebook" in words for words in stills.all_inner_texts())
    pictures = stills.locator("img")
    assert pictures.count() == 2 and pictures.first.evaluate("image => image.naturalWidth") > 300

"""What notebooks show is read by screen readers and by any eyes, in both themes, and played by keys alone."""

import re

import nbformat
import pytest

from browser.axe import findings
from browser.lab_server import KERNEL, ROOT
from browser.looks import THEMES, show_theme, wrong_looks
from browser.notebook_page import PLAYER, NotebookPage

# Every kind of panel; the other notebooks have no more of them.
LIVE = ("players", "training", "growth", "hands", "live", "map", "tracks", "steps")
of = pytest.mark.notebook
# Words in red as a page shows them, and what is behind them.
CONTRAST = """element => {
    const light = ([r, g, b]) => [[r, 0.2126], [g, 0.7152], [b, 0.0722]].reduce((sum, [x, share]) =>
        sum + share * (x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4), 0);
    const paper = getComputedStyle(element.closest('.jp-Notebook')).backgroundColor;
    const [a, b] = [getComputedStyle(element).color, paper].map(colour => light(colour.match(/[\\d.]+/g).map(Number)));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


def each(*names):
    """Mark of a test that looks at the pages of several notebooks, one after the other."""
    return pytest.mark.parametrize("page", [pytest.param(name, marks=of(name)) for name in names], indirect=True)


@pytest.fixture
def themed(page):
    """A page whose theme is light again at the end."""
    yield page
    show_theme(page, THEMES[0])


@each(*LIVE)
def test_axe_finds_nothing_serious_in_what_is_live(themed):
    assert findings(themed) == []
    show_theme(themed, "Dark")
    assert findings(themed, colours=True) == []


def test_axe_finds_nothing_serious_in_the_notebooks_as_they_are_kept(chromium, lab):
    """All of them in one page, which is opened and not run."""
    found = [nbformat.read(path, as_version=4) for path in sorted((ROOT / "notebooks").glob("0*.ipynb"))]
    cells = [cell for notebook in found for cell in notebook.cells]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), lab.notebooks / "all.ipynb")
    page = NotebookPage(chromium, lab, "all.ipynb")
    pictures = page.page.locator(".jp-OutputArea-output img")
    assert pictures.count() > 50
    assert findings(page) == []
    show_theme(page, "Dark")
    assert findings(page, colours=True) == []
    page.close()


@of("steps")
@pytest.mark.parametrize("theme", THEMES)
def test_a_mistake_is_read_in_any_theme(themed, theme):
    show_theme(themed, theme)
    notes, wrong = themed.page.get_by_role("textbox", name="Notes"), themed.page.locator(".ddsp .wrong")
    for words, state in (("H4:1", "visible"), ("C4:1", "detached")):
        notes.fill(words)
        notes.press("Enter")
        wrong.wait_for(state=state)
        assert state == "detached" or wrong.evaluate(CONTRAST) >= 4.5


def tab_to(page, name: str) -> None:
    """Press Tab until what has the focus has this name."""
    named = """name => [document.activeElement].some(({ariaLabel, textContent, tagName}) =>
        tagName !== 'DIV' && (ariaLabel ?? textContent).startsWith(name))"""
    for _ in range(80):
        page.page.keyboard.press("Tab")
        if page.page.evaluate(named, name):
            return
    pytest.fail(f"Tab never comes to {name}.")


FIRST_CELL = """() => {
    const {content} = jupyterapp.shell.currentWidget;
    content.activeCellIndex = 0;
    content.widgets[0].node.focus();
}"""


def select_first_cell(page) -> None:
    """From wherever another test has left the focus."""
    page.page.evaluate(FIRST_CELL)


@of("steps")
def test_first_steps_by_keys_alone(page, ear):
    keys = page.page.keyboard
    select_first_cell(page)
    tab_to(page, "flute")
    ear.forget()
    keys.press("Enter")
    ear.wait_for_start()
    tab_to(page, "Bell stretch")
    keys.press("ArrowRight")
    page.wait_for_value("[first.chosen, growth.bell.value]", ["flute", 0.001])
    tab_to(page, "Notes")
    keys.press("Control+A")
    keys.type("A4:9")
    keys.press("Enter")
    page.wait_for_value("melody.notes.value", "A4:9")
    tab_to(page, "Play")
    keys.press("Enter")
    page.wait_for(page.page.locator(PLAYER).nth(2), "player => player.playback.running")


@of("training")
def test_training_by_keys_alone(page, ear):
    select_first_cell(page)
    tab_to(page, "Epochs")
    page.page.keyboard.press("Control+A")
    page.page.keyboard.type("1")
    tab_to(page, "Train on")
    page.page.keyboard.press("Enter")
    page.page.get_by_text("Finished after 4 epochs").wait_for()
    tab_to(page, "Listen now")
    ear.forget()
    page.page.keyboard.press("Enter")
    ear.wait_for_start()


@of("growth")
def test_a_growth_by_keys_alone(page, ear):
    select_first_cell(page)
    tab_to(page, "Start anew")
    page.page.keyboard.press("Enter")
    # What was composed before may have been rendered.
    page.page.get_by_role("button", name="Render and play").wait_for()
    tab_to(page, "Render and play")
    ear.forget()
    page.page.keyboard.press("Enter")
    ear.wait_for_start()


# Looks


@of("steps")
def test_the_lists_of_a_player_are_folded_and_open_by_a_key(page):
    player = page.page.locator(PLAYER).first
    windows = player.get_by_label("Window")
    assert not windows.is_visible()
    player.locator("summary").press("Enter")
    windows.wait_for()
    player.locator("summary").press("Enter")
    windows.wait_for(state="hidden")


@of("steps")
def test_an_empty_player_is_quiet_paper(themed):
    cell = themed.append("import torch\nfrom ddsp_nb.panels import play\nplay(torch.zeros(16_000), 16_000)")
    player = cell.locator(PLAYER)
    themed.sounds(player)
    for theme in THEMES:
        show_theme(themed, theme)
        pixel, paper = player.evaluate("""player => {
            const canvas = player.querySelector('canvas'), [r, g, b] = canvas.getContext('2d')
                .getImageData(canvas.width / 2, canvas.height / 3, 1, 1).data;
            const [{style}] = [player.appendChild(document.createElement('span'))];
            style.color = 'var(--paper)';
            return [`rgb(${r}, ${g}, ${b})`, getComputedStyle(player.lastChild).color];
        }""")
        assert pixel == paper


@each("steps", "training", "growth", "live", "map")
def test_signs_are_drawn_and_no_letters_of_a_font(page):
    buttons = page.page.locator(".ddsp button")
    words = buttons.evaluate_all("all => all.map(button => button.textContent)")
    assert words and not re.search("[▶■⏸●↻⟲↶↷✓♪★]", " ".join(words))
    sign = "button => getComputedStyle(button, '::before').maskImage"
    play = page.page.locator(".ddsp [data-sign]:not([data-sign=''])").first
    assert play.evaluate(sign).startswith('url("data:image/svg+xml')


@pytest.mark.parametrize("width_px", [500, 740, 1200])
@each("steps", "training")
def test_nothing_is_cut_off(page, width_px):
    views = page.page.locator(".ddsp.board, .ddsp.player").all()
    assert wrong_looks(page, views, width_px) == []

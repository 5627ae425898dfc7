"""What eyes would say about a widget: what is cut off, what covers something else, and what has no name."""

NAMELESS = """root => [...root.querySelectorAll('button, input, select, canvas, .keys')]
    .filter(control => !control.getAttribute('aria-label') && !control.textContent).map(control => control.outerHTML)"""
CUT_OFF = """root => {
    const outer = root.closest('.jp-OutputArea-output').getBoundingClientRect();
    const shown = [...root.querySelectorAll('div, button, label, span, select, canvas')].filter(e => e.offsetParent);
    return shown.filter(element => {
        const box = element.getBoundingClientRect();
        return element.scrollWidth > element.clientWidth + 1 && element.clientWidth
            || box.left < outer.left - 1 || box.right > outer.right + 1;
    }).map(element => element.outerHTML);
}"""
COVERED = """root => {
    const boxes = [...root.querySelectorAll('.row > button, span > button, label, .row > canvas')]
        .map(element => [element.innerText, element.getBoundingClientRect()]);
    return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([b, q]) => p.left < q.right - 1
        && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1).map(([b]) => [a, b]));
}"""


THEMES = ("Light", "Dark")
CHANGE_THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
IN_THEME = """theme => {
    const paper = getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim();
    return document.body.dataset.jpThemeName === `JupyterLab ${theme}` && paper.startsWith('#1') === (theme === 'Dark');
}"""


def wrong_looks(page, views, width_px: int) -> list:
    """What is cut off or covered in views where the notebook of a `NotebookPage` has this width."""
    size = page.page.viewport_size
    beside = size["width"] - page.page.evaluate("() => document.querySelector('.jp-Notebook').clientWidth")
    page.resize(width_px + beside, size["height"])
    wrong = [found for view in views for check in (CUT_OFF, COVERED) for found in view.evaluate(check)]
    page.page.set_viewport_size(size)
    return wrong


def show_theme(page, theme: str) -> None:
    """Show a `NotebookPage` in one of THEMES."""
    page.page.evaluate(CHANGE_THEME, f"JupyterLab {theme}")
    page.page.wait_for_function(IN_THEME, arg=theme)
    page.page.wait_for_timeout(200)  # canvases are painted anew a frame after the styles are there

"""What axe-core finds wrong in what a notebook shows: rules of access that a machine can check."""

from pathlib import Path

import axe_playwright_python

from browser.notebook_page import OUTPUT

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
# What notebooks show is ours; cells, toolbars and prompts around it are JupyterLab's.
OURS = [OUTPUT, ".jp-RenderedMarkdown"]
# JupyterLab's to keep: landmarks of the page, and links in text, which it does not underline.
RULES = {rule: {"enabled": False} for rule in ("region", "link-in-text-block")}
COLOURS = {"type": "rule", "values": ["color-contrast"]}
FIND = """async ([ours, how]) => {
    // JupyterLab's has none, and cuts off what goes beyond: axe would take all for hidden.
    document.body.style.height = '100vh';
    const include = ours.filter(selector => document.querySelector(selector)).map(selector => [selector]);
    const {violations} = await axe.run({include}, {resultTypes: ['violations'], ...how});
    return violations.flatMap(({id, impact, nodes}) => nodes.map(({html, any, all, none}) =>
        [impact, id, html.slice(0, 200), [...any, ...all, ...none].map(check => check.message).join(' ')]));
}"""


def findings(page, impacts=("serious", "critical"), *, colours=False) -> list[tuple[str, str, str, str]]:
    """Impact, rule, element and reason of what is wrong in a `NotebookPage` as it is shown now; or of colours alone."""
    if not page.page.evaluate("() => 'axe' in window"):
        page.page.evaluate(AXE)
    how = {"runOnly": COLOURS} if colours else {"rules": RULES}
    return [tuple(found) for found in page.page.evaluate(FIND, [OURS, how]) if found[0] in impacts]

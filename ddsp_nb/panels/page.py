"""What runs in the page: JavaScript files of this package as modules for widgets."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path

import anywidget
from IPython.display import publish_display_data
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ddsp_nb import plots

# Of stills: a display takes some 60 ms longer and a notebook some 30 kB more.
STILL_DPI = 72
# JupyterLab shows either the live view, which has elements, or the still. Where styles are left out, the still stays.
STILL = """<div class="ddsp-still">{image}<p>To {purpose}, run the notebook: Run → Run All Cells.</p></div><style>
.jp-OutputArea-child:has(> .lm-Panel > *) + .jp-OutputArea-child:has(.ddsp-still),
.jp-OutputArea-child:has(> .lm-Panel):not(:has(> .lm-Panel > *)):has(+ .jp-OutputArea-child .ddsp-still)
{{ display: none; }}
</style>"""
FOLDER = Path(__file__).with_name("js")
IMPORT = re.compile(r"^import (?:[^;]* from )?\"(\./[\w/]+\.js)\";\n", re.MULTILINE)


class Pictured:
    """Of what a cell shows, named before its own kind: it leaves a still for a page whose kernel has gone."""

    # What it is for.
    purpose = "play"

    def __repr__(self) -> str:
        # Those of widgets have an address in memory, or all that they hold, so that no two runs would show the same.
        return f"{type(self).__name__}()"

    def picture(self) -> Figure | None:
        """What it shows, drawn anew for each still; None where words do."""
        return None

    def _ipython_display_(self, **kwargs) -> None:
        bundle = self._repr_mimebundle_(**kwargs)  # type: ignore[attr-defined]
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        # Before the still: it does not wait for a picture.
        publish_display_data(data, metadata)
        with rc_context(plots.LOOK):
            figure = self.picture()
            image = plots.IMAGE.format(escape(repr(self)), "", b64encode(still_png(figure)).decode()) if figure else ""
        publish_display_data({"text/html": STILL.format(image=image, purpose=self.purpose)})


class PageWidget(Pictured, anywidget.AnyWidget):
    """A widget that this package's JavaScript shows, in the style of all of them."""

    _css = (FOLDER / "widgets.css").read_text()


def still_png(figure: Figure) -> bytes:
    """A figure as the bytes of a small PNG file, without its paper."""
    figure.set(dpi=STILL_DPI, facecolor="none")
    canvas, file = FigureCanvasAgg(figure), BytesIO()
    canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    image.quantize(method=Image.Quantize.FASTOCTREE).save(file, format="png")
    return file.getvalue()


@cache
def module(name: str, **threads: str) -> str:
    """One self-contained module: `js/name.js` after all that it imports, each once.

    A widget's module is sent as text and cannot import its neighbours; as files they can, so that they can be linted.
    What a page does for every widget, `attended` in page.js does.

    Args:
        name: of its file.
        threads: constant in it: name of a module whose text it holds, for a thread of its own (a worklet, a worker).
    """
    texts = (f"const {constant} = {json.dumps(module(thread))};\n" for constant, thread in threads.items())
    whole, is_widget, widget = "".join((*texts, *_parts(FOLDER / f"{name}.js", set()))).partition("export default ")
    attended = f"const made = {widget}export default () => attended(made.render ? made : made());\n"
    return whole + attended if is_widget else whole


def _parts(path: Path, seen: set[Path]) -> Iterator[str]:
    text = path.read_text()
    for name in IMPORT.findall(text):
        other = path.parent / name
        if other not in seen:
            seen.add(other)
            yield from (re.sub(r"^export ", "", part, flags=re.MULTILINE) for part in _parts(other, seen))
    yield IMPORT.sub("", text)

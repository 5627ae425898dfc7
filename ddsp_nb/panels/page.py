"""What runs in the page: JavaScript files of this package as modules for widgets."""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import anywidget

from ddsp_nb import plots

# Where this variable of the environment is set, players leave a picture for a page without a kernel.
PICTURES = "DDSP_NB_PICTURES"
FOLDER = Path(__file__).with_name("js")
IMPORT = re.compile(r"^import (?:[^;]* from )?\"(\./[\w/]+\.js)\";\n", re.MULTILINE)


class PageWidget(anywidget.AnyWidget):
    """A widget that this package's JavaScript shows, in the style of all of them."""

    _css = (FOLDER / "widgets.css").read_text()

    def __repr__(self) -> str:
        # anywidget's has an address in memory, so that no two runs of a notebook would show the same.
        return f"{type(self).__name__}()"


class Pictured:
    """Of a widget, named before its own kind: it may leave a picture for a page without a kernel."""

    def picture(self) -> bytes:
        """PNG of what it shows."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if bundle is None or not os.environ.get(PICTURES):
            return bundle
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        # As wide as the figures.
        width = {"width": round(plots.WIDTH * plots.DPI)}
        return data | {"image/png": self.picture()}, metadata | {"image/png": width}


@cache
def module(name: str, **threads: str) -> str:
    """One self-contained module: `js/name.js` after all that it imports, each once.

    A widget's module is sent as text and cannot import its neighbours; as files they can, so that they can be linted.

    Args:
        name: of its file.
        threads: constant in it: name of a module whose text it holds, for a thread of its own (a worklet, a worker).
    """
    texts = (f"const {constant} = {json.dumps(module(thread))};\n" for constant, thread in threads.items())
    return "".join((*texts, *_parts(FOLDER / f"{name}.js", set())))


def _parts(path: Path, seen: set[Path]) -> Iterator[str]:
    text = path.read_text()
    for name in IMPORT.findall(text):
        other = path.parent / name
        if other not in seen:
            seen.add(other)
            yield from (re.sub(r"^export ", "", part, flags=re.MULTILINE) for part in _parts(other, seen))
    yield IMPORT.sub("", text)

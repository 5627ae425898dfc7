"""What runs in the page: JavaScript files of this package as modules for widgets."""

import json
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("js")
IMPORT = re.compile(r"^import [^;]* from \"\./(\w+)\.js\";\n", re.MULTILINE)


@cache
def module(name: str) -> str:
    """One self-contained module: `js/name.js` after all that it imports, each once.

    A widget's module is sent as text and cannot import its neighbours; as files they can, so that they can be linted.
    """
    return "".join(_parts(name, set()))


def module_with_worklet(name: str) -> str:
    """`module(name)` with the text of `js/name_worklet.js` as its constant WORKLET: no file is loaded."""
    return module_with(name, WORKLET=f"{name}_worklet")


def module_with(name: str, **threads: str) -> str:
    """`module(name)` with other modules as texts in its constants, for threads of their own: no file is loaded."""
    texts = (f"const {constant} = {json.dumps(module(thread))};\n" for constant, thread in threads.items())
    return "".join(texts) + module(name)


def _parts(name, seen):
    text = (FOLDER / f"{name}.js").read_text()
    for other in IMPORT.findall(text):
        if other not in seen:
            seen.add(other)
            yield from (re.sub(r"^export ", "", part, flags=re.MULTILINE) for part in _parts(other, seen))
    yield IMPORT.sub("", text)


def style() -> str:
    """The style sheet of all widgets."""
    return (FOLDER / "widgets.css").read_text()

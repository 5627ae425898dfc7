"""Boards of controls, drawn in the page in one style: sliders, lists, lines, check boxes, buttons, words."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import traitlets

from ddsp_nb.panels.page import PageWidget, module


class Control(traitlets.HasTraits):
    """One control of a board; `observe(act, "value")` tells when hands or code move it.

    Attributes:
        label: beside it, and its name for screen readers.
        bare: whether the label is read out only.
        tip: said while the pointer rests on it.
        disabled: whether it cannot act now; it looks so.
        hidden: whether it is out of the way; it keeps its value.
        held: whether a hand is still moving it; `observe(act, "held")` tells when it lets go.
    """

    kind: str  # by which the page knows how to draw it
    value: Any = traitlets.Any()
    label, tip = traitlets.Unicode(), traitlets.Unicode()
    bare, disabled, hidden, held = traitlets.Bool(), traitlets.Bool(), traitlets.Bool(), traitlets.Bool()

    def __init_subclass__(cls, kind: str = ""):
        cls.kind = kind or cls.__name__.lower()

    def __init__(self, label: str = "", value: Any = None, **look: Any):
        super().__init__(label=label, **look | ({} if value is None else {"value": value}))

    def look(self) -> dict[str, Any]:
        """What the page draws; it must fit into JSON."""
        return {"kind": self.kind} | {name: getattr(self, name) for name in self.trait_names()}

    def turn(self, value: Any, buffers: Sequence[memoryview]) -> Any:
        """After a hand moved it."""
        self.value = value


class Slider(Control):
    """A number between `low` and `high`; a whole one where `step` is an int. With `live` it tells also on its way.

    A double click brings it to where it is `usual`, at first the value that it was made with.
    """

    low, high, usual, step = traitlets.Float(), traitlets.Float(), traitlets.Float(), traitlets.Any(1)
    live = traitlets.Bool()

    def __init__(self, label: str, low: float, high: float, step: float, value: float | None = None, **look: Any):
        value = low if value is None else value
        super().__init__(label=label, low=low, high=high, step=step, value=value, usual=value, **look)

    @traitlets.validate("value")
    def _check(self, proposal):
        number = type(self.step)(proposal["value"])
        return min(max(number, type(self.step)(self.low)), type(self.step)(self.high))


class Number(Slider):
    """The same as a field to type in."""


class Choice(Control):
    """A list that drops down: `options` are values, or (words, value) each; None is none of them."""

    options: Any = traitlets.List()

    def __init__(self, label: str, options: Sequence[Any], value: Any = None, **look: Any):
        super().__init__(label=label, options=[*options], **look)
        self.value = value if value is not None else next(iter(self.values), None)

    @property
    def values(self) -> list[Any]:
        return [option[1] if isinstance(option, tuple) else option for option in self.options]

    def look(self) -> dict[str, Any]:
        words = [option[0] if isinstance(option, tuple) else str(option) for option in self.options]
        at = self.values.index(self.value) if self.value in self.values else -1
        return super().look() | {"options": words, "value": at}

    def turn(self, value: Any, buffers: Sequence[memoryview]) -> None:
        self.value = self.values[value]

    @traitlets.validate("value")
    def _check(self, proposal):
        if proposal["value"] is not None and proposal["value"] not in self.values:
            raise traitlets.TraitError(f"{self.label} has no choice {proposal['value']!r}.")
        return proposal["value"]

    @traitlets.observe("options")
    def _keep(self, _):
        if self.value not in self.values:
            self.value = next(iter(self.values), None)


class Tabs(Choice):
    """The same as buttons beside each other."""


class Rows(Choice):
    """The same as a list that stays open."""


class Line(Control):
    """A line to write in; `example` stands in it while it is empty."""

    example, value = traitlets.Unicode(), traitlets.Unicode()


class Check(Control):
    """A check box."""

    value = traitlets.Bool()


class Button(Control):
    """A button that calls `press`, and says `waiting` until it is done; the one that matters most is `chief`.

    With a value, True or False, it stays pressed or not.
    """

    chief, waiting = traitlets.Bool(), traitlets.Unicode()

    def __init__(self, label: str, press: Callable[[], object], **look: Any):
        super().__init__(label=label, **look)
        self.click = press

    def turn(self, value: Any, buffers: Sequence[memoryview]) -> Any:
        return None if self.disabled else self.click()


class Download(Button, kind="button"):
    """A button whose `press` gives name and bytes of a file for the browser, or None where it is said why not."""


class File(Control):
    """A button that calls `bring(name, bytes)` with a file of the user's; `accept` is as of HTML's input."""

    accept = traitlets.Unicode()

    def __init__(self, label: str, bring: Callable[[str, bytes], object], accept: str, **look: Any):
        super().__init__(label=label, accept=accept, **look)
        self.bring = bring

    def turn(self, value: Any, buffers: Sequence[memoryview]) -> None:
        self.bring(value, bytes(buffers[0]))


class Words(Control):
    """A line that the panel says; `wrong` ones stand out."""

    value = traitlets.Unicode()
    wrong = traitlets.Bool()


class Progress(Control):
    """How much of `high` is done."""

    value, high = traitlets.Float(), traitlets.Float(1)


class Picture(Control):
    """A picture, named by its label."""

    value = traitlets.Unicode()

    def show(self, png: bytes) -> None:
        """Show the bytes of a PNG file; none is no picture."""
        self.value = f"data:image/png;base64,{b64encode(png).decode()}" if png else ""


class Board(PageWidget):
    """Controls in rows, or in columns with headings.

    Args:
        groups: rows of controls; or {heading: controls}, a column each, in which a list of controls is a row.
        tabs: headings of the columns that share one place, of which a button each shows one.
    """

    _esm = module("board")
    # Asked for by each page that shows the board; what changes afterwards is told by messages.
    looks: Any = traitlets.List().tag(sync=True, to_json=lambda _, board: [each.look() for each in board.controls])
    groups: Any = traitlets.List().tag(sync=True)
    columns = traitlets.Bool().tag(sync=True)

    def __init__(self, *groups: Sequence[Control] | Mapping[str, Sequence[Control]], tabs: Sequence[str] = ()):
        columns = isinstance(groups[0], Mapping)
        named: list[tuple[str, Sequence[Any]]] = []
        for group in groups:
            named += group.items() if isinstance(group, Mapping) else [("", group)]
        self.controls: list[Control] = []
        places = [{"heading": name, "controls": self._placed(group), "tab": name in tabs} for name, group in named]
        super().__init__(groups=places, columns=columns)
        for i, control in enumerate(self.controls):
            control.observe(lambda _, i=i: self._tell(i))
        self.on_msg(self._heard)

    def _placed(self, members):
        """Numbers of controls, and lists of them for rows."""
        if isinstance(members, Control):
            self.controls.append(members)
            return len(self.controls) - 1
        return [self._placed(member) for member in members]

    def _tell(self, i, buffers=(), **more):
        self.send({"type": "look", "at": i, "look": self.controls[i].look(), **more}, buffers=[*buffers])

    def _heard(self, _, content, buffers):
        control, file = self.controls[content["at"]], None
        control.held |= content["more"]
        try:
            file = control.turn(content["value"], buffers)
        finally:
            control.held = content["more"]
            # Also where nothing came of it: the page then shows what is.
            name, *content_of = file if isinstance(control, Download) and file else (None,)
            self._tell(content["at"], content_of, turned=True, file=name)

"""What the tests of the growth panel do inside the kernel; its text is executed there, beside the notebook's names."""

import base64
import hashlib

from ddsp_nb.panels.growth.knobs import COUNTS

TEXTS = ("1, 3, 5", "A3, C5", "1, 1.9, 3.1")  # stages, notes and ratios: one of them means something to each control
the_panel = next(value for value in list(globals().values()) if type(value).__name__ == "GrowthPanel")
controls = the_panel.knobs
first_values = globals().get("first_values") or {name: control.value for name, control in controls.items()}


def digests(widget=the_panel):
    """SHA-256 of every picture in the panel, in the order of the page."""
    own = [bytes(widget.value)] if type(widget).__name__ == "Image" else []
    children = [digest for child in getattr(widget, "children", ()) for digest in digests(child)]
    return [base64.b64encode(hashlib.sha256(picture).digest()).decode() for picture in own] + children


def other_values(name):
    """Values that a control does not have, the most telling first."""
    control = controls[name]
    if hasattr(control, "options"):
        options = [value for _, value in control.options]
    elif isinstance(control.value, bool):
        options = [not control.value]
    elif isinstance(control.value, str):
        options = TEXTS
    else:
        kind, span = type(control.value), min(control.max - control.min, 100)
        options = [kind(control.min + span / 3), kind(control.min + span)]
    return [option for option in options if option != control.value]


def offer(name):
    """Every control as it was, but for one choice if that makes a control count; whether it counts."""
    choices = [{}, *({other: value} for other in choosers(name) for _, value in controls[other].options)]
    counts = COUNTS.get(name, lambda values: True)
    put_back(**next((choice for choice in choices if counts(first_values | choice)), {}))
    return not controls[name].disabled


def choosers(name):
    """The other lists to choose from, the nearest before it first."""
    others = [*controls, *controls][: list(controls).index(name) + len(controls)][::-1]
    return [other for other in others[: len(controls) - 1] if hasattr(controls[other], "options")]


def put_back(**others):
    """Every control as it was, but for some; the map is drawn once."""
    if the_panel.board.values != first_values | others:
        the_panel.board.set(first_values | others)


def plan_in_words():
    """The plan of the panel, or why there is none."""
    try:
        return repr(the_panel.plan)
    except ValueError as error:
        return f"none: {error}"

"""What the tests of the growth panel do inside the kernel; its text is executed there, beside the notebook's names."""

import base64
import hashlib

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
        given = control.options.items() if isinstance(control.options, dict) else control.options
        options = [option[1] if isinstance(option, tuple) else option for option in given]
    elif isinstance(control.value, bool):
        options = [not control.value]
    elif isinstance(control.value, str):
        options = TEXTS
    else:
        kind, span = type(control.value), min(control.max - control.min, 100)
        options = [kind(control.min + span / 3), kind(control.min + span)]
    return [option for option in options if option != control.value]


def offer(name):
    """Move other choices, the nearest before it first, until a control counts."""
    place = list(controls).index(name)
    for other in sorted(controls, key=lambda other: (place - list(controls).index(other)) % len(controls)):
        before = controls[other].value
        for value in other_values(other) if hasattr(controls[other], "options") else ():
            if controls[name].disabled:
                controls[other].value = value
        if controls[name].disabled:
            controls[other].value = before
    return not controls[name].disabled


def put_back():
    """Every control as it was."""
    for name, value in first_values.items():
        controls[name].value = value


def plan_in_words():
    """The plan of the panel, or why there is none."""
    try:
        return repr(the_panel.plan)
    except ValueError as error:
        return f"none: {error}"

"""Several voices as lines of one note at a time. Light to import."""

from collections.abc import Iterable

from ddsp_nb.notes.note import Event, parted


def lines_of(events: Iterable[Event], most: int) -> tuple[list[list[Event]], int]:
    """Events of each line, of which there are up to `most`, and how many notes end early since all of them sounded.

    A note is put into the line that has been silent for longest; into a new one where all sound; and where there are as
    many as there may be, into that of the oldest note. Bends and levels are told to all.
    """
    told, lines, n_cut = list[Event](), list[list[Event]](), 0
    # The line of each key that is down, and which event moved a key of each line last.
    down, moved = dict[tuple, int](), list[int]()
    for now, event in enumerate(events):
        _, kind, values, part = parted(event)
        if kind not in ("on", "off"):
            for line in (told, *lines):
                line.append(event)
            if kind == "quiet":
                down = {key: i for key, i in down.items() if part not in (None, key[-1])}
            continue
        key = (*values[:1], part)
        if kind == "on" and key not in down:
            silent = [i for i in range(len(lines)) if i not in down.values()]
            if not silent and len(lines) < most:
                silent = [len(lines)]
                lines.append(told.copy())
                moved.append(now)
            n_cut += not silent
            chosen = min(silent or range(most), key=moved.__getitem__)
            down = {other: i for other, i in down.items() if i != chosen} | {key: chosen}
        if key in down:
            i = down[key] if kind == "on" else down.pop(key)
            lines[i].append(event)
            moved[i] = now
    return lines, n_cut

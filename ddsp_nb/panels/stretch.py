"""The whole of a long recording at a glance, and which stretch of it is used: dragged, moved by keys, or typed."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import traitlets

from ddsp_nb.errors import AudioError
from ddsp_nb.panels.page import PageWidget, module
from ddsp_nb.sound.load import load_audio
from ddsp_nb.sound.overview import outline
from ddsp_nb.store.workspace import LONGEST_STRETCH_S, SHORTEST_STRETCH_S, Recording

# Of what is listened to, Hz.
RATE = 44_100


class StretchPicker(PageWidget):
    """An outline with the stretch marked in it; nothing is shown of a recording that is used whole.

    Args:
        chosen: called with begin and end in s, and whether to learn from all of it, when the user has chosen.
    """

    _esm = module("stretch")
    about = traitlets.Dict().tag(sync=True)
    outline = traitlets.Bytes().tag(sync=True)

    def __init__(self, chosen: Callable[[float, float, bool], None]):
        super().__init__()
        self._chosen, self._path = chosen, Path()
        self.on_msg(self._heard)

    def show(self, recording: Recording) -> None:
        """Show what is used of a recording."""
        if not recording.is_long:
            self.about = {}
            return
        if recording.path != self._path:
            self._path, self.outline = recording.path, outline(recording.path).T.tobytes()
        self.about = {
            "name": recording.name,
            "seconds": recording.seconds,
            "stretch": list(recording.stretch_s),
            "all": recording.learn_all,
            "shortest": SHORTEST_STRETCH_S,
            "longest": min(LONGEST_STRETCH_S, recording.seconds),
            "rate": RATE,
        }

    def _heard(self, _, content, buffers):
        if content.get("type") not in ("stretch", "listen"):
            return
        start_s, stop_s = float(content["start"]), float(content["stop"])
        if content["type"] == "stretch":
            self._chosen(start_s, stop_s, bool(content["all"]))
            # What was refused changes nothing here, but the page has to take it back.
            self.send({"type": "answer"})
            return
        # Silence is heard as such.
        with suppress(AudioError):
            sound = load_audio(self._path, RATE, start_s=start_s, duration_s=stop_s - start_s)
            self.send({"type": "sound"}, buffers=[sound.numpy().astype("<f4").tobytes()])

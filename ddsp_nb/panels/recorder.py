"""What a user brings into the page: a file, or a recording by the microphone."""

from collections.abc import Callable

import numpy as np
import torch
import traitlets

from ddsp_nb.panels.page import PageWidget, module
from ddsp_nb.sound.blocks import PHONE_SUFFIXES

ACCEPTED = ",".join(("audio/*", ".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", *PHONE_SUFFIXES))  # by a file chooser


class Recorder(PageWidget):
    """Choose a file, or record in the page with a level meter, up to 30 s; listen, keep or discard.

    Args:
        recorded: called with [n_samples] sound and its sample rate in Hz when one is kept.
        chosen: called with name and bytes of a file.
    """

    _esm = module("recorder", WORKLET="recorder_worklet")
    accept = traitlets.Unicode(ACCEPTED).tag(sync=True)

    def __init__(self, recorded: Callable[[torch.Tensor, int], None], chosen: Callable[[str, bytes], None]):
        super().__init__()
        self._recorded, self._chosen = recorded, chosen
        self._pieces: list[bytes] = []
        self.on_msg(self._heard)

    def _heard(self, _, content, buffers):
        """Collect pieces, which come in their order, until they are complete."""
        if content.get("type") not in ("sound", "file"):
            return
        if content["offset"] == 0:
            self._pieces = []
        self._pieces.append(bytes(buffers[0]))
        if sum(map(len, self._pieces)) < content["total"]:
            return
        whole, self._pieces = b"".join(self._pieces), []
        if content["type"] == "file":
            self._chosen(content["name"], whole)
        else:
            self._recorded(torch.from_numpy(np.frombuffer(whole, "<f4").copy()), content["rate"])

"""A button that downloads a file which the kernel makes when it is asked."""

from collections.abc import Callable

import traitlets

from ddsp_nb.panels.page import PageWidget, module


class Download(PageWidget):
    """Hands a file to the browser.

    Args:
        words: of the button.
        make: called when it is pressed; gives name and bytes of the file, or None where there is none, said elsewhere.
    """

    _esm = module("download")
    words = traitlets.Unicode().tag(sync=True)

    def __init__(self, words: str, make: Callable[[], tuple[str, bytes] | None]):
        super().__init__(words=words)
        self._make = make
        self.on_msg(lambda *_: self.hand_over())

    def hand_over(self) -> None:
        """Make the file and send it to the page that waits for it."""
        file = self._make()
        if file is None:
            self.send({"type": "none"})
        else:
            self.send({"type": "file", "name": file[0]}, buffers=[file[1]])

"""The instrument under the hands: keys in the page that a trained model answers, without the kernel."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ddsp_nb.errors import ConfigError, NotesError
from ddsp_nb.panels.keyboard.weights import WASM, check_playable, heard_timbre, packed, settings
from ddsp_nb.panels.page import PageWidget, module
from ddsp_nb.playing.articulation import Articulation
from ddsp_nb.playing.own_timbre import warn_of_lift
from ddsp_nb.playing.performance import Performance
from ddsp_nb.training.model import DDSPModel
from ddsp_nb.training.take import Take

MAX_VOICES = 16  # of the largest network these take half of one core
PIECE = 1 << 22  # bytes of a message: servers refuse more than 10 MiB, and small ones keep the page alive


class PlayPanel(PageWidget):
    """Play a trained model: keys on the screen, of the computer or of MIDI, or sing; sliders for what sounds of it.

    Network and synthesizer run in the page, so the kernel is free while one plays, and may even train: `use` swaps the
    weights under the fingers. What is played between Record and Stop comes back as `performance`.

    Args:
        model: the instrument, with its own timbre.
        take: of its recording, whose attack, decay and release notes have, or these; usual ones without.
        n_voices: that sound at a time, 1 to 16; one more steals the oldest released one, which fades within 10 ms.

    Raises:
        ConfigError: n_voices outside its range, or an instrument that the page cannot compute (`hidden_size` no
            multiple of 4, `hop_length` no power of 2).
    """

    _esm = module("play_panel", WORKLET="play_worklet", WORKER="play_worker", MICROPHONE="play_microphone_worklet")

    def __init__(self, model: DDSPModel, take: Take | Articulation | None = None, *, n_voices: int = 8):
        if not 1 <= n_voices <= MAX_VOICES:
            raise ConfigError(f"n_voices is {n_voices!r}; use 1 to {MAX_VOICES}.")
        check_playable(model)
        warn_of_lift(model)
        super().__init__()
        self.model_played, self.take_played, self.n_voices = model, take, n_voices
        self._performance: Performance | None = None
        self.on_msg(self._heard)

    def use(self, model: DDSPModel, take: Take | Articulation | None = None) -> None:
        """Play another model, or the same one as it is now; notes that are held go on with it.

        Args:
            model: the instrument.
            take: of its recording; the one before, if None.

        Raises:
            ConfigError: an instrument that the page cannot compute.
        """
        check_playable(model)
        warn_of_lift(model)
        self.model_played, self.take_played = model, take or self.take_played
        self._send_instrument()

    def play_as(self, timbre: torch.Tensor) -> None:
        """Go on in another timbre, notes that are held included, until another one comes or `use` is called.

        Args:
            timbre: [n_timbre] such as `family.member("flute:0.4 oboe:0.6").timbre(config)`; its noise floor
                is left out.
        """
        heard = heard_timbre(timbre.detach().cpu().float(), self.model_played.config)
        self.send({"type": "timbre"}, buffers=[heard.numpy().astype("<f4").tobytes()])

    def performance(self, default: Performance | None = None) -> Performance:
        """What was played last between Record and Stop.

        Args:
            default: what to take where nothing was.

        Raises:
            NotesError: nothing was played, and there is no default.
        """
        return self._performance or default or Performance((), 0.0)

    def _send_instrument(self) -> None:
        """The instrument to every page that shows the panel: numbers in pieces, then what they are."""
        layout, numbers = packed(self.model_played)
        data = numbers.tobytes()
        for offset in range(0, len(data), PIECE):
            self.send({"type": "numbers", "offset": offset}, buffers=[data[offset : offset + PIECE]])
        about = settings(self.model_played, self.take_played, self.n_voices)
        self.send({"type": "instrument", "layout": layout, "settings": about}, buffers=[WASM.read_bytes()])

    def _heard(self, _, content, buffers):
        if content.get("type") == "ready":
            self._send_instrument()
        elif content.get("type") == "performance":
            self._performance = None
            with suppress(NotesError), TemporaryDirectory() as folder:
                self._performance = Performance(tuple(map(tuple, content["events"])), content["seconds"])
                midi = self._performance.save_midi(Path(folder) / "played.mid")
                self.send({"type": "midi"}, buffers=[midi.read_bytes()])

"""Where the growth panel's piece stands: the recording's room, none, a made one, or that of a file of one's own."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ddsp_nb.errors import AudioError
from ddsp_nb.files import written_whole
from ddsp_nb.panels.board import Choice, File, Slider
from ddsp_nb.panels.rooms import MADE, RECORDED, made_room
from ddsp_nb.panels.widgets import Attempt
from ddsp_nb.piece.digests import room_sha256
from ddsp_nb.piece.layers import FILE, LEARNED, NONE, RoomSetting
from ddsp_nb.synthesis.room import Room

SOUNDS = "audio/*,.wav,.flac"  # what a page offers from a disk


class RoomBox:
    """A list of rooms, how loud they are, and a button for an impulse response of one's own: `row` of a board.

    Args:
        folder: where those of one's own are kept from session to session; for this one only, if None.
        sample_rate: Hz.
        turned: called with the setting after hands changed it.
    """

    def __init__(self, folder: Path | None, sample_rate: int, turned: Callable[[RoomSetting], None], attempt: Attempt):
        self.folder, self.sample_rate, self._turned, self._showing = folder, sample_rate, turned, False
        self.rooms: dict[str, tuple[RoomSetting, Room]] = {}
        for name in MADE:
            self._add(name, made_room(name, sample_rate))
        for path in sorted(folder.glob("*")) if folder else ():
            with suppress(AudioError):
                self._add(path.stem, Room.load(path, sample_rate))
        self.choice, self.level = Choice("Room", []), Slider("Room level (dB)", -24.0, 12.0, 1.0, 0.0)
        self.own = File("Your own room", lambda *file: attempt(lambda: self.bring(*file)), SOUNDS)
        self.own.tip = "An impulse response, as a sound file"
        for control in (self.choice, self.level):
            control.observe(lambda _: self._change(), "value")
        self.row = [self.choice, self.level, self.own]

    def room(self, setting: RoomSetting) -> Room | None:
        """The room of a file, or a made one, that a piece stands in; None where it stands in none, or it is gone."""
        return next((room for known, room in self.rooms.values() if known.sha256 == setting.sha256), None)

    def show(self, setting: RoomSetting, recorded: Room | None) -> None:
        """Show a setting for a piece whose recording has this room."""
        self._showing, chosen = True, replace(setting, wet_db=0.0)
        made = [(name, known) for name, (known, _) in self.rooms.items()]
        learned = RECORDED if recorded else f"{RECORDED}: dry"
        self.choice.options = [(learned, RoomSetting(LEARNED)), ("none", RoomSetting(NONE)), *made]
        self.choice.value = chosen if chosen in self.choice.values else None
        self.level.value = setting.wet_db
        self.level.disabled = setting.kind == NONE or (setting.kind == LEARNED and recorded is None)
        self._showing = False

    def bring(self, name: str, content: bytes) -> None:
        """Put the piece into the room of a sound file. Raises AudioError where it is none."""
        path = (self.folder or Path(tempfile.mkdtemp())) / Path(name).name
        with written_whole(path, AudioError) as temporary:
            temporary.write_bytes(content)
            try:
                room = Room.load(temporary, self.sample_rate)
            except AudioError as error:
                raise AudioError(str(error).replace(str(temporary), name)) from error
        self._turned(replace(self._add(path.stem, room), wet_db=self.level.value))

    def _add(self, name, room):
        self.rooms[name] = RoomSetting(FILE, sha256=room_sha256(room)), room
        return self.rooms[name][0]

    def _change(self):
        if not self._showing and self.choice.value is not None:
            self._turned(replace(self.choice.value, wet_db=self.level.value))

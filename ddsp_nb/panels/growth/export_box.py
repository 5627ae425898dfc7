"""The corner of the growth panel from which a piece leaves: files on disk, or a download."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import ipywidgets

from ddsp_nb.errors import GrowthError
from ddsp_nb.panels.download import Download
from ddsp_nb.panels.widgets import WRAPPED, button
from ddsp_nb.piece.compose import Piece
from ddsp_nb.piece.export import check_format, export

BITS = {"16 bit": "PCM_16", "24 bit": "PCM_24", "float (WAV)": "FLOAT"}
ALSO = {"stems": "stems", "stages": "each stage", "midi": "MIDI", "stage_map": "map as picture"}
SLIM = {"width": "auto", "margin": "2px 14px 2px 4px", "flex": "0 0 auto"}


class ExportBox(ipywidgets.VBox):
    """A file name, a format, and check boxes for what else to write beside the sound and its sidecar.

    Args:
        write: called when "Write to disk" is pressed.
        zipped: called when the download is wanted; gives its name and bytes, or None.
    """

    def __init__(self, write: Callable[[], None], zipped: Callable[[], tuple[str, bytes] | None]):
        self.file_name = ipywidgets.Text(
            value="output/growth.wav",
            placeholder="output/growth.wav, .flac or .zip",
            description="File",
            continuous_update=False,
            style={"description_width": "30px"},
            layout={"width": "270px", "max_width": "100%"},
        )
        self.bits = ipywidgets.Dropdown(options=list(BITS.items()), layout={"width": "120px", "flex": "0 0 auto"})
        self.button = button("Write to disk", write, icon="save", width="140px")
        self.download = Download("⤓ Download all as zip", zipped)
        self.replace_box = _check("replace existing files")
        self.also = {name: _check(label) for name, label in ALSO.items()}
        label = ipywidgets.Label("Also write:", layout={"margin": "2px 10px 2px 0", "flex": "0 0 auto"})
        rows = (
            [self.download],
            [self.file_name, self.bits, self.button, self.replace_box],
            [label, *self.also.values()],
        )
        super().__init__([ipywidgets.HBox(row, layout=WRAPPED) for row in rows])

    @property
    def path(self) -> Path:
        """Where the sound goes. Raises GrowthError where no sound can have that name."""
        path = Path(self.file_name.value.strip())
        check_format(path, self.bits.value)
        return path

    def write(self, piece: Piece) -> list[Path]:
        """Write what is ticked; returns the files. Raises GrowthError where names are taken or cannot be used."""
        wanted = {name: box.value for name, box in self.also.items()}
        try:
            return export(piece, self.path, subtype=self.bits.value, overwrite=self.replace_box.value, **wanted)
        except GrowthError as error:
            raise GrowthError(str(error).replace("ask to overwrite", "tick “replace existing files”")) from error

    def zipped(self, piece: Piece) -> tuple[str, bytes]:
        """Name and bytes of a zip with everything: sound, stems, stages, MIDI, sidecar and map."""
        name = f"{self.path.stem}.zip"
        with tempfile.TemporaryDirectory() as folder:
            (path,) = export(piece, Path(folder) / name, subtype=self.bits.value, **dict.fromkeys(ALSO, True))
            return name, path.read_bytes()


def _check(label):
    return ipywidgets.Checkbox(value=False, description=label, indent=False, layout=SLIM)

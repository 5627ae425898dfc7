"""The corner of the growth panel from which a piece leaves: files on disk, or a download."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from ddsp_nb.errors import GrowthError
from ddsp_nb.panels.board import Button, Check, Choice, Download, Line, Words
from ddsp_nb.piece.compose import Piece
from ddsp_nb.piece.export import check_format, export
from ddsp_nb.sound.loudness import in_words

BITS = {"16 bit": "PCM_16", "24 bit": "PCM_24", "float (WAV)": "FLOAT"}
ALSO = {"stems": "stems", "stages": "each stage", "midi": "MIDI", "stage_map": "map as picture"}
LOUDNESS = {"as loud as it is": None, "-14 LUFS: streaming": -14, "-16 LUFS: podcast": -16, "-23 LUFS: broadcast": -23}


class ExportBox:
    """A file name, a format, and check boxes for what else to write beside the sound: `rows` of a board.

    Args:
        write: called when "Write to disk" is pressed.
        zipped: called when the download is wanted; gives its name and bytes, or None.
    """

    def __init__(self, write: Callable[[], None], zipped: Callable[[], tuple[str, bytes] | None]):
        self.file_name = Line("File", "output/growth.wav", example="output/growth.wav, .flac or .zip")
        self.bits = Choice("Bits of a sample", list(BITS.items()), bare=True)
        self.loudness = Choice("Loudness of the file", list(LOUDNESS.items()), bare=True)
        self.button = Button("Write to disk", write)
        self.download = Download("⤓ Download all as zip", zipped, chief=True, waiting="Packing …")
        self.replace_box, self.words = Check("replace existing files"), Words()
        self.also = {name: Check(label) for name, label in ALSO.items()}
        self.rows = [
            [self.download, self.file_name, self.bits, self.loudness],
            [self.button, self.replace_box, Words(value="Also write:"), *self.also.values()],
            self.words,
        ]

    @property
    def path(self) -> Path:
        """Where the sound goes. Raises GrowthError where no sound can have that name."""
        path = Path(self.file_name.value.strip())
        check_format(path, self.bits.value)
        return path

    def write(self, piece: Piece) -> tuple[list[Path], str]:
        """Write what is ticked; returns the files, and how loud the piece is.

        Raises GrowthError where names are taken or cannot be used.
        """
        wanted = {name: box.value for name, box in self.also.items()}
        piece = piece.at_loudness(self.loudness.value)
        words = f"{in_words(piece.audio, piece.sample_rate)}." if self.loudness.value is None else piece.remarks[-1]
        try:
            return export(piece, self.path, subtype=self.bits.value, overwrite=self.replace_box.value, **wanted), words
        except GrowthError as error:
            raise GrowthError(str(error).replace("ask to overwrite", "tick “replace existing files”")) from error

    def zipped(self, piece: Piece) -> tuple[str, bytes]:
        """Name and bytes of a zip with everything: sound, stems, stages, MIDI, sidecar and map."""
        name = f"{self.path.stem}.zip"
        with tempfile.TemporaryDirectory() as folder:
            piece = piece.at_loudness(self.loudness.value)
            (path,) = export(piece, Path(folder) / name, subtype=self.bits.value, **dict.fromkeys(ALSO, True))
            return name, path.read_bytes()

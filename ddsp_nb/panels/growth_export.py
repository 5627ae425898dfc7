"""The export corner of the growth panel: what to write, as what, under which name."""

from pathlib import Path

import ipywidgets

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.export import check_format, export
from ddsp_nb.growth.render import Growth

BITS = {"16 bit": "PCM_16", "24 bit": "PCM_24", "float (WAV)": "FLOAT"}
MORE = {"stems": "stems", "stages": "each stage", "midi": "MIDI", "stage_map": "map as picture"}
SLIM = {"width": "auto", "margin": "2px 14px 2px 4px"}


class ExportBox(ipywidgets.VBox):
    """A file name, a format, and check boxes for what else to write beside the sound and its sidecar."""

    def __init__(self):
        self.file_name = ipywidgets.Text(
            value="output/growth.wav",
            placeholder="output/growth.wav or .flac",
            description="File",
            continuous_update=False,
            style={"description_width": "30px"},
            layout={"width": "270px"},
        )
        self.bits = ipywidgets.Dropdown(options=list(BITS.items()), layout={"width": "100px"})
        self.button = ipywidgets.Button(description="Export", icon="download", layout={"width": "110px"})
        self.replace_box = _check("replace existing files")
        self.more = {name: _check(label) for name, label in MORE.items()}
        also = ipywidgets.HBox(
            [ipywidgets.Label("Also write:", layout={"margin": "2px 10px 2px 0"}), *self.more.values()]
        )
        super().__init__([ipywidgets.HBox([self.file_name, self.bits, self.button, self.replace_box]), also])

    @property
    def path(self) -> Path:
        """Where the sound goes. Raises GrowthError where no sound can have that name."""
        path = Path(self.file_name.value.strip())
        if path.suffix.lower() not in (".wav", ".flac"):
            raise GrowthError("The piece cannot have that name. Write one that ends in .wav or .flac into “File”.")
        check_format(path, self.bits.value)
        return path

    def write(self, growth: Growth) -> list[Path]:
        """Write what is ticked; returns the files. Raises GrowthError where names are taken or cannot be used."""
        wanted = {name: box.value for name, box in self.more.items()}
        try:
            return export(growth, self.path, subtype=self.bits.value, overwrite=self.replace_box.value, **wanted)
        except GrowthError as error:
            raise GrowthError(str(error).replace("ask to overwrite", "tick “replace existing files”")) from error


def _check(label):
    return ipywidgets.Checkbox(value=False, description=label, indent=False, layout=SLIM)

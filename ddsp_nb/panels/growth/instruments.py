"""What the layers of a piece can play: the instrument of the panel, those of other recordings, and the recordings."""

from dataclasses import replace

from ddsp_nb.errors import GrowthError
from ddsp_nb.growth.track import Source
from ddsp_nb.panels.growth.voice import DRY, GROWTH
from ddsp_nb.store.checkpoint import load_model
from ddsp_nb.store.workspace import Recording, Workspace

THIS = ""  # name of the instrument of the panel in values


class Instruments:
    """Sources by name, loaded when they are first played.

    Args:
        source: the instrument of the panel.
        recording: that it learned from; None where only the model is known.
        workspace: whose other recordings can be played, once they have a model.
    """

    def __init__(self, source: Source, recording: Recording | None, workspace: Workspace | None):
        self.loaded, self.recording, self.family = {THIS: source}, recording, source.family
        others = workspace.recordings() if workspace is not None else []
        this = recording.path if recording is not None else None
        self.others = {other.name: other for other in others if other.path != this and other.trained}

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Words and value of everything that a layer can play."""
        name = self.recording.name if self.recording is not None else "this instrument"
        dry = [(f"{name} as recorded", f"{DRY}:{THIS}")] if self.recording is not None else []
        kinds = ((GROWTH, "growth of {}"), (DRY, "{} as recorded"))
        others = [(words.format(other), f"{kind}:{other}") for other in self.others for kind, words in kinds]
        return [(f"growth of {name}", f"{GROWTH}:{THIS}"), *dry, *others]

    def source(self, plays: str) -> tuple[str, Source]:
        """Name and source that a value stands for; a dry one holds its recording.

        Raises GrowthError where it is not to be had any more.
        """
        kind, _, name = plays.partition(":")
        if name not in self.loaded:
            if name not in self.others:
                raise GrowthError(f"There is no instrument {name} any more. Choose another one for this layer.")
            self.loaded[name] = Source(*load_model(self.others[name].model_path), family=self.family)
        if kind == DRY and self.loaded[name].audio is None:
            recording, source = self.others.get(name, self.recording), self.loaded[name]
            assert recording is not None  # or it was not offered
            audio = recording.audio(source.model.config.sample_rate)
            self.loaded[name] = replace(source, audio=audio)
        return name, self.loaded[name]

from .band_faders import BandFaders as BandFaders
from .chooser import RecordingChooser as RecordingChooser
from .drawbars import Drawbars as Drawbars
from .growth_panel import GrowthPanel as GrowthPanel
from .listen import compare as compare
from .listen import play as play
from .player import Player as Player
from .training_panel import TrainingPanel as TrainingPanel

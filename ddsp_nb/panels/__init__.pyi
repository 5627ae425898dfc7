from .chooser import RecordingChooser as RecordingChooser
from .growth_panel import GrowthPanel as GrowthPanel
from .listen import compare as compare
from .listen import play as play
from .player import Player as Player
from .training_panel import TrainingPanel as TrainingPanel

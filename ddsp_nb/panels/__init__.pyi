from .band_faders import BandFaders as BandFaders
from .drawbars import Drawbars as Drawbars
from .growth_panel import GrowthPanel as GrowthPanel
from .listen import compare as compare
from .listen import play as play
from .training_panel import TrainingPanel as TrainingPanel
from .upload import UploadPanel as UploadPanel
from .upload import upload_panel as upload_panel

"""Notebooks of the browser's own, by name: the panels and players of the workbook on an instrument trained in seconds.

The five notebooks themselves are run by nbval, once.
"""

SET_UP = """
import torch
from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, FeatureExtractor, load_audio, load_or_train, plots
from ddsp_nb import record_take
from ddsp_nb.panels import GrowthPanel, RecordingChooser, TrainingPanel, compare, play

config, seed = Config(sample_rate=16_000, hidden_size=32), 0
audio_path, model_path = "../data/violin.flac", "output/ddsp_model.pt"
"""
LOAD = """
audio = load_audio(audio_path, config.sample_rate)
features = FeatureExtractor(config)(audio)
"""

PLAYERS = (
    SET_UP + LOAD,
    'play(audio, config.sample_rate, "The recording")\nplots.spectrogram(audio, config.sample_rate);',
    'compare({"loud": audio, "soft": 0.1 * audio}, config.sample_rate)',
    "chooser = RecordingChooser(config=config)\nchooser",
)
TRAINING = (
    SET_UP + LOAD,
    """
recording = AnalysedRecording.of("violin", audio, config)
corpus, take = Corpus.of([recording], config), record_take(recording, config)
torch.manual_seed(seed)
model = DDSPModel(config)
panel = TrainingPanel(model, corpus, take, path=model_path, seed=seed, epochs=3)
panel.start()
panel
""",
    "await panel.finished()",
)
GROWTH = (
    SET_UP + "model, take = load_or_train(model_path, audio_path, config, epochs=3, seed=seed)",
    "panel = GrowthPanel(model, take, seed=seed)\npanel",
)
HANDS = (
    "from IPython.display import display\nfrom ddsp_nb.panels import BandFaders, Drawbars",
    'drawbars = Drawbars([1, 0.5, 0.8, 0.3], recipe_name="violin")\ndrawbars',
    'faders = BandFaders([1 / (1 + band) for band in range(64)], recipe_name="the bow")\nfaders',
)
LIVE = (
    SET_UP + "from ddsp_nb.panels import Drawbars, PlayPanel",
    """
config = Config(hidden_size=32)
model, take = load_or_train("output/live.pt", audio_path, config, epochs=3, seed=seed)
panel = PlayPanel(model, take)
panel
""",
    "drawbars = Drawbars()\ndrawbars",
)
MAP = (
    """
from ddsp_nb.panels import TimbreMap
from ddsp_nb.training.family import Family

family = Family.shipped()
""",
    """
timbres = TimbreMap(family, own={"my voice": family.member("flute:0.3 oboe:0.7")})
timbres
""",
)
NOTEBOOKS = {
    "players": PLAYERS,
    "training": TRAINING,
    "growth": GROWTH,
    "hands": HANDS,
    "live": LIVE,
    "sing": LIVE,
    "map": MAP,
}

"""Notebooks of the browser's own, by name: the panels and players of the workbook on an instrument trained in seconds.

The five notebooks themselves are run by nbval, once.
"""

SET_UP = """
import torch
from ddsp_nb import Config, DDSPModel, FeatureExtractor, load_audio, load_or_train, plots
from ddsp_nb.panels import GrowthPanel, TrainingPanel, compare, play, upload_panel

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
    "panel = upload_panel(config)\npanel",
)
TRAINING = (
    SET_UP + LOAD,
    """
torch.manual_seed(seed)
model = DDSPModel(config)
panel = TrainingPanel(model, features, audio, path=model_path, seed=seed, epochs=3)
panel.start()
panel
""",
    "await panel.finished()",
)
GROWTH = (
    SET_UP + "model, features = load_or_train(model_path, audio_path, config, epochs=3, seed=seed)",
    "panel = GrowthPanel(model, features, seed=seed)\npanel",
)
NOTEBOOKS = {"players": PLAYERS, "training": TRAINING, "growth": GROWTH}

"""Notebooks of the browser's own, by name: the panels and players of the workbook on an instrument trained in seconds.

The five notebooks themselves are run by nbval, once.
"""

SET_UP = """
import torch
from ddsp_nb import AnalysedRecording, Config, Corpus, DDSPModel, FeatureExtractor, load_audio, load_or_train, plots
from ddsp_nb import record_take
from ddsp_nb.panels import BlindTest, GrowthPanel, RecordingChooser, TrainingPanel, compare, play

config, seed = Config(sample_rate=16_000, hidden_size=32), 0
audio_path, model_path = "../data/violin.flac", "output/ddsp_model.pt"
plots.look()
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
    """
t = torch.arange(2 * config.sample_rate) / config.sample_rate
low, high = (0.1 * torch.sin(2 * torch.pi * hz * t) for hz in (440, 660))
blind = BlindTest({"low": low, "high": 3 * high}, config.sample_rate, n_trials=8)
blind
""",
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
    """
from ddsp_nb.store.workspace import Workspace

workspace = Workspace()
panel = GrowthPanel(model, take, seed=seed, recording=workspace.current, workspace=workspace)
panel
""",
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
BOARD = (
    """
from ddsp_nb.panels.board import Board, Button, Check, Choice, File, Line, Number, Progress, Slider, Tabs, Words

heard, pressed = [], []
level = Slider("Level (dB)", -48, 12, 0.5, live=True)
level.observe(lambda change: heard.append((change.new, level.held)), "value")
stages = Slider("Stages", 1, 64, 1)
order = Choice("They enter", [("low to high", "low"), ("shuffled", "random")])
seed, notes, live = Number("Shuffle no.", 0, 99, 1), Line("Notes", "A3", example="A3, C4"), Check("at once")
layer, start = Tabs("Layer", ["Layer 1", "Layer 2"]), Button("Start", lambda: pressed.append("start"))
brought = File("Your own room", lambda name, content: pressed.append((name, len(content))), ".wav")
words, bar = Words(), Progress("Training")
""",
    """
board = Board({"Partials": [stages, order], "Noise": [level, seed], "Pitch": [notes, live]}, tabs=("Noise", "Pitch"))
row = Board([layer, start, brought, words, bar])
display(board, row)
""",
)
SHARED = (
    SET_UP + "chooser = RecordingChooser(config=config)\nchooser",
    "recording = chooser.recording\nplay(recording.audio(16_000), 16_000, recording.name)",
)
# One long note, so that what an ear hears of it is steady.
TOUCH = (
    "from ddsp_nb.panels import FirstInstrument, FirstTouch, first_touch\nfirst_touch.PHRASE = 'C4:3'",
    "first = FirstInstrument()\nfirst",
    "FirstTouch(first)",
)
STEPS = (
    """
from ddsp_nb.growth.track import Source
from ddsp_nb.panels import BlendPanel, FirstGrowth, FirstInstrument, FirstMelody

first = FirstInstrument()
first
""",
    "growth = FirstGrowth(first)\ngrowth",
    "melody = FirstMelody(first)\nmelody",
    """
ends = []
for first.chosen in ("flute", "violin"):
    ends.append(Source(first.model, first.plays("C4:0.5 E4:0.5")))
between = BlendPanel(*ends, names=("flute", "violin"))
between
""",
)
SINE = """
import torch
from ddsp_nb.panels import Drawbars, PlayPanel, RecordingChooser, play
from ddsp_nb.playing.family import articulation
from ddsp_nb.training.family import Family

rate = 44_100
sine = 0.3 * torch.sin(2 * torch.pi * 440 * torch.arange(3 * rate) / rate)
"""
STAY = (SINE, 'play(sine, rate, "A4")\nplay(0.1 * sine, rate, "softer")', "RecordingChooser()", "Drawbars()")
# Five partials of a bell; the middle one is soft, begins late, and lies in one critical band with the next.
TRACKS = (
    """
import torch
from ddsp_nb import Config, DDSPModel
from ddsp_nb.analysis.features import FeatureExtractor
from ddsp_nb.panels import GrowthPanel, TracksView
from ddsp_nb.synthesis.controls import Controls
from ddsp_nb.synthesis.oscillator import render_partials
from ddsp_nb.training.take import Take

config = Config(hidden_size=32)
hz = torch.tensor([310.0, 640, 1111, 1160, 3300]).repeat(200, 1)
amplitudes = torch.tensor([0.1, 0.2, 0.002, 0.15, 0.05]) * torch.exp(-torch.arange(200.0)[:, None] / 100)
amplitudes[:30, 2] = 0
controls = Controls.of_coefficients(torch.cat([amplitudes, torch.zeros(200, 5)], 1), torch.zeros(200, config.n_bands))
features = FeatureExtractor(config)(render_partials(hz, controls.coefficients(), config))
bell = Take(features, controls, 0.0, hz=hz)
""",
    "view = TracksView(bell, config)\nview",
    "panel = GrowthPanel(DDSPModel(config), bell)\npanel",
)
FOX = (
    SINE + 'member = Family.shipped()["flute"]',
    'play(sine, rate, "A4")',
    "PlayPanel(member.model(), articulation(member))",
)
NOTEBOOKS = {
    "board": BOARD,
    "players": PLAYERS,
    "training": TRAINING,
    "growth": GROWTH,
    "hands": HANDS,
    "live": LIVE,
    "map": MAP,
    "tracks": TRACKS,
    "shared": SHARED,
    "steps": STEPS,
    "touch": TOUCH,
    "stay": STAY,
    "firefox": FOX,
}

"""Timbre Grower: differentiable synthesis that people can see, hear and play with."""

from ddsp_nb.audio import load_audio, save_audio
from ddsp_nb.checkpoint import load_model, save_model
from ddsp_nb.config import Config
from ddsp_nb.errors import AudioError, CheckpointError, ConfigError, GrowthError, WorkbookError
from ddsp_nb.features import FeatureExtractor, Features
from ddsp_nb.growth import ADSR, GrowthPlan, grow
from ddsp_nb.losses import MultiScaleSpectralLoss
from ddsp_nb.model import DDSPModel, DDSPSynthesizer
from ddsp_nb.noise import FilteredNoiseGenerator
from ddsp_nb.oscillator import HarmonicOscillator
from ddsp_nb.training import train

__all__ = [
    "ADSR",
    "AudioError",
    "CheckpointError",
    "Config",
    "ConfigError",
    "DDSPModel",
    "DDSPSynthesizer",
    "FeatureExtractor",
    "Features",
    "FilteredNoiseGenerator",
    "GrowthError",
    "GrowthPlan",
    "HarmonicOscillator",
    "MultiScaleSpectralLoss",
    "WorkbookError",
    "grow",
    "load_audio",
    "load_model",
    "save_audio",
    "save_model",
    "train",
]

"""Timbre Grower: differentiable synthesis that people can see, hear and play with."""

from importlib import import_module

# Names are imported when they are first used: the command line answers before PyTorch, which takes seconds, loads.
_HOMES = {
    "ADSR": "envelope",
    "AudioError": "errors",
    "CheckpointError": "errors",
    "Config": "config",
    "ConfigError": "errors",
    "DDSPModel": "model",
    "DDSPSynthesizer": "model",
    "FeatureExtractor": "features",
    "Features": "features",
    "FilteredNoiseGenerator": "noise",
    "GrowthError": "errors",
    "GrowthPlan": "plan",
    "HarmonicOscillator": "oscillator",
    "MultiScaleSpectralLoss": "losses",
    "WorkbookError": "errors",
    "WorkbookWarning": "errors",
    "export": "growth_files",
    "grow": "growth",
    "load_audio": "audio",
    "load_model": "checkpoint",
    "save_audio": "audio",
    "save_model": "checkpoint",
    "train": "training",
}
__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return __all__

from types import SimpleNamespace
from ddsp_nb.analysis.decompose import analyse
from ddsp_nb.analysis.features import FeatureExtractor
from ddsp_nb.sound.load import load_audio


def find_recordings(paths):
    return list(paths)


def analyse_recordings(paths, config, *, duration_s=None, say=print):
    out = []
    for p in paths:
        a = load_audio(p, config.sample_rate, duration_s=duration_s)
        f = FeatureExtractor(config)(a)
        out.append(SimpleNamespace(name=p.name, audio=a, features=f, analysis=analyse(f, a, config)))
    return out

"""Players in a notebook: what was rendered is what is heard, at the level it was rendered."""

import html

import numpy as np
import torch
from IPython.display import HTML, Audio, display

FULL_SCALE = 0.9


def play(audio, sample_rate: int, title: str | None = None) -> None:
    """Show a player for [n_samples] sound (tensor or array) at its own level; only beyond ±1 is it turned down."""
    sound = _numpy(audio)
    if title:
        display(HTML(f"<b>{html.escape(title)}</b>"))
    display(Audio(sound / max(1.0, _peak(sound)), rate=sample_rate, normalize=False))


def compare(sounds: dict, sample_rate: int) -> None:
    """Show a player for each of several sounds, {name: [n_samples]}, all multiplied with one and the same gain.

    The loudest peak is brought to 0.9, so differences of level between the sounds stay audible.
    """
    gain = FULL_SCALE / max(max(map(_peak, sounds.values())), 1e-9)
    for name, sound in sounds.items():
        play(gain * _numpy(sound), sample_rate, name)


def _numpy(audio):
    audio = audio.detach().cpu().numpy() if torch.is_tensor(audio) else np.asarray(audio)
    return audio.reshape(-1)  # a batch of one is taken for its only member


def _peak(audio):
    return float(np.abs(_numpy(audio)).max(initial=0))

"""Players in a notebook: what was rendered is what is heard, at the level it was rendered."""

import html

import numpy as np
import torch
from IPython.display import HTML, Audio, display

PEAK = 0.9  # of full scale, for the loudest of several sounds: some headroom for the player's resampling
SILENT_PEAK = 1e-9  # below it all sounds are silence, which no gain makes audible

Sound = torch.Tensor | np.ndarray


def play(audio: Sound, sample_rate: int, title: str | None = None) -> None:
    """Show a player for [n_samples] sound (tensor or array) at its own level; only beyond ±1 is it turned down."""
    sound = _numpy(audio)
    if title:
        display(HTML(f"<b>{html.escape(title)}</b>"))
    display(Audio(sound / max(1.0, _peak(sound)), rate=sample_rate, normalize=False))


def compare(sounds: dict[str, Sound], sample_rate: int) -> None:
    """Show a player for each of several sounds, {name: [n_samples]}, all multiplied with one and the same gain.

    The loudest peak is brought to 0.9, so differences of level between the sounds stay audible.
    """
    gain = PEAK / max(*map(_peak, sounds.values()), SILENT_PEAK)
    for name, sound in sounds.items():
        play(gain * _numpy(sound), sample_rate, name)


def _numpy(audio: Sound) -> np.ndarray:
    audio = audio.detach().cpu().numpy() if torch.is_tensor(audio) else np.asarray(audio)
    return audio.reshape(-1)  # a batch of one is taken for its only member


def _peak(audio: Sound) -> float:
    return float(np.abs(_numpy(audio)).max(initial=0))

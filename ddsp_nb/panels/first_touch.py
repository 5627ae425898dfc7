"""A growth that is touched: the instrument that is chosen, from one sine wave to all of it, under the pointer."""

import torch
from torch.nn.functional import pad

from ddsp_nb.panels.first_steps import HIGHEST_HZ, PHRASE, FirstInstrument
from ddsp_nb.panels.listen import at_one_gain
from ddsp_nb.panels.player import Player
from ddsp_nb.synthesis.oscillator import HarmonicOscillator

# Partials from left to right; between two of these numbers the new ones fade in together.
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 64)
# Of the phrase and a rest, as long for every instrument, so that its loop goes on when another one is chosen.
SECONDS = 4.0


class FirstTouch(Player):
    """A phrase whose partials enter while the pointer moves to the right over its picture, and at last its noise."""

    def __init__(self, first: FirstInstrument):
        super().__init__(**growing(first), max_hz=HIGHEST_HZ, height_px=240, slide=0)
        self.options = self.options | {"slide": self.options["slide"] | {"counts": [*COUNTS, COUNTS[-1]]}}
        first.observe(lambda _: self.show(**growing(first)), "chosen")


@torch.no_grad()
def growing(first: FirstInstrument) -> dict:
    """What a player shows: the phrase with more and more partials, the last time with its noise; and its pitch."""
    take, config = first.plays(PHRASE), first.model.config
    features, coefficients = take.features, take.controls.coefficients().unflatten(-1, (2, -1))
    oscillator, index = HarmonicOscillator(config), torch.arange(config.n_harmonics)
    sing = lambda n: oscillator.render(features.f0_hz, (coefficients * (index < n)).flatten(-2), phase=features.phase)
    sounds = {f"{n} partial{'s' * (n > 1)}": sing(n) for n in COUNTS} | {"with the noise": take.render(config).audio}
    n_samples = round(SECONDS * config.sample_rate)
    padded = at_one_gain({name: pad(sound, (0, n_samples - len(sound))) for name, sound in sounds.items()})
    return {"sounds": padded, "sample_rate": config.sample_rate, "pitches": {"pitch": features}}

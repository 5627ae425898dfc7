"""Two sounds compared blindly, and what guessing would give (notebook 04, "Do you hear the difference?")."""

import math

import numpy as np
import torch

from ddsp_nb.errors import WorkbookError
from ddsp_nb.panels.listen import at_one_gain
from ddsp_nb.panels.player import Player, Sound, samples_of
from ddsp_nb.sound.loudness import integrated_lufs

# Of guesses that do as well: rarer is called a difference that was heard.
RARE = 0.05


class BlindTest(Player):
    """A player of A, B and X, which is one of the two: in each trial a coin says which, and the kernel alone knows.

    The method is ABX: W. A. Munson and M. B. Gardner, "Standardizing Auditory Tests", JASA 22 (1950).

    Args:
        sounds: {name: [n_samples]}, two of them; the longer one is cut.
        n_trials: how often it is asked.
        seed: of the coin; `begin` with another one starts anew.
        match_loudness: whether B is brought to the loudness of A (LUFS), where both have one.
        look: as of `Player`.
    """

    n_pictures = 2  # not of X

    def __init__(self, sounds: dict[str, Sound], sample_rate: int, n_trials=12, seed=0, match_loudness=True, **look):
        if len(sounds) != 2:
            raise WorkbookError("A blind test compares two sounds: BlindTest({name: sound, name: sound}, sample_rate).")
        (self.names, both), self.n_trials = zip(*sounds.items(), strict=True), n_trials
        a, b = (samples_of(sound)[..., : min(samples_of(other).shape[-1] for other in both)] for sound in both)
        lufs, other_lufs = (integrated_lufs(torch.from_numpy(sound), sample_rate) for sound in (a, b))
        self.matched = match_loudness and math.isfinite(lufs) and math.isfinite(other_lufs)
        self.gain_db = lufs - other_lufs if self.matched else 0.0
        self._pair = at_one_gain({"A": a, "B": 10 ** (self.gain_db / 20) * b})
        self._toss(seed)
        super().__init__(self._versions(), sample_rate, **look)
        self.options = self.options | {"blind": True}

    def __repr__(self):
        return f"BlindTest({', '.join(self.names)})"

    def begin(self, seed: int) -> None:
        """Forget the answers, and ask in the order of another seed."""
        self._toss(seed)
        self.show(self._versions(), self.sample_rate, choose="A")

    def _toss(self, seed):
        self.seed, self.right = seed, []
        self._order = np.random.default_rng(seed).choice(["A", "B"], self.n_trials)

    def _versions(self):
        return self._pair | {"X": self._pair[self._order[: len(self.right) + 1][-1]]}

    def _hold(self, *sounds, **more):
        super()._hold(*sounds, **more)
        trial, over, (a, b) = len(self.right), len(self.right) == self.n_trials, self.names
        question = verdict(sum(self.right), trial) if over else f"Trial {trial + 1} of {self.n_trials}:"
        level = f"loudness is matched (B {self.gain_db:+.1f} dB)" if self.matched else "levels are as given"
        words = f"A is {a}, B is {b}, X is one of them; {level}."
        self._message["blind"] = {"trial": trial, "over": over, "question": question, "words": words}

    def _heard(self, widget, content, buffers):
        super()._heard(widget, content, buffers)
        if content.get("type") == "anew":
            self.begin(self.seed + 1)
        # Not if another page was quicker.
        elif content.get("type") == "answer" and content["trial"] == len(self.right):
            self.right.append(content["x"] == self._order[content["trial"]])
            more = len(self.right) < self.n_trials
            self.show(self._versions(), self.sample_rate, choose="A", play=content["playing"] and more)


def verdict(n_right: int, n_trials: int) -> str:
    """A score beside what guessing gives, in words."""
    chance = by_chance(n_right, n_trials)
    percent = f"{100 * chance:.0f} %" if chance >= 0.01 else "less than 1 %"
    heard = "you heard a difference." if chance < RARE else "that does not show that you heard a difference."
    return f"{n_right} of {n_trials} right. By guessing you would get this or more in {percent} of all tests: {heard}"


def by_chance(n_right: int, n_trials: int) -> float:
    """Probability that guesses are right so often or more often: the binomial distribution at one half."""
    return sum(math.comb(n_trials, k) for k in range(n_right, n_trials + 1)) / 2**n_trials

"""The optimiser: Adam with decoupled weight decay.

The same numbers as `torch.optim.AdamW`, without the compiler that it loads, which takes more than a second.
"""

from typing import Any

import torch

EPSILON = 1e-8  # keeps a parameter that hardly matters from jumping


class AdamW:
    """AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101).

    Args:
        groups: {"params": parameters, "lr": learning rate} each; rates may be changed between steps.
        betas: by which the means of gradients and of their squares fade, a step.
        weight_decay: by which parameters shrink, a step and learning rate.
    """

    def __init__(self, groups: list[dict[str, Any]], *, betas=(0.9, 0.999), weight_decay=0.0):
        self.groups, self.betas, self.weight_decay = groups, betas, weight_decay
        self.moments: dict[torch.Tensor, dict[str, torch.Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self.groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for group in self.groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group["lr"])

    def _move(self, parameter, gradient, rate):
        if parameter not in self.moments:
            zeros = lambda: torch.zeros_like(parameter)
            self.moments[parameter] = {"step": torch.zeros(()), "exp_avg": zeros(), "exp_avg_sq": zeros()}
        (fade, fade_squares), moments = self.betas, self.moments[parameter]
        moments["step"] += 1
        n = moments["step"].item()
        parameter.mul_(1 - rate * self.weight_decay)
        mean = moments["exp_avg"].lerp_(gradient, 1 - fade)
        square = moments["exp_avg_sq"].mul_(fade_squares).addcmul_(gradient, gradient, value=1 - fade_squares)
        root = (square / (1 - fade_squares**n)).sqrt_().add_(EPSILON)
        parameter.addcdiv_(mean, root, value=-rate / (1 - fade**n))

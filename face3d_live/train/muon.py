"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal, so that every direction learns alike.

A gradient of a convolution lies mostly along a few directions; Adam scales single weights and follows those few. The
scale of an update is that of Liu et al., "Muon is Scalable for LLM Training" (2025): as large as Adam's usual one, so
that one learning rate and one weight decay serve both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

#: Newton-Schulz of fifth order, coefficients of the reference: singular values end between 0.7 and 1.2.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5
#: Root mean square of Adam's updates in units of the rate, as usually seen.
USUAL = 0.2


def orthogonal(matrix: Tensor) -> Tensor:  # (n, m) -> (n, m)
    """Nearly U V' of the singular value decomposition U S V' of a matrix; bfloat16 inside."""
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(Optimizer):
    """For weights of two and more dimensions; what follows the first counts as one."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One update from the gradients. Raises TypeError for a closure: none is evaluated again."""
        if closure is not None:
            raise TypeError("Muon evaluates no closure")
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                average = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(average, group["momentum"])
                update = orthogonal(ahead.flatten(1)).view(weight.shape)
                scale = USUAL * max(update.shape[0], update[0].numel()) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)

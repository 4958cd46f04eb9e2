"""The last layers once more, by least squares: what gradient descent leaves undone in them is one linear system.

At the end of training the heads still answer too weakly: they move at a tenth of the rate, and portraits, whose labels
are blind to many movements, pull those to zero. With the features as they are, the best correction of every output
that is linear in them has a closed form (ridge regression, Hoerl and Kennedy 1970). Codes are corrected on drawn faces
alone, whose labels are exact in every channel; points on all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from face3d_live.regress.network import Network
from face3d_live.regress.prediction import HEADS
from face3d_live.regress.windows import ALIGNED
from face3d_live.train.augment import Batch
from face3d_live.train.losses import HIDDEN_WEIGHT
from face3d_live.train.pool import SYNTHETIC

#: What is corrected, and how strongly the correction is held small: a multiple of the features' own variance.
#: Chosen on faces that were held out.
CODES, POINTS = ("shape", "expression"), ("points",)
STRENGTH = {"shape": 0.3, "expression": 0.3, "points": 1.0}


@dataclass
class Sums:
    """Second moments of features (F) and residuals (N), kept as the faces go by."""

    count: float = 0.0
    feature: Tensor = field(default_factory=lambda: torch.zeros(()))  # (F,)
    residual: Tensor = field(default_factory=lambda: torch.zeros(()))  # (N,)
    square: Tensor = field(default_factory=lambda: torch.zeros(()))  # (F, F)
    product: Tensor = field(default_factory=lambda: torch.zeros(()))  # (F, N)

    def add(self, features: Tensor, residuals: Tensor) -> None:
        """features: (B, F), residuals: (B, N)."""
        x, y = features.double(), residuals.double()
        self.count += len(x)
        self.feature = self.feature + x.sum(0)
        self.residual = self.residual + y.sum(0)
        self.square = self.square + x.T @ x
        self.product = self.product + x.T @ y

    def solve(self, strength: Tensor) -> tuple[Tensor, Tensor]:
        """The ridge regression of residuals on features: weight (N, F) and bias (N,). strength: (N,)."""
        mean, goal = self.feature / self.count, self.residual / self.count
        square = self.square / self.count - torch.outer(mean, mean)
        product = self.product / self.count - torch.outer(mean, goal)
        spread = square.diagonal().clamp_min(1e-8).sqrt()
        values, vectors = torch.linalg.eigh(square / torch.outer(spread, spread))
        inside = vectors.T @ (product / spread[:, None])  # (F, N)
        weight = ((vectors @ (inside / (values.clamp_min(0)[:, None] + strength))) / spread[:, None]).T
        return weight.float(), (goal - weight @ mean).float()


@torch.no_grad()
def polish(network: Network, batches: Iterable[Batch]) -> None:
    """Correct the last layers of a network in place. batches: as `augment.Augmenter` gives them, images in 0..1."""
    codes, points = Sums(), Sums()
    for batch in batches:
        crops = batch["image"].permute(0, 2, 3, 1).contiguous() * 255
        with torch.autocast(crops.device.type, torch.bfloat16):
            raw, _, features = network.look(crops)
        features = _corrected(network, features.float())
        drawn = batch["source"] == SYNTHETIC
        codes.add(features[drawn], torch.cat([batch[name] - raw[name] for name in CODES], 1)[drawn])
        seen = batch["weight"] * (HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * batch["visible"])
        away = (batch["points"].flatten(1) - raw["points"]) * seen.repeat_interleave(2, 1)
        points.add(features, away)
    for names, sums in ((CODES, codes), (POINTS, points)):
        strength = torch.cat([torch.full((HEADS[name],), STRENGTH[name]) for name in names])
        weight, bias = sums.solve(strength.to(sums.feature))
        widths = [HEADS[name] for name in names]
        for name, rows, shift in zip(names, weight.split(widths), bias.split(widths), strict=True):
            _add(network, name, rows, shift)


def _corrected(network: Network, features: Tensor) -> Tensor:
    """Of all features, (B, `n_features`), those that reach every output: the neck's and the aligned ones."""
    neck, aligned = network.heads["points"].in_features, network.aligned.out.in_features
    return torch.cat([features[:, :neck], features[:, -aligned:]], 1)


def _add(network: Network, name: str, weight: Tensor, bias: Tensor) -> None:
    """Add rows (HEADS[name], F) to what makes an output of the features of `_corrected`."""
    head = network.heads[name]
    head.weight += weight[:, : head.in_features]
    head.bias += bias
    start = sum(HEADS[other] for other in ALIGNED[: ALIGNED.index(name)])
    network.aligned.out.weight[start : start + HEADS[name]] += weight[:, head.in_features :]

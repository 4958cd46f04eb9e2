"""What the network is asked for, as numbers to minimise.

Every term is a mean over the samples that have the label, so the weights below are comparable between batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from face3d_live.head import points as groups
from face3d_live.head.model import Head
from face3d_live.regress.prediction import LOG_SIGMA, N_POINTS
from face3d_live.typing import AnyArray

Raw = dict[str, Tensor]

WEIGHTS = {
    "points": 10.0,
    "coarse": 5.0,
    "likelihood": 0.5,
    "openings": 10.0,
    "local": 40.0,
    "expression": 60.0,
    "expression_metric": 0.3,
    "shape": 1.5,
    "shape_metric": 1.0,
    "texture": 0.3,
    "rotation": 3.0,
    "placement": 4.0,
    "light": 0.5,
    "teacher": 8.0,
    "confidence": 0.3,
}

#: How much the eye minds an error at each group of points; 1 elsewhere.
IMPORTANCE: tuple[tuple[float, Iterable[int]], ...] = (
    (0.5, groups.OVAL),
    (2.0, groups.BROW_LEFT + groups.BROW_RIGHT),
    (2.5, groups.LIPS_OUTER + groups.LIPS_INNER),
    (3.0, groups.EYE_LEFT + groups.EYE_RIGHT),
    (3.0, groups.IRIS_LEFT + groups.IRIS_RIGHT),
)

#: Upper and lower points whose distance is a lid's or the lips' opening.
OPENINGS = (
    (159, 145), (160, 144), (158, 153), (386, 374), (385, 380), (387, 373),
    (13, 14), (82, 87), (312, 317), (81, 178), (311, 402),
)  # fmt: skip

_EYES = (groups.EYE_LEFT + groups.IRIS_LEFT, groups.EYE_RIGHT + groups.IRIS_RIGHT)
_LIPS = groups.LIPS_OUTER + groups.LIPS_INNER
#: Points whose places relative to each other are an expression: lids and iris, brow over eye, lips, lips in the face.
#: An L1 loss on absolute places says nothing of these while the whole group is off to one side.
LOCAL: tuple[tuple[int, ...], ...] = (
    *_EYES,
    _EYES[0] + groups.BROW_LEFT,
    _EYES[1] + groups.BROW_RIGHT,
    _LIPS,
    _LIPS + groups.NOSE_BASE + (152, 148, 377, 199, 200, 175),
)

#: A hidden point is still where the labels say, but nobody could know.
HIDDEN_WEIGHT = 0.3

#: The mean point error, in half sides of the crop, at which confidence has fallen to 1/e.
CONFIDENCE_ERROR = 0.06


def importance() -> Tensor:  # (478,), mean 1
    """Weight of each face point."""
    weight = torch.ones(N_POINTS)
    for value, members in IMPORTANCE:
        weight[list(members)] = value
    return weight / weight.mean()


def rotation_from_6d(six: Tensor) -> Tensor:  # (B, 6) -> (B, 3, 3)
    """The torch twin of `rotations.from_6d`."""
    x = F.normalize(six[:, :3], dim=1)
    y = F.normalize(six[:, 3:] - (x * six[:, 3:]).sum(1, keepdim=True) * x, dim=1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], -1)


def channel_weight(spread: Tensor) -> Tensor:  # (52,) -> (52,), mean 1
    """Weights that ask of a rare movement about as much as of a common one."""
    weight = 1 / spread.clamp_min(0.08)
    return weight / weight.mean()


def confidence_of_error(error: Tensor | AnyArray) -> Tensor:
    """What the confidence head should say of a mean point error in half sides of the crop."""
    return torch.exp(-torch.as_tensor(error) / CONFIDENCE_ERROR)


@dataclass
class Losses:
    """The terms for one head; `bases` are its linear pieces at the 478 points in centimetres."""

    point_weight: Tensor  # (478,)
    shape_basis: Tensor  # (80, 478 * 3)
    expression_basis: Tensor  # (52, 478 * 3)
    channel_weight: Tensor  # (52,)
    openings: Tensor  # (n, 2)

    @classmethod
    def of(cls, head: Head, device: torch.device, spread: Tensor) -> Losses:
        """spread: (52,) standard deviations of the coefficients in training."""
        pieces = head.point_basis()

        def flat(basis: AnyArray) -> Tensor:
            return torch.from_numpy(np.array(basis, np.float32).reshape(len(basis), -1) * 100).to(device)

        openings = torch.tensor(OPENINGS, device=device)
        return cls(
            importance().to(device),
            flat(pieces.shape),
            flat(pieces.expression),
            channel_weight(spread).to(device),
            openings,
        )

    def __call__(self, raw: Raw, batch: Raw, face: Tensor) -> dict[str, Tensor]:
        """The terms of `WEIGHTS`, unweighted. face: (B,) 1 where the crop shows a face, 0 for what is none."""
        point_terms, error = self._points(raw, batch, face)
        codes = self._codes(raw, batch, face)
        target = confidence_of_error(error.detach()) * face
        confidence = F.binary_cross_entropy_with_logits(raw["confidence"][:, 0], target)
        return {**point_terms, **codes, "confidence": confidence}

    def _points(self, raw: Raw, batch: Raw, face: Tensor) -> tuple[Raw, Tensor]:
        predicted = raw["points"].reshape(-1, N_POINTS, 2)
        difference = predicted - batch["points"]
        coarse = raw["coarse"].reshape(-1, N_POINTS, 2)  # the heads' points, before the windows over eyes and mouth
        seen = HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * batch["visible"]
        weight = self.point_weight * batch["weight"] * seen * face[:, None]
        total = weight.sum().clamp_min(1e-6)
        distance = difference.abs().sum(-1)
        # beta-NLL with beta = 1/2 (Seitzer et al., ICLR 2022): the likelihood's gradient times sigma, so that points
        # the network gives up on go on learning.
        log_sigma = raw["log_sigma"].clamp(*LOG_SIGMA)
        sigma = torch.exp(log_sigma)
        likelihood = (difference.square().sum(-1) / (2 * sigma.square()) + 2 * log_sigma) * sigma.detach()
        mean_error = (difference.norm(dim=-1) * weight).sum(1) / weight.sum(1).clamp_min(1e-6)
        upper, lower = self.openings.T
        gap = difference[:, upper] - difference[:, lower]
        both = torch.minimum(weight[:, upper], weight[:, lower])
        local = torch.stack([_local(difference[:, list(group)], weight[:, list(group)]) for group in LOCAL]).mean()
        terms = {
            "points": (distance * weight).sum() / total,
            "coarse": ((coarse - batch["points"]).abs().sum(-1) * weight).sum() / total,
            "likelihood": (likelihood * weight).sum() / total,
            "local": local,
            "openings": (gap.abs().sum(-1) * both).sum() / both.sum().clamp_min(1e-6),
        }
        return terms, mean_error

    def _codes(self, raw: Raw, batch: Raw, face: Tensor) -> Raw:
        expression = batch["expression_weight"] * face[:, None]
        shape = batch["shape_weight"] * face
        texture, light = batch["texture_valid"] * face, batch["light_valid"] * face
        teacher = batch["teacher_weight"] * face[:, None]
        placement = torch.cat([batch["scale"][:, None], batch["position"]], 1)
        turned = rotation_from_6d(raw["rotation"]) - batch["rotation"]
        # Squares all the way for the coefficients: an absolute error asks for the median, which is 0 for a movement
        # that is seldom made and hard to see.
        # A channel without a label takes the label as its own value, so that it moves no vertex.
        move = (raw["expression"] - batch["expression"]) * (expression > 0)
        return {
            "expression": _mean(_smooth(raw["expression"], batch["expression"], 1.0) * self.channel_weight, expression),
            "expression_metric": self._metric(move, self.expression_basis, expression.mean(1)),
            "shape": _mean(_smooth(raw["shape"], batch["shape"], 1.0), shape[:, None]),
            "shape_metric": self._metric(raw["shape"] - batch["shape"], self.shape_basis, shape),
            "texture": _mean(_smooth(raw["texture"], batch["texture"], 1.0), texture[:, None]),
            "rotation": _mean(turned.square().sum((1, 2)), face),
            "placement": _mean((raw["placement"] - placement).abs(), face[:, None]),
            "light": _mean(_smooth(raw["light"], batch["light"], 0.3), light[:, None]),
            "teacher": _mean(_smooth(raw["teacher"], batch["teacher"], 0.2), teacher),
        }

    def _metric(self, codes: Tensor, basis: Tensor, weight: Tensor) -> Tensor:
        """Mean distance, in centimetres, by which an error of the codes moves the face points."""
        moved = (codes @ basis).reshape(len(codes), N_POINTS, 3)
        distance = torch.sqrt(moved.square().sum(-1) + 1e-6)
        return _mean((distance * self.point_weight).mean(1), weight)


def _smooth(predicted: Tensor, target: Tensor, beta: float) -> Tensor:
    return F.smooth_l1_loss(predicted, target, beta=beta, reduction="none")


def _local(difference: Tensor, weight: Tensor) -> Tensor:  # (B, n, 2), (B, n)
    """Mean absolute error of a group of points after its own shift is taken out."""
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-6)
    shift = (difference * share[..., None]).sum(1, keepdim=True)
    return ((difference - shift).abs().sum(-1) * weight).sum() / weight.sum().clamp_min(1e-6)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def total(terms: dict[str, Tensor]) -> Tensor:
    """The one number: terms times `WEIGHTS`."""
    return torch.stack([WEIGHTS[name] * term for name, term in terms.items()]).sum()

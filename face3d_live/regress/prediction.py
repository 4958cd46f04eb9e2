"""`Prediction`: the network's output for a batch of crops, decoded from its raw heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from face3d_live import rotations
from face3d_live.codes import N_EXPRESSION, N_LIGHT, N_SHAPE, N_TEXTURE
from face3d_live.typing import AnyArray, Array

#: What a run time gives: each head's output (B, HEADS[name]) by its name.
Raw = dict[str, Array]

N_POINTS = 478

#: Half the side of a crop, in metres at the head origin's depth, that `scale` 0 stands for.
TYPICAL_HALF_SIDE = 0.12

#: Raw outputs of the network and their widths, in the order in which the weights file and the run times list them.
HEADS: Mapping[str, int] = {
    "shape": N_SHAPE,
    "expression": N_EXPRESSION,
    "texture": N_TEXTURE,
    "rotation": 6,
    "placement": 3,  # scale, then position x, y
    "light": N_LIGHT,
    "points": N_POINTS * 2,
    "log_sigma": N_POINTS,
    "confidence": 1,
}

#: Bounds of the logarithm of a point's standard deviation: 0.2 % to one half of the crop.
LOG_SIGMA = (-6.2, -0.7)


@dataclass(frozen=True)
class Prediction:
    """Codes and points of B crops; all float32.

    expression: (B, 52) 0..1. shape: (B, 80), texture: (B, 50) unit variance. rotation: (B, 3, 3) head to camera as
    seen along the crop's centre ray. scale: (B,) log of (half side of the crop in metres at the depth of the head's
    origin / `TYPICAL_HALF_SIDE`). position: (B, 2) the head's origin in crop coordinates. light: (B, 27).
    points: (B, 478, 2) crop coordinates and sigma: (B, 478) their standard deviation per axis, same unit.
    confidence: (B,) 0..1, falls with the expected error of the points (`confidence_of_error`). coefficients: (B, n) the
    numbers of a regressor that has other ones than these (n = 257 for Deep3D), else (B, 0).
    """

    expression: Array
    shape: Array
    texture: Array
    rotation: Array
    scale: Array
    position: Array
    light: Array
    points: Array
    sigma: Array
    confidence: Array
    coefficients: Array

    def __len__(self) -> int:
        return len(self.expression)

    def row(self, i: int) -> Prediction:
        """The i-th crop alone, still batched (B = 1)."""
        return Prediction(**{name: value[i : i + 1] for name, value in vars(self).items()})


def decode(raw: Mapping[str, AnyArray]) -> Prediction:
    """Raw head outputs, (B, HEADS[name]) each, to a `Prediction`."""
    batch = len(raw["points"])
    out = {name: np.asarray(raw[name], np.float32) for name in HEADS}
    return Prediction(
        expression=np.clip(out["expression"], 0, 1),
        shape=np.clip(out["shape"], -4, 4),
        texture=np.clip(out["texture"], -4, 4),
        rotation=rotations.from_6d(out["rotation"]),
        scale=out["placement"][:, 0],
        position=out["placement"][:, 1:],
        light=out["light"],
        points=out["points"].reshape(batch, N_POINTS, 2),
        sigma=np.exp(np.clip(out["log_sigma"], *LOG_SIGMA)),
        confidence=(1 / (1 + np.exp(-out["confidence"][:, 0]))).astype(np.float32),
        coefficients=np.zeros((batch, 0), np.float32),
    )

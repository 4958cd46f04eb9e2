"""A single picture has time: the network looks at its face in several crops, and the head is fitted to the average.

Measured on 81 portraits: points 3.92 -> 3.72 % and fitted head 4.11 -> 3.90 % of the eye distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.estimate import Estimator

Array = NDArray[np.float32]

#: Shift (x, y) in half sides and scale of the crops, around the one of the crop rule.
_LOOKS = ((0, 0, 1.0), (0.05, 0.03, 0.95), (-0.05, 0.03, 1.05), (0.03, -0.05, 1.05), (-0.03, -0.05, 0.95), (0, 0, 1.1))
_STEPS = 4


@dataclass(frozen=True)
class Look:
    """codes: the fitted head; points: (478, 2) pixels, the average over the crops; sigma: (478,) pixels, their
    standard deviation by the network's own account."""

    codes: HeadCodes
    points: Array
    sigma: Array


def look_again(
    estimator: Estimator, rgb: NDArray[np.uint8], codes: HeadCodes, camera: Camera, identity: NDArray | None = None
) -> Look:
    """Better codes of a face in a picture (H, W, 3) of which `codes` are known already.

    identity: (80,) the shape, where it is known; else it is fitted, too.
    """
    fitter = estimator.fitter
    first = crop_from_points(camera.project(fitter.points3d(codes)))
    crops = [Crop(first.x + x * first.half, first.y + y * first.half, first.half * scale) for x, y, scale in _LOOKS]
    prediction = estimator.regressor.predict(np.stack([crop.extract(rgb) for crop in crops]))
    points = np.stack([crop.to_frame(seen) for crop, seen in zip(crops, prediction.points, strict=True)])  # (n, 478, 2)
    sigma = np.asarray(prediction.sigma.mean(0) * first.half, np.float32)
    mean = points.mean(0).astype(np.float32)
    start = codes if identity is None else codes.with_(shape=identity)
    fit = fitter.fit(mean, sigma, camera, start, solve_shape=identity is None, steps=_STEPS)
    return Look(fit.codes, mean, sigma)

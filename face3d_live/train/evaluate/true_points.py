"""What the fit would make of better points: how precise they would have to be for a floor.

The network's codes stay as they are; its points are replaced by the true ones of synthetic faces, shifted by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from face3d_live.head.model import Head
from face3d_live.regress.fit import Fitter, Prior
from face3d_live.train.evaluate import metrics
from face3d_live.train.evaluate.answers import CENTRED, Measured, crop_camera
from face3d_live.typing import AnyArray

#: Standard deviations of the noise on each point, independent of one another, in half sides of the crop.
NOISE = (0.003, 0.01, 0.02)

FACES, SEED = 200, 1

#: Such points say more of the expression than the network's codes do, so these hold it less than `FROM_NETWORK`.
PRIOR = Prior(0.0, 0.2)
STEPS = 4


def true_point_figures(head: Head, measured: Measured, count: int = FACES) -> list[dict[str, Any]]:
    """For each noise of `NOISE`, as `noise_percent`: `faces`, and `mean_r`, `vertices_mm`, `aligned_mm`,
    `known_scale_mm`, `scale_sd_percent` as in `evaluate.compare`, of the first `count` faces, which are synthetic.

    `scale_mean_percent`: by how much the heads come out too small. The surer the points, the more: they hardly tell the
    size, and of all heads that explain them the smaller ones differ less from what the priors expect.
    """
    rows = slice(0, count)
    labels = {key: value[rows] for key, value in measured.labels.items()}
    truth = metrics.face_surfaces(head, labels["shape"], labels["expression"])
    fitter = Fitter(head, PRIOR)
    out = []
    for noise in NOISE:
        shift = np.random.default_rng(SEED).normal(0, noise, labels["points"].shape)
        expression, shape = _fitted(fitter, labels["points"] + shift, noise, measured)
        surface = metrics.face_surfaces(head, shape, expression)
        r = metrics.correlations(expression, labels["expression"])
        out.append(
            {
                "noise_percent": 100 * noise,
                "faces": len(shape),
                "mean_r": float(np.mean(list(r.values()))) if r else 0.0,
                "scale_mean_percent": float(metrics.scale_errors(surface, truth).mean()),
                **metrics.surface_figures(surface, truth),
            }
        )
    return out


def _fitted(fitter: Fitter, points: AnyArray, noise: float, measured: Measured) -> tuple[AnyArray, AnyArray]:
    """Expression (N, 52) and shape (N, 80) for points (N, 478, 2) of the first faces that were measured."""
    codes = []
    for i, seen in enumerate(CENTRED.to_frame(points)):
        start = measured.codes[i].with_(expression=measured.network.expression[i], shape=measured.network.shape[i])
        sigma = np.full(len(seen), noise * CENTRED.half)
        camera = crop_camera(float(measured.labels["focal"][i]))
        codes.append(fitter.fit(seen, sigma, camera, start, solve_shape=True, steps=STEPS).codes)
    return np.stack([c.expression for c in codes]), np.stack([c.shape for c in codes])

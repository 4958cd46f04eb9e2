"""The objective of `fit.py`, minimised plainly by SciPy in double precision: the reference for the fast one.

Shares nothing with it but the weights and priors of `Fitter.prepare`.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from face3d_live.camera import Camera
from face3d_live.codes import N_EXPRESSION, HeadCodes
from face3d_live.head.model import BLINKS
from face3d_live.regress.fit import Fit, Fitter
from face3d_live.typing import AnyArray


def fit_reference(
    fitter: Fitter,
    points_px: AnyArray,
    sigma_px: AnyArray,
    camera: Camera,
    init: HeadCodes,
    solve_shape: bool = False,
) -> Fit:
    """The same arguments and result as `Fitter.fit`.

    Variables: rotation vector (3), translation in units of the depth (3), expression (52), shape (80) when asked for.
    """
    problem = fitter.prepare(points_px, sigma_px, camera, init, solve_shape)
    rows, count = fitter.rows, len(problem.center)
    mean = fitter.mean[rows].astype(np.float64)
    if not solve_shape:
        mean = mean + np.tensordot(init.shape.astype(np.float64), fitter.shape_basis[:, rows], 1)
    factor = np.linalg.cholesky(problem.precision).T
    depth = -float(init.translation[2])

    # In double precision: the derivatives are those of small steps.
    blink_basis = np.moveaxis(fitter.points.blink[:, :, rows].astype(np.float64), 1, 0)  # (80, 2, N, 3)
    expression_basis = fitter.points.expression[:, rows].astype(np.float64)
    shape_basis = fitter.shape_basis[:, rows].astype(np.float64)
    middle = np.array([camera.width / 2, camera.height / 2])

    def pose(x: AnyArray) -> tuple[AnyArray, AnyArray]:  # (..., P) -> (..., 3, 3), (..., 3)
        return Rotation.from_rotvec(x[..., :3]).as_matrix() @ init.rotation, init.translation + x[..., 3:6] * depth

    def residuals_of(x: AnyArray) -> AnyArray:  # (K, P) -> (K, R), of K sets of variables
        rotation, translation = pose(x)
        expression = x[:, 6 : 6 + N_EXPRESSION]
        shape = (
            x[:, 6 + N_EXPRESSION :] if solve_shape else np.broadcast_to(init.shape.astype(np.float64), (len(x), 80))
        )
        blinks = np.tensordot(shape, blink_basis, 1)  # (K, 2, N, 3)
        local = mean + np.tensordot(expression, expression_basis, 1)
        local = local + np.einsum("kb,kbnc->knc", expression[:, list(BLINKS)], blinks)
        if solve_shape:
            local = local + np.tensordot(shape, shape_basis, 1)
        space = local @ np.swapaxes(rotation, 1, 2) + translation[:, None]
        pixels = middle + space[..., :2] * (camera.focal / -space[..., 2:]) * (1, -1)
        errors = (pixels - problem.observed) * problem.weight[:, None]
        return np.concatenate([errors.reshape(len(x), -1), (x[:, 6:] - problem.center) @ factor.T], 1)

    def residuals(x: AnyArray) -> AnyArray:
        return residuals_of(x[None])[0]

    def slopes(x: AnyArray) -> AnyArray:  # (P,) -> (R, P), forward differences; inwards at an upper bound
        steps = np.sqrt(np.finfo(float).eps) * np.maximum(1, np.abs(x)) * np.where(x + 1e-7 > high, -1, 1)
        return ((residuals_of(x + np.diag(steps)) - residuals(x)) / steps[:, None]).T

    start = np.concatenate([np.zeros(6), np.clip(init.expression, 0.01, 0.99), init.shape])[: 6 + count]
    low, high = np.full(6 + count, -np.inf), np.full(6 + count, np.inf)
    low[6 : 6 + N_EXPRESSION], high[6 : 6 + N_EXPRESSION] = 0, 1
    x = least_squares(residuals, start, jac=slopes, bounds=(low, high), x_scale="jac", ftol=1e-10).x
    rotation, translation = pose(x)
    found = init.with_(rotation=rotation, translation=translation, expression=x[6 : 6 + N_EXPRESSION])
    if solve_shape:
        found = found.with_(shape=x[6 + N_EXPRESSION :])
    return fitter.report(found, np.asarray(points_px), camera)

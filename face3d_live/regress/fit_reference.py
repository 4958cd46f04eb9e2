"""The objective of `fit.py`, minimised plainly by SciPy in double precision: the yardstick of the fast one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import N_EXPRESSION, HeadCodes
from face3d_live.regress.fit import Fit, Fitter, Problem


def residuals(fitter: Fitter, problem: Problem, codes: HeadCodes) -> NDArray:
    """What is squared and summed: weighted pixel errors, then weighted departures from the priors."""
    pixels = problem.camera.project(fitter.points3d(codes))[fitter.rows]
    variables = np.concatenate([codes.expression, codes.shape])[: len(problem.center)]
    errors = (pixels - problem.observed) * problem.weight[:, None]
    return np.concatenate([errors.ravel(), (variables - problem.center) * problem.precision]).astype(np.float64)


def fit_reference(
    fitter: Fitter,
    points_px: NDArray,
    sigma_px: NDArray,
    camera: Camera,
    init: HeadCodes,
    solve_shape: bool = False,
    previous: HeadCodes | None = None,
) -> Fit:
    """The same arguments and result as `Fitter.fit`."""
    problem = fitter.prepare(points_px, sigma_px, camera, init, solve_shape, previous)

    def codes_of(x: NDArray) -> HeadCodes:
        return replace(
            init,
            rotation=rotations.from_vector(x[:3]) @ init.rotation,
            translation=init.translation * np.exp(x[5]) + np.array([x[3], x[4], 0]),
            expression=x[6 : 6 + N_EXPRESSION],
            shape=x[6 + N_EXPRESSION :] if solve_shape else init.shape,
        )

    start = np.concatenate([np.zeros(6), np.clip(init.expression, 1e-3, 1 - 1e-3)])
    low, high = np.full(6 + len(problem.center), -np.inf), np.full(6 + len(problem.center), np.inf)
    low[6 : 6 + N_EXPRESSION], high[6 : 6 + N_EXPRESSION] = 0, 1
    if solve_shape:
        start = np.concatenate([start, init.shape])
    # Forward differences in float32 points need a step well above their rounding.
    best = least_squares(
        lambda x: residuals(fitter, problem, codes_of(x)), start, bounds=(low, high), diff_step=1e-3, x_scale="jac"
    )
    return fitter.report(codes_of(best.x), np.asarray(points_px), camera)

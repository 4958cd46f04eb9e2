"""Several pictures of one person fitted together: one shape for all, a pose and an expression for each.

Gauss-Newton on the sum of the objectives of `regress.fit`. The shape's normal equations are what is left of each
picture's own after its pose and its expression are eliminated (Schur complement), as in bundle adjustment (Triggs et
al., 2000); they are added up, and the shape's prior counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import N_EXPRESSION, N_SHAPE, HeadCodes
from face3d_live.regress.fit import SHAPE_SIGMA, Fit, Fitter
from face3d_live.regress.gauss_newton import POSE, bounded_solve, bounds, updated_codes
from face3d_live.typing import AnyArray

#: The teacher errs alike on all pictures of a person: more of them than this tell no more about the shape.
EFFECTIVE_PICTURES = 6
_OWN = POSE + N_EXPRESSION


def fit_together(
    fitter: Fitter,
    points: Sequence[AnyArray],
    sigmas: Sequence[AnyArray],
    camera: Camera,
    starts: Sequence[HeadCodes],
    steps: int,
) -> list[Fit]:
    """Fit points (478, 2) with standard deviations (478,) of T pictures; all results have the same shape.

    starts: where the iteration begins and the centres of the expressions' priors; the shape begins, and is held, at
    the first one's.
    """
    center = starts[0].shape.astype(np.float64)
    problems, free = [], np.r_[np.ones(N_EXPRESSION), np.zeros(N_SHAPE)]
    for seen, sigma, start in zip(points, sigmas, starts, strict=True):
        problem = fitter.prepare(seen, sigma, camera, start, solve_shape=True)
        problems.append(replace(problem, precision=problem.precision * free * free[:, None]))
    heads = [start.with_(shape=starts[0].shape) for start in starts]
    walls = [np.zeros(_OWN, np.int8) for _ in heads]
    share = min(1.0, EFFECTIVE_PICTURES / len(heads))
    for _ in range(steps):
        systems = [fitter.normal_equations(*pair) for pair in zip(problems, heads, strict=True)]
        matrix = np.eye(N_SHAPE) * SHAPE_SIGMA**-2
        vector = SHAPE_SIGMA**-2 * (heads[0].shape - center)
        for (normal, gradient), wall in zip(systems, walls, strict=True):
            own = np.flatnonzero(np.r_[np.ones(POSE, bool), wall[POSE:] == 0])
            carried = np.linalg.solve(normal[np.ix_(own, own)], np.c_[normal[own, _OWN:], gradient[own]])
            matrix += share * (normal[_OWN:, _OWN:] - normal[_OWN:, own] @ carried[:, :-1])
            vector += share * (gradient[_OWN:] - normal[_OWN:, own] @ carried[:, -1])
        change = -np.linalg.solve(matrix, vector)
        for i, ((normal, gradient), wall) in enumerate(zip(systems, walls, strict=True)):
            target = -(gradient[:_OWN] + normal[:_OWN, _OWN:] @ change)
            low, high = bounds(heads[i], _OWN)
            delta = bounded_solve(normal[:_OWN, :_OWN], target, low, high, wall)
            heads[i] = updated_codes(heads[i], np.concatenate([delta, change]))
    return [fitter.report(codes, seen, camera) for codes, seen in zip(heads, points, strict=True)]

"""Small pieces of geometry for the build of the head."""

from __future__ import annotations

import numpy as np

from face3d_live.typing import AnyArray


def sphere_through(points: AnyArray) -> tuple[AnyArray, float]:
    """Centre and radius of the sphere closest to points (N, 3), in the algebraic sense."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + (solution[:3] ** 2).sum()))

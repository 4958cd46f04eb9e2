"""Small pieces of geometry for the build of the head."""

from __future__ import annotations

import numpy as np

from face3d_live.typing import AnyArray, Array


def vertex_normals(vertices: Array, faces: AnyArray) -> AnyArray:  # (V, 3), (F, 3) -> (V, 3)
    """Unit normals, area weighted."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], np.cross(b - a, c - a))
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-20))


def sphere_through(points: AnyArray) -> tuple[AnyArray, float]:
    """Centre and radius of the sphere closest to points (N, 3), in the algebraic sense."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + (solution[:3] ** 2).sum()))

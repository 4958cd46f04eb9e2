"""Triangle meshes as arrays, in NumPy alone."""

from __future__ import annotations

import numpy as np

from face3d_live.typing import AnyArray, Array


def vertex_normals(positions: Array, faces: AnyArray) -> Array:  # (N, 3), (F, 3) -> (N, 3) unit
    """Mean of the adjacent faces' normals, weighted by area."""
    a, b, c = (positions[faces[:, corner]].astype(np.float64) for corner in range(3))
    across = np.cross(b - a, c - a)
    flat, repeated = faces.ravel(), np.repeat(across, 3, axis=0)
    total = np.stack([np.bincount(flat, repeated[:, axis], len(positions)) for axis in range(3)], axis=1)
    return np.asarray((total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-30)).astype(np.float32))

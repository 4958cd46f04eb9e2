"""Triangle meshes as arrays, in NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import AnyArray, Array


def cross(a: AnyArray, b: AnyArray) -> AnyArray:  # (N, 3) or (N, 3, T), twice
    """Cross products along the second axis; NumPy's own takes longer, as it looks into every kind of shape."""
    out = np.empty_like(a)
    for k, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        out[:, k] = a[:, i] * b[:, j] - a[:, j] * b[:, i]
    return out


def vertex_normals(positions: Array, faces: AnyArray) -> Array:  # (N, 3), (F, 3) -> (N, 3) unit
    """Mean of the adjacent faces' normals, weighted by area."""
    a, b, c = (positions[faces[:, corner]].astype(np.float64) for corner in range(3))
    across = np.cross(b - a, c - a)
    flat, repeated = faces.ravel(), np.repeat(across, 3, axis=0)
    total = np.stack([np.bincount(flat, repeated[:, axis], len(positions)) for axis in range(3)], axis=1)
    return np.asarray((total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-30)).astype(np.float32))


@dataclass(frozen=True)
class Shape:
    """vertices (N, 3), faces (F, 3) int32, normals (N, 3)."""

    vertices: Array
    faces: NDArray[np.int32]

    @property
    def normals(self) -> Array:
        return vertex_normals(self.vertices, self.faces)


def join(shapes: list[Shape]) -> Shape:
    """Several shapes as one."""
    starts = np.cumsum([0] + [len(s.vertices) for s in shapes[:-1]])
    faces = np.concatenate([s.faces + start for s, start in zip(shapes, starts, strict=True)])
    return Shape(np.concatenate([s.vertices for s in shapes]), faces.astype(np.int32))


def grid_faces(rows: int, columns: int, closed: bool) -> NDArray[np.int32]:
    """Two triangles for each cell of a grid of vertices; `closed` joins the last column to the first."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = a + columns, b + columns
    return np.stack([a, b, c, b, d, c], -1).reshape(-1, 3).astype(np.int32)


def tube(curve: AnyArray, width: float, depth: float, sides: int = 6, closed: bool = False) -> Shape:  # (N, 3)
    """A bar of elliptic section along a curve, open at its ends; `depth` is measured along z as far as the curve
    allows. Faces are counterclockwise from outside."""
    ahead = np.roll(curve, -1, 0) - np.roll(curve, 1, 0)
    if not closed:
        ahead[0], ahead[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
    up = np.where(np.abs(ahead[:, 2:]) > 0.8, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]])
    side = np.cross(ahead, up)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, ahead)
    angle = -np.arange(sides) * 2 * np.pi / sides
    ring = side[:, None] * np.cos(angle)[:, None] * width / 2 + up[:, None] * np.sin(angle)[:, None] * depth / 2
    vertices = (curve[:, None] + ring).reshape(-1, 3)
    if closed:
        vertices = np.concatenate([vertices, vertices[:sides]])
    rows = len(curve) + closed
    return Shape(vertices.astype(np.float32), grid_faces(rows, sides, closed=True))

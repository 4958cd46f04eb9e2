"""Triangles: edges, vertex normals, the nearest place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import AnyArray, Array64

_NEAR = 12  # vertices near a point whose triangles are looked at


def edges_of(faces: AnyArray) -> tuple[AnyArray, AnyArray]:  # (F, 3) -> (3F,) twice
    """Both ends of every triangle's three edges."""
    return faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()


def vertex_normals(places: AnyArray, faces: AnyArray) -> Array64:  # (V, 3), (F, 3) -> (V, 3)
    """Unit normals, weighted by area; (0, 0, 1) for a vertex of no triangle."""
    corners = places[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((len(places), 3))
    for k in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, k], across[:, axis], len(places))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 1e-18, total / np.maximum(length, 1e-18), (0.0, 0.0, 1.0))


def outward(places: AnyArray, faces: AnyArray) -> AnyArray:  # (V, 3), (F, 3) -> (F, 3)
    """The triangles of a face that looks along +z, wound counter-clockwise as seen from there: some files wind them the
    other way."""
    facing = float(vertex_normals(places, faces)[:, 2].mean())
    return faces[:, ::-1] if facing < 0 else faces


def closest_on(points: AnyArray, places: AnyArray, faces: AnyArray) -> tuple[NDArray[np.int32], Array64, Array64]:
    """The nearest place of a mesh to each point (P, 3): its triangle's vertices (P, 3), weights (P, 3), distance (P,).

    Looks at the triangles around each point's nearest vertices.
    """
    from scipy.sparse import coo_matrix
    from scipy.spatial import cKDTree

    used, local = np.unique(faces, return_inverse=True)
    local = local.reshape(faces.shape)
    _, near = cKDTree(places[used]).query(points, k=min(_NEAR, len(used)))
    number = np.repeat(np.arange(len(faces)), 3)
    around = coo_matrix((np.ones(len(number)), (local.ravel(), number)), (len(used), len(faces))).tocsr()
    vertices, weights = np.zeros((len(points), 3), np.int32), np.zeros((len(points), 3))
    away = np.full(len(points), np.inf)
    for i, ids in enumerate(np.asarray(near).reshape(len(points), -1)):
        candidates = faces[np.unique(around[ids].indices)]
        found = closest_weights(points[i], places[candidates])
        distance = np.linalg.norm(np.einsum("tk,tkx->tx", found, places[candidates]) - points[i], axis=1)
        best = int(distance.argmin())
        vertices[i], weights[i], away[i] = candidates[best], found[best], distance[best]
    return vertices, weights, away


def closest_weights(point: AnyArray, corners: AnyArray) -> Array64:  # (3,), (T, 3, 3) -> (T, 3)
    """Barycentric weights of the place nearest to a point on each triangle: inside, or the nearest of its edges."""
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    to = point - a
    d11, d12, d22 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    b1, b2 = (to * ab).sum(1), (to * ac).sum(1)
    area = np.maximum(d11 * d22 - d12 * d12, 1e-30)
    v, w = (d22 * b1 - d12 * b2) / area, (d11 * b2 - d12 * b1) / area
    inside = np.stack([1 - v - w, v, w], 1)
    options = [inside]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        along = corners[:, j] - corners[:, i]
        share = ((point - corners[:, i]) * along).sum(1) / np.maximum((along**2).sum(1), 1e-30)
        edge = np.zeros((len(corners), 3))
        edge[:, j] = np.clip(share, 0, 1)
        edge[:, i] = 1 - edge[:, j]
        options.append(edge)
    weights = np.stack(options)  # (4, T, 3)
    distance = np.linalg.norm(np.einsum("otk,tkx->otx", weights, corners) - point, axis=2)
    distance[0][(inside < 0).any(1)] = np.inf
    return np.asarray(weights[distance.argmin(0), np.arange(len(corners))])

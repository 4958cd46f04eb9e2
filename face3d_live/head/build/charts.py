"""Cutting a mesh into charts that can be flattened: connectivity, boundaries, exposure, filling of holes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from face3d_live.head.build.flatten import flatten, rest_triangles, tutte
from face3d_live.raster import rasterize
from face3d_live.typing import AnyArray


class Chart(NamedTuple):
    """A flattened patch. faces: (k,) indices of the mesh's faces; vertices: (m,) of its vertices; uv: (m, 2)."""

    faces: AnyArray
    vertices: AnyArray
    uv: AnyArray


def mirror_map(vertices: AnyArray) -> AnyArray:  # (V, 3) -> (V,)
    """The vertex on the other side of x = 0, or -1 where none is within 0.1 mm."""
    distance, index = cKDTree(vertices).query(vertices * [-1, 1, 1])
    return np.where(distance < 1e-4, index, -1)


def components(faces: AnyArray) -> list[AnyArray]:
    """Face indices of each connected component, in the order of its first face."""
    n = int(faces.max()) + 1
    i, j = faces[:, [0, 1]].ravel(), faces[:, [1, 2]].ravel()
    _, label = connected_components(coo_matrix((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False)
    of_face = label[faces[:, 0]]
    _, first = np.unique(of_face, return_index=True)
    return [np.flatnonzero(of_face == of_face[k]) for k in np.sort(first)]


def boundary_loops(faces: AnyArray) -> list[list[int]]:
    """Ordered boundary loops (the surface lies to the left of each edge), longest first."""
    edges = {(int(a), int(b)) for f in faces for a, b in ((f[0], f[1]), (f[1], f[2]), (f[2], f[0]))}
    following: dict[int, int] = {a: b for a, b in sorted(edges) if (b, a) not in edges}
    loops = []
    while following:
        start, vertex = next(iter(following.items()))
        loop = [start]
        del following[start]
        while vertex != start and vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(loop)
    return sorted(loops, key=len, reverse=True)


def pinches(faces: AnyArray) -> AnyArray:  # -> vertices
    """Where the surface hangs together by a single vertex: more than two edges of the boundary meet."""
    edges, count = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0, return_counts=True)
    vertex, ends = np.unique(edges[count == 1], return_counts=True)
    return np.asarray(vertex[ends > 2])


def is_disc(faces: AnyArray) -> bool:
    """One boundary loop that touches itself nowhere, and Euler characteristic 1."""
    edges = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0)
    loops = boundary_loops(faces)
    euler = len(np.unique(faces)) - len(edges) + len(faces)
    return euler == 1 and len(loops) == 1


def exposure(vertices: AnyArray, faces: AnyArray, directions: int = 40, size: int = 320) -> AnyArray:  # (F,) 0..1
    """Exposure of each triangle, 0 hidden to 1 open: the insides of sockets, nostrils and ear canals get nearly 0."""
    k = np.arange(directions) + 0.5
    polar, turn = np.arccos(1 - 2 * k / directions), np.pi * (1 + 5**0.5) * k
    views = np.stack([np.cos(turn) * np.sin(polar), np.cos(polar), np.sin(turn) * np.sin(polar)], 1)
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    middle = corners.mean(1)
    radius = np.linalg.norm(vertices - vertices.mean(0), axis=1).max() * 1.02
    seen, possible = np.zeros(len(faces)), np.zeros(len(faces))
    for view in views:
        right = np.cross([0.0, 1.0, 0.0], view)
        right /= np.linalg.norm(right)
        frame = np.stack([right, np.cross(view, right), view], 1)
        local = (vertices - vertices.mean(0)) @ frame
        pixels = (local[:, :2] / radius * [1, -1] + 1) * size / 2
        cover = rasterize(pixels, faces, size, size, local[:, 2])
        depth = (local[:, 2][faces[cover.triangle]] * cover.weights).sum(-1)
        at = (middle - vertices.mean(0)) @ frame
        column, row = np.clip(((at[:, :2] / radius * [1, -1] + 1) * size / 2).astype(int), 0, size - 1).T
        facing = np.maximum(normal @ view, 0)
        seen += facing * (at[:, 2] > depth[row, column] - 0.0025)
        possible += facing
    return seen / np.maximum(possible, 1e-9)


def fill(faces: AnyArray, loop: list[int], apex: int, close: bool) -> AnyArray:
    """Triangles that fan a hole's boundary loop (or an open run of it) to a new vertex."""
    ends = [*loop[1:], loop[0]] if close else loop[1:]
    starts = loop if close else loop[:-1]
    return np.array([[b, a, apex] for a, b in zip(starts, ends, strict=True)], faces.dtype)


def flatten_disc(vertices: AnyArray, faces: AnyArray, index: AnyArray, rounds: int = 30) -> Chart:
    """Flatten the disc made of the faces `index`: round start, free boundary, mostly isometric."""
    used, local = np.unique(faces[index], return_inverse=True)
    local = local.reshape(-1, 3)
    loop = boundary_loops(local)[0]
    rest = rest_triangles(vertices[used], local)
    area = np.linalg.det(rest) / 2
    turn = 2 * np.pi * np.arange(len(loop)) / len(loop)
    radius = np.sqrt(area.sum() / np.pi)
    start = tutte(len(used), local, np.array(loop), radius * np.stack([np.cos(turn), np.sin(turn)], 1))
    uv = flatten(start, local, rest, area, np.full(len(local), 0.5), np.empty(0, int), rounds)
    return Chart(index, used, uv)

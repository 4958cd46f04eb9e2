"""Texel tables of the atlas: triangle and barycentric weights of each texel.

Tables belong to the medium mesh and are made once per size: texel centre -> triangle and barycentric weights. Row 0 of
a texture is v = 1. Texels outside every island repeat the nearest one inside, so that filtering never meets a border.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.head.model import Head
from face3d_live.head.per_head import per_head
from face3d_live.head.topology import Level, MeshTopology
from face3d_live.raster import rasterize
from face3d_live.typing import AnyArray, Array, Mask

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


LEVEL: Level = "medium"  # its normals are smooth, and 18 k vertices are still quickly evaluated


_ALONG = 12  # places along an edge of the medium mesh (3 mm): every other texel at 2048


@dataclass(frozen=True, eq=False)
class Texels:
    """size: S, texels a side. index: (N,) covered texels, row * S + column. triangle: (N,) of the medium mesh.
    corners: (N, 3) its vertices. weights: (N, 3) barycentric.
    part: (N,) what it is made of, see `head.regions.PARTS`. n_vertices: V. seams: (M, 2) pairs of row * S + column that
    lie on either side of where the skin's atlas is cut.
    """

    size: int
    index: NDArray[np.int32]
    triangle: NDArray[np.int32]
    corners: NDArray[np.int32]
    weights: Array
    part: NDArray[np.uint8]
    n_vertices: int
    seams: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 2), np.int32))

    def at(self, values: AnyArray) -> Array:  # (V,) or (V, C) of the medium mesh -> (N,) or (N, C)
        """Interpolate vertex values."""
        return np.asarray(self._matrix @ np.asarray(values, np.float32), np.float32)

    @cached_property
    def _matrix(self) -> csr_matrix:
        from scipy.sparse import csr_matrix

        n = len(self.index)
        rows = np.arange(0, 3 * n + 1, 3, dtype=np.int32)
        return csr_matrix((self.weights.ravel(), self.corners.ravel(), rows), shape=(n, self.n_vertices))

    def image(self, values: AnyArray, pad: bool = True) -> AnyArray:  # (N,) or (N, C) -> (S, S) or (S, S, C)
        """Texel values as a picture. pad: fill texels outside the islands from the nearest inside, else with zero."""
        if pad:
            flat = np.take(values, self._row_of_nearest, axis=0)
        else:
            flat = np.take(np.concatenate([values, np.zeros_like(values[:1])]), self._row, axis=0)
        return flat.reshape(self.size, self.size, *values.shape[1:])

    def of(self, picture: AnyArray) -> AnyArray:  # (S, S, ...) -> (N, ...)
        """The covered texels of a picture."""
        return np.take(picture.reshape(self.size * self.size, *picture.shape[2:]), self.index, axis=0)

    def only(self, chosen: Mask) -> Texels:  # (N,)
        """The table cut down to some of its texels."""
        return Texels(
            self.size,
            self.index[chosen],
            self.triangle[chosen],
            self.corners[chosen],
            self.weights[chosen],
            self.part[chosen],
            self.n_vertices,
            self.seams,
        )

    @cached_property
    def covered(self) -> Mask:
        """(S, S): inside an island."""
        mask = np.zeros(self.size * self.size, bool)
        mask[self.index] = True
        return mask.reshape(self.size, self.size)

    @cached_property
    def skin(self) -> Mask:
        """(S, S): the nearest covered texel is skin's."""
        return np.asarray(self.image(self.part) == 0)

    @cached_property
    def _row(self) -> NDArray[np.int32]:
        """(S * S,) the row of `index` that each texel is, N outside the islands."""
        row = np.full(self.size * self.size, len(self.index), np.int32)
        row[self.index] = np.arange(len(self.index))
        return row

    @cached_property
    def _row_of_nearest(self) -> NDArray[np.int32]:
        """(S * S,) the row of `index` of the nearest covered texel: OpenCV numbers these row by row, from 1 on."""
        outside, whole = (~self.covered).astype(np.uint8), cv2.DIST_LABEL_PIXEL
        _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=whole)
        return np.asarray(labels.ravel() - 1, np.int32)

    @cached_property
    def nearest(self) -> NDArray[np.int32]:
        """(S * S,) the nearest covered texel of each; one that lies 3 % farther may stand for it."""
        return np.take(self.index, self._row_of_nearest)


def make_texels(mesh: MeshTopology, size: int) -> Texels:
    """Rasterise a mesh's texture coordinates."""
    cover = rasterize(mesh.uv * [size, -size] + [0, size], mesh.face_uv, size, size)
    triangle = cover.triangle.ravel()
    index = np.flatnonzero(triangle >= 0).astype(np.int32)
    triangle = triangle[index]
    corners = mesh.faces[triangle]
    part = mesh.part[corners].min(1)
    weights = cover.weights.reshape(-1, 3)[index]
    made = Texels(size, index, triangle, corners, weights, part, mesh.n_vertices, seams=_seams(mesh, size))
    made.seams[:] = made.nearest[made.seams]
    return made


def _seams(mesh: MeshTopology, size: int) -> NDArray[np.int32]:
    """(M, 2) texels along both sides of the skin's edges whose two triangles have other texture coordinates."""
    ends = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    ends_uv = mesh.face_uv[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    turned = ends[:, 0] > ends[:, 1]
    ends[turned], ends_uv[turned] = ends[turned, ::-1], ends_uv[turned, ::-1]
    order = np.lexsort(ends.T)
    ends, ends_uv = ends[order], ends_uv[order]
    cut = (ends[1:] == ends[:-1]).all(1) & (ends_uv[1:] != ends_uv[:-1]).any(1) & (mesh.part[ends[1:]] == 0).all(1)
    along = np.linspace(0, 1, _ALONG)[:, None, None]
    sides = []
    for at in (np.flatnonzero(cut), np.flatnonzero(cut) + 1):
        start, end = mesh.uv[ends_uv[at, 0]], mesh.uv[ends_uv[at, 1]]
        u, v = np.moveaxis((start + (end - start) * along).reshape(-1, 2), -1, 0)
        column, row = (np.clip(np.floor(each * size), 0, size - 1).astype(np.int32) for each in (u, 1 - v))
        sides.append(row * size + column)
    return np.unique(np.stack(sides, 1), axis=0)


@per_head
def texels_of(head: Head, size: int) -> Texels:
    """The table of a head's medium mesh."""
    return make_texels(head.topology(LEVEL), size)

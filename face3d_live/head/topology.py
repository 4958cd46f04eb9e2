"""A mesh level: connectivity, texture coordinates and the refinement from the low level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from face3d_live.head.regions import PARTS
from face3d_live.head.subdivide import (
    Quads,
    catmull_clark,
    cut_edges,
    inherit,
    linear,
    partial,
    sharpened,
    split,
    triangles_from_quads,
)
from face3d_live.triangles import cross
from face3d_live.typing import Array, Mask

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Level = Literal["low", "medium", "high"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")
_INSIDE = PARTS.index("teeth")  # the mouth's lining and tongue come after


def _no_triangles() -> NDArray[np.int32]:
    return np.empty((0, 3), np.int32)


def vertex_of_uv(faces: NDArray[np.int32], face_uv: NDArray[np.int32], count: int) -> NDArray[np.int32]:  # (F, 3) x 2
    """(count,) the vertex of each texture coordinate; 0 for one that no face has."""
    owner = np.zeros(count, np.int32)
    owner[face_uv] = faces
    return owner


@dataclass
class MeshTopology:
    """Connectivity of one level; vertices come from outside, as the head moves.

    quads: (Q, 4) and quad_uv: (Q, 4), wound counter-clockwise from outside. uv: (U, 2), v up (0 = bottom).
    part, region: (V,) labels, see `head.regions`. steps: matrices from the low level's vertices to this one's.
    triangles: (T, 3) and triangle_uv: (T, 3), what lies between quads of two finenesses; only the high level has any.
    """

    quads: Quads
    quad_uv: Quads
    uv: Array
    part: NDArray[np.uint8]
    region: NDArray[np.uint8]
    steps: Sequence[csr_matrix] = field(default_factory=tuple)
    triangles: NDArray[np.int32] = field(default_factory=_no_triangles)
    triangle_uv: NDArray[np.int32] = field(default_factory=_no_triangles)

    @property
    def n_vertices(self) -> int:
        """Vertices of this level, before the split at texture seams."""
        return len(self.part)

    @cached_property
    def faces(self) -> NDArray[np.int32]:
        """(F, 3) triangles into the vertices; rows 2i and 2i + 1 halve quad i, then come `triangles`."""
        return np.concatenate([triangles_from_quads(self.quads), self.triangles])

    @cached_property
    def face_uv(self) -> NDArray[np.int32]:
        """(F, 3) the same triangles into `uv`."""
        return np.concatenate([triangles_from_quads(self.quad_uv), self.triangle_uv])

    @cached_property
    def split_vertex(self) -> NDArray[np.int32]:
        """(U,) the vertex of each texture coordinate: GPU arrays are vertices[split_vertex], uv and face_uv."""
        return vertex_of_uv(self.faces, self.face_uv, len(self.uv))

    def refine(self, low_vertices: Array) -> Array:  # (V_low, C) -> (V, C)
        """This level's vertices from the low level's; a linear map, the identity for the low level."""
        refined = low_vertices
        for matrix in self.steps:
            refined = matrix @ refined
        return refined

    def normals(self, vertices: Array) -> Array:  # (V, 3) or (V, 3, T) -> the same
        """Unit vertex normals, weighted by the area of the quads around; +z for a vertex without any.

        T heads at once take half the time of one after the other.
        """
        a, b, c, d = (vertices[self.quads[:, k]] for k in range(4))
        across = cross(c - a, d - b)
        if len(self.triangles):
            a, b, c = (vertices[self.triangles[:, k]] for k in range(3))
            across = np.concatenate([across, cross(b - a, c - a)])
        total = np.reshape(self._gather @ across.reshape(len(across), -1), vertices.shape)
        length = np.sqrt(np.einsum("ij...,ij...->i...", total, total))[:, None]
        flat = length < 1e-20
        total /= np.where(flat, 1, length)
        total[:, 2:] += flat
        return np.asarray(total)

    @cached_property
    def _gather(self) -> csr_matrix:
        """(V, Q + T): sums over the quads and triangles around each vertex."""
        from scipy.sparse import csr_matrix

        corners = np.concatenate([self.quads.ravel(), self.triangles.ravel()])
        sides = np.repeat([4, 3], [len(self.quads), len(self.triangles)])
        owner = np.repeat(np.arange(len(sides)), sides)
        order = np.argsort(corners, kind="stable")
        starts = np.r_[0, np.cumsum(np.bincount(corners, minlength=self.n_vertices))]
        ones = np.ones(len(order), np.float32)
        return csr_matrix((ones, owner[order], starts), shape=(self.n_vertices, len(sides)))

    @cached_property
    def outer(self) -> Mask:
        """(Q,) quads of skin and eyes; the others, inside the mouth, are seen through a gap and in the dark."""
        return np.asarray((self.part[self.quads] < _INSIDE).any(1))

    def finer(self, chosen: Mask | None = None) -> MeshTopology:
        """The next level: every quad in four, or the chosen (Q,) ones. Raises ValueError for a mesh with triangles."""
        if len(self.triangles):
            raise ValueError("a mesh with triangles between its quads is the finest")
        chosen = np.ones(len(self.quads), bool) if chosen is None else chosen
        step, uv_step = split(self.quads, self.n_vertices), split(self.quad_uv, len(self.uv))
        cut = cut_edges(step, chosen)
        mine, mine_uv = partial(step, chosen, cut), partial(uv_step, chosen, cut)
        matrix = catmull_clark(step)
        return MeshTopology(
            quads=mine.quads,
            quad_uv=mine_uv.quads,
            uv=linear(uv_step, self.uv)[mine_uv.kept],
            part=inherit(matrix, self.part)[mine.kept],
            region=inherit(matrix, self.region)[mine.kept],
            steps=(*self.steps, sharpened(step, matrix)[mine.kept]),
            triangles=mine.triangles,
            triangle_uv=mine_uv.triangles,
        )

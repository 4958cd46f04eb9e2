"""A mesh level: connectivity, texture coordinates and the refinement from the low level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .subdivide import Quads, catmull_clark, inherit, linear, sharpened, split, triangles_from_quads

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = NDArray[np.float32]
Level = Literal["low", "medium", "high"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")


@dataclass
class Mesh:
    """Connectivity of one level; vertices come from outside, as the head moves.

    quads: (Q, 4) and quad_uv: (Q, 4), wound counter-clockwise from outside. uv: (U, 2), v up (0 = bottom).
    part, region: (V,) labels, see `head.regions`. steps: matrices from the low level's vertices to this one's.
    """

    quads: Quads
    quad_uv: Quads
    uv: Array
    part: NDArray[np.uint8]
    region: NDArray[np.uint8]
    steps: Sequence[csr_matrix] = field(default_factory=tuple)

    @property
    def n_vertices(self) -> int:
        """Vertices of this level, before the split at texture seams."""
        return len(self.part)

    @cached_property
    def faces(self) -> NDArray[np.int32]:
        """(F, 3) triangles into the vertices; rows 2i and 2i + 1 halve quad i."""
        return triangles_from_quads(self.quads)

    @cached_property
    def face_uv(self) -> NDArray[np.int32]:
        """(F, 3) the same triangles into `uv`."""
        return triangles_from_quads(self.quad_uv)

    @cached_property
    def split_vertex(self) -> NDArray[np.int32]:
        """(U,) the vertex of each texture coordinate: GPU arrays are vertices[split_vertex], uv and face_uv."""
        owner = np.zeros(len(self.uv), np.int32)
        owner[self.quad_uv.ravel()] = self.quads.ravel()
        return owner

    def refine(self, low_vertices: Array) -> Array:  # (V_low, 3) -> (V, 3)
        """This level's vertices from the low level's; a linear map, the identity for the low level."""
        refined = low_vertices
        for matrix in self.steps:
            refined = matrix @ refined
        return refined

    def normals(self, vertices: Array) -> Array:  # (V, 3) -> (V, 3)
        """Unit vertex normals, weighted by the area of the quads around; +z for a vertex without any."""
        q = vertices[self.quads]
        across = np.cross(q[:, 2] - q[:, 0], q[:, 3] - q[:, 1])
        total = self._gather @ across
        length = np.sqrt(np.einsum("ij,ij->i", total, total))[:, None]
        flat = length[:, 0] < 1e-20
        total /= np.where(length < 1e-20, 1, length)
        total[flat] = (0, 0, 1)
        return total

    @cached_property
    def _gather(self) -> csr_matrix:
        from scipy.sparse import csr_matrix

        corners = self.quads.ravel()
        order = np.argsort(corners, kind="stable")
        starts = np.r_[0, np.cumsum(np.bincount(corners, minlength=self.n_vertices))]
        ones = np.ones(len(order), np.float32)
        return csr_matrix((ones, order // 4, starts), shape=(self.n_vertices, len(self.quads)))

    def finer(self) -> Mesh:
        """The next level: every quad in four."""
        step = split(self.quads, self.n_vertices)
        uv_step = split(self.quad_uv, len(self.uv))
        matrix = catmull_clark(step)
        return Mesh(
            quads=step.quads,
            quad_uv=uv_step.quads,
            uv=linear(uv_step, self.uv),
            part=inherit(matrix, self.part),
            region=inherit(matrix, self.region),
            steps=(*self.steps, sharpened(step, matrix)),
        )

"""Catmull-Clark subdivision of the quad head, positions and texture coordinates apart.

Positions follow Catmull and Clark (1978) with the usual boundary rules; texture coordinates are subdivided linearly,
so seams stay where they are. The refinement is one sparse matrix, rebuilt from the quads when a level is first used.
A step may be taken by some quads only: `Partial` cuts it out of the whole step, so that what is refined is the same as
if all were, and lays triangles over the neighbours of what is, so that no crack opens between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import AnyArray, Mask

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Quads = NDArray[np.int32]


def quads_from_pairs(faces: AnyArray) -> Quads:  # (2Q, 3) -> (Q, 4)
    """Join triangles 2i and 2i + 1 along their shared edge, keeping the winding."""
    first, second = faces[0::2], faces[1::2]
    opposite = ~(first[:, :, None] == second[:, None, :]).any(2)  # the corner of the first that the second lacks
    start = opposite.argmax(1)
    rows = np.arange(len(first))
    a, b, c = (first[rows, (start + k) % 3] for k in range(3))
    other = second[rows, (~(second[:, :, None] == first[:, None, :]).any(2)).argmax(1)]
    return np.stack([a, b, other, c], 1).astype(np.int32)


def triangles_from_quads(quads: AnyArray) -> NDArray[np.int32]:  # (Q, 4) -> (2Q, 3)
    """Split each quad a b c d into a b c and a c d, next to each other."""
    return np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], 1).reshape(-1, 3).astype(np.int32)


@dataclass
class Step:
    """One subdivision: new vertices are the old ones, then one on each edge, then one in each quad."""

    quads: Quads  # (4Q, 4)
    edges: NDArray[np.int32]  # (E, 2)
    edge_quads: NDArray[np.int32]  # (E, 2), the second is -1 on a boundary
    parents: Quads  # (Q, 4) the quads it came from
    n: int  # vertices before

    @property
    def n_new(self) -> int:
        """Vertices after."""
        return self.n + len(self.edges) + len(self.parents)

    @property
    def middles(self) -> NDArray[np.int32]:
        """(Q, 4) the new vertex on each quad's edge from corner k to corner k + 1."""
        return self.quads.reshape(-1, 4, 4)[:, :, 1]


def split(quads: Quads, n: int) -> Step:
    """The connectivity of one subdivision of `quads` over n vertices."""
    a = quads.astype(np.int64)
    b = np.roll(a, -1, axis=1)
    keys = (np.minimum(a, b) * n + np.maximum(a, b)).ravel()
    unique, inverse = np.unique(keys, return_inverse=True)
    edges = np.stack([unique // n, unique % n], 1).astype(np.int32)
    owner = np.repeat(np.arange(len(quads)), 4)
    edge_quads = np.full((len(edges), 2), -1, np.int32)
    order = np.argsort(inverse, kind="stable")
    sorted_edges = inverse[order]
    first = np.r_[True, sorted_edges[1:] != sorted_edges[:-1]]
    edge_quads[sorted_edges[first], 0] = owner[order[first]]
    edge_quads[sorted_edges[~first], 1] = owner[order[~first]]
    mid = n + inverse.reshape(-1, 4)
    centre = n + len(edges) + np.arange(len(quads))
    children = [np.stack([quads[:, k], mid[:, k], centre, mid[:, k - 1]], 1) for k in range(4)]
    return Step(np.stack(children, 1).reshape(-1, 4).astype(np.int32), edges, edge_quads, quads, n)


@dataclass
class Partial:
    """A step that only some quads take. kept: (N,) those of the step's vertices that are left, in their order."""

    quads: Quads  # (4 per chosen quad, then those that stay)
    triangles: NDArray[np.int32]  # (T, 3), over the quads that stay beside a chosen one
    kept: NDArray[np.int64]


def partial(step: Step, chosen: Mask, cut: Mask) -> Partial:
    """The part of a step that the chosen (Q,) quads take.

    cut: (Q, 4) which edges have a chosen quad on either side, see `cut_edges`; texture coordinates, whose edges at a
    seam are two, take those of the positions.
    """
    whole = np.concatenate([step.quads[np.repeat(chosen, 4)], step.parents[~chosen & ~cut.any(1)]])
    between = np.flatnonzero(~chosen & cut.any(1))
    halves = [triangle for i in between for triangle in _halves(step.parents[i], step.middles[i], cut[i])]
    triangles = np.array(halves, np.int32).reshape(-1, 3)
    used = np.zeros(step.n_new, bool)
    used[: step.n] = True
    used[whole], used[triangles] = True, True
    place = (np.cumsum(used) - 1).astype(np.int32)
    return Partial(place[whole], place[triangles], np.flatnonzero(used))


def cut_edges(step: Step, chosen: Mask) -> Mask:  # (Q,) -> (Q, 4)
    """Which edges of each quad, from corner k to corner k + 1, belong to a chosen quad on either side."""
    beside = step.edge_quads
    cut = chosen[beside[:, 0]] | (chosen[beside[:, 1]] & (beside[:, 1] >= 0))
    return np.asarray(cut[step.middles - step.n])


def _halves(corners: AnyArray, middles: AnyArray, cut: Mask) -> list[tuple[int, int, int]]:
    """A quad (4,) with middles (4,) on its cut edges as triangles within its halves a b c and c d a: none is flat, and
    none is turned over even in texture coordinates, where quads may be dented."""
    triangles = []
    for k in (0, 2):
        ring = [corners[k], middles[k], corners[k + 1], middles[k + 1], corners[(k + 2) % 4]]
        ring = [int(ring[i]) for i in range(5) if i % 2 == 0 or cut[k + i // 2]]
        start = 1 if cut[k] or not cut[k + 1] else 2  # a middle, if there is one
        ring = ring[start:] + ring[:start]
        triangles += [(ring[0], second, third) for second, third in pairwise(ring[1:])]
    return triangles


def catmull_clark(step: Step) -> csr_matrix:  # (n_new, n) float32
    """The position matrix of one step."""
    from scipy.sparse import csr_matrix, diags, vstack

    n, edges, quads = step.n, step.edges, step.parents
    n_edges, n_quads = len(edges), len(quads)
    boundary = step.edge_quads[:, 1] < 0
    face = csr_matrix((np.full(4 * n_quads, 0.25), quads.ravel(), np.arange(0, 4 * n_quads + 1, 4)), shape=(n_quads, n))
    ends = csr_matrix((np.full(2 * n_edges, 0.5), edges.ravel(), np.arange(0, 2 * n_edges + 1, 2)), shape=(n_edges, n))
    inner = np.flatnonzero(~boundary)
    sides = csr_matrix(
        (np.full(2 * len(inner), 0.5), (np.repeat(inner, 2), step.edge_quads[inner].ravel())), shape=(n_edges, n_quads)
    )
    blend = np.where(boundary, 1.0, 0.5)
    edge = diags(blend) @ ends + diags(1 - blend) @ (sides @ face)
    return vstack([_vertex_rule(step, face, ends, boundary), edge, face]).tocsr().astype(np.float32)


def _vertex_rule(step: Step, face: csr_matrix, ends: csr_matrix, boundary: AnyArray) -> csr_matrix:
    """Inner: (F + 2R + (k - 3) P) / k; on a boundary: 1/8, 3/4, 1/8 along it; unused vertices stay."""
    from scipy.sparse import csr_matrix, diags

    n = step.n
    at_face = csr_matrix(
        (np.ones(step.parents.size), (step.parents.ravel(), np.repeat(np.arange(len(step.parents)), 4))),
        shape=(n, len(step.parents)),
    )
    at_edge = csr_matrix(
        (np.ones(step.edges.size), (step.edges.ravel(), np.repeat(np.arange(len(step.edges)), 2))),
        shape=(n, len(step.edges)),
    )
    k = np.asarray(at_face.sum(1)).ravel()
    on_rim = np.asarray(at_edge[:, np.flatnonzero(boundary)].sum(1)).ravel() > 0
    free = (k > 0) & ~on_rim
    inv = np.where(free, 1 / np.maximum(k, 1), 0.0)
    smooth = diags(inv**2) @ (at_face @ face) + diags(2 * inv**2) @ (at_edge @ ends) + diags((k - 3) * inv)
    rim_edges = at_edge @ diags(boundary.astype(float)) @ ends  # (P + neighbours / 2) on a rim
    rim = diags(np.where(on_rim, 0.25, 0.0)) @ rim_edges + diags(np.where(on_rim, 0.5, 0.0))
    return smooth + rim + diags((k == 0).astype(float))


def sharpened(step: Step, matrix: csr_matrix) -> csr_matrix:
    """The step's matrix after one pass against shrinkage: the control vertices are first pushed out by what they lose.

    Plain Catmull-Clark pulls a coarse lid or lip in by tenths of a millimetre; with P' = P + (P - A P), A the rule for
    old vertices, the refined head stays where the low one is.
    """
    from scipy.sparse import identity

    return (matrix @ (2 * identity(step.n, format="csr") - matrix[: step.n])).tocsr().astype(np.float32)


def linear(step: Step, values: AnyArray) -> AnyArray:  # (n, C) -> (n_new, C)
    """Subdivide without smoothing: kept, edge middles, quad middles. For texture coordinates."""
    return np.concatenate([values, values[step.edges].mean(1), values[step.parents].mean(1)]).astype(values.dtype)


def inherit(matrix: csr_matrix, labels: AnyArray) -> AnyArray:  # (n,) -> (n_new,)
    """Labels after a step with this position matrix: the one that weighs most, so borders get smoother."""
    kinds = np.unique(labels)
    weight = matrix @ (labels[:, None] == kinds).astype(np.float32)
    return np.asarray(kinds[weight.argmax(1)])

"""Where the 478 points lie on another face mesh: the head's mean registered to that mesh's mean, once.

Both faces are aligned by iBUG's inner 51 points (a similarity). The head's shape code is fitted to the mesh, point to
plane (Chen and Medioni, IVC 1992), then its face is bent in rounds by a field of moves that is as smooth as the surface
allows (graph Laplacian: Botsch and Sorkine, IEEE TVCG 2008; from stiff to soft: Amberg et al., CVPR 2007). Each vertex
is drawn to the nearest one of a like normal, and the keypoints to theirs. Upper and lower lip, which touch, are told
apart by the way along the surface to the lips' own keypoints. In the end every point goes to the nearest triangle.

What is kept are vertex numbers and weights, found here and nowhere else, in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d_live import arrays
from face3d_live.files import replacing
from face3d_live.head.model import Head
from face3d_live.head.points import IBUG68_FROM_478, LIPS_LOWER, LIPS_UPPER, N_POINTS, N_SKIN
from face3d_live.regress import model_cache
from face3d_live.regress.deep3d.surface import closest_on, edges_of, vertex_normals
from face3d_live.typing import AnyArray, Array, Array64, Mask

logger = logging.getLogger(__name__)

#: Part of the cached file's name: another procedure, another file.
VERSION = 1
#: iBUG's numbers: those that mean the same place on every face, and the lips'.
_INNER = np.arange(17, 68)
_UPPER_LIP, _LOWER_LIP = (49, 50, 51, 52, 53, 61, 62, 63), (55, 56, 57, 58, 59, 65, 66, 67)
#: The mouth's corners among the 478, outer and inner: of neither lip.
_CORNERS = (61, 291, 78, 308)
#: Rounds of the shape code's fit, and metres that a vertex and a keypoint err by there.
_SHAPE_ROUNDS, _SHAPE_ERROR, _KEYPOINT_ERROR = 8, 0.0015, 0.0015
#: Rounds: weight of the smoothness against a move of one vertex.
_STIFFNESS = (100.0, 30.0, 10.0, 3.0, 1.0, 0.5)
#: Weight of a keypoint, falling with the rounds, and metres and cosine of normals beyond which vertices do not pair.
_KEYPOINT, _FAR, _LIKE = 10.0, 0.015, 0.5


@dataclass(frozen=True)
class Correspondence:
    """vertices: (478, 3) of the other mesh and weights: (478, 3), each row adds up to 1. usable: (478,) 0..1, how far
    the place can be trusted; 0 for the irises, which no such mesh has."""

    vertices: NDArray[np.int32]
    weights: Array
    usable: Array


def registered(mean: Array, faces: NDArray[np.int32], keypoints: NDArray[np.int32], head: Head) -> Correspondence:
    """`register`, from the user's cache folder where it was done before."""
    digest = hashlib.sha256()
    for part in (mean, faces, keypoints, head.template, head.point_faces, head.point_weights):
        digest.update(np.ascontiguousarray(part).tobytes())
    path = model_cache.cache_folder().parent / "deep3d" / f"{digest.hexdigest()[:32]}-{VERSION}.npz"
    kept = _read(path, len(mean))
    if kept is None:
        kept = register(mean, faces, keypoints, head)
        _write(path, kept)
    return kept


def register(mean: Array, faces: NDArray[np.int32], keypoints: NDArray[np.int32], head: Head) -> Correspondence:
    """The correspondence of the head's 478 points with a mesh.

    mean: (N, 3) in any unit and place, upright. faces: (F, 3), counter-clockwise from outside. keypoints: (68,) its
    vertices at iBUG's points.
    """
    template, wanted = _Template.of(head), head.landmarks68(head.template).astype(np.float64)
    there = mean.astype(np.float64)
    scale, turn, shift = similarity(there[keypoints[_INNER]], wanted[_INNER])
    there = scale * there @ turn.T + shift  # into the head's frame, metres
    normals = vertex_normals(there, faces)
    lips = _lips(there, faces, keypoints)
    mesh = _Mesh(there, normals, lips, there[keypoints[_INNER]])
    places = _drawn(template, mesh, _shaped(template, mesh))
    points = places[template.point_faces[:N_SKIN]] * template.point_weights[:N_SKIN, :, None]
    side = np.zeros(N_SKIN, np.int8)
    side[list(LIPS_UPPER)], side[list(LIPS_LOWER)], side[list(_CORNERS)] = 1, 2, 0
    vertices, weights, away = _dropped(points.sum(1), side, there, faces, lips)
    usable = head.point_usable[:N_SKIN] * np.clip(1.5 - away / 0.004, 0.1, 1)
    # No such mesh has irises: the middle between the lids stands for all five points of one.
    main = vertices[np.arange(N_SKIN), weights.argmax(1)]
    irises = np.repeat(main[[[145, 159, 133], [374, 386, 362]]], (N_POINTS - N_SKIN) // 2, axis=0)
    return Correspondence(
        np.concatenate([vertices, irises]).astype(np.int32),
        np.concatenate([weights, np.tile((0.5, 0.5, 0), (N_POINTS - N_SKIN, 1))]).astype(np.float32),
        np.concatenate([usable, np.zeros(N_POINTS - N_SKIN)]).astype(np.float32),
    )


def similarity(source: AnyArray, target: AnyArray, fixed: float | None = None) -> tuple[float, Array64, Array64]:
    """Scale, rotation (3, 3), shift (3,) with target = scale * source @ rotation.T + shift (Umeyama, PAMI 1991).

    fixed: the scale, where it is known.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    middle, goal = source.mean(0), target.mean(0)
    u, values, vt = np.linalg.svd((target - goal).T @ (source - middle))
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * signs) @ vt
    spread = float(((source - middle) ** 2).sum())
    scale = float((values * signs).sum()) / max(spread, 1e-12) if fixed is None else fixed
    return scale, rotation, goal - scale * rotation @ middle


@dataclass(frozen=True)
class _Template:
    """The part of the head that carries the points. places: (n, 3) metres, and basis: (80, n, 3) of the shape code.
    lip: (n,) 1 upper, 2 lower, 0 neither. keypoints: (51, n) sparse, what weighs vertices to iBUG's inner points."""

    places: Array64
    basis: Array64
    faces: NDArray[np.int32]
    point_faces: NDArray[np.int32]
    point_weights: Array
    lip: NDArray[np.int8]
    ears: Mask
    keypoints: Any

    @classmethod
    def of(cls, head: Head) -> _Template:
        used = np.zeros(head.n_vertices, bool)
        used[head.point_faces[:N_SKIN]] = True
        mine = (head.regions["face"] | used) & (head.part != 1)
        number = np.full(head.n_vertices, -1)
        number[mine] = np.arange(mine.sum())
        names = [head.region_names[i] for i in head.region_of[mine]]
        lip = np.array([{"lips_upper": 1, "lips_lower": 2}.get(name, 0) for name in names], np.int8)
        faces = number[head.faces[mine[head.faces].all(1)]]
        corners = number[np.where(mine[head.point_faces], head.point_faces, np.flatnonzero(mine)[0])]
        places = head.template[mine].astype(np.float64)
        ears = np.array([name == "ears" for name in names])
        basis = head.shape_basis[:, mine].astype(np.float64)
        at = _keypoint_rows(corners, head.point_weights, len(places))
        faces, corners = faces.astype(np.int32), corners.astype(np.int32)
        return cls(places, basis, faces, corners, head.point_weights, lip, ears, at)


def _keypoint_rows(corners: AnyArray, weights: AnyArray, count: int) -> Any:
    from scipy.sparse import coo_matrix

    chosen = np.asarray(IBUG68_FROM_478)[_INNER]
    rows = np.repeat(np.arange(len(chosen)), 3)
    return coo_matrix((weights[chosen].ravel(), (rows, corners[chosen].ravel())), (len(chosen), count)).tocsr()


def _lips(there: Array64, faces: NDArray[np.int32], keypoints: NDArray[np.int32]) -> NDArray[np.int8]:
    """Of each vertex of the mesh: 1 where the upper lip is nearer along the surface, 2 the lower, 0 far from both."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra

    a, b = edges_of(faces)
    length = np.linalg.norm(there[a] - there[b], axis=1) + 1e-9
    graph = coo_matrix((length, (a, b)), (len(there), len(there))).tocsr()

    def away(members: Sequence[int]) -> Array64:
        start = np.unique(keypoints[list(members)])
        return np.asarray(dijkstra(graph, directed=False, indices=start, min_only=True, limit=0.03))

    upper, lower = away(_UPPER_LIP), away(_LOWER_LIP)
    return np.where(np.minimum(upper, lower) > 0.012, 0, np.where(upper < lower, 1, 2)).astype(np.int8)


class _Mesh:
    """The other mesh, in the head's frame: places and normals (N, 3), the lips' sides, goal: (51, 3) its keypoints."""

    def __init__(self, there: Array64, normals: Array64, lips: NDArray[np.int8], goal: Array64) -> None:
        from scipy.spatial import cKDTree

        self.places, self.normals, self.goal = there, normals, goal
        self.numbers = [np.flatnonzero(lips != other) for other in (-1, 2, 1)]  # what each lip may pair with
        self.trees = [cKDTree(there[numbers]) for numbers in self.numbers]

    def pairs(self, template: _Template, places: Array64) -> tuple[Array64, Array64, Array64]:
        """Of each vertex of the template: weight (n,), 0 without a counterpart; its normal (n, 3); the distance (n,)
        along that to the counterpart. Along the surface the nearest vertex says nothing."""
        own = vertex_normals(places, template.faces)
        weight, distance = np.zeros(len(places)), np.zeros(len(places))
        for lip, (tree, numbers) in enumerate(zip(self.trees, self.numbers, strict=True)):
            mine = np.flatnonzero(template.lip == lip)
            if not len(mine):
                continue
            away, nearest = tree.query(places[mine], k=min(8, len(numbers)))
            away, nearest = (np.asarray(part).reshape(len(mine), -1) for part in (away, nearest))
            nearest = numbers[nearest]
            like = np.einsum("nd,nkd->nk", own[mine], self.normals[nearest])
            row, best = np.arange(len(mine)), (away + 0.01 * (1 - like)).argmin(1)
            weight[mine] = (like[row, best] > _LIKE) & (away[row, best] < _FAR)
            distance[mine] = ((self.places[nearest[row, best]] - places[mine]) * own[mine]).sum(1)
        weight[template.ears] = 0
        return weight, own, distance


def _shaped(template: _Template, mesh: _Mesh) -> Array64:
    """The template with the shape code, and in the place and size, that bring it nearest to the mesh."""
    code, scale, turn, shift = np.zeros(len(template.basis)), 1.0, np.eye(3), np.zeros(3)
    places = template.places
    for _ in range(_SHAPE_ROUNDS):
        weight, own, distance = mesh.pairs(template, places)
        moved = scale * np.einsum("cnx,yx->cny", template.basis, turn)
        off = mesh.goal - template.keypoints @ places
        middle = places.mean(0)
        turns = [np.cross(axis, places - middle) for axis in np.eye(3)]
        shifts = [np.broadcast_to(axis, places.shape) for axis in np.eye(3)]
        moves = np.concatenate([moved, np.stack([*turns, *shifts, places - middle])])  # (80 + 7, n, 3)
        across = np.einsum("cnx,nx->cn", moves, own) * weight / _SHAPE_ERROR
        marks = np.stack([template.keypoints @ move for move in moves]).reshape(len(moves), -1) / _KEYPOINT_ERROR
        # Neighbouring vertices err together: all of them count as 300.
        across, target = across * np.sqrt(300 / max(weight.sum(), 1)), distance * weight / _SHAPE_ERROR
        rows = np.concatenate([across, marks], 1)
        right = np.concatenate([target * np.sqrt(300 / max(weight.sum(), 1)), off.ravel() / _KEYPOINT_ERROR])
        prior = np.diag([*np.ones(len(code)), *np.full(7, 1e-6)])
        change = np.linalg.solve(rows @ rows.T + prior, rows @ right - prior @ np.r_[code, np.zeros(7)])
        code = code + change[: len(code)]
        target_places = places + np.tensordot(change[len(code) :], moves[len(code) :], 1)
        grow, spin, move = similarity(places, target_places)
        scale, turn, shift = grow * scale, spin @ turn, grow * spin @ shift + move
        places = scale * (template.places + np.tensordot(code, template.basis, 1)) @ turn.T + shift
    return np.asarray(places)


def _drawn(template: _Template, mesh: _Mesh, places: Array64) -> Array64:
    """The template's vertices, from `places` onto the mesh."""
    from scipy.sparse import coo_matrix, diags, identity
    from scipy.sparse.linalg import splu

    count = len(places)
    a, b = edges_of(template.faces)
    touching = coo_matrix((np.ones(len(a)), (a, b)), (count, count)).tocsr()
    touching = ((touching + touching.T) > 0).astype(float)
    smooth = identity(count) - diags(1 / np.maximum(np.asarray(touching.sum(1)).ravel(), 1)) @ touching
    at = template.keypoints
    for stiff in _STIFFNESS:
        weight, own, distance = mesh.pairs(template, places)
        system = stiff * smooth.T @ smooth + _KEYPOINT * at.T @ at + diags(weight + 1e-6)
        right = _KEYPOINT * at.T @ (mesh.goal - at @ places) + (weight * distance)[:, None] * own
        # Only the change of this round is smooth: what a stiffer round has bent stays bent.
        places = places + splu(system.tocsc()).solve(np.ascontiguousarray(right))
    return np.asarray(places)


def _dropped(
    points: Array64, side: NDArray[np.int8], there: Array64, faces: NDArray[np.int32], lips: NDArray[np.int8]
) -> tuple[NDArray[np.int32], Array64, Array64]:
    """Vertices (P, 3), weights (P, 3) and distance (P,) of the nearest place for each point."""
    vertices, weights = np.zeros((len(points), 3), np.int32), np.zeros((len(points), 3))
    away = np.full(len(points), np.inf)
    corner = lips[faces]
    for lip in (0, 1, 2):
        mine = np.flatnonzero(side == lip)
        allowed = faces if lip == 0 else faces[(corner != 3 - lip).all(1)]
        if len(mine) and len(allowed):
            vertices[mine], weights[mine], away[mine] = closest_on(points[mine], there, allowed)
    return vertices, weights, away


def _read(path: Path, count: int) -> Correspondence | None:
    try:
        stored = arrays.load(path)
        found = Correspondence(stored["vertices"], stored["weights"], stored["usable"])
        shapes = (found.vertices.shape, found.weights.shape, found.usable.shape)
        if shapes != ((N_POINTS, 3), (N_POINTS, 3), (N_POINTS,)) or found.vertices.min() < 0:
            raise ValueError("arrays of other shapes")
        if found.vertices.max() >= count or not np.isfinite(found.weights).all():
            raise ValueError("places that are not there")
    except FileNotFoundError:
        return None
    except arrays.DAMAGE as error:
        logger.warning("%s is damaged (%s) and is made anew", path, error)
        return None
    return found


def _write(path: Path, found: Correspondence) -> None:
    """Where the folder cannot be written, nothing is kept."""
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, vertices=found.vertices, weights=found.weights, usable=found.usable)
    except OSError as error:
        logger.info("the correspondence is not kept in %s: %s", path, error)

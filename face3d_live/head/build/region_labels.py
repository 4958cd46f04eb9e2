"""Regions of the face: outlines through the 478 points, drawn on the middle head. Build-time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d_live.head import points as P
from face3d_live.head.regions import PARTS, REGION_NAMES
from face3d_live.typing import AnyArray, Array, Mask

#: The rim of the left eye socket's soft skin, and the nose, as chains of points.
_LIDS_LEFT = (359, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255)
_NOSE_LEFT = (168, 417, 465, 412, 343, 437, 420, 279, 358, 327, 326, 2)


def _inside(polygon: AnyArray, p: AnyArray) -> Mask:  # (K, 2), (N, 2) -> (N,)
    """Even-odd rule."""
    x, y = p[:, 0, None], p[:, 1, None]
    a, b = polygon, np.roll(polygon, -1, axis=0)
    rising = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return np.asarray(((x < at) & rising).sum(1) % 2 == 1)


def _grown(polygon: AnyArray, by: float) -> AnyArray:
    """The outline pushed outwards from its middle by some metres."""
    away = polygon - polygon.mean(0)
    return np.asarray(polygon + by * away / np.linalg.norm(away, axis=1, keepdims=True))


def filled(mask: Mask, faces: AnyArray, within: Mask) -> Mask:  # (V,) x 2 -> (V,)
    """A set of vertices without its holes: all of `within` but the largest connected piece outside the set."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    a, b = faces.ravel(), np.roll(faces, 1, axis=1).ravel()
    outside = within & ~mask
    keep = outside[a] & outside[b]
    graph = coo_matrix((np.ones(keep.sum()), (a[keep], b[keep])), shape=(len(mask),) * 2)
    piece = connected_components(graph, directed=False)[1]
    return np.asarray(within & ~(outside & (piece == np.bincount(piece[outside]).argmax())))


def label(
    vertices: Array, normals: Array, part: AnyArray, points: Array, ears: Mask
) -> NDArray[np.uint8]:  # (V,) index into REGION_NAMES
    """Regions of the middle head, the same on both sides. points: (478, 3) on it. ears: (V,) bool."""
    index = {name: i for i, name in enumerate(REGION_NAMES)}
    flat, px = vertices[:, :2], points[:, :2]
    front = (part == 0) & (vertices[:, 2] > points[list(P.EYE_CORNERS), 2].mean() - 0.055) & (normals[:, 2] > -0.25)
    oval = _grown(px[list(P.OVAL)], 0.004)
    face = front & _inside(oval, flat) & ~ears
    region = np.full(len(vertices), index["scalp"], np.uint8)
    region[_neck(vertices, points) & (part == 0) & ~face] = index["neck"]
    region[ears & (part == 0)] = index["ears"]
    brow_line = px[list(P.BROW_LEFT + P.BROW_RIGHT), 1].mean()
    mouth_low, corner = px[17, 1], abs(px[291, 0])
    below = vertices[:, 1] < mouth_low
    bare = (region == index["scalp"]) & (part == 0) & (vertices[:, 2] > 0.005) & (vertices[:, 1] < 0.015)
    region[bare] = np.where(below, index["jaw"], index["cheeks"])[bare]  # before the ear no hair grows below the eyes
    region[face] = index["cheeks"]
    region[face & (vertices[:, 1] > brow_line)] = index["forehead"]
    region[face & below] = index["jaw"]
    region[face & below & (np.abs(vertices[:, 0]) < 0.9 * corner)] = index["chin"]

    def paint(name: str, chain: tuple[int, ...], grow: float = 0.0) -> Mask:
        found = face & _inside(_grown(px[list(chain)], grow), flat)
        region[found] = index[name]
        return np.asarray(found)

    mirrored = tuple(int(P.MIRROR_478[i]) for i in reversed(_NOSE_LEFT[1:-1]))
    paint("nose", _NOSE_LEFT + mirrored, 0.0015)
    paint("eyelids_left", _LIDS_LEFT)
    paint("eyelids_right", tuple(int(P.MIRROR_478[i]) for i in _LIDS_LEFT))
    for side, chain in (("left", P.BROW_LEFT), ("right", P.BROW_RIGHT)):
        paint(f"brows_{side}", chain[:5] + chain[:4:-1], 0.003)
    lips = paint("lips_upper", P.LIPS_OUTER, 0.0005)
    region[lips & _nearer(vertices, points, P.LIPS_LOWER, P.LIPS_UPPER)] = index["lips_lower"]
    for number, name in enumerate(PARTS[1:], 1):
        region[part == number] = index[name]
    return _mirrored(region, vertices)


def _nearer(vertices: Array, points: Array, these: tuple[int, ...], those: tuple[int, ...]) -> Mask:
    """Whether a vertex is nearer to one group of points than to another."""

    def distance(group: tuple[int, ...]) -> AnyArray:
        return np.asarray(np.linalg.norm(vertices[:, None] - points[list(group)], axis=2).min(1))

    return distance(these) < distance(those)


def _mirrored(region: NDArray[np.uint8], vertices: Array) -> NDArray[np.uint8]:
    """The left half's labels for both, Left and Right exchanged."""
    from scipy.spatial import cKDTree

    swap = np.arange(len(REGION_NAMES))
    for i, name in enumerate(REGION_NAMES):
        if name.endswith("_left"):
            swap[i], swap[i + 1] = i + 1, i
    distance, partner = cKDTree(vertices).query(vertices * np.array([-1, 1, 1]))
    right = (vertices[:, 0] < 0) & (distance < 1e-4)
    return np.where(right, swap[region[partner]], region).astype(np.uint8)


def _neck(vertices: Array, points: Array) -> Mask:
    """Below a line from under the chin to the nape."""
    chin = points[152]
    slope = 0.35  # the jaw's underside climbs towards the ears
    return np.asarray(
        vertices[:, 1]
        < chin[1]
        - 0.006
        + slope * (chin[2] - vertices[:, 2]) * (vertices[:, 2] > -0.02)
        + np.where(vertices[:, 2] > -0.02, 0.0, slope * (chin[2] + 0.02))
    )

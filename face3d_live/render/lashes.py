"""Upper lashes: a curled ribbon along each upper lid, rooted on its margin and pointing away from the eyeball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import INDEX
from face3d_live.head.model import Head
from face3d_live.splines import cubic_spline
from face3d_live.typing import AnyArray, Array

_COLUMNS = 40
#: The ribbon's rows from root to tip: metres away from the ball, metres up. It leaves the lid straight, then curls.
_CURL = np.array([(0.0, 0.0), (0.0032, 0.0004), (0.0052, 0.0026)], np.float32)
_ROWS = len(_CURL)
#: The margin's outer edge is where the lid is this thick over the ball, metres, and falls this far in a blink.
_LID = 0.0014, 0.0023
_FALLS = 0.0025


@dataclass(frozen=True)
class Lashes:
    """margins: per eye, low-level vertices along the upper lid. weights: per eye, (columns, margin) interpolation.

    balls: per eye, the eyeball's vertices. along: (N, 2) each ribbon vertex' place: across the eye 0..1, root to
    tip 0..1. faces: (F, 3).
    """

    margins: list[NDArray[np.int64]]
    weights: list[Array]
    balls: list[NDArray[np.int64]]
    along: Array
    faces: NDArray[np.int32]

    def place(self, vertices: AnyArray) -> Array:  # (V, 3) low level -> (N, 3)
        """The ribbons on a head."""
        rows = []
        for margin, weights, ball in zip(self.margins, self.weights, self.balls, strict=True):
            roots = weights @ vertices[margin]
            away = roots - vertices[ball].mean(0)
            away /= np.linalg.norm(away, axis=1, keepdims=True)
            up = np.array([0, 1, 0], np.float32) - away * away[:, 1:2]
            short = 0.55 + 0.45 * np.sin(np.linspace(0.3, np.pi - 0.3, _COLUMNS, dtype=np.float32))[:, None]
            rows += [roots + short * (out * away + lift * up) for out, lift in _CURL]
        return np.concatenate(rows).astype(np.float32)


def measure(head: Head) -> Lashes:
    """Find the lid margins of a head."""
    margins, balls = [], []
    for eye, name in enumerate(("eyeBlinkLeft", "eyeBlinkRight")):
        centre = head.eye_centers[eye]
        away = head.template - centre
        thick = np.linalg.norm(away, axis=1) - head.eye_radius
        falls = -head.expression_basis[INDEX[name], :, 1]
        lid = (head.part == 0) & (thick > _LID[0]) & (thick < _LID[1]) & (falls > _FALLS) & (away[:, 2] > 0)
        found = np.flatnonzero(lid)
        margins.append(found[np.argsort(head.template[found, 0])])
        balls.append(np.flatnonzero((head.part == 1) & (head.template[:, 0] * centre[0] > 0)))
    u, v = np.meshgrid(np.linspace(0, 1, _COLUMNS), np.linspace(0, 1, _ROWS))
    one = np.stack([u.ravel(), v.ravel()], -1).astype(np.float32)
    return Lashes(margins, [_resample(head.template[m]) for m in margins], balls, np.tile(one, (2, 1)), _ribbons())


def _resample(margin: AnyArray) -> Array:  # (M, 3) -> (_COLUMNS, M)
    """Weights that lay evenly spaced points on a smooth curve through the margin."""
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(margin, axis=0), axis=1))]
    even = np.linspace(0, length[-1], _COLUMNS)
    return np.asarray(cubic_spline(length, np.eye(len(margin)), even), np.float32)


def _ribbons() -> NDArray[np.int32]:  # -> (F, 3)
    """Triangles of the two ribbons, row after row."""
    row, column = np.meshgrid(np.arange(_ROWS - 1), np.arange(_COLUMNS - 1), indexing="ij")
    a = (row * _COLUMNS + column).ravel()
    one = np.concatenate([np.stack([a, a + 1, a + _COLUMNS], 1), np.stack([a + 1, a + _COLUMNS + 1, a + _COLUMNS], 1)])
    return np.concatenate([one, one + _ROWS * _COLUMNS]).astype(np.int32)

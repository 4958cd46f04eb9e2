"""The outline of the face alone, without hair, ears and neck: what is blended over a camera's picture."""

from __future__ import annotations

import numpy as np

from face3d_live.head.points import OVAL
from face3d_live.nearest import nearest
from face3d_live.typing import AnyArray, Array, Mask

#: What lies further behind the outline than this is the back of the head, metres.
_BEHIND = 0.02
#: Points between two of MediaPipe's on the outline.
_STEPS = 8


def inside_face(points: AnyArray, rest: AnyArray) -> Array:  # (478, 3), (V, 3) -> (V,)
    """Metres inside the outline of MediaPipe's face oval, negative outside it, of places on the template."""
    corners = points[[*OVAL]]
    along = np.arange(_STEPS)[:, None] / _STEPS
    ends = np.roll(corners, -1, 0)
    line = (corners[:, None] * (1 - along) + ends[:, None] * along).reshape(-1, 3)
    apart, closest = nearest(line, rest)
    inside = _within(corners[:, :2], rest[:, :2]) & (rest[:, 2] > line[closest, 2] - _BEHIND)
    return np.asarray(np.where(inside, apart, -apart), np.float32)


def _within(polygon: AnyArray, places: AnyArray) -> Mask:  # (n, 2), (V, 2) -> (V,)
    """Whether a line from a place to the right crosses the polygon an odd number of times."""
    a, b = polygon, np.roll(polygon, -1, 0)
    x, y = places[:, :1], places[:, 1:]
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    rise = np.where(a[:, 1] == b[:, 1], 1, b[:, 1] - a[:, 1])
    crosses = spans & (x < a[:, 0] + (y - a[:, 1]) / rise * (b[:, 0] - a[:, 0]))
    return np.asarray(crosses.sum(1) % 2 == 1)

"""The outline of the face alone, without hair, ears and neck: what is blended over a camera's picture."""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.head.points import OVAL
from face3d_live.typing import AnyArray, Array

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
    apart = np.linalg.norm(rest[:, None] - line, axis=2)  # (V, n)
    nearest = apart.argmin(1)
    polygon = np.ascontiguousarray(1e3 * corners[:, :2], np.float32)
    within = [cv2.pointPolygonTest(polygon, (1e3 * float(x), 1e3 * float(y)), False) > 0 for x, y in rest[:, :2]]
    inside = np.array(within) & (rest[:, 2] > line[nearest, 2] - _BEHIND)
    return np.asarray(np.where(inside, 1, -1) * apart.min(1), np.float32)

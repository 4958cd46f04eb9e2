"""Where MediaPipe's iris points lie on the eyeballs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from face3d_live.typing import AnyArray, Array

#: Visible radius of an adult's iris over the eyeball's, as an angle: 5.9 mm on MakeHuman's large ball of 16.
IRIS_ANGLE = 0.377


def iris_points(
    vertices: Array, faces: AnyArray, eye_ids: Sequence[AnyArray], centers: AnyArray
) -> tuple[AnyArray, Array]:
    """(10, 3) vertices and weights of the right and left iris points: centre, image right, top, image left, bottom.

    vertices: (V, 3); faces: (F, 3); eye_ids: the vertices of the left and the right ball; centers: (2, 3) of them. A
    point lies where a ray from the ball's centre meets the ball.
    """
    found = []
    s, c = np.sin(IRIS_ANGLE), np.cos(IRIS_ANGLE)
    rays = np.array([[0, 0, 1], [s, 0, c], [0, s, c], [-s, 0, c], [0, -s, c]])
    for eye in (1, 0):  # the subject's right comes first
        mine = faces[np.isin(faces[:, 0], eye_ids[eye])]
        corners = vertices[mine] - centers[eye]
        for ray in rays:
            weights = np.linalg.solve(np.swapaxes(corners, 1, 2), np.broadcast_to(ray[:, None], (len(mine), 3, 1)))
            w = weights[..., 0]
            best = int(np.where(w.sum(1) > 0, w.min(1) / np.abs(w).sum(1), -1).argmax())
            found.append((mine[best], np.maximum(w[best], 0) / np.maximum(w[best], 0).sum()))
    return np.array([f for f, _ in found]), np.array([w for _, w in found], np.float32)

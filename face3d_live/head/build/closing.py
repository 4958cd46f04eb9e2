"""Lids that close at blink 1 in every head. Build-time.

A head with wide eyes has farther to go than one with narrow eyes, so a blink that is the same for all leaves the first
ajar and folds the lids of the second. Here the points of the upper margin meet those of the lower one, wherever the
shape code has put both: the movement of a blink is linear in the shape code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from face3d_live.head import points
from face3d_live.head.build.bend import Bender
from face3d_live.typing import AnyArray, Array

#: The part of the way that the lower lid comes up (the teacher's points of people who blink).
LOWER_SHARE = 0.1
#: A lid reaches so far from its margin (metres).
REACH = 0.012
#: The margins meet exactly: see `bend.Bender`.
FAITH = 30.0

#: Points of the upper margin, and of the lower one below each.
MARGINS = {
    "Left": (points.LID_UPPER_LEFT, points.LID_LOWER_LEFT[::-1]),
    "Right": (points.LID_UPPER_RIGHT, points.LID_LOWER_RIGHT[::-1]),
}


class Closing(NamedTuple):
    """One eye. offset: (V, 3) of the template at blink 1; vertices: (n,) of the lids; basis: (80, n, 3), what the shape
    code adds there at blink 1 and unit variance. Metres."""

    offset: Array
    vertices: NDArray[np.int64]
    basis: Array


def closing(
    side: str,
    template: Array,
    shape: Array,
    blink: Array,
    part: NDArray[np.uint8],
    faces: AnyArray,
    corners: AnyArray,
    weights: AnyArray,
) -> Closing:
    """The blink of the "Left" or "Right" eye.

    template: (V, 3). shape: (80, V, 3). blink: (V, 3) an offset that lowers the lid, by whatever. part: (V,) see
    `regions.PARTS`. faces: (F, 3). corners, weights: (478, 3) places of the face points.
    """
    from scipy.spatial import cKDTree

    pinned = [point for chain in MARGINS[side] for point in chain]
    place = np.einsum("pkc,pk->pc", template[corners[pinned]], weights[pinned])
    balls = np.flatnonzero(part == 1)
    half = len(pinned) // 2
    meeting = LOWER_SHARE * place[:half] + (1 - LOWER_SHARE) * place[half:]
    ball = balls[cKDTree(template[balls]).query(meeting)[1]]
    inner = np.sin(np.linspace(0, np.pi, half + 2)[1:-1])  # towards the corners the lids leave the ball

    def targets(vertices: Array, follow: bool) -> AnyArray:  # (V, 3) -> (14, 3)
        """Offsets that make the margins meet. follow: at the depth that keeps their distance to the eyeball."""
        here = np.einsum("pkc,pk->pc", vertices[corners[pinned]], weights[pinned])
        upper, lower = here[:half], here[half:]
        goal = LOWER_SHARE * upper + (1 - LOWER_SHARE) * lower
        if follow:
            goal[:, 2] += inner * (vertices[ball, 2] - goal[:, 2])
        return np.concatenate([goal - upper, goal - lower])

    near = cKDTree(place).query(template)[0] < REACH
    mine = (part == 0) & (template[:, 0] * np.sign(place[0, 0]) > 0)
    lids = np.flatnonzero(mine & (near | (np.linalg.norm(blink, axis=1) > REACH / 40)))
    free = np.zeros(len(template), bool)
    free[lids] = True
    bender = Bender(faces, free, corners[pinned], weights[pinned], np.ones(len(pinned)), FAITH)
    wanted = targets(template, False)
    old = np.einsum("pkc,pk->pc", blink[corners[pinned]], weights[pinned])
    scale = float((old * wanted).sum() / (old * old).sum())
    fields = [bender.bend(np.zeros_like(template), targets(mode, True))[lids] for mode in shape]
    return Closing(bender.bend(scale * blink, wanted), lids, np.array(fields, np.float32))

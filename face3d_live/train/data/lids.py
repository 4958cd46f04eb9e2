"""How far the lids are apart in a teacher's points, and lids that it leaves ajar closed."""

from __future__ import annotations

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.regress.fit import Fitter
from face3d_live.typing import AnyArray, Array

#: On faces this small the teacher never shuts an eye: lids closer than the second part of the eye's width are drawn
#: together, so that those as close as the first part meet (told from the pictures).
SHUT, NARROW = 0.10, 0.17

#: Upper and lower lid, three times, and the corners from left to right in the image.
LIDS = {
    "Left": ((386, 374), (385, 380), (387, 373), (362, 263)),
    "Right": ((159, 145), (158, 153), (160, 144), (33, 133)),
}


def lid_gap(points: AnyArray, side: str) -> AnyArray:  # (..., 478, 2) -> (...)
    """How far the upper lid is above the lower one as a part of the eye's width, the mean of three places."""
    *lids, (left, right) = LIDS[side]
    upper, lower = np.transpose(lids)
    across = points[..., right, :] - points[..., left, :]
    down = (points[..., lower, :] - points[..., upper, :]).mean(-2)
    result: AnyArray = (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]) / (across**2).sum(-1)
    return result


def close_lids(fitter: Fitter, points: Array, codes: HeadCodes, camera: Camera) -> tuple[Array, HeadCodes]:
    """Points and codes of a frame with lids that nearly meet drawn together (`SHUT`); met, they are a full blink.

    Nobody winks in these clips: both eyes close by the same part.
    """
    gaps = {side: max(0.0, float(lid_gap(points, side))) for side in LIDS}
    mean = max(1e-6, sum(gaps.values()) / len(gaps))
    closed = 1 - max(0.0, (mean - SHUT) * NARROW / (NARROW - SHUT)) / mean
    if closed <= 0:
        return points, codes
    here = expression = codes.expression
    for side, gap in gaps.items():
        shut = expression.copy()
        # A lowered gaze lowers the lid, too.
        shut[INDEX[f"eyeBlink{side}"]], shut[INDEX[f"eyeLookDown{side}"]] = 1, 0
        heads = (codes, codes.with_(expression=shut))
        now, then = (float(lid_gap(camera.project(fitter.points3d(head)), side)) for head in heads)
        if then < now:
            here = here + min(1.0, closed * gap / (now - then)) * (shut - expression)
        expression = expression + closed * (shut - expression)
    before, after = (camera.project(fitter.points3d(codes.with_(expression=e))) for e in (codes.expression, here))
    return points + after - before, codes.with_(expression=expression)

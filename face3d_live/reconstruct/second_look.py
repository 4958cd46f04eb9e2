"""Whether the network sees the same face when its crop is turned: a face that is there stays where it is.

Median distance of the points of two turned crops from those found, a fraction of the eye distance. Of 60 portraits
upright: 0.010, at most 0.022; with heads turned by 25 degrees in the picture 0.015, 95 % below 0.033. Of the same
turned by a quarter: 0.41, 95 % above 0.16. What passes for a face by chance is like these.
"""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.head.points import EYE_CORNERS
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.runtime import Regressor
from face3d_live.typing import Array, Picture

_TURN = 15.0  # degrees, either way
_LEAST_EYES = 0.4  # of half a crop: a misread face may have its eyes in one place
_ROOM = 1.5  # half sides of the crop that are turned: its corners stay inside


def disagreement(regressor: Regressor, rgb: Picture, points: Array) -> float:  # (H, W, 3), (478, 2)
    """See the module docstring."""
    crop = crop_from_points(points)
    side = max(int(np.ceil(2 * _ROOM * crop.half)), 8)
    patch = Crop(crop.x, crop.y, side / 2).extract(rgb, side)
    corner = np.array([crop.x - side / 2, crop.y - side / 2], np.float32)
    middle = Crop(side / 2, side / 2, crop.half)
    turns = [cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1) for angle in (-_TURN, _TURN)]
    crops = [middle.extract(cv2.warpAffine(patch, turn, (side, side))) for turn in turns]
    seen = regressor.predict(np.stack(crops)).points
    eyes = float(np.linalg.norm(points[EYE_CORNERS[0]] - points[EYE_CORNERS[1]]))
    apart = []
    for turn, each in zip(turns, seen, strict=True):
        back = cv2.invertAffineTransform(turn)
        there = middle.to_frame(each) @ back[:, :2].T + back[:, 2] + corner
        apart.append(np.median(np.linalg.norm(there - points, axis=1)))
    return float(max(apart)) / max(eyes, _LEAST_EYES * crop.half)

"""Rotation consistency: whether the points stay on the face when the crop is rotated; rejects false detections.

Measure: median distance of the points in two rotated crops from the given ones, a fraction of the eye distance. On 60
portraits upright: 0.010, at most 0.022; with heads rolled by 25 degrees 0.015, 95 % below 0.033. On the same portraits
rolled by a quarter turn, where the network fails: 0.41, 95 % above 0.16. False detections behave like the latter.
"""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.head.points import EYE_CORNERS
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.interface import FaceRegressor
from face3d_live.typing import AnyArray, Array, Picture

_TURN = 15.0  # degrees, either way, as OpenCV takes them
_LEAST_EYES = 0.4  # of half a crop: least eye distance to divide by, as wrong points may have both eyes in one place
_ROOM = 1.5  # half sides of the crop in the patch that is rotated, so that the rotated crop lies inside it


def disagreement(regressor: FaceRegressor, rgb: Picture, points: Array) -> float:  # (H, W, 3), (478, 2)
    """The measure of the module docstring, for points (478, 2) in pixels of a picture (H, W, 3)."""
    crop = crop_from_points(points)
    side = max(int(np.ceil(2 * _ROOM * crop.half)), 8)
    patch = Crop(crop.x, crop.y, side / 2).extract(rgb, side)
    corner = np.array([crop.x - side / 2, crop.y - side / 2], np.float32)
    middle = Crop(side / 2, side / 2, crop.half)
    turns = [cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1) for angle in (-_TURN, _TURN)]
    cuts = []
    for turn in turns:
        turned = np.asarray(cv2.warpAffine(patch, turn, (side, side)), np.uint8)
        cuts.append(regressor.cut(turned, middle, _moved(points - corner, turn)))
    seen = regressor.predict(np.stack([picture for picture, _ in cuts])).points
    eyes = float(np.linalg.norm(points[EYE_CORNERS[0]] - points[EYE_CORNERS[1]]))
    apart = []
    for turn, each, (_, shown) in zip(turns, seen, cuts, strict=True):
        there = _moved(shown.to_frame(each), cv2.invertAffineTransform(turn)) + corner
        apart.append(np.median(np.linalg.norm(there - points, axis=1)))
    return float(max(apart)) / max(eyes, _LEAST_EYES * crop.half)


def _moved(points: AnyArray, matrix: AnyArray) -> AnyArray:  # (N, 2), (2, 3) -> (N, 2)
    return points @ matrix[:, :2].T + matrix[:, 2]

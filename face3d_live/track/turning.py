"""Heads that are not upright in the picture: which way up they are, and the detector's looks at them.

The network knows heads of up to 30 degrees of roll. Turned further, it answers with a wrong head: on eleven faces its
points were off by 3 % of the eye distance at 45 degrees of roll, 6 to 29 % at 60, 70 % at 90, and its confidence fell
from 0.85 over 0.65 and 0.25 to below 0.1. So the crop is turned with the head, in steps of 30 degrees.

In a close look the detector's keypoints give the roll of heads up to 90 degrees either way within 10 degrees (the same
faces). An upside-down face it often takes for an upright one of low score: only a look at the turned picture tells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.regress.crop import Crop
from face3d_live.rotations import to_euler
from face3d_live.track.crop_placement import centre_of
from face3d_live.track.detector import SAME, SURE, Detection, overlap
from face3d_live.track.types import DetectsFaces
from face3d_live.typing import AnyArray, Array, Rgb

STEP = math.radians(30.0)  # a crop's roll is a multiple of it
SLACK = math.radians(25.0)  # roll of a head in its crop that needs no other crop
READABLE = math.radians(55.0)  # yaw beyond which the roll of a head says little about the picture's plane
CLOSE_LOOK = 256  # pixels of a turned cut-out that the detector sees: twice the side of its input
GLANCE = 640  # pixels, longer side of a picture that is turned as a whole
_QUARTERS = (math.pi, math.pi / 2, -math.pi / 2)


def roll_of(face: Detection) -> float:
    """Radians, counter-clockwise: how far the line from mouth to eyes is from upright. 0 without keypoints."""
    up = (face.keypoints[0] + face.keypoints[1]) / 2 - face.keypoints[3]
    return math.atan2(-up[0], -up[1]) if np.isfinite(up).all() and np.abs(up).max() > 0 else 0.0


def between(angle: float, other: float) -> float:
    """The angle less another one, -pi to pi."""
    return (angle - other + math.pi) % (2 * math.pi) - math.pi


def stepped(roll: float, current: float = 0.0) -> float:
    """The roll for the crop of a head of roll `roll`: `current` while that is near enough, else the nearest step."""
    if not math.isfinite(roll) or abs(between(roll, current)) <= SLACK:
        return current
    return between(round(roll / STEP) * STEP, 0.0)


def roll_for(codes: HeadCodes, current: float) -> float:
    """The roll for the crop of the frame after one with these codes."""
    yaw, _, roll = to_euler(codes.rotation)
    return stepped(roll, current) if abs(yaw) < READABLE else current


def near_turned(detector: DetectsFaces, rgb: Rgb, centre: AnyArray, side: float, roll: float) -> Detection | None:
    """`Detector.near` in a cut-out turned by `roll`. The answer is in the frame's pixels; its box has sides parallel to
    the frame's and is as large as in the cut-out."""
    if roll == 0:
        return detector.near(rgb, centre, side)
    crop = Crop(float(centre[0]), float(centre[1]), max(float(side), 1.0), roll)
    middle = CLOSE_LOOK / 2
    face = detector.near(crop.extract(rgb, CLOSE_LOOK), np.full(2, middle), middle)
    if face is None:
        return None
    (x, y), size = centre_of(face)
    place = crop.to_frame((np.array([x, y]) - middle) / middle)
    half = size / 2 * crop.half / middle
    keypoints = crop.to_frame((face.keypoints - middle) / middle)
    return Detection(np.concatenate([place - half, place + half]).astype(np.float32), face.score, keypoints)


def other_ways_up(detector: DetectsFaces, rgb: Rgb, face: Detection, roll: float) -> Iterator[tuple[Detection, float]]:
    """The same face as the detector sees it in crops turned by half and quarter turns from `roll`, with their rolls.

    Only where it is upright in them. Each costs a look of the detector.
    """
    for turn in _QUARTERS:
        way = between(roll, -turn)
        seen = near_turned(detector, rgb, *centre_of(face), way)
        if seen is not None:
            closer = stepped(roll_of(seen), way)
            if abs(between(closer, way)) <= STEP * 1.01:
                yield seen, closer


def in_turned_pictures(detector: DetectsFaces, rgb: Rgb) -> list[Detection]:
    """Faces that show themselves in the whole picture turned by a half or quarter turn, in the frame's pixels.

    Three looks of the detector at a picture of at most `GLANCE` pixels; the sides of their boxes stay parallel to the
    frame's.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, GLANCE / max(height, width))
    small = rgb if scale == 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = [face for quarters in (2, 1, 3) for face in detect_turned(detector, small, quarters)]
    faces: list[Detection] = []
    for face in sorted(found, key=lambda face: -face.score):  # a face shows itself in several turns, best upright
        if not faces or overlap(face.box / scale, np.stack([other.box for other in faces])).max() < SAME:
            faces.append(Detection(face.box / scale, face.score, face.keypoints / scale))
    return sorted(faces, key=lambda face: (face.score < SURE, -face.area))


def detect_turned(detector: DetectsFaces, rgb: Rgb, quarters: int) -> list[Detection]:
    """`Detector.detect`, one look, in a picture whose heads are turned counter-clockwise by quarter turns.

    The answers are in the picture's own pixels; the sides of their boxes stay parallel to it.
    """
    if quarters == 0:
        return detector.detect(rgb, finest=0)
    found = []
    for face in detector.detect(np.ascontiguousarray(np.rot90(rgb, -quarters)), finest=0):
        corners = _back(face.box.reshape(2, 2), -quarters % 4, rgb.shape)
        box = np.concatenate([corners.min(0), corners.max(0)])
        found.append(Detection(box, face.score, _back(face.keypoints, -quarters % 4, rgb.shape)))
    return found


def _back(points: AnyArray, quarters: int, shape: tuple[int, ...]) -> Array:  # (N, 2) -> (N, 2)
    """Pixels of `np.rot90(picture, quarters)` in the picture itself."""
    height, width = shape[:2]
    x, y = np.asarray(points, np.float32).T
    if quarters == 1:  # rot90 turns counter-clockwise: its x is the picture's y
        return np.stack([width - y, x], -1)
    return np.stack([width - x, height - y] if quarters == 2 else [y, height - x], -1)

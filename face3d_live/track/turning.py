"""Heads that are not upright in the picture: the roll of the crop, and detection in turned pictures.

Roll here is in radians, counter-clockwise as seen in the picture (see `Detection.roll`).

The network was trained on heads of up to 30 degrees of roll. Beyond that its points are wrong: on eleven faces they
were off by 3 % of the eye distance at 45 degrees of roll, 6 to 29 % at 60, 70 % at 90, and its confidence fell from
0.85 over 0.65 and 0.25 to below 0.1. So the crop is turned with the head, in steps of 30 degrees.

In a close-up the detector's keypoints give the roll of heads up to 90 degrees either way within 10 degrees (the same
faces). It often detects an upside-down face as an upright one of low score, so the turned picture has to be tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.regress.crop import Crop
from face3d_live.rotations import to_euler, wrap_angle
from face3d_live.track.crop_placement import centre_of
from face3d_live.track.detector import SAME, SURE, Detection, overlap
from face3d_live.track.types import DetectsFaces
from face3d_live.typing import AnyArray, Array, Rgb

STEP = math.radians(30.0)  # a crop's roll is a multiple of it
SLACK = math.radians(25.0)  # roll of a head in its crop up to which the crop keeps its roll
READABLE = math.radians(55.0)  # yaw beyond which Euler roll is not the roll in the picture's plane
CLOSE_UP_SIDE = 256  # pixels of a turned close-up: twice the side of the detector's input
WHOLE_SIDE = 640  # pixels, longer side of a picture that is turned as a whole
_QUARTERS = (math.pi, math.pi / 2, -math.pi / 2)


def stepped(roll: float, current: float = 0.0) -> float:
    """The roll for the crop of a head of roll `roll`: `current` while that is near enough, else the nearest step."""
    if not math.isfinite(roll) or abs(wrap_angle(roll - current)) <= SLACK:
        return current
    return wrap_angle(round(roll / STEP) * STEP)


def roll_for(codes: HeadCodes, current: float) -> float:
    """The roll for the crop of the frame after one with these codes."""
    yaw, _, roll = to_euler(codes.rotation)
    return stepped(roll, current) if abs(yaw) < READABLE else current


def detect_near_turned(
    detector: DetectsFaces, rgb: Rgb, centre: AnyArray, side: float, roll: float
) -> Detection | None:
    """`Detector.detect_near` in a close-up turned by `roll`.

    The detection is in the frame's pixels. Its box is as large as in the close-up, with sides parallel to the frame's.
    """
    if roll == 0:
        return detector.detect_near(rgb, centre, side)
    crop = Crop(float(centre[0]), float(centre[1]), max(float(side), 1.0), roll)
    middle = CLOSE_UP_SIDE / 2
    face = detector.detect_near(crop.extract(rgb, CLOSE_UP_SIDE), np.full(2, middle), middle)
    if face is None:
        return None
    (x, y), size = centre_of(face)
    place = crop.to_frame((np.array([x, y]) - middle) / middle)
    half = size / 2 * crop.half / middle
    keypoints = crop.to_frame((face.keypoints - middle) / middle)
    return Detection(np.concatenate([place - half, place + half]).astype(np.float32), face.score, keypoints)


def other_ways_up(detector: DetectsFaces, rgb: Rgb, face: Detection, roll: float) -> Iterator[tuple[Detection, float]]:
    """The face as detected in close-ups turned by half and quarter turns from `roll`, each with its roll.

    Only those in which it is upright. Each costs one run of the detector.
    """
    for turn in _QUARTERS:
        way = wrap_angle(roll + turn)
        seen = detect_near_turned(detector, rgb, *centre_of(face), way)
        if seen is not None:
            closer = stepped(seen.midline_roll, way)
            if abs(wrap_angle(closer - way)) <= STEP * 1.01:
                yield seen, closer


def detect_in_turned_pictures(detector: DetectsFaces, rgb: Rgb) -> list[Detection]:
    """Faces detected in the whole picture turned by a half or quarter turn, in the frame's pixels.

    Three runs of the detector on a picture of at most `WHOLE_SIDE` pixels. The sides of the boxes stay parallel to the
    frame's.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, WHOLE_SIDE / max(height, width))
    small = rgb if scale == 1 else cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = [face for quarters in (2, 1, 3) for face in detect_turned(detector, small, quarters)]
    faces: list[Detection] = []
    for face in sorted(found, key=lambda face: -face.score):  # a face is found in several turns, best when upright
        if not faces or overlap(face.box / scale, np.stack([other.box for other in faces])).max() < SAME:
            faces.append(Detection(face.box / scale, face.score, face.keypoints / scale))
    return sorted(faces, key=lambda face: (face.score < SURE, -face.area))


def detect_turned(detector: DetectsFaces, rgb: Rgb, quarters: int) -> list[Detection]:
    """`Detector.detect`, one run, in a picture whose heads are turned counter-clockwise by quarter turns.

    The detections are in the picture's own pixels. The sides of their boxes stay parallel to it.
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

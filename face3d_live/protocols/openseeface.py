"""OpenSeeFace: what its face tracker sends to avatar programs on UDP port 11573. 1,785 bytes a face, little-endian.

| type      | meaning                                                                                   |
|-----------|-------------------------------------------------------------------------------------------|
| f64, i32  | time in seconds since 1970, face id                                                       |
| f32[2]    | width, height of the camera's picture                                                     |
| f32[2]    | how far the right and the left eye are open, 0..1                                         |
| u8, f32   | whether the pose is known, the error of its fit                                           |
| f32[4]    | rotation, quaternion x, y, z, w                                                           |
| f32[3]    | the same as angles x, y, z in degrees, R = Rz Ry Rx                                       |
| f32[3]    | translation                                                                               |
| f32[68]   | confidence of each point                                                                  |
| f32[2*68] | points in the picture, pixels: 66 of iBUG's 68 (not the inner corners), two pupils        |
| f32[3*70] | points of the face at rest, x -y -z: the 68, and the eyeballs' centres                    |
| f32[14]   | `FEATURES`, -1..1                                                                         |

Without a face nothing is sent. OpenSeeFace fits its pose to points whose rows and columns are exchanged, in the
axes x the subject's right, y up, z out of the face, and finds the head behind the camera; `_ROWS` and `_COLUMNS` say
the same. At rest its angles are (180, 0, 90); to the subject's left y grows, up x falls, tipped to the left z falls.
The unit of length is `UNIT` metres, the origin the tip of the nose.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np

from face3d_live.codes import INDEX
from face3d_live.protocols import pose
from face3d_live.protocols.frame import StreamFrame
from face3d_live.rotations import from_quaternion, to_quaternion
from face3d_live.typing import AnyArray, Array

PORT = 11573
SIZE = 1785
WIDTH, HEIGHT = 640.0, 480.0
UNIT = 0.132

#: iBUG's points in OpenSeeFace's order: the mouth's outer corners stand among the inner lips, which have none.
ORDER = [*range(48), *range(49, 54), *range(55, 60), 48, 61, 62, 63, 54, 65, 66, 67]
NOSE = 30

#: Each feature: coefficients that raise it, coefficients that lower it. Below 0 is the other way than at rest.
FEATURES = {
    "eye_l": (["eyeWideLeft"], ["eyeBlinkLeft"]),
    "eye_r": (["eyeWideRight"], ["eyeBlinkRight"]),
    "eyebrow_steepness_l": (["browInnerUp"], ["browDownLeft"]),
    "eyebrow_updown_l": (["browOuterUpLeft", "browInnerUp"], ["browDownLeft"]),
    "eyebrow_quirk_l": (["browOuterUpLeft"], []),
    "eyebrow_steepness_r": (["browInnerUp"], ["browDownRight"]),
    "eyebrow_updown_r": (["browOuterUpRight", "browInnerUp"], ["browDownRight"]),
    "eyebrow_quirk_r": (["browOuterUpRight"], []),
    "mouth_corner_updown_l": (["mouthFrownLeft"], ["mouthSmileLeft"]),
    "mouth_corner_inout_l": (["mouthStretchLeft", "mouthSmileLeft"], ["mouthPucker", "mouthFunnel"]),
    "mouth_corner_updown_r": (["mouthFrownRight"], ["mouthSmileRight"]),
    "mouth_corner_inout_r": (["mouthStretchRight", "mouthSmileRight"], ["mouthPucker", "mouthFunnel"]),
    "mouth_open": (["jawOpen"], ["mouthClose"]),
    "mouth_wide": (["mouthStretchLeft", "mouthStretchRight"], ["mouthPucker", "mouthFunnel"]),
}

#: From the camera's axes to OpenSeeFace's (rows, columns, depth), and from its face's axes to ours.
_ROWS = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, -1]], np.float32)
_COLUMNS = np.diag([-1, 1, 1]).astype(np.float32)
_HEAD = struct.Struct("<di4fBf")
_NEAREST = 0.05
_PUPIL = 0.012


@dataclass(frozen=True)
class Face:
    """A face's points. rest: (68, 3) iBUG, basis: (52, 68, 3) per coefficient, eyes: (2, 3) left and right eyeball's
    centre; metres, head axes."""

    rest: Array
    basis: Array
    eyes: Array

    def points(self, frame: StreamFrame) -> Array:  # (70, 3)
        """In OpenSeeFace's order, metres, head axes: 66, right and left pupil, right and left eyeball's centre."""
        moved = self.rest + np.tensordot(np.clip(frame.expression, 0, 1), self.basis, 1)
        look = np.array([from_quaternion(np.array(pose.from_angles(*eye)))[:, 2] for eye in pose.eyes(frame)])
        pupils = self.eyes + _PUPIL * look
        return np.asarray(np.concatenate([moved[ORDER], pupils[::-1], self.eyes[::-1]]), np.float32)


def encode(frame: StreamFrame, face: Face) -> bytes | None:
    """One frame; None without a face."""
    if not frame.face:
        return None
    points = face.points(frame)
    rotation = from_quaternion(np.array(pose.unit(frame.rotation)))
    place = np.array(pose.position(frame), np.float32)
    turned = (_ROWS @ rotation @ _COLUMNS).astype(np.float32)
    nose = points[NOSE]
    translation = _ROWS @ (rotation @ nose + place) * [1, 1, -1] / UNIT
    features = _features(frame.expression)
    numbers = [
        to_quaternion(turned),
        _angles(turned),
        translation,
        np.ones(68),
        _picture(points[:68] @ rotation.T + place).reshape(-1),
        ((points - nose) * [-1, -1, -1] / UNIT).reshape(-1),
        features,
    ]
    opened = np.clip(1 + np.minimum(features[:2], 0), 0, 1).tolist()
    head = _HEAD.pack(frame.t, 0, WIDTH, HEIGHT, opened[1], opened[0], 1, 0.0)
    return head + np.concatenate(numbers).astype("<f4").tobytes()


def _features(expression: Array) -> AnyArray:  # (52,) -> (14,)
    x = np.clip(expression, 0, 1)
    raised = [max((x[INDEX[n]] for n in up), default=0.0) for up, _ in FEATURES.values()]
    lowered = [max((x[INDEX[n]] for n in down), default=0.0) for _, down in FEATURES.values()]
    return np.asarray(np.array(raised) - np.array(lowered), np.float64)


def _angles(rotation: Array) -> list[float]:
    """x, y, z in degrees with R = Rz Ry Rx, as cv2.RQDecomp3x3 gives them."""
    return [
        math.degrees(math.atan2(rotation[2, 1], rotation[2, 2])),
        math.degrees(math.asin(max(-1.0, min(1.0, -float(rotation[2, 0]))))),
        math.degrees(math.atan2(rotation[1, 0], rotation[0, 0])),
    ]


def _picture(points: Array) -> AnyArray:  # (N, 3) camera axes -> (N, 2) column, row
    depth = np.maximum(-points[:, 2], _NEAREST)
    return np.stack([WIDTH / 2 + WIDTH * points[:, 0] / depth, HEIGHT / 2 - WIDTH * points[:, 1] / depth], -1)


def decode(packet: bytes) -> dict[str, object]:
    """Read one face: t, open (right, left), quaternion, angles, translation, points, points3d, features.

    Raises ValueError for another size or numbers that are not finite.
    """
    if len(packet) != SIZE:
        raise ValueError(f"expected {SIZE} bytes, got {len(packet)}")
    t, _, _, _, right, left, known, _ = _HEAD.unpack_from(packet)
    values = np.frombuffer(packet, "<f4", -1, _HEAD.size)
    if known != 1 or not np.isfinite([t, right, left]).all() or not np.isfinite(values).all():
        raise ValueError("not a face")
    quaternion, angles, translation, _, points, points3d, features = np.split(values, [4, 7, 10, 78, 214, 424])
    return {
        "t": t,
        "open": (right, left),
        "quaternion": quaternion,
        "angles": angles,
        "translation": translation,
        "points": points.reshape(68, 2),
        "points3d": points3d.reshape(70, 3),
        "features": dict(zip(FEATURES, features.tolist(), strict=True)),
    }

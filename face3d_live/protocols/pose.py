"""The head's pose in the axes of engines.

A `StreamFrame` is right-handed: +x the subject's left, +y up, +z out of the face. Two things are made of it:

- **Angles** `(yaw, pitch, roll)` about +y, +x, +z with R = Ry(yaw) Rx(pitch) Rz(roll), the order of Unity's
  `Quaternion.Euler` and of Unreal's `FRotator`: positive yaw turns the face to the subject's left, positive pitch
  turns it down, positive roll tips the crown towards the subject's right (counter-clockwise in the picture).
- **Unity's axes**: left-handed, +x the avatar's right, +y up, +z out of its face; that is, x flipped. A flip of one
  axis keeps the sense of rotations about that axis and reverses it about the two others.
"""

from __future__ import annotations

import math

import numpy as np

from face3d_live.protocols.frame import StreamFrame
from face3d_live.typing import AnyArray

#: x, y, z, w
Quaternion = tuple[float, float, float, float]
Vector = tuple[float, float, float]

IDENTITY: Quaternion = (0.0, 0.0, 0.0, 1.0)


def unit(q: AnyArray) -> Quaternion:  # (4,) x, y, z, w
    """A unit quaternion with w >= 0; the identity for one too small or too large to normalise."""
    x, y, z, w = (float(v) for v in q)
    length = math.hypot(x, y, z, w)
    if not 1e-6 < length < 1e18:
        return IDENTITY
    length = math.copysign(length, w) if w else length
    return x / length, y / length, z / length, w / length


def angles(q: AnyArray) -> Vector:  # (4,) -> yaw, pitch, roll in radians
    """The angles of a quaternion, see the module: yaw and roll within pi, pitch within pi / 2."""
    x, y, z, w = unit(q)
    pitch = math.asin(max(-1.0, min(1.0, 2 * (x * w - y * z))))
    yaw = math.atan2(2 * (x * z + y * w), 1 - 2 * (x * x + y * y))
    roll = math.atan2(2 * (x * y + z * w), 1 - 2 * (x * x + z * z))
    return yaw, pitch, roll


def from_angles(yaw: float, pitch: float, roll: float) -> Quaternion:
    """The inverse of `angles`: Ry(yaw) Rx(pitch) Rz(roll)."""
    about_y = (0.0, math.sin(yaw / 2), 0.0, math.cos(yaw / 2))
    about_x = (math.sin(pitch / 2), 0.0, 0.0, math.cos(pitch / 2))
    about_z = (0.0, 0.0, math.sin(roll / 2), math.cos(roll / 2))
    return multiply(multiply(about_y, about_x), about_z)


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """The rotation b, then a (Hamilton's product)."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def part(q: Quaternion, share: float) -> Quaternion:
    """The rotation about the same axis by a share of the angle: part(q, s) after part(q, 1 - s) is q."""
    x, y, z, w = q
    sine = math.sqrt(x * x + y * y + z * z)
    if sine < 1e-9:
        return IDENTITY
    half = share * math.atan2(sine, w)
    scale = math.sin(half) / sine
    return x * scale, y * scale, z * scale, math.cos(half)


def eyes(frame: StreamFrame) -> tuple[Vector, Vector]:
    """(yaw, pitch, roll) of the left and the right eye relative to the head; here positive pitch looks down too."""
    left, right = np.clip(frame.gaze, -math.pi / 2, math.pi / 2).tolist()
    return (left[0], -left[1], 0.0), (right[0], -right[1], 0.0)


def position(frame: StreamFrame, limit: float = 10.0) -> Vector:
    """The head's position, metres, each coordinate within the limit."""
    x, y, z = np.clip(frame.translation, -limit, limit).tolist()
    return x, y, z


def unity(q: Quaternion) -> Quaternion:
    """A rotation in Unity's axes."""
    x, y, z, w = q
    return x, -y, -z, w

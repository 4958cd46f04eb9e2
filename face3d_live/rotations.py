"""Conversions between rotation matrices, 6D, quaternions, rotation vectors and Euler angles."""

from __future__ import annotations

import math

import numpy as np

from face3d_live.typing import AnyArray, Array


def from_6d(six: AnyArray) -> Array:  # (..., 6) -> (..., 3, 3)
    """The first two columns, orthonormalised by Gram-Schmidt (Zhou et al., CVPR 2019)."""
    a, b = six[..., :3], six[..., 3:]
    x = a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-8)
    b = b - (x * b).sum(-1, keepdims=True) * x
    y = b / np.maximum(np.linalg.norm(b, axis=-1, keepdims=True), 1e-8)
    z = x[..., [1, 2, 0]] * y[..., [2, 0, 1]] - x[..., [2, 0, 1]] * y[..., [1, 2, 0]]  # np.cross takes longer
    return np.stack([x, y, z], -1).astype(np.float32)


def to_6d(rotation: AnyArray) -> Array:  # (..., 3, 3) -> (..., 6)
    """The first two columns, end to end."""
    return np.concatenate([rotation[..., :, 0], rotation[..., :, 1]], -1).astype(np.float32)


def to_quaternion(rotation: AnyArray) -> Array:  # (3, 3) -> (4,) x, y, z, w with w >= 0
    """Unit quaternion of a rotation matrix (Shepperd's method: divide by the largest component)."""
    m = np.asarray(rotation, np.float64)
    squares = np.array([1 + m[0, 0] - m[1, 1] - m[2, 2], 1 - m[0, 0] + m[1, 1] - m[2, 2],
                        1 - m[0, 0] - m[1, 1] + m[2, 2], 1 + m[0, 0] + m[1, 1] + m[2, 2]])  # fmt: skip
    k = int(squares.argmax())
    if k == 3:
        q = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], squares[3]])
    else:
        i, j = (k + 1) % 3, (k + 2) % 3
        q = np.empty(4)
        q[k], q[i], q[j], q[3] = squares[k], m[i, k] + m[k, i], m[j, k] + m[k, j], m[j, i] - m[i, j]
    q = q / np.linalg.norm(q)
    return np.asarray((q if q[3] >= 0 else -q).astype(np.float32))


def from_quaternion(q: AnyArray) -> Array:  # (4,) x, y, z, w -> (3, 3)
    """Rotation matrix of a quaternion; it need not be normalised."""
    x, y, z, w = np.asarray(q, np.float64) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )


def from_vector(v: AnyArray) -> Array:  # (3,) axis times angle, radians -> (3, 3)
    """Rodrigues' formula."""
    angle = float(np.linalg.norm(v))
    if angle < 1e-9:
        return np.eye(3, dtype=np.float32)
    x, y, z = np.asarray(v, np.float64) / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray((np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * (k @ k)).astype(np.float32))


def from_euler(yaw: float, pitch: float, roll: float) -> Array:  # radians -> (3, 3)
    """R = Rz(roll) Ry(yaw) Rx(pitch), head to camera.

    Positive yaw turns the face to the image's right (the subject's left), positive pitch turns it down,
    positive roll turns it counter-clockwise as seen in the image.
    """
    about_z, about_y = from_vector(np.array([0, 0, roll])), from_vector(np.array([0, yaw, 0]))
    return (about_z @ about_y @ from_vector(np.array([pitch, 0, 0]))).astype(np.float32)


def to_euler(rotation: AnyArray) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in radians, the inverse of `from_euler`."""
    yaw = float(np.arcsin(np.clip(-rotation[2, 0], -1, 1)))
    pitch = float(np.arctan2(rotation[2, 1], rotation[2, 2]))
    roll = float(np.arctan2(rotation[1, 0], rotation[0, 0]))
    return yaw, pitch, roll


def wrap_angle(angle: float) -> float:
    """The same angle in -pi (included) to pi (excluded), radians."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def angle_between(a: AnyArray, b: AnyArray) -> AnyArray:  # (..., 3, 3) x 2 -> (...) radians
    """Geodesic distance on SO(3)."""
    trace = np.einsum("...ij,...ij->...", a, b)
    return np.asarray(np.arccos(np.clip((trace - 1) / 2, -1, 1)))

"""Resampling a take at other times, for formats with a fixed frame rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from face3d_live.errors import InputError
from face3d_live.rotations import from_quaternion, to_quaternion
from face3d_live.takes.model import Take
from face3d_live.takes.reader import MAX_FRAMES
from face3d_live.typing import AnyArray


def sample_at(take: Take, times: AnyArray) -> Take:
    """The take at rising `times` (N,), seconds: coefficients, position and light straight between frames, rotations
    along the shortest arc, identity and face of the frame before. Before the first and after the last frame nothing
    moves. The take must have a frame. Gaps are not carried over: they are bridged.
    """
    times = np.asarray(times, np.float64)
    after = np.clip(np.searchsorted(take.t, times, side="right"), 1, max(len(take) - 1, 1))
    before, after = after - 1, np.minimum(after, len(take) - 1)
    span = take.t[after] - take.t[before]
    share = np.clip((times - take.t[before]) / np.where(span > 0, span, 1), 0, 1)
    nearest = np.where((share >= 1) & (span > 0), after, before)

    def between(values: AnyArray) -> AnyArray:
        weight = share.reshape(-1, *[1] * (values.ndim - 1))
        return ((1 - weight) * values[before] + weight * values[after]).astype(np.float32)

    q = quaternions(take.rotation)
    turned = slerp(q[before], q[after], share)
    return replace(
        take,
        number=take.number[nearest],
        t=times - (times[0] if len(times) else 0.0),
        face=take.face[nearest],
        expression=between(take.expression),
        rotation=np.array([from_quaternion(one) for one in turned], np.float32).reshape(-1, 3, 3),
        translation=between(take.translation),
        light=between(take.light),
        person=take.person[nearest],
        gaps=(),
    )


def resample_uniform(take: Take, fps: float) -> Take:
    """The take at k / fps, from its first frame to its last. Raises InputError "take-too-long"."""
    count = int(np.floor(take.t[-1] * fps + 1e-6)) + 1
    if count > MAX_FRAMES:
        text = f"{count:,} frames at {fps:g} a second: take a part of it with face3d-live takes trim"
        raise InputError("take-too-long", text)
    even = sample_at(take, np.arange(count) / fps)
    return replace(even, header=replace(take.header, fps=fps))


def quaternions(rotation: AnyArray) -> AnyArray:  # (T, 3, 3) -> (T, 4) x, y, z, w float64
    """Unit quaternions that never jump to their opposite from one row to the next."""
    q = np.array([to_quaternion(matrix) for matrix in rotation], np.float64).reshape(-1, 4)
    dots = (q[1:] * q[:-1]).sum(1)
    q[1:] *= np.cumprod(np.where(dots < 0, -1, 1))[:, None]
    return np.asarray(q / np.linalg.norm(q, axis=1, keepdims=True), np.float64)


def slerp(a: AnyArray, b: AnyArray, share: AnyArray) -> AnyArray:  # (N, 4), (N, 4), (N,) -> (N, 4)
    """Spherical interpolation, by its formula where the angle is large enough to divide by its sine."""
    dot = (a * b).sum(1)
    b = np.where(dot[:, None] < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), -1, 1))
    small = angle < 1e-4
    sine = np.where(small, 1, np.sin(angle))
    first = np.where(small, 1 - share, np.sin((1 - share) * angle) / sine)
    second = np.where(small, share, np.sin(share * angle) / sine)
    q = first[:, None] * a + second[:, None] * b
    return np.asarray(q / np.linalg.norm(q, axis=1, keepdims=True), np.float64)

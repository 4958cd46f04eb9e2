"""Filters over time, each a few numbers of state.

One Euro filter: G. Casiez, N. Roussel, D. Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input
in Interactive Systems", CHI 2012. The cutoff rises with the signal's speed: slow signals are smooth, fast ones prompt.
"""

from __future__ import annotations

import numpy as np

from face3d_live.rotations import from_quaternion, to_quaternion
from face3d_live.typing import AnyArray, Array

GAP = 0.25  # seconds without a frame after which filters are reset
NOMINAL_STEP = 1 / 30  # seconds, for sources whose clock stands still or jumps back
SHORTEST_STEP = 1e-3  # seconds; shorter ones are a clock's jitter and would read as infinite speed


def step(last: float | None, now: float) -> float | None:
    """Seconds between two timestamps, or None where filters have to start afresh.

    A clock that stands still or runs back a little (by less than `GAP`) counts as one nominal frame.
    """
    if last is None or not np.isfinite(now) or abs(now - last) > GAP:
        return None
    return max(now - last, SHORTEST_STEP) if now > last else NOMINAL_STEP


class OneEuro:
    """One filter for n channels. cutoff and derivative_cutoff in Hz; beta in Hz per (unit / second)."""

    def __init__(self, cutoff: AnyArray, beta: AnyArray, derivative_cutoff: AnyArray | float = 1.0) -> None:
        self._cutoff, self._beta = np.asarray(cutoff, np.float64), np.asarray(beta, np.float64)
        self._derivative_cutoff = np.asarray(derivative_cutoff, np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._value: AnyArray | None = None
        self._raw: AnyArray | None = None
        self._speed: AnyArray | float = 0.0

    def __call__(self, value: AnyArray, dt: float, gain: AnyArray | float = 1.0) -> AnyArray:  # (n,) -> (n,)
        """The next value, `dt` seconds after the last; `gain` (0..1) holds single channels back for this step."""
        value = np.asarray(value, np.float64)
        if self._value is None or self._raw is None:
            self._value = self._raw = value
            self._speed = np.zeros_like(value)
            return value
        speed = (value - self._raw) / dt
        self._speed = self._speed + smoothing_factor(self._derivative_cutoff, dt) * (speed - self._speed)
        cutoff = self._cutoff + self._beta * np.abs(self._speed)
        self._value = self._value + gain * smoothing_factor(cutoff, dt) * (value - self._value)
        self._raw = value
        return self._value


def smoothing_factor(cutoff: AnyArray | float, dt: float) -> AnyArray:
    """Weight of the new value in a first-order low-pass filter of `cutoff` Hz stepped by `dt` seconds."""
    turns = 2 * np.pi * dt * np.asarray(cutoff)
    return np.asarray(turns / (turns + 1))


class RotationFilter:
    """One Euro on the unit quaternion: speed is angular speed in radians a second, steps follow the great circle."""

    def __init__(self, cutoff: float, beta: float, derivative_cutoff: float = 2.0) -> None:
        self._cutoff, self._beta, self._derivative_cutoff = cutoff, beta, derivative_cutoff
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self._value: AnyArray | None = None
        self._raw: AnyArray | None = None
        self._speed = np.zeros(3)

    def __call__(self, rotation: AnyArray, dt: float) -> Array:  # (3, 3) -> (3, 3)
        """The next rotation, `dt` seconds after the last."""
        q = to_quaternion(rotation).astype(np.float64)
        if self._value is None or self._raw is None:
            self._value = self._raw = q
            return rotation.astype(np.float32)
        # As a vector, so that jitter to and fro cancels instead of adding up to speed.
        velocity = _turn(self._raw, q) / dt
        self._speed = self._speed + float(smoothing_factor(self._derivative_cutoff, dt)) * (velocity - self._speed)
        cutoff = self._cutoff + self._beta * float(np.linalg.norm(self._speed))
        self._value = slerp(self._value, q, float(smoothing_factor(cutoff, dt)))
        self._raw = q
        return from_quaternion(self._value)


def _turn(a: AnyArray, b: AnyArray) -> AnyArray:  # (4,) x 2 -> (3,)
    """The turn from quaternion a to b as a vector, axis times angle in radians, in a's frame."""
    b = b if a @ b >= 0 else -b  # q and -q are one rotation: take the short way
    vector = a[3] * b[:3] - b[3] * a[:3] - np.cross(a[:3], b[:3])
    sine = float(np.linalg.norm(vector))
    if sine < 1e-9:
        return np.zeros(3)
    return np.asarray(vector * (2 * np.arctan2(sine, float(a @ b)) / sine))


def slerp(a: AnyArray, b: AnyArray, share: float) -> AnyArray:  # (4,) x 2 -> (4,)
    """Spherical interpolation from a (share 0) to b (share 1) by the short way."""
    b = b if a @ b >= 0 else -b
    angle = np.arccos(np.clip(a @ b, -1, 1))
    if angle < 1e-6:
        return b
    mixed = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    return np.asarray(mixed / np.linalg.norm(mixed))


class DeadZone:
    """Play: the output stays until the input is more than `width` away, then follows at that distance."""

    def __init__(self, width: AnyArray) -> None:
        self._width = width
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self._value: AnyArray | None = None

    def __call__(self, value: AnyArray) -> AnyArray:  # (n,) -> (n,)
        """The next value."""
        if self._value is None:
            self._value = value
        else:
            self._value = np.clip(self._value, value - self._width, value + self._width)
        return self._value

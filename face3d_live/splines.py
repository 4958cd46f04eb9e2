"""Smooth curves through given points, in NumPy: SciPy's take a quarter of a second to import."""

from __future__ import annotations

import numpy as np

from face3d_live.typing import AnyArray, Array64


def cubic_spline(x: AnyArray, y: AnyArray, at: AnyArray, periodic: bool = False) -> Array64:
    """The cubic spline through (x, y) at `at`: (N,) rising, (N, ...), (M,) -> (M, ...); N is 4 or more.

    Its third derivative is the same on both sides of the second and the last but one point ("not a knot"). periodic:
    the last of y is the first, and the curve goes on there. Source: de Boor, "A Practical Guide to Splines", IV.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    h, count = np.diff(x), len(x)
    slope = np.diff(y, axis=0) / h.reshape(-1, *[1] * (y.ndim - 1))
    system, right = np.zeros((count, count)), np.zeros_like(y)
    for k in range(1, count - 1):
        system[k, k - 1 : k + 2] = h[k], 2 * (h[k - 1] + h[k]), h[k - 1]
        right[k] = 3 * (h[k] * slope[k - 1] + h[k - 1] * slope[k])
    if periodic:
        system[0, 0], system[0, -1] = 1, -1
        system[-1, [0, 1, -2, -1]] = 2 * h[-1], h[-1], h[0], 2 * h[0]
        right[-1] = 3 * (h[-1] * slope[0] + h[0] * slope[-1])
    else:
        for end, (k, j), (near, far) in ((0, (0, 1), (h[0], h[1])), (-1, (-1, -2), (h[-1], h[-2]))):
            system[end, [k, j]] = far, near + far
            right[end] = ((3 * near + 2 * far) * far * slope[k] + near**2 * slope[j]) / (near + far)
    slopes = np.asarray(np.linalg.solve(system, right.reshape(count, -1)), np.float64)
    return _hermite(x, y, slopes.reshape(y.shape), at)


def monotone_cubic(x: AnyArray, y: AnyArray, at: AnyArray) -> Array64:  # (N,), (N,), (M,) -> (M,)
    """A curve through (x, y) that rises and falls only where they do; x rises.

    Source: Fritsch and Butland, "A Method for Constructing Local Monotone Piecewise Cubic Interpolants", 1984; at the
    ends the slope of the parabola through three points, limited.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    h = np.diff(x)
    slope = np.diff(y) / h
    turns = slope[:-1] * slope[1:] <= 0
    before, after = np.where(turns, 1, slope[:-1]), np.where(turns, 1, slope[1:])
    shares = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    inner = np.where(turns, 0, (shares[0] + shares[1]) / (shares[0] / before + shares[1] / after))
    ends = _end_slope(h[0], h[1], slope[0], slope[1]), _end_slope(h[-1], h[-2], slope[-1], slope[-2])
    return _hermite(x, y, np.concatenate([ends[:1], inner, ends[1:]]), at)


def _end_slope(near: float, far: float, first: float, second: float) -> float:
    found = ((2 * near + far) * first - near * second) / (near + far)
    if found * first <= 0:
        return 0.0
    return 3 * first if first * second <= 0 and abs(found) > 3 * abs(first) else float(found)


def _hermite(x: Array64, y: Array64, slope: Array64, at: AnyArray) -> Array64:
    """Between two points the cubic with their values and slopes; beyond the ends the outermost ones'."""
    at = np.asarray(at, np.float64)
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    wide = [1] * (y.ndim - 1)
    width = (x[1:] - x[:-1])[k].reshape(-1, *wide)
    t = (at - x[k]).reshape(-1, *wide) / width
    start, rise = np.take(y, k, axis=0), np.take(np.diff(y, axis=0), k, axis=0)
    leaves, enters = np.take(slope, k, axis=0) * width, np.take(slope, k + 1, axis=0) * width
    return np.asarray(start + t * (leaves + t * (3 * rise - 2 * leaves - enters + t * (leaves + enters - 2 * rise))))

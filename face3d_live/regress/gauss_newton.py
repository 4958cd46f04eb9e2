"""Bounded Gauss-Newton for a head under a pinhole camera: linearisation, bounds and the step's solver."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import N_EXPRESSION, HeadCodes
from face3d_live.typing import AnyArray, Array

#: Variables of the pose: rotation vector, translation.
POSE = 6


@dataclass(frozen=True)
class Problem:
    """One fit in the solver's variables: the points used, their weights, and priors."""

    observed: Array  # (N, 2) pixels
    weight: Array  # (N,) 1 / px, the square root of what multiplies a squared pixel error
    camera: Camera
    center: Array  # (n,) prior mean of expression (52) and shape (80 or none)
    precision: AnyArray  # (n, n) and its inverse covariance, float64


def bounds(codes: HeadCodes, count: int) -> tuple[AnyArray, AnyArray]:
    """How far each of `count` variables of `Fitter.normal_equations` may move: the expression stays in 0..1."""
    low, high = np.full(count, -1e3), np.full(count, 1e3)
    low[POSE : POSE + N_EXPRESSION] = -codes.expression
    high[POSE : POSE + N_EXPRESSION] = 1 - codes.expression
    return low, high


def updated_codes(codes: HeadCodes, delta: AnyArray) -> HeadCodes:
    """The codes after a change of the variables of `Fitter.normal_equations`, with or without the shape."""
    depth = -float(codes.translation[2])
    translation = codes.translation + delta[3:POSE] * depth
    expression, shape = np.split(delta[POSE:], [N_EXPRESSION])
    return replace(
        codes,
        rotation=rotations.from_vector(delta[:3]) @ codes.rotation,
        translation=np.array([*translation[:2], min(translation[2], -0.05)]),
        expression=np.clip(codes.expression + expression, 0, 1),
        shape=codes.shape + shape if len(shape) else codes.shape,
    )


def linearise(problem: Problem, codes: HeadCodes, local: Array, basis: Array) -> tuple[Array, Array]:
    """Transposed Jacobian (6 + n, 2N) and residual (2N,), weighted; x of all points, then y of all points.

    local: (3, N) points in the head's frame. basis: (3, n, N). Pose variables: a rotation vector applied in camera
    axes, a translation in units of the head's depth.
    """
    rotation, place = codes.rotation, codes.translation
    x, y, z = turned = rotation @ local
    inverse = 1 / np.maximum(-(z + place[2]), 1e-3)
    u, v = (x + place[0]) * inverse, (y + place[1]) * inverse
    camera = problem.camera
    predicted = np.stack([camera.width / 2 + camera.focal * u, camera.height / 2 - camera.focal * v])
    error = (predicted - problem.observed.T) * problem.weight
    # A move (dx, dy, dz) in camera axes shifts the pixel by f / -z (dx + u dz), and by -f / -z (dy + v dz).
    gain = camera.focal * inverse * problem.weight
    out = np.empty((POSE + basis.shape[1], 2, turned.shape[1]), np.float32)
    zero, depth = np.zeros_like(x), np.full_like(x, -place[2])
    turns = ((zero, -z, y), (z, zero, -x), (-y, x, zero))  # e_k cross turned
    shifts = ((depth, zero, zero), (zero, depth, zero), (zero, zero, depth))
    for row, (dx, dy, dz) in enumerate((*turns, *shifts)):
        out[row, 0] = gain * (dx + u * dz)
        out[row, 1] = -gain * (dy + v * dz)
    for axis, sign, slope in ((0, gain, u), (1, -gain, v)):
        weights = sign * (rotation[axis, :, None] + slope * rotation[2, :, None])  # (3, N): pixel per metre of the head
        moved = out[POSE:, axis]
        np.multiply(basis[0], weights[0], out=moved)
        moved += basis[1] * weights[1]
        moved += basis[2] * weights[2]
    return out.reshape(len(out), -1), error.astype(np.float32).reshape(-1)


def bounded_solve(
    normal: AnyArray, target: AnyArray, low: AnyArray, high: AnyArray, wall: NDArray[np.int8], rounds: int = 12
) -> AnyArray:
    """Minimise x.normal.x / 2 - target.x with low <= x <= high by block principal pivoting (Kim and Park, SISC 2011).

    normal: (n, n) positive definite. wall: (n,) -1 at the low bound, 1 at the high one, 0 free. It is the first guess,
    and holds the solution's on return, a good guess for a similar problem. Each round solves for the free variables,
    fixes those that left the box at its bound, and frees those that the gradient pulls inside.
    """
    x = np.zeros_like(target)
    slack = 1e-9 * float(np.abs(target).max(initial=1e-30))
    for _ in range(rounds):
        free = np.flatnonzero(wall == 0)
        x[:] = np.where(wall < 0, low, high)
        x[free] = 0
        rest = target - normal @ np.where(wall == 0, 0, x)
        x[free] = np.linalg.solve(normal[free[:, None], free], rest[free])
        pull = target - normal @ x
        freed = ((wall < 0) & (pull > slack)) | ((wall > 0) & (pull < -slack))
        below, above = (wall == 0) & (x < low), (wall == 0) & (x > high)
        if not (freed.any() or below.any() or above.any()):
            break
        wall[freed], wall[below], wall[above] = 0, -1, 1
    return np.clip(x, low, high)

"""The head fitted to the 478 points: bounded Gauss-Newton under a pinhole camera.

The network's points and its codes are two accounts of one face; the fit reconciles them.
Minimised over rotation, translation, expression in 0..1 and, when asked, shape:

    sum_i w_i |project(R X_i + t) - p_i|^2 / s_i^2  +  (e - e0)' C^-1 (e - e0)  +  |(c - c0) / SHAPE_SIGMA|^2

X = mean + shape basis c + units(c) e (`Head.point_basis`), e0 and c0 the network's own codes, C a `Prior`, w_i how well
the point corresponds. Neighbouring points err together, so 478 of them count as `EFFECTIVE` of their number.
`fit_reference.py` minimises the same with SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import INDEX, N_EXPRESSION, N_SHAPE, HeadCodes
from face3d_live.head.model import BLINKS, PointBasis
from face3d_live.head.points import EYE_CORNERS
from face3d_live.typing import AnyArray, Array

EFFECTIVE = 0.3
SHAPE_SIGMA = 1.0
#: Error of the correspondences themselves, as a fraction of the face's size.
MODEL_ERROR = 0.003
#: Channels that move no face point: the network's own value stays.
UNSEEN = ("cheekPuff", "tongueOut")
STEPS = 2
#: Variables of the pose: rotation vector, translation.
POSE = 6


class PointHead(Protocol):
    """What a fit needs of a `Head`."""

    @property
    def point_usable(self) -> AnyArray: ...

    @property
    def expression_covariance(self) -> AnyArray: ...

    def point_basis(self) -> PointBasis: ...


@dataclass(frozen=True)
class Prior:
    """How far the truth lies from a first guess of the coefficients.

    Covariance: `people` times that of people's movements (`Head.expression_covariance`), and `alone` of each channel
    by itself (a standard deviation).
    """

    people: float
    alone: float

    def precision(self, head: PointHead) -> AnyArray:  # -> (52, 52)
        """The inverse covariance."""
        return np.linalg.inv(self.people * head.expression_covariance + self.alone**2 * np.eye(N_EXPRESSION))


#: Where the points are all there is; where another tracker's scores are known, whose size the labels are to have; and
#: where a network has said what it sees.
FROM_POINTS = Prior(4.0, 0.15)
FROM_SCORES = Prior(0.0, 0.03)
FROM_NETWORK = Prior(2.0, 0.12)


@dataclass(frozen=True)
class Fit:
    """codes: the fitted head; points: (478, 2) its points in pixels; residual: mean distance between the two sets of
    points as a fraction of the eye distance (`EYE_CORNERS` of the fitted head, in the image plane at its depth)."""

    codes: HeadCodes
    points: Array
    residual: float


@dataclass(frozen=True)
class Problem:
    """One fit, made ready: points that count, their weights, and priors in the solver's variables."""

    observed: Array  # (N, 2) pixels
    weight: Array  # (N,) 1 / px, the square root of what multiplies a squared pixel error
    camera: Camera
    center: Array  # (n,) prior mean of expression (52) and shape (80 or none)
    precision: AnyArray  # (n, n) and its inverse covariance, float64


class Fitter:
    """Fits one head model; keeps its bases in the layout the solver wants. Raises nothing: bad points give a high
    residual."""

    def __init__(self, head: PointHead, prior: Prior = FROM_POINTS) -> None:
        basis = head.point_basis()
        self.mean, self.shape_basis = basis.mean, basis.shape
        self.points = basis
        self._shape = np.zeros(N_SHAPE, np.float32)  # that the blinks of the arrays below belong to
        self.usable = np.asarray(head.point_usable, np.float32)
        self.rows = np.flatnonzero(self.usable > 0.02)
        # (3, 52 + 80, N): planes of x, y and z, so that the products in `_linearise` run along memory.
        everywhere = np.concatenate([basis.expression, self.shape_basis])
        self._flat = np.ascontiguousarray(everywhere.reshape(len(everywhere), -1))
        pieces = everywhere[:, self.rows]
        self.basis = np.ascontiguousarray(pieces.transpose(2, 0, 1))
        self.start = np.ascontiguousarray(self.mean[self.rows].T)  # (3, N)
        self._blinks = np.ascontiguousarray(basis.blink[:, :, self.rows].transpose(0, 3, 1, 2))  # (2, 3, 80, N)
        self.fixed = np.array([INDEX[name] for name in UNSEEN])
        self.precision = prior.precision(head)
        self.precision[self.fixed] = self.precision[:, self.fixed] = 0
        self.precision[self.fixed, self.fixed] = 1e8

    def fit(
        self,
        points_px: AnyArray,
        sigma_px: AnyArray,
        camera: Camera,
        init: HeadCodes,
        solve_shape: bool = False,
        steps: int = STEPS,
    ) -> Fit:
        """Fit pose and expression (and shape) to points (478, 2) with standard deviations (478,), both pixels.

        init: start of the iteration, and the centre of the priors. steps: two are enough from a network's pose; from
        `initial` take more.
        """
        problem = self.prepare(points_px, sigma_px, camera, init, solve_shape)
        codes, wall = init, np.zeros(POSE + len(problem.center), np.int8)
        for _ in range(steps):
            codes = self._step(problem, codes, wall)
        return self.report(codes, np.asarray(points_px), camera)

    def prepare(
        self,
        points_px: AnyArray,
        sigma_px: AnyArray,
        camera: Camera,
        init: HeadCodes,
        solve_shape: bool = False,
    ) -> Problem:
        """The objective of the module docstring as arrays."""
        observed = np.asarray(points_px, np.float32)[self.rows]
        size = float(np.ptp(observed, axis=0).max())
        variance = np.asarray(sigma_px, np.float32)[self.rows] ** 2 + (MODEL_ERROR * size) ** 2
        weight = np.sqrt(EFFECTIVE * self.usable[self.rows] / variance)
        center, precision = init.expression, self.precision
        if solve_shape:
            center = np.concatenate([center, init.shape])
            precision = np.eye(len(center)) * SHAPE_SIGMA**-2
            precision[:N_EXPRESSION, :N_EXPRESSION] = self.precision
        return Problem(observed, weight, camera, center, precision)

    def _step(self, problem: Problem, codes: HeadCodes, wall: NDArray[np.int8]) -> HeadCodes:
        """One Gauss-Newton step on the normal equations, the expression held in 0..1.

        wall: which variables the step before left at a bound; updated.
        """
        normal, gradient = self.normal_equations(problem, codes)
        low, high = bounds(codes, len(gradient))
        return moved(codes, bounded_solve(normal, -gradient, low, high, wall))

    def normal_equations(self, problem: Problem, codes: HeadCodes) -> tuple[AnyArray, AnyArray]:
        """Half the objective's Hessian (Gauss-Newton) and gradient at these codes, (n, n) and (n,) float64.

        Variables: a rotation vector in camera axes, a translation in units of the head's depth, expression (52), and
        shape (80) where the problem has it.
        """
        count = len(problem.center)
        self._blink_as(codes.shape)
        current = np.concatenate([codes.expression, codes.shape])
        local = self.start + current @ self.basis  # (3, N)
        basis = self.basis[:, :count]
        if count > N_EXPRESSION:  # the shape also says how far a blink goes
            basis = basis.copy()
            basis[:, N_EXPRESSION:] += np.tensordot(codes.expression[list(BLINKS)], self._blinks, 1)
        jacobian, error = _linearise(problem, codes, local, basis)
        normal = (jacobian @ jacobian.T).astype(np.float64)
        gradient = (jacobian @ error).astype(np.float64)
        normal[POSE:, POSE:] += problem.precision
        normal[np.arange(POSE), np.arange(POSE)] *= 1 + 1e-6
        gradient[POSE:] += problem.precision @ (current[:count] - problem.center)
        return normal, gradient

    def _blink_as(self, shape: AnyArray) -> None:
        """Put the blinks of a head of this shape into the solver's arrays; a tracked identity changes rarely."""
        if np.array_equal(shape, self._shape):
            return
        blinks = self.points.units(shape)[list(BLINKS)]  # (2, 478, 3)
        self._flat[list(BLINKS)] = blinks.reshape(2, -1)
        self.basis[:, list(BLINKS)] = blinks[:, self.rows].transpose(2, 0, 1)
        self._shape = np.array(shape)

    def points3d(self, codes: HeadCodes) -> Array:  # (478, 3) camera frame
        """The 478 points of a head."""
        self._blink_as(codes.shape)
        moved = np.concatenate([codes.expression, codes.shape]) @ self._flat
        local = self.mean + moved.reshape(self.mean.shape)
        return (local @ codes.rotation.T + codes.translation).astype(np.float32)

    def missing(self, codes: HeadCodes, points_px: AnyArray, camera: Camera) -> Array:  # -> (478, 3)
        """What would take the points of a head to given ones (478, 2) at their depth: head frame, metres."""
        space = self.points3d(codes)
        ray = (np.asarray(points_px) - (camera.width / 2, camera.height / 2)) * (1, -1) / camera.focal
        there = np.concatenate([ray * -space[:, 2:], space[:, 2:]], 1)
        return ((there - space) @ codes.rotation).astype(np.float32)

    def report(self, codes: HeadCodes, points_px: AnyArray, camera: Camera) -> Fit:
        """The fit's own points and how far the given ones lie from them."""
        space = self.points3d(codes)
        points = camera.project(space)
        eyes = np.linalg.norm(space[EYE_CORNERS[0]] - space[EYE_CORNERS[1]]) * camera.focal / -codes.translation[2]
        distance = np.linalg.norm(points - points_px, axis=-1)
        return Fit(codes, points, float((distance * self.usable).sum() / self.usable.sum() / max(eyes, 1e-6)))

    def initial(self, points_px: AnyArray, camera: Camera) -> HeadCodes:
        """Neutral average head with the pose of the points alone, by scaled orthography (no network needed).

        DeMenthon and Davis, IJCV 1995, first iteration; the mean of the head stands for its origin's depth.
        """
        weight = self.usable[:, None]
        image = np.asarray(points_px, np.float64) * (1, -1)
        center, middle = (weight * self.mean).sum(0) / weight.sum(), (weight * image).sum(0) / weight.sum()
        affine = np.linalg.lstsq((self.mean - center) * weight, (image - middle) * weight, rcond=None)[0].T  # (2, 3)
        u, values, vt = np.linalg.svd(affine, full_matrices=False)
        rows = u @ vt
        rotation = np.stack([rows[0], rows[1], np.cross(rows[0], rows[1])])
        depth = camera.focal / max(float(values.mean()), 1e-6)
        offset = middle - np.array([camera.width / 2, -camera.height / 2])
        place = np.array([*offset * depth / camera.focal, -depth]) - rotation @ center
        return HeadCodes(rotation=rotation, translation=place)


def bounds(codes: HeadCodes, count: int) -> tuple[AnyArray, AnyArray]:
    """How far each of `count` variables of `Fitter.normal_equations` may move: the expression stays in 0..1."""
    low, high = np.full(count, -1e3), np.full(count, 1e3)
    low[POSE : POSE + N_EXPRESSION] = -codes.expression
    high[POSE : POSE + N_EXPRESSION] = 1 - codes.expression
    return low, high


def moved(codes: HeadCodes, delta: AnyArray) -> HeadCodes:
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


def _linearise(problem: Problem, codes: HeadCodes, local: Array, basis: Array) -> tuple[Array, Array]:
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

    normal: (n, n) positive definite. wall: (n,) -1 on the low wall, 1 on the high one, 0 free: the first guess, and on
    return the answer, which is a good guess for a similar problem. Each round solves for the free variables, puts
    those that left the box on its wall, and frees those that the gradient pulls inside.
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

"""The head fitted to the 478 points: bounded Gauss-Newton under a pinhole camera (`gauss_newton`).

The network gives both points and codes of a face. The fit finds the codes that agree with both.
Minimised over rotation, translation, expression in 0..1 and optionally shape:

    sum_i w_i |project(R X_i + t) - p_i|^2 / s_i^2  +  (e - e0)' C^-1 (e - e0)  +  |(c - c0) / SHAPE_SIGMA|^2

X = mean + shape basis c + units(c) e (`Head.point_basis`), e0 and c0 the network's own codes, C a `Prior`, w_i how well
the point corresponds. Neighbouring points err together, so 478 of them count as `EFFECTIVE` of their number.
The tests compare it with the same objective minimised by SciPy in double precision (tests/support/fit_reference.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, INDEX, N_EXPRESSION, N_SHAPE, HeadCodes
from face3d_live.head.model import BLINKS, PointBasis
from face3d_live.head.points import EYE_CORNERS
from face3d_live.regress.crop import extent
from face3d_live.regress.gauss_newton import POSE, Problem, bounded_solve, bounds, linearise, updated_codes
from face3d_live.typing import AnyArray, Array

EFFECTIVE = 0.3
SHAPE_SIGMA = 1.0
#: Error of the correspondences themselves, as a fraction of the face's size.
MODEL_ERROR = 0.003
#: Channels that move no face point: they keep the network's value.
UNSEEN = ("cheekPuff", "tongueOut")
STEPS = 2


class PointHead(Protocol):
    """What a fit needs of a `Head`."""

    @property
    def point_usable(self) -> AnyArray: ...

    @property
    def expression_covariance(self) -> AnyArray: ...

    def point_basis(self) -> PointBasis: ...


@dataclass(frozen=True)
class Prior:
    """Gaussian prior on the error of a first guess of the coefficients.

    Covariance: `people` times that of people's movements (`Head.expression_covariance`), and `alone` of each channel
    by itself (a standard deviation, or one for each of the 52).
    """

    people: float
    alone: float | Array

    def precision(self, head: PointHead) -> AnyArray:  # -> (52, 52)
        """The inverse covariance."""
        alone = np.broadcast_to(self.alone, N_EXPRESSION).astype(np.float64)
        return np.linalg.inv(self.people * head.expression_covariance + np.diag(alone**2))


#: How far the points may pull a coefficient from the network's own, by the first words of its name. A network reads
#: small movements off the picture better than off its own points; lids and the width of the mouth the points know.
PULL = {
    "mouthSmile": 0.12,
    "mouthStretch": 0.12,
    "mouthDimple": 0.12,
    "mouthLower": 0.08,
    "mouthUpper": 0.08,
    "eye": 0.1,
}
PULL_OTHERS = 0.03

#: Without a guess of the coefficients; with another tracker's scores, which labels are to keep close to; with a
#: network's coefficients.
FROM_POINTS = Prior(4.0, 0.15)
FROM_SCORES = Prior(0.0, 0.01)
FROM_NETWORK = Prior(
    0.0,
    np.array([next((v for k, v in PULL.items() if name.startswith(k)), PULL_OTHERS) for name in ARKIT], np.float32),
)


@dataclass(frozen=True)
class Fit:
    """A fitted head. space: (478, 3) its points, camera frame, metres; points: (478, 2) the same in pixels.

    residual: mean distance between these and the given points, as a fraction of the eye distance (`EYE_CORNERS` of the
    fitted head, in the image plane at its depth).
    """

    codes: HeadCodes
    space: Array
    points: Array
    residual: float

    def offsets_to(self, points_px: AnyArray, camera: Camera) -> Array:  # (478, 2) -> (478, 3)
        """From the fitted points to given ones in pixels, taken at the fitted points' depth: head frame, metres."""
        ray = (np.asarray(points_px) - (camera.width / 2, camera.height / 2)) * (1, -1) / camera.focal
        there = np.concatenate([ray * -self.space[:, 2:], self.space[:, 2:]], 1)
        return ((there - self.space) @ self.codes.rotation).astype(np.float32)


class Fitter:
    """Fits one head model; keeps its bases in the layout that the solver needs.

    Finite points never raise: bad ones give a high residual.
    """

    def __init__(self, head: PointHead, prior: Prior = FROM_POINTS) -> None:
        basis = head.point_basis()
        self.mean, self.shape_basis = basis.mean, basis.shape
        self.points = basis
        self._shape = np.zeros(N_SHAPE, np.float32)  # that the blinks of the arrays and the two heads at rest belong to
        self.usable = np.asarray(head.point_usable, np.float32)
        self.rows = np.flatnonzero(self.usable > 0.02)
        # (3, 52 + 80, N): planes of x, y and z, so that the products in `linearise` run along memory.
        everywhere = np.concatenate([basis.expression, self.shape_basis])
        self._flat = np.ascontiguousarray(everywhere.reshape(len(everywhere), -1))
        pieces = everywhere[:, self.rows]
        self.basis = np.ascontiguousarray(pieces.transpose(2, 0, 1))
        self.start = np.ascontiguousarray(self.mean[self.rows].T)  # (3, N)
        self._blinks = np.ascontiguousarray(basis.blink[:, :, self.rows].transpose(0, 3, 1, 2))  # (2, 3, 80, N)
        self._rest, self._rest_everywhere = self.start, self.mean.reshape(-1)  # (3, N), (1434,)
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
        wall[POSE : POSE + N_EXPRESSION][init.expression <= 0] = -1  # most of these stay at 0
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
        low, high = extent(observed)
        size = float((high - low).max())
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
        return updated_codes(codes, bounded_solve(normal, -gradient, low, high, wall))

    def normal_equations(self, problem: Problem, codes: HeadCodes) -> tuple[AnyArray, AnyArray]:
        """Half the objective's Hessian (Gauss-Newton) and gradient at these codes, (n, n) and (n,) float64.

        Variables: a rotation vector in camera axes, a translation in units of the head's depth, expression (52), and
        shape (80) where the problem has it.
        """
        count = len(problem.center)
        self._set_shape(codes.shape)
        current = np.concatenate([codes.expression, codes.shape])
        local = self._rest + codes.expression @ self.basis[:, :N_EXPRESSION]  # (3, N)
        basis = self.basis[:, :count]
        if count > N_EXPRESSION:  # the reach of a blink depends on the shape
            basis = basis.copy()
            basis[:, N_EXPRESSION:] += np.tensordot(codes.expression[list(BLINKS)], self._blinks, 1)
        jacobian, error = linearise(problem, codes, local, basis)
        normal = (jacobian @ jacobian.T).astype(np.float64)
        gradient = (jacobian @ error).astype(np.float64)
        normal[POSE:, POSE:] += problem.precision
        pose = np.arange(POSE)
        normal[pose, pose] = normal[pose, pose] * (1 + 1e-6) + 1e-9  # never singular, even where all points coincide
        gradient[POSE:] += problem.precision @ (current[:count] - problem.center)
        return normal, gradient

    def _set_shape(self, shape: AnyArray) -> None:
        """Write what depends on the shape into the solver's arrays; kept, as an identity changes rarely."""
        if np.array_equal(shape, self._shape):
            return
        self._rest = self.start + shape @ self.basis[:, N_EXPRESSION:]
        self._rest_everywhere = self.mean.reshape(-1) + shape @ self._flat[N_EXPRESSION:]
        blinks = self.points.units(shape)[list(BLINKS)]  # (2, 478, 3)
        self._flat[list(BLINKS)] = blinks.reshape(2, -1)
        self.basis[:, list(BLINKS)] = blinks[:, self.rows].transpose(2, 0, 1)
        self._shape = np.array(shape)

    def points3d(self, codes: HeadCodes) -> Array:  # (478, 3) camera frame
        """The 478 points of a head."""
        self._set_shape(codes.shape)
        local = (self._rest_everywhere + codes.expression @ self._flat[:N_EXPRESSION]).reshape(self.mean.shape)
        return np.asarray((local @ codes.rotation.T + codes.translation).astype(np.float32))

    def report(self, codes: HeadCodes, points_px: AnyArray, camera: Camera) -> Fit:
        """The `Fit` of codes: their points, and how far the given ones (478, 2) lie from them."""
        space = self.points3d(codes)
        points = camera.project(space)
        eyes = np.linalg.norm(space[EYE_CORNERS[0]] - space[EYE_CORNERS[1]]) * camera.focal / -codes.translation[2]
        distance = np.linalg.norm(points - points_px, axis=-1)
        return Fit(codes, space, points, float((distance * self.usable).sum() / self.usable.sum() / max(eyes, 1e-6)))

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

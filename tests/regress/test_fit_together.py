"""Several pictures of one person: one shape, at the minimum of the sum of their objectives."""

from dataclasses import replace

import numpy as np
import pytest

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, N_EXPRESSION, HeadCodes
from face3d_live.head.model import Head
from face3d_live.regress.fit import SHAPE_SIGMA, Fitter
from face3d_live.regress.gauss_newton import POSE
from face3d_live.rotations import from_euler
from face3d_live.train.data.shared_shape import EFFECTIVE_PICTURES, fit_together

CAMERA = Camera.webcam(640, 480)
SIGMA = np.full(478, 1.0)


@pytest.fixture(scope="module")
def fitter(head: Head) -> Fitter:
    return Fitter(head)


def album(head: Head, count: int) -> tuple[list[HeadCodes], list[np.ndarray]]:
    """Pictures of one head that looks left, ahead and right in turn; and its points, a little off."""
    rng, truth, points = np.random.default_rng(5), [], []
    shape = rng.normal(size=80).astype(np.float32) * 0.8
    for i in range(count):
        expression = np.zeros(N_EXPRESSION, np.float32)
        expression[[INDEX["jawOpen"], INDEX["mouthSmileLeft"]]] = rng.uniform(0, 0.7, 2)
        rotation = from_euler(0.4 * ((i % 3) - 1), 0.1 * rng.normal(), 0.1 * rng.normal())
        codes = HeadCodes(shape, expression, rotation=rotation, translation=np.array([0.02 * i, 0, -0.6]))
        space = head.points(head.vertices(shape, expression)) @ rotation.T + codes.translation
        truth.append(codes)
        points.append(CAMERA.project(space) + rng.normal(0, 0.5, (478, 2)))
    return truth, points


def test_a_single_picture_is_fitted_as_ever(head: Head, fitter: Fitter) -> None:
    points = album(head, 1)[1]
    start = fitter.initial(points[0], CAMERA)
    alone = fitter.fit(points[0], SIGMA, CAMERA, start, solve_shape=True, steps=12)
    (together,) = fit_together(fitter, points, [SIGMA], CAMERA, [start], 12)
    np.testing.assert_allclose(together.codes.shape, alone.codes.shape, atol=0.01)
    np.testing.assert_allclose(together.codes.expression, alone.codes.expression, atol=0.005)


@pytest.mark.parametrize("count", [3, 9])
@pytest.mark.slow
def test_it_ends_where_the_sum_is_flat(head: Head, fitter: Fitter, count: int) -> None:
    """The gradient of the sum vanishes in the shape, and in each picture's own variables that are not at a bound."""
    points = album(head, count)[1]
    starts = [fitter.initial(seen, CAMERA) for seen in points]
    fits = fit_together(fitter, points, [SIGMA] * count, CAMERA, starts, 15)
    shape = fits[0].codes.shape
    total, scale = SHAPE_SIGMA**-2 * shape.astype(np.float64), 0.0
    for seen, start, fit in zip(points, starts, fits, strict=True):
        np.testing.assert_array_equal(fit.codes.shape, shape)
        problem = fitter.prepare(seen, SIGMA, CAMERA, start, solve_shape=True)
        free = np.r_[np.ones(N_EXPRESSION), np.zeros(80)].astype(np.float32)
        normal, gradient = fitter.normal_equations(replace(problem, precision=problem.precision * free), fit.codes)
        inside = np.r_[np.ones(POSE, bool), (fit.codes.expression > 0) & (fit.codes.expression < 1)]
        own = np.flatnonzero(inside)
        step = gradient[own] / np.sqrt(np.diag(normal)[own])
        assert np.abs(step).max() < 0.05, "each picture is at rest"
        weight = min(1, EFFECTIVE_PICTURES / count)
        total += weight * gradient[POSE + N_EXPRESSION :]
        scale += weight * np.abs(normal[POSE + N_EXPRESSION :, POSE + N_EXPRESSION :]).max()
    assert np.abs(total).max() < 0.01 * scale


@pytest.mark.slow
def test_more_pictures_tell_more_of_the_shape(head: Head, fitter: Fitter) -> None:
    truth, points = album(head, 3)
    starts = [fitter.initial(seen, CAMERA) for seen in points]
    basis = head.point_basis()

    def error(shape: np.ndarray) -> float:  # of the neutral face, size apart: distance hides it
        true, found = (basis.mean + np.tensordot(c, basis.shape, 1) for c in (truth[0].shape, shape))
        true, found = true - true.mean(0), found - found.mean(0)
        return float(np.linalg.norm(found * (found * true).sum() / (found**2).sum() - true, axis=-1).mean())

    alone = [error(fit_together(fitter, [p], [SIGMA], CAMERA, [s], 12)[0].codes.shape)
             for p, s in zip(points, starts, strict=True)]  # fmt: skip
    together = error(fit_together(fitter, points, [SIGMA] * 3, CAMERA, starts, 12)[0].codes.shape)
    assert together < 0.85 * np.mean(alone)

"""The fit finds known codes again, agrees with the slow reference, and stays inside its bounds."""

import numpy as np
import pytest
from fit_reference import fit_reference
from scipy.spatial.transform import Rotation

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.head.model import Head
from face3d_live.head.points import EYE_CORNERS
from face3d_live.regress.fit import Fitter
from face3d_live.regress.gauss_newton import bounded_solve

CAMERA = Camera.webcam(640, 480)


@pytest.fixture(scope="module")
def fitter(head: Head) -> Fitter:
    return Fitter(head)


def face(seed: int, **channels: float) -> HeadCodes:
    rng = np.random.default_rng(seed)
    expression = np.zeros(52, np.float32)
    for name, value in channels.items():
        expression[INDEX[name]] = value
    yaw, pitch, roll = rng.normal(size=3) * (0.25, 0.12, 0.1)
    return HeadCodes(
        shape=rng.normal(size=80) * 0.7,
        expression=expression,
        rotation=rotations.from_euler(yaw, pitch, roll),
        translation=np.array([*rng.normal(size=2) * 0.05, -0.55]),
    )


def seen(head: Head, codes: HeadCodes, noise: float, seed: int) -> np.ndarray:
    """The 478 points as a perfect network would report them, plus errors in units of the eye distance."""
    space = head.points(head.vertices(codes.shape, codes.expression)) @ codes.rotation.T + codes.translation
    pixels = CAMERA.project(space)
    eyes = np.linalg.norm(pixels[EYE_CORNERS[0]] - pixels[EYE_CORNERS[1]])
    return pixels + np.random.default_rng(seed).normal(size=pixels.shape) * noise * eyes


def start(codes: HeadCodes) -> HeadCodes:
    """What a rough network would begin with: a pose that is a little off, two thirds of the expression."""
    off = rotations.from_vector(np.array([0.06, -0.08, 0.04]))
    return codes.with_(
        rotation=off @ codes.rotation, translation=codes.translation * 1.06, expression=codes.expression * 0.67
    )


EXPRESSIONS = [
    {"jawOpen": 0.7},
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    {"eyeBlinkLeft": 0.9},
    {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8},
    {"browInnerUp": 0.8, "browOuterUpLeft": 0.6, "browOuterUpRight": 0.6},
    {"eyeLookOutLeft": 0.7, "eyeLookInRight": 0.7},
    {"mouthPucker": 0.8, "jawOpen": 0.2},
]


@pytest.mark.parametrize("channels", EXPRESSIONS, ids=lambda c: "+".join(c))
def test_known_codes_come_back(head: Head, fitter: Fitter, channels: dict[str, float]) -> None:
    codes = face(3, **channels)
    fit = fitter.fit(seen(head, codes, 0.01, 1), np.full(478, 1.5), CAMERA, start(codes))
    for name, value in channels.items():
        assert fit.codes.expression[INDEX[name]] == pytest.approx(value, abs=0.16), name
    silent = [i for name, i in INDEX.items() if name not in channels]
    assert np.mean(fit.codes.expression[silent]) < 0.05
    assert np.degrees(rotations.angle_between(fit.codes.rotation, codes.rotation)) < 1.5
    assert np.linalg.norm(fit.codes.translation - codes.translation) < 0.02
    assert fit.residual < 0.03


def test_it_follows_every_amount_of_opening(head: Head, fitter: Fitter) -> None:
    amounts = np.linspace(0, 1, 9)
    found = []
    for amount in amounts:
        codes = face(5, jawOpen=float(amount))
        fit = fitter.fit(seen(head, codes, 0.015, 2), np.full(478, 1.5), CAMERA, start(codes))
        found.append(fit.codes.expression[INDEX["jawOpen"]])
    assert np.corrcoef(amounts, found)[0, 1] > 0.98


@pytest.mark.parametrize("solve_shape", [False, True])
@pytest.mark.slow
def test_fast_and_reference_agree(head: Head, fitter: Fitter, solve_shape: bool) -> None:
    for seed in range(3):
        codes = face(seed, jawOpen=0.5, mouthSmileLeft=0.6, browDownRight=0.7, eyeBlinkRight=0.8)
        points, sigma = seen(head, codes, 0.01, seed), np.full(478, 1.5)
        init = start(codes)
        if solve_shape:
            init = init.with_(shape=np.zeros(80))
        fast = fitter.fit(points, sigma, CAMERA, init, solve_shape, steps=8)
        live = fitter.fit(points, sigma, CAMERA, init, solve_shape)
        slow = fit_reference(fitter, points, sigma, CAMERA, init, solve_shape)
        assert np.abs(fast.codes.expression - slow.codes.expression).max() < 0.01
        assert np.abs(live.codes.expression - slow.codes.expression).max() < 0.1
        assert np.degrees(rotations.angle_between(fast.codes.rotation, slow.codes.rotation)) < 0.1
        assert np.abs(fast.points - slow.points).max() < 0.1  # pixels


def test_codes_stay_within_bounds_on_nonsense(fitter: Fitter) -> None:
    points = np.random.default_rng(0).uniform(0, 480, (478, 2))
    fit = fitter.fit(points, np.full(478, 2.0), CAMERA, HeadCodes())
    assert np.isfinite(fit.points).all()
    assert fit.codes.expression.min() >= 0 and fit.codes.expression.max() <= 1
    assert fit.residual > 0.2


def test_channels_that_points_cannot_show_are_the_networks(head: Head, fitter: Fitter) -> None:
    codes = face(1, jawOpen=0.4)
    init = start(codes)
    expression = init.expression.copy()
    expression[[INDEX["cheekPuff"], INDEX["tongueOut"]]] = 0.6, 0.3
    fit = fitter.fit(seen(head, codes, 0.01, 1), np.full(478, 1.5), CAMERA, init.with_(expression=expression))
    assert fit.codes.expression[INDEX["cheekPuff"]] == pytest.approx(0.6, abs=0.01)
    assert fit.codes.expression[INDEX["tongueOut"]] == pytest.approx(0.3, abs=0.01)


def test_points_with_a_large_sigma_are_ignored(head: Head, fitter: Fitter) -> None:
    codes = face(2, jawOpen=0.6)
    points, sigma = seen(head, codes, 0.005, 1), np.full(478, 1.0)
    hidden = np.random.default_rng(4).choice(478, 120, replace=False)
    points[hidden] += 40
    sigma[hidden] = 60
    fit = fitter.fit(points, sigma, CAMERA, start(codes))
    assert fit.codes.expression[INDEX["jawOpen"]] == pytest.approx(0.6, abs=0.15)


def test_initial_pose_needs_no_network(head: Head, fitter: Fitter) -> None:
    codes = face(7, mouthSmileLeft=0.5, mouthSmileRight=0.5)
    init = fitter.initial(seen(head, codes, 0.01, 1), CAMERA)
    assert np.degrees(rotations.angle_between(init.rotation, codes.rotation)) < 12
    assert init.translation[2] == pytest.approx(codes.translation[2], rel=0.15)


def test_shape_is_found_from_points(head: Head, fitter: Fitter) -> None:
    """The solved identity is nearer to the truth than the average face, but for size: one view cannot tell it from
    distance."""
    codes = face(11)
    points = seen(head, codes, 0.003, 1)
    fit = fitter.fit(points, np.full(478, 0.5), CAMERA, start(codes).with_(shape=np.zeros(80)), solve_shape=True)
    basis = head.point_basis()
    truth = basis.mean + np.tensordot(codes.shape, basis.shape, 1)

    def error(shape: np.ndarray) -> float:
        points = basis.mean + np.tensordot(shape, basis.shape, 1)
        a, b = points - points.mean(0), truth - truth.mean(0)
        turn, _ = Rotation.align_vectors(b, a)
        a = turn.apply(a)
        return float(np.linalg.norm(a * (a * b).sum() / (a * a).sum() - b, axis=-1).mean())

    assert error(fit.codes.shape) < 0.7 * error(np.zeros(80))


def test_bounded_solve_meets_the_optimality_conditions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a = rng.normal(size=(40, 25))
        normal, target = a.T @ a + np.eye(25) * 0.1, rng.normal(size=25) * 8
        low, high = -rng.uniform(0, 0.3, 25), rng.uniform(0, 0.3, 25)
        x = bounded_solve(normal, target, low, high, np.zeros(25, np.int8), rounds=30)
        assert (x >= low).all() and (x <= high).all()
        pull = target - normal @ x
        free = (x > low) & (x < high)
        assert np.abs(pull[free]).max(initial=0) < 1e-8
        assert (pull[x <= low] <= 1e-8).all() and (pull[x >= high] >= -1e-8).all()


def test_what_is_kept_of_one_shape_does_not_reach_the_next(head: Head, fitter: Fitter) -> None:
    """Rest positions and blinks are kept between fits of one shape."""
    codes = face(4, jawOpen=0.5, eyeBlinkLeft=0.7)
    points, sigma = seen(head, codes, 0.005, 1), np.full(478, 1.0)
    fresh = Fitter(head).fit(points, sigma, CAMERA, start(codes))
    fitter.fit(points, sigma, CAMERA, start(face(9)))
    used = fitter.fit(points, sigma, CAMERA, start(codes))
    np.testing.assert_array_equal(used.codes.expression, fresh.codes.expression)
    np.testing.assert_array_equal(used.points, fresh.points)

"""The refinement of one photo, on pictures whose heads are known."""

import numpy as np
import pytest
from texture_support import picture_of, posed

from face3d_live.camera import Camera
from face3d_live.codes import INDEX, HeadCodes
from face3d_live.lighting import ambient, lamp, shading_gradient
from face3d_live.reconstruct.find import Found
from face3d_live.reconstruct.refinement.pixels import FaceCrop, projection_jacobian
from face3d_live.reconstruct.refinement.plausible import evenness, growth
from face3d_live.reconstruct.refinement.refine import Refiner
from face3d_live.regress.fit import Fitter
from face3d_live.regress.gauss_newton import POSE
from face3d_live.rotations import from_vector
from face3d_live.texture.albedo import Albedo

pytestmark = pytest.mark.slow

SIDE = 320
CAMERA = Camera.webcam(SIDE, SIDE)
LIGHT = ambient(np.full(3, 0.55)) + lamp(np.array([-0.6, 0.5, 0.7]), np.full(3, 0.7))


@pytest.fixture(scope="module")
def refiner(head):
    return Refiner(head, Albedo.load(), Fitter(head))


@pytest.fixture(scope="module")
def scene(head):
    """(picture, codes): a head with a shape, an expression, a skin of the albedo model and light from the side."""
    rng = np.random.default_rng(4)
    expression = np.zeros(52, np.float32)
    expression[[INDEX[name] for name in ("mouthSmileLeft", "mouthSmileRight", "jawOpen")]] = 0.5, 0.5, 0.2
    shape = np.zeros(80, np.float32)
    shape[:20] = rng.normal(size=20)
    codes = posed(0.25, -0.1, shape=shape, expression=expression, light=LIGHT)
    skin = Albedo.load().decode(np.r_[rng.normal(size=8), np.zeros(42)].astype(np.float32))
    return picture_of(head, codes, CAMERA, (skin * 255).astype(np.uint8)), codes


def guess(head, codes, seed=0, noise=3.0) -> Found:
    """What a network that errs would say: points off by some pixels that hang together, and the fit to them."""
    rng = np.random.default_rng(seed)
    fitter = Fitter(head)
    truth = CAMERA.project(fitter.points3d(codes))
    bent = codes.shape + np.r_[rng.normal(size=20) * 0.8, np.zeros(60)].astype(np.float32)
    off = CAMERA.project(fitter.points3d(codes.with_(shape=bent))) - truth
    points = truth + off + rng.normal(size=truth.shape) * 0.3
    sigma = np.full(478, noise, np.float32)
    start = codes.with_(shape=0.5 * codes.shape, expression=0.5 * codes.expression, light=HeadCodes().light)
    fit = fitter.fit(points, sigma, CAMERA, start, solve_shape=True, steps=4)
    return Found(fit.codes, CAMERA, 0.9, points.astype(np.float32), sigma)


def off_by(head, found, truth):
    """Mean distance of the face's vertices over the picture, pixels."""
    face = head.regions["face"]

    def pixel(codes):
        space = head.vertices(codes.shape, codes.expression)[face] @ codes.rotation.T + codes.translation
        return CAMERA.project(space)

    return float(np.linalg.norm(pixel(found) - pixel(truth), axis=1).mean())


def test_colours_bring_a_head_nearer_to_its_picture(head, refiner, scene):
    picture, truth = scene
    before, after = [], []
    for seed in range(3):
        found = guess(head, truth, seed)
        refined = refiner.refine(picture, found)
        assert refined.kept and refined.after.psnr > refined.before.psnr + 0.5
        assert refined.after.points < refined.before.points + 0.01
        before.append(off_by(head, found.codes, truth))
        after.append(off_by(head, refined.codes, truth))
    assert np.mean(after) < 0.97 * np.mean(before)


def test_a_picture_that_says_nothing_changes_nothing(head, refiner, scene):
    _, truth = scene
    found = guess(head, truth)
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    refined = refiner.refine(noise, found)
    assert off_by(head, refined.codes, found.codes) < 1.0
    if not refined.kept:
        assert refined.codes is found.codes and refined.after == refined.before


def test_the_size_stays_as_it_was_given(head, refiner, scene, monkeypatch):
    """No photo tells a small head near by from a large one far away, but the smaller one is nearer to every mean."""
    picture, truth = scene
    face = head.regions["face"]

    def size(codes):
        place = head.neutral(codes.shape)[face]
        return float(np.log(np.linalg.norm(place - place.mean(0))))

    step = np.eye(80, dtype=np.float32)[3]
    slope = (size(truth.with_(shape=0.01 * step)) - size(truth.with_(shape=-0.01 * step))) / 0.02
    assert growth(head)[3] == pytest.approx(slope, abs=1e-4) and abs(slope) > 1e-3
    found = guess(head, truth)
    held = abs(size(refiner.refine(picture, found).codes) - size(found.codes))
    monkeypatch.setattr("face3d_live.reconstruct.refinement.refine.SIZE_SIGMA", 1e3)
    free = abs(size(refiner.refine(picture, found).codes) - size(found.codes))
    assert held < 0.004 and free > 2 * held


def test_expressions_stay_within_their_bounds_and_the_report_is_plain(head, refiner, scene):
    picture, truth = scene
    refined = refiner.refine(picture, guess(head, truth))
    assert refined.codes.expression.min() >= 0 and refined.codes.expression.max() <= 1
    report = refined.to_json()
    assert set(report) == {"kept", "before", "after", "ms"} and set(report["after"]) == {"landmark_error", "psnr"}


def test_the_two_sides_are_asked_to_be_alike(head):
    form = evenness(head)
    np.testing.assert_allclose(form, form.T, atol=1e-3)
    both, one = np.zeros(132, np.float32), np.zeros(132, np.float32)
    both[[INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 0.5
    one[INDEX["mouthSmileLeft"]] = 0.5
    assert both @ form @ both == pytest.approx(0, abs=1e-5)
    assert one @ form @ one == pytest.approx(0.25 / 0.35**2, rel=1e-3)
    look = np.zeros(132, np.float32)
    look[INDEX["eyeLookInLeft"]] = 1
    assert look @ form @ look == 0


def test_moves_are_the_derivative_of_the_projection(head):
    fitter = Fitter(head)
    rng = np.random.default_rng(0)
    codes = posed(0.3, 0.2, shape=rng.normal(size=80), expression=rng.uniform(0, 0.5, 52))
    here = np.concatenate([codes.expression, codes.shape])
    found = projection_jacobian(fitter.start + here @ fitter.basis, fitter.basis, codes, CAMERA)

    def pixels(turn=(0, 0, 0), shift=(0, 0, 0), change=None):
        local = fitter.start + (here + (0 if change is None else change)) @ fitter.basis
        rotation = from_vector(np.array(turn, float)).astype(np.float64) @ codes.rotation
        place = codes.translation + np.array(shift) * -codes.translation[2]
        x, y, z = rotation @ local + place[:, None]
        return np.stack([CAMERA.focal * x / -z, -CAMERA.focal * y / -z])

    step = 1e-3
    for k in range(3):
        unit = step * np.eye(3)[k]
        np.testing.assert_allclose(found[k], (pixels(turn=unit) - pixels(turn=-unit)) / (2 * step), atol=0.5)
        np.testing.assert_allclose(found[3 + k], (pixels(shift=unit) - pixels(shift=-unit)) / (2 * step), atol=0.5)
    for k in (17, 52, 100):
        unit = 0.05 * np.eye(132)[k]
        np.testing.assert_allclose(found[POSE + k], (pixels(change=unit) - pixels(change=-unit)) / 0.1, atol=0.05)


def test_the_shading_of_a_head_changes_as_its_normals_turn(head, refiner, scene):
    picture, truth = scene
    view = FaceCrop.of(picture, guess(head, truth))
    found = guess(head, truth)
    state = refiner.state(view, found, truth)
    found_slope = refiner.shading_jacobian(state)
    for k in (0, 1, POSE + INDEX["mouthSmileLeft"], POSE + 52, POSE + 55):
        step = 0.02

        def turned(sign, k=k, step=step):
            if k < 3:
                rotation = from_vector(sign * step * np.eye(3)[k]) @ truth.rotation
                return state.normals @ rotation.T, truth.rotation
            change = np.zeros(132, np.float32)
            change[k - POSE] = sign * step
            other = truth.with_(expression=truth.expression + change[:52], shape=truth.shape + change[52:])
            return refiner.state(view, found, other).normals @ truth.rotation.T, truth.rotation

        # along the light's own slope: the light itself is held
        change = (turned(1)[0] - turned(-1)[0]) / (2 * step)
        expected = (change * (state.towards @ truth.rotation.T)).sum(1)
        np.testing.assert_allclose(found_slope[k], expected, atol=0.02 + 0.05 * np.abs(expected).max())


def test_the_slope_of_light_points_to_the_lamp():
    normals = np.array([[0, 0, 1.0], [0.6, 0, 0.8]], np.float32)
    slope = shading_gradient(lamp(np.array([-1.0, 0, 1.0]), np.ones(3)), normals)
    assert (slope[:, 0] < -0.1).all()

"""The fit of many faces in PyTorch equals that of single ones in NumPy."""

import numpy as np
import pytest

from face3d_live import rotations
from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.regress.estimate import EstimateRequest, Estimator
from face3d_live.regress.fit import FROM_NETWORK, Fitter
from face3d_live.regress.gauss_newton import bounded_solve

torch = pytest.importorskip("torch")

from face3d_live.regress.torch_fit import TorchFitter, bounded_solve_all  # noqa: E402

CAMERAS = (Camera.webcam(640, 480), Camera.webcam(320, 240), Camera(400, 400, 900.0))


def faces(head: Head, count: int) -> tuple[np.ndarray, np.ndarray, list[Camera], list[HeadCodes]]:
    """Points with their sigmas, cameras, and codes that are a little off."""
    rng = np.random.default_rng(2)
    points, sigmas, cameras, inits = [], [], [], []
    for i in range(count):
        camera = CAMERAS[i % len(CAMERAS)]
        expression = np.clip(rng.normal(size=52) * 0.4, 0, 1)
        rotation = rotations.from_euler(*rng.normal(size=3) * 0.3)
        codes = HeadCodes(
            rng.normal(size=80) * 0.7, expression, rotation=rotation, translation=np.array([0.02, 0, -0.6])
        )
        space = head.points(head.vertices(codes.shape, codes.expression)) @ rotation.T + codes.translation
        points.append(camera.project(space) + rng.normal(0, 0.4, (478, 2)).astype(np.float32))
        sigmas.append(rng.uniform(0.5, 3, 478).astype(np.float32))
        cameras.append(camera)
        off = rotations.from_vector(rng.normal(size=3) * 0.04)
        guess = np.clip(expression + rng.normal(size=52) * 0.1, 0, 1)
        inits.append(codes.with_(rotation=off @ rotation, expression=guess))
    return np.stack(points), np.stack(sigmas), cameras, inits


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_both_fits_are_equal(head: Head, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU")
    fitter = Fitter(head, FROM_NETWORK)
    points, sigmas, cameras, inits = faces(head, 7)
    together = TorchFitter(fitter, device).fit_all(points, sigmas, cameras, inits)
    for i, ours in enumerate(together):
        alone = fitter.fit(points[i], sigmas[i], cameras[i], inits[i], steps=1)
        np.testing.assert_allclose(ours.codes.expression, alone.codes.expression, atol=2e-4)
        np.testing.assert_allclose(ours.codes.rotation, alone.codes.rotation, atol=2e-5)
        np.testing.assert_allclose(ours.codes.translation, alone.codes.translation, atol=2e-5)
        np.testing.assert_array_equal(ours.codes.shape, inits[i].shape)
        np.testing.assert_allclose(ours.points, alone.points, atol=0.02)
        np.testing.assert_allclose(ours.space, alone.space, atol=2e-5)
        assert ours.residual == pytest.approx(alone.residual, rel=1e-3)
        assert 0 < (alone.codes.expression == 0).sum() < 52, "some are at their bound"


def test_bounded_problems_are_solved_as_single_ones() -> None:
    rng = np.random.default_rng(0)
    factors, targets = rng.normal(size=(20, 9, 14)), 3 * rng.normal(size=(20, 9))
    matrices = factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(9)
    low, high = -rng.uniform(0, 0.2, (20, 9)), rng.uniform(0, 0.2, (20, 9))
    found = bounded_solve_all(*(torch.from_numpy(each) for each in (matrices, targets, low, high))).numpy()
    for i in range(20):
        alone = bounded_solve(matrices[i], targets[i], low[i], high[i], np.zeros(9, np.int8))
        np.testing.assert_allclose(found[i], alone, atol=1e-9)
    assert ((found == low) | (found == high)).any()


class Blurry:
    """A regressor whose answers follow from the pictures' brightness, without a network."""

    prior, meta, device, precision = FROM_NETWORK, {}, "cpu", "fp32"

    def __init__(self, head: Head) -> None:
        from face3d_live.regress.prediction import HEADS, decode

        rng = np.random.default_rng(1)
        self._raw = {name: rng.normal(size=(1, width)).astype(np.float32) * 0.2 for name, width in HEADS.items()}
        flat = head.point_basis().mean[:, :2] * (1, -1)
        self._raw["points"] = (flat / np.abs(flat).max() * 0.7).reshape(1, -1).astype(np.float32)
        self._raw["rotation"] = np.array([[1, 0, 0, 0, 1, 0]], np.float32)
        self._decode = decode

    def cut(self, rgb, square, points=None):
        return square.extract(rgb), square

    def predict(self, pictures):
        light = pictures.reshape(len(pictures), -1).mean(1, keepdims=True) / 2550
        return self._decode({name: (row + light).astype(np.float32) for name, row in self._raw.items()})


def test_estimates_of_a_batch_equal_single_ones(head: Head) -> None:
    from face3d_live.regress.crop import Crop

    estimator = Estimator(Blurry(head), head)
    known = np.full(80, 0.3, np.float32)
    requests = [
        EstimateRequest(np.full((240, 320, 3), 40 * i, np.uint8), Crop(150 + i, 120, 70), CAMERAS[1], identity)
        for i, identity in enumerate((known, None, known, -known))
    ]
    together = estimator.estimate_all(requests)
    estimator.fit_together("cpu")
    for ours, fitted, request in zip(together, estimator.estimate_all(requests), requests, strict=True):
        alone = estimator.estimate(request.rgb, request.crop, request.camera, request.identity)
        np.testing.assert_array_equal(ours.codes.expression, alone.codes.expression)
        np.testing.assert_allclose(fitted.codes.expression, alone.codes.expression, atol=1e-3)
        np.testing.assert_allclose(fitted.point_offsets, alone.point_offsets, atol=1e-4)
        assert fitted.confidence == alone.confidence and fitted.residual == pytest.approx(alone.residual, rel=0.01)

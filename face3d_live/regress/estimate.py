"""`Estimator`: one face in one frame, from crop over network and pose in the camera to the fitted codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.lighting import rolled
from face3d_live.regress.crop import Crop
from face3d_live.regress.fit import STEPS, Fitter
from face3d_live.regress.interface import FaceRegressor
from face3d_live.regress.prediction import N_POINTS, TYPICAL_HALF_SIDE, Prediction
from face3d_live.rotations import from_euler
from face3d_live.typing import AnyArray, Array


@dataclass(frozen=True)
class Estimate:
    """codes: the fitted head. points_px: (478, 2) the network's points, frame pixels. confidence: the network's, 0..1.

    residual: distance of the fitted points from these, a fraction of the eye distance (`fit.Fit`). predicted: the
    network's own codes, before the fit. point_offsets: (478, 3) from the fitted head's points to the network's, head
    frame, metres. coefficients: (n,) the network's own numbers, see `Prediction`. A prediction that is not finite gives
    points of NaN with confidence 0.
    """

    codes: HeadCodes
    points_px: Array
    confidence: float
    residual: float
    predicted: HeadCodes
    point_offsets: Array
    coefficients: Array


def ray_rotation(crop: Crop, camera: Camera) -> Array:  # (3, 3)
    """The smallest rotation of the optical axis onto the ray through the crop's centre."""
    ray = _ray(crop, camera)
    ray = ray / np.linalg.norm(ray)
    x, y = ray[1], -ray[0]  # the axis: (0, 0, -1) x ray, so that its z is 0
    skew = np.array([[0, 0, y], [0, 0, -x], [-y, x, 0]])
    return np.asarray((np.eye(3) + skew + skew @ skew / (1 - ray[2])).astype(np.float32))


def _ray(crop: Crop, camera: Camera) -> NDArray[np.float64]:
    """Direction of the crop's centre, z = -1."""
    return np.array([(crop.x - camera.width / 2) / camera.focal, -(crop.y - camera.height / 2) / camera.focal, -1.0])


def codes_from(prediction: Prediction, crop: Crop, camera: Camera) -> HeadCodes:
    """The codes of a prediction of one crop (its first row), its pose turned from the crop's ray into the camera."""
    half = TYPICAL_HALF_SIDE * float(np.exp(prediction.scale[0]))
    # Off the axis the ray through a pixel is longer, and as much further away is what it shows.
    focal = camera.focal * float(np.linalg.norm(_ray(crop, camera))) / crop.half
    x, y = prediction.position[0]
    # A turned crop is one of a camera turned about its axis. The axis stays, so that the ray's own turn comes last.
    turn = ray_rotation(crop, camera)
    if crop.roll != 0:
        turn = turn @ from_euler(0, 0, crop.roll)
    return HeadCodes(
        shape=prediction.shape[0],
        expression=prediction.expression[0],
        texture=prediction.texture[0],
        rotation=turn @ prediction.rotation[0],
        translation=turn @ np.array([half * x, -half * y, -half * focal], np.float32),
        light=rolled(prediction.light[0], crop.roll),
    )


class Estimator:
    """Pixels to codes: the network, and the fit of one head model."""

    def __init__(self, regressor: FaceRegressor, head: Head) -> None:
        self.regressor = regressor
        self.fitter = Fitter(head, regressor.prior)

    def estimate(
        self,
        frame_rgb: NDArray[np.uint8],
        crop: Crop,
        camera: Camera,
        identity: AnyArray | None = None,
        points: AnyArray | None = None,
    ) -> Estimate:
        """The face inside `crop` of a frame (H, W, 3).

        identity: (80,) the shape, where it is known; else the fit also solves for it. points: (478, 2) frame pixels, of
        an estimate before this one, where there is one.
        """
        picture, shown = self.regressor.cut(frame_rgb, crop, points)
        return self.refine(self.regressor.predict(picture[None]), shown, camera, identity)

    def refine(
        self,
        prediction: Prediction,
        crop: Crop,
        camera: Camera,
        identity: AnyArray | None = None,
    ) -> Estimate:
        """The part of `estimate` after the network: the first row of `prediction` fitted to the head."""
        if not all(np.isfinite(values[0]).all() for values in vars(prediction).values()):
            return _unusable()
        points = crop.to_frame(prediction.points[0])
        predicted = codes_from(prediction, crop, camera)
        init = predicted if identity is None else predicted.with_(shape=identity)
        sigma = prediction.sigma[0] * crop.half
        # From the network's pose one step is enough, where the shape stays.
        steps = STEPS if identity is None else 1
        fit = self.fitter.fit(points, sigma, camera, init, solve_shape=identity is None, steps=steps)
        offsets = fit.offsets_to(points, camera)
        confidence, own = float(prediction.confidence[0]), prediction.coefficients[0]
        return Estimate(fit.codes, points, confidence, fit.residual, predicted, offsets, own)


def _unusable() -> Estimate:
    """The estimate of a prediction that is not finite (float16 overflows); `track_validation` finds it "lost"."""
    nowhere, codes = np.full((N_POINTS, 2), np.nan, np.float32), HeadCodes()
    none = np.zeros(0, np.float32)
    return Estimate(codes, nowhere, 0.0, float("inf"), codes, np.zeros((N_POINTS, 3), np.float32), none)

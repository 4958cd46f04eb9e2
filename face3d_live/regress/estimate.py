"""`Estimator`: one face in one frame, from crop over network and pose in the camera to the fitted codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.model import Head
from face3d_live.lighting import rolled
from face3d_live.regress.crop import Crop
from face3d_live.regress.fit import STEPS, Fit, Fitter
from face3d_live.regress.interface import FaceRegressor
from face3d_live.regress.prediction import N_POINTS, TYPICAL_HALF_SIDE, Prediction
from face3d_live.rotations import from_euler
from face3d_live.typing import AnyArray, Array, Picture, Rgb


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


@dataclass(frozen=True)
class EstimateRequest:
    """The arguments of `Estimator.estimate`: what a tracker will ask for in a frame."""

    rgb: Rgb
    crop: Crop
    camera: Camera
    identity: AnyArray | None = None
    points: AnyArray | None = None


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


class FitsTogether(Protocol):
    """`torch_fit.TorchFitter`."""

    def fit_all(
        self, points_px: AnyArray, sigma_px: AnyArray, cameras: Sequence[Camera], inits: Sequence[HeadCodes]
    ) -> list[Fit]: ...


class Estimator:
    """Pixels to codes: the network, and the fit of one head model."""

    def __init__(self, regressor: FaceRegressor, head: Head) -> None:
        self.regressor = regressor
        self.fitter = Fitter(head, regressor.prior)
        self._together: FitsTogether | None = None

    @property
    def fits_together(self) -> bool:
        """`refine_all` takes less time than `refine` of each row."""
        return self._together is not None

    def fit_together(self, device: str) -> None:
        """From now on `refine_all` fits in PyTorch, on that device."""
        from face3d_live.regress.torch_fit import TorchFitter

        self._together = TorchFitter(self.fitter, device)

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

    def estimate_all(self, requests: Sequence[EstimateRequest]) -> list[Estimate]:
        """Faces of one or several frames by one call of the network, which takes three quarters of the time of single
        calls on a processor. Equal to `estimate` up to rounding."""
        pictures, crops = self.cut(requests)
        return self.refine_all(self.regressor.predict(pictures), crops, requests)

    def cut(self, requests: Sequence[EstimateRequest]) -> tuple[Picture, list[Crop]]:
        """What the network reads of each, (B, size, size, 3), and the squares that it shows."""
        cuts = [self.regressor.cut(each.rgb, each.crop, each.points) for each in requests]
        return np.stack([picture for picture, _ in cuts]), [shown for _, shown in cuts]

    def refine_all(
        self, prediction: Prediction, crops: Sequence[Crop], requests: Sequence[EstimateRequest]
    ) -> list[Estimate]:
        """`refine` of each row. Faces of known shape are fitted all at once where `fit_together` was called."""
        starts = [
            self._start(prediction.row(i), crop, request.camera, request.identity)
            for i, (crop, request) in enumerate(zip(crops, requests, strict=True))
        ]
        together = [i for i, start in enumerate(starts) if start is not None and requests[i].identity is not None]
        fits: dict[int, Fit] = {}
        if self._together is not None and together:
            found = [start for start in starts if start is not None and not start.solve_shape]
            cameras = [requests[i].camera for i in together]
            points, sigmas = np.stack([s.points for s in found]), np.stack([s.sigma for s in found])
            made = self._together.fit_all(points, sigmas, cameras, [s.init for s in found])
            fits = dict(zip(together, made, strict=True))
        return [
            self._finish(start, fits.get(i), request.camera)
            for i, (start, request) in enumerate(zip(starts, requests, strict=True))
        ]

    def refine(
        self,
        prediction: Prediction,
        crop: Crop,
        camera: Camera,
        identity: AnyArray | None = None,
    ) -> Estimate:
        """The part of `estimate` after the network: the first row of `prediction` fitted to the head."""
        return self._finish(self._start(prediction, crop, camera, identity), None, camera)

    def _start(self, prediction: Prediction, crop: Crop, camera: Camera, identity: AnyArray | None) -> _Start | None:
        """What the fit begins with; None for a prediction that is not finite."""
        if not all(np.isfinite(values[0]).all() for values in vars(prediction).values()):
            return None
        predicted = codes_from(prediction, crop, camera)
        return _Start(
            points=crop.to_frame(prediction.points[0]),
            sigma=prediction.sigma[0] * crop.half,
            predicted=predicted,
            init=predicted if identity is None else predicted.with_(shape=identity),
            solve_shape=identity is None,
            confidence=float(prediction.confidence[0]),
            coefficients=prediction.coefficients[0],
        )

    def _finish(self, start: _Start | None, fit: Fit | None, camera: Camera) -> Estimate:
        """The estimate of a fit, made here where it is not yet."""
        if start is None:
            return _unusable()
        points = start.points
        if fit is None:
            # From the network's pose one step is enough, where the shape stays.
            steps = STEPS if start.solve_shape else 1
            fit = self.fitter.fit(points, start.sigma, camera, start.init, solve_shape=start.solve_shape, steps=steps)
        offsets = fit.offsets_to(points, camera)
        predicted, own = start.predicted, start.coefficients
        return Estimate(fit.codes, points, start.confidence, fit.residual, predicted, offsets, own)


@dataclass(frozen=True)
class _Start:
    """Points (478, 2) and their sigma (478,), frame pixels; codes as predicted, and as the fit begins with them."""

    points: Array
    sigma: Array
    predicted: HeadCodes
    init: HeadCodes
    solve_shape: bool
    confidence: float
    coefficients: Array


def _unusable() -> Estimate:
    """The estimate of a prediction that is not finite (float16 overflows); `track_validation` finds it "lost"."""
    nowhere, codes = np.full((N_POINTS, 2), np.nan, np.float32), HeadCodes()
    none = np.zeros(0, np.float32)
    return Estimate(codes, nowhere, 0.0, float("inf"), codes, np.zeros((N_POINTS, 3), np.float32), none)

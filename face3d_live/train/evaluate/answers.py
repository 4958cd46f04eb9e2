"""What the weights answer for the samples of a pool, and how far that is from the labels.

The other figures are in the modules beside this one: `evaluate_faces` (synthetic faces, portraits), `evaluate_scans`,
`evaluate_clips`, `evaluate_people`; `evaluate_report` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from face3d_live.camera import Camera
from face3d_live.codes import ARKIT, HeadCodes
from face3d_live.errors import InputError
from face3d_live.head.model import Head
from face3d_live.regress.crop import CROP_SIZE, Crop
from face3d_live.regress.estimate import Estimator, ray_rotation
from face3d_live.regress.interface import FaceRegressor
from face3d_live.regress.prediction import Prediction
from face3d_live.train.augment import plain
from face3d_live.train.data.pool import Batch, Pool
from face3d_live.train.evaluate import metrics
from face3d_live.train.evaluate.metrics import Answers
from face3d_live.train.losses import CONFIDENCE_ERROR, HIDDEN_WEIGHT, importance
from face3d_live.typing import AnyArray

#: Faces at a time: the network's batch, and what is held as pictures.
CHUNK = 32

_HALF = CROP_SIZE / 2
#: The crop of a picture that is one.
CENTRED = Crop(_HALF, _HALF, _HALF)

Progress = Callable[[int], None]  # told how many more are done


@dataclass(frozen=True)
class Measured:
    """What was answered for N samples. labels: theirs, without pictures. fit: with the shape solved for.
    codes: the fitted heads, for a camera of `CROP_SIZE` pixels that sees just the crop. residual: of the fit (N,)."""

    labels: Batch
    network: Answers
    fit: Answers
    confidence: AnyArray  # (N,)
    residual: AnyArray  # (N,)
    codes: list[HeadCodes]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def synthetic(self) -> bool:
        """Whether every code is true, rather than fitted to another tracker's points."""
        return bool((self.labels["source"] == 0).all())

    @property
    def answers(self) -> dict[str, Answers]:
        """Both kinds by name."""
        return {"network": self.network, "fit": self.fit}


class Source(Protocol):
    """What samples are taken from: a `Pool`, or `Samples`."""

    def __len__(self) -> int: ...
    def take(self, indices: AnyArray) -> Batch:
        """Those at these indices."""


@dataclass(frozen=True)
class Samples:
    """Samples in memory."""

    arrays: Batch

    def __len__(self) -> int:
        return len(self.arrays["source"])

    def take(self, indices: AnyArray) -> Batch:
        """As `Pool.take`."""
        return {key: value[indices] for key, value in self.arrays.items()}


class Evaluator:
    """Runs a regressor over samples, whose pictures are squares of the crop rule."""

    def __init__(self, regressor: FaceRegressor, head: Head) -> None:
        self.regressor, self.head = regressor, head
        self.estimator = Estimator(regressor, head)

    def measure(self, samples: Source, limit: int | None = None, progress: Progress | None = None) -> Measured:
        """The first `limit` samples. Raises InputError "pool-empty" when there are none."""
        if len(samples) == 0:
            raise InputError("pool-empty", "there are no samples: generate them with `face3d-live train` first")
        parts = []
        for batch in chunks(samples, min(limit or len(samples), len(samples))):
            parts.append(self._measure(batch))
            if progress is not None:
                progress(len(parts[-1]))
        return _joined(parts)

    def _measure(self, batch: Batch) -> Measured:
        prediction, shown = self.predict(crops(batch), batch["points"])
        points, turned = [], []
        for i, crop in enumerate(shown):
            offset = np.array([crop.x - CENTRED.x, crop.y - CENTRED.y], np.float32) / np.float32(CENTRED.half)
            points.append(prediction.points[i] * np.float32(crop.half / CENTRED.half) + offset)
            turned.append(ray_rotation(crop, crop_camera(float(batch["focal"][i]))) @ prediction.rotation[i])
        network = Answers(np.stack(points), prediction.expression, prediction.shape, np.stack(turned))
        fit, codes, residual = self.fitted(prediction, batch["focal"], shown)
        labels = {key: value for key, value in batch.items() if key != "image"}
        return Measured(labels, network, fit, prediction.confidence, residual, codes)

    def predict(self, pictures: AnyArray, points: AnyArray) -> tuple[Prediction, list[Crop]]:
        """What the regressor makes of pictures (N, 112, 112, 3), and the part of each that it was shown.

        points: (N, 478, 2) in half sides, where the faces truly are: a regressor that is aligned by points is given
        them, as the pictures themselves were cut by them.
        """
        cuts = [
            self.regressor.cut(picture, CENTRED, CENTRED.to_frame(where))
            for picture, where in zip(pictures, points, strict=True)
        ]
        return self.regressor.predict(np.stack([picture for picture, _ in cuts])), [crop for _, crop in cuts]

    def fitted(
        self, prediction: Prediction, focal: AnyArray, shown: Sequence[Crop]
    ) -> tuple[Answers, list[HeadCodes], AnyArray]:
        """The fit of each face by a camera along its picture's centre ray, focal (N,) in half sides of the picture:
        answers, codes, residuals (N,). shown: of `predict`."""
        points, codes, residuals = [], [], []
        for i in range(len(prediction)):
            camera = crop_camera(float(focal[i]))
            estimate = self.estimator.refine(prediction.row(i), shown[i], camera)
            space = self.estimator.fitter.points3d(estimate.codes)
            points.append(CENTRED.from_frame(camera.project(space)))
            codes.append(estimate.codes)
            residuals.append(estimate.residual)
        expression, shape = np.stack([c.expression for c in codes]), np.stack([c.shape for c in codes])
        answers = Answers(np.stack(points), expression, shape, np.stack([c.rotation for c in codes]))
        return answers, codes, np.array(residuals)


def crop_camera(focal: float) -> Camera:
    """A camera whose picture is the crop; focal in half sides."""
    return Camera(CROP_SIZE, CROP_SIZE, focal * _HALF)


def crops(batch: Mapping[str, AnyArray]) -> NDArray[np.uint8]:  # -> (B, 112, 112, 3)
    """The pictures of a batch as the network sees them."""
    result: NDArray[np.uint8] = plain(batch, CROP_SIZE)["image"].permute(0, 2, 3, 1).mul(255).round().byte().numpy()
    return result


def chunks(samples: Source, count: int) -> Iterator[Batch]:
    """The first `count` samples, some at a time."""
    for start in range(0, count, CHUNK):
        yield samples.take(np.arange(start, min(start + CHUNK, count)))


def _joined(parts: list[Measured]) -> Measured:
    def answers(which: str) -> Answers:
        columns = {f: [getattr(getattr(p, which), f) for p in parts] for f in vars(parts[0].network)}
        return Answers(**{name: np.concatenate(values) for name, values in columns.items()})

    labels = {key: np.concatenate([p.labels[key] for p in parts]) for key in parts[0].labels}
    confidence, residual = (np.concatenate([getattr(p, name) for p in parts]) for name in ("confidence", "residual"))
    codes = [c for p in parts for c in p.codes]
    return Measured(labels, answers("network"), answers("fit"), confidence, residual, codes)


def compare(head: Head, answers: Answers, measured: Measured) -> dict[str, Any]:
    """The figures of one kind of answers.

    In % of the eye distance: `landmarks_percent` all 478 alike, `points_percent` weighted by how far their labels can
    be trusted, `points_p95`, `ibug68_percent`. `rotation_degrees`; `r` and `slope` of the channels that move, `mean_r`
    and `median_slope`. With true codes also `mae` and `mae_by_channel`, `gaze_degrees`, and vertex errors of the face
    in mm: `vertices_mm` with expression and `neutral_mm` without, in the head frame; `aligned_mm` with expression
    after rigid alignment, `known_scale_mm` when the size is given as well, and `scale_sd_percent`, how much the size
    that was missing differs from face to face.
    """
    labels = measured.labels
    errors = metrics.point_errors(answers.points, labels["points"], labels["weight"])
    # Portraits: the teacher's scores, whose units are nearly the head's.
    truth = labels["expression"] if measured.synthetic else labels["teacher"] * (labels["teacher_weight"] > 0)
    r, slope = metrics.correlations(answers.expression, truth), metrics.slopes(answers.expression, truth)
    result: dict[str, Any] = {
        "points_percent": float(errors.mean()),
        "points_p95": float(np.percentile(errors, 95)),
        "landmarks_percent": float(metrics.landmark_errors(answers.points, labels["points"]).mean()),
        "ibug68_percent": float(metrics.ibug_errors(answers.points, labels["points"]).mean()),
        "rotation_degrees": float(metrics.rotation_errors(answers.rotation, labels["rotation"]).mean()),
        "mean_r": float(np.mean(list(r.values()))) if r else 0.0,
        "median_slope": float(np.median(list(slope.values()))) if slope else 0.0,
        "channels": len(r),
        "r": {name: round(value, 3) for name, value in r.items()},
        "slope": {name: round(value, 3) for name, value in slope.items()},
    }
    if measured.synthetic:
        result |= _against_true_codes(head, answers, labels)
    return result


def _against_true_codes(head: Head, answers: Answers, labels: Batch) -> dict[str, Any]:
    channels = np.abs(answers.expression - labels["expression"]).mean(0)
    surface = metrics.face_surfaces(head, answers.shape, answers.expression)
    truth = metrics.face_surfaces(head, labels["shape"], labels["expression"])
    rest = np.zeros_like(labels["expression"])
    neutral = (metrics.face_surfaces(head, shape, rest) for shape in (answers.shape, labels["shape"]))
    return {
        "mae": float(channels.mean()),
        "mae_by_channel": dict(zip(ARKIT, channels.round(4).tolist(), strict=True)),
        "gaze_degrees": float(metrics.gaze_errors(answers.expression, labels["expression"]).mean()),
        "neutral_mm": float(metrics.surface_errors(*neutral).mean()),
        **metrics.surface_figures(surface, truth),
    }


def evaluate_pool(regressor: FaceRegressor, head: Head, pool: Pool, limit: int | None = None) -> dict[str, Any]:
    """Compare with the labels of a pool, as predicted ("network") and after the fit ("fit"); see `compare`."""
    return describe(head, Evaluator(regressor, head).measure(pool, limit))


def describe(head: Head, measured: Measured) -> dict[str, Any]:
    """`compare` for both kinds of answers, and how well confidence ranks the errors of the network's points."""
    errors = confidence_errors(measured)
    parts = {name: compare(head, answers, measured) for name, answers in measured.answers.items()}
    parts["fit"]["residual_percent"] = 100 * float(np.median(measured.residual))
    return {
        "faces": len(measured),
        **parts,
        "confidence_against_error": metrics.confidence_correlation(measured.confidence, errors),
        "calibration": metrics.calibration(expected_errors(measured.confidence), errors),
    }


def confidence_errors(measured: Measured) -> AnyArray:  # -> (N,)
    """The error that confidence is trained to foretell: of the network's points, in half sides of the crop."""
    labels = measured.labels
    seen = HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * labels["visible"]
    weight = importance().numpy() * labels["weight"] * seen
    distance = np.linalg.norm(measured.network.points - labels["points"], axis=-1)
    return np.asarray((distance * weight).sum(1) / weight.sum(1))


def expected_errors(confidence: AnyArray) -> AnyArray:  # (N,) 0..1 -> (N,)
    """What a confidence says of that error: the inverse of `losses.confidence_of_error`."""
    result: AnyArray = -CONFIDENCE_ERROR * np.log(np.clip(confidence, 1e-6, 1))
    return result

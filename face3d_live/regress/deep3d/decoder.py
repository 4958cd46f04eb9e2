"""Coefficients to a `Prediction`: the 478 points of the decoded face, and this head's own codes for it.

The points are places on the morphable model (`registration`), turned, moved and projected by the network's own camera:
exact, up to the correspondence. The codes are where the fit starts and what its priors hold to. They are linear in the
coefficients: the shape code, and the expression code, whose heads come closest to the decoded neutral points, and to
their movement, in space, a turn and a shift aside (ridge regression, the priors those of `regress.fit`). The morphable
model has no gaze: the irises are put where this head's lie that look straight ahead.
"""

from __future__ import annotations

import numpy as np

from face3d_live.codes import ARKIT, N_SHAPE, N_TEXTURE
from face3d_live.head.model import Head
from face3d_live.head.points import N_POINTS, N_SKIN, OVAL
from face3d_live.regress.deep3d.coefficients import CAMERA_Z, CENTRE, FOCAL, METRES, light, rotation, to_camera, to_crop
from face3d_live.regress.deep3d.layout import EXPRESSION, IDENTITY, TRANSLATION
from face3d_live.regress.deep3d.morphable_model import MorphableModel
from face3d_live.regress.deep3d.registration import Correspondence, registered, similarity
from face3d_live.regress.fit import FROM_POINTS, UNSEEN, Prior
from face3d_live.regress.prediction import TYPICAL_HALF_SIDE, Prediction
from face3d_live.typing import AnyArray, Array, Array64

#: How closely the fit holds to the decoded expression, which the ridge regression makes too small.
PRIOR = Prior(2.0, 0.12)
#: Metres by which decoded points err in space, the correspondence included.
POINT_ERROR = 0.002
#: Standard deviation of a point in the picture, half sides of the crop: of the face's inside and of its outline, which
#: the correspondence knows less well.
SIGMA, SIGMA_OUTLINE = 0.015, 0.035
#: Confidence of an ordinary face; the network itself gives none. It falls where the coefficients leave what people have
#: (root mean square of identity and expression, of unit variance by construction) or the face is not where the
#: alignment puts it (half sides of the crop, and logarithm of size).
CONFIDENCE, USUAL_SPREAD, USUAL_OFFSET = 0.85, 2.0, 0.25


class Decoder:
    """For one morphable model and one head."""

    def __init__(self, model: MorphableModel, head: Head) -> None:
        self.correspondence = found = registered(model.mean, model.faces, model.keypoints, head)
        points = _Points(model, found)
        self._mean, self._moves = points.mean, points.moves
        own = head.point_basis()
        seen = found.usable > 0
        _, turn, shift = similarity(points.mean[seen], own.mean[seen], METRES)
        #: From the model's frame to the head's: x_head = METRES * turn @ x + shift.
        self.turn, self.shift = turn.astype(np.float32), shift.astype(np.float32)
        weight = np.sqrt(found.usable.astype(np.float64))
        rest = METRES * points.mean @ turn.T + shift - own.mean
        identity, expression = (METRES * part @ turn.T for part in (points.moves[IDENTITY], points.moves[EXPRESSION]))
        shapes = own.shape.astype(np.float64)
        solve = _ridge(shapes, weight, own.mean, np.eye(N_SHAPE) / 1.0)
        self._shape_start, self._shape = solve(rest[None])[0], solve(identity)
        units, precision = own.expression.astype(np.float64), FROM_POINTS.precision(head)
        unseen = [i for i, name in enumerate(ARKIT) if name in UNSEEN or name.startswith("eyeLook")]
        precision[unseen, unseen] += 1e6
        self._expression = _ridge(units, weight, own.mean, precision)(expression)
        sigma = np.full(N_POINTS, SIGMA)
        sigma[list(OVAL)] = SIGMA_OUTLINE
        sigma[:N_SKIN] /= np.maximum(np.sqrt(found.usable[:N_SKIN]), 0.2)
        self._sigma = sigma.astype(np.float32)
        self._irises = own.mean[N_SKIN:], own.shape[:, N_SKIN:].reshape(N_SHAPE, -1)

    @property
    def mean_points(self) -> Array:  # (478, 3) head frame, metres
        """The points of the model's mean."""
        return np.asarray(METRES * self._mean @ self.turn.T + self.shift, np.float32)

    def points(self, coefficients: AnyArray) -> Array:  # (B, 257) -> (B, 478, 3)
        """The decoded points in decimetres, not turned."""
        both = np.concatenate([coefficients[:, IDENTITY], coefficients[:, EXPRESSION]], 1)
        moved = both @ self._moves.reshape(len(self._moves), -1)
        points = np.asarray(self._mean + moved.reshape(-1, N_POINTS, 3), np.float32)
        mean, basis = self._irises
        irises = mean + (self.shape(coefficients) @ basis).reshape(-1, N_POINTS - N_SKIN, 3)
        points[:, N_SKIN:] = (irises - self.shift) @ self.turn / METRES
        return points

    def shape(self, coefficients: AnyArray) -> Array:  # (B, 257) -> (B, 80)
        """This head's shape code."""
        code = self._shape_start + coefficients[:, IDENTITY] @ self._shape
        return np.asarray(np.clip(code, -4, 4), np.float32)

    def decode(self, coefficients: Array) -> Prediction:  # (B, 257)
        """See `Prediction`. Coefficients that are not finite give a prediction that is not."""
        count = len(coefficients)
        with np.errstate(all="ignore"):
            points = to_crop(to_camera(self.points(coefficients), coefficients))
            turned = rotation(coefficients)
            # x_head = METRES * turn @ x + shift: the head's origin is -turn.T @ shift / METRES in the model's frame.
            origin = to_camera(np.broadcast_to(-self.turn.T @ self.shift / METRES, (count, 1, 3)), coefficients)[:, 0]
            half = METRES * np.maximum(-origin[:, 2], 1e-3) * CENTRE / FOCAL
            expression = coefficients[:, EXPRESSION] @ self._expression
            return Prediction(
                expression=np.clip(expression, 0, 1).astype(np.float32),
                shape=self.shape(coefficients),
                texture=np.zeros((count, N_TEXTURE), np.float32),
                rotation=(turned @ self.turn.T).astype(np.float32),
                scale=np.log(half / TYPICAL_HALF_SIDE).astype(np.float32),
                position=to_crop(origin),
                light=light(coefficients),
                points=points,
                sigma=np.broadcast_to(self._sigma, (count, N_POINTS)),
                confidence=_confidence(coefficients),
                coefficients=coefficients,
            )


class _Points:
    """The 478 points as a function of identity and expression: mean (478, 3), moves (144, 478, 3), decimetres."""

    def __init__(self, model: MorphableModel, found: Correspondence) -> None:
        rows, weights = found.vertices, found.weights
        self.mean = np.einsum("pk,pkx->px", weights, model.mean[rows])

        def gathered(basis: Array) -> Array:  # (3N, n) -> (n, 478, 3)
            return np.asarray(np.einsum("pk,pkxn->npx", weights, basis.reshape(-1, 3, basis.shape[1])[rows]))

        moves = np.concatenate([gathered(model.identity), gathered(model.expression)])
        self.moves = np.ascontiguousarray(moves, np.float32)


def _ridge(basis: Array64, weight: Array64, places: AnyArray, precision: AnyArray) -> _Solver:
    """What turns moves (n, 478, 3) of the points into the codes (n, k) that explain them best, turn and shift aside.

    basis: (k, 478, 3) of a code, of that prior precision (k, k); weight: (478,); places: (478, 3) of the points.
    """
    axes = np.eye(3)
    rigid = [np.broadcast_to(axis, places.shape) for axis in axes] + [np.cross(axis, places) for axis in axes]
    rows = np.concatenate([basis, np.stack(rigid)]) * (weight[:, None] / POINT_ERROR)
    # The points' errors are alike where they are near each other: all 478 of them count as 100.
    rows = rows.reshape(len(rows), -1) * np.sqrt(100 / len(weight))
    normal = rows @ rows.T
    count = len(basis)
    normal[:count, :count] += precision
    normal[count:, count:] += np.eye(6) * 1e-9 * np.trace(normal) / len(normal)
    return _Solver(np.linalg.solve(normal, rows)[:count], weight * np.sqrt(100 / len(weight)) / POINT_ERROR)


class _Solver:
    def __init__(self, gain: Array64, weight: Array64) -> None:
        self._gain, self._weight = gain, weight

    def __call__(self, moves: AnyArray) -> Array64:  # (n, 478, 3) -> (n, k)
        return np.asarray((moves * self._weight[:, None]).reshape(len(moves), -1) @ self._gain.T)


def _confidence(coefficients: Array) -> Array:  # (B, 257) -> (B,)
    own = np.concatenate([coefficients[:, IDENTITY], coefficients[:, EXPRESSION]], 1).astype(np.float64)
    spread = np.sqrt((own**2).mean(1))
    shift = coefficients[:, TRANSLATION].astype(np.float64)
    depth = np.maximum(CAMERA_Z - shift[:, 2], 1e-3)
    offset = np.linalg.norm(shift[:, :2], axis=1) * FOCAL / CENTRE / depth
    size = np.abs(np.log(depth / CAMERA_Z))
    away = np.maximum(np.hypot(offset, size) - USUAL_OFFSET, 0) / USUAL_OFFSET
    doubt = np.maximum(spread - USUAL_SPREAD, 0) ** 2 + away**2
    return np.asarray(CONFIDENCE * np.exp(-doubt), np.float32)

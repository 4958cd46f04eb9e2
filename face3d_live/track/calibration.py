"""Neutral calibration: this face at rest, held so, is zero.

Every face at rest has some coefficients that are not quite zero, and every camera stands a little to one side. Both are
measured over half a second and taken off the codes before anything is sent or drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..codes import ARKIT, HeadCodes
from ..errors import InputError
from ..rotations import angle_between, from_quaternion, to_euler, to_quaternion
from .smoothing import signed_gaze, with_gaze

Array = NDArray[np.float32]

SPAN = 0.5  # seconds of stillness that are averaged
LEAST = 4  # frames in them
TURN = np.radians(6.0)  # how far a still head may turn meanwhile
SHIFT = 0.03  # and move, metres
CHANGE = 0.25  # and how much a coefficient may change; lids and eyes never rest and are left out
AWAY = np.radians(40.0)  # a head turned further does not show what is neutral
CEILING = 0.6  # of a neutral coefficient: rescaling by more than 1 / (1 - this) would mostly blow up noise
_RESTLESS = np.array([name.startswith("eye") for name in ARKIT])


@dataclass(frozen=True)
class Calibration:
    """What is subtracted. expression: (52,) neutral coefficients; rotation: (3, 3) and translation: (3,) metres, camera
    from head, of the head at rest."""

    expression: Array
    rotation: Array
    translation: Array

    @classmethod
    def measure(cls, recent: Sequence[HeadCodes]) -> Calibration:
        """The neutral face of the last half second of codes (not calibrated ones).

        Raises InputError: "no-face", "moving", "turned-away".
        """
        if len(recent) < LEAST:
            raise InputError("no-face", "hold your face in view of the camera for a second, then calibrate again")
        rotations = np.stack([codes.rotation for codes in recent])
        places = np.stack([codes.translation for codes in recent])
        faces = np.stack([codes.expression for codes in recent])
        rotation = mean_rotation(rotations)
        turn = float(np.max(angle_between(rotations, rotation[None])))
        shift = float(np.linalg.norm(np.ptp(places[:, :2], axis=0)))  # distance is too noisy to judge by
        if turn > TURN or shift > SHIFT or np.ptp(faces, axis=0)[~_RESTLESS].max() > CHANGE:
            raise InputError("moving", "keep head and face still for a second, then calibrate again")
        yaw, pitch, _ = to_euler(rotation)
        if max(abs(yaw), abs(pitch)) > AWAY:
            raise InputError("turned-away", "look towards the camera, then calibrate again")
        # The median, not the mean: a blink in the middle must not count.
        return cls(np.median(faces, axis=0).astype(np.float32), rotation, places.mean(0).astype(np.float32))

    def apply(self, codes: HeadCodes) -> HeadCodes:
        """The codes relative to the neutral face.

        A coefficient x becomes (x - n) / (1 - n), never below 0, so that full stays 1; gaze likewise, signed.
        The pose becomes what a camera straight in front of the neutral face, equally far away, would see.
        """
        neutral = np.minimum(self.expression, CEILING)
        expression = np.clip((codes.expression - neutral) / (1 - neutral), 0, 1)
        rest, gaze = np.clip(signed_gaze(self.expression), -CEILING, CEILING), signed_gaze(codes.expression)
        gaze = (gaze - rest) / (1 - np.sign(gaze - rest) * rest)
        straight = np.array([0, 0, -np.linalg.norm(self.translation)])
        return codes.with_(
            expression=with_gaze(expression, gaze),
            rotation=self.rotation.T @ codes.rotation,
            translation=self.rotation.T @ (codes.translation - self.translation) + straight,
        )

    def to_json(self) -> dict[str, object]:
        """Plain numbers by name; `rotation` as a quaternion x, y, z, w."""
        return {
            "expression": dict(zip(ARKIT, self.expression.tolist(), strict=True)),
            "rotation": to_quaternion(self.rotation).tolist(),
            "translation": self.translation.tolist(),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> Calibration:
        """The inverse of `to_json`. Raises InputError("bad-calibration")."""
        try:
            named = plain["expression"]
            if not isinstance(named, Mapping):
                raise ValueError("expression is not an object")
            expression = np.array([named[name] for name in ARKIT], np.float32)
            rotation = np.asarray(plain["rotation"], np.float32).reshape(4)
            translation = np.asarray(plain["translation"], np.float32).reshape(3)
            if not all(np.isfinite(part).all() for part in (expression, rotation, translation)):
                raise ValueError("a number is not finite")
            if np.linalg.norm(rotation) < 0.5 or expression.min() < 0 or expression.max() > 1:
                raise ValueError("a number is out of range")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                "bad-calibration", f"calibrate again: the stored neutral face is no good ({error})"
            ) from error
        return cls(expression, from_quaternion(rotation), translation)


def mean_rotation(rotations: NDArray) -> Array:  # (N, 3, 3) -> (3, 3)
    """The chordal mean: the rotation nearest to the mean matrix, by SVD."""
    u, _, vt = np.linalg.svd(np.mean(rotations, axis=0, dtype=np.float64))
    return np.asarray((u * [1, 1, np.linalg.det(u @ vt)]) @ vt, np.float32)

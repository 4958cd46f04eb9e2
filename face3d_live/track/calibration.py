"""Calibration to a person: neutral face and range of movement, so that each coefficient goes from 0 to 1.

A neutral face has some coefficients above zero, and the camera is rarely straight in front. Both are measured over half
a second and subtracted from the codes before anything is sent or rendered. The coefficients of a person's full
movements are measured in steps, one movement held at a time: narrow eyes, glasses or a stiff brow then still reach 1.
Left and right are measured and scaled separately, so that a wink stays a wink.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from face3d_live.arrays import finite
from face3d_live.codes import ARKIT, N_EXPRESSION, HeadCodes
from face3d_live.errors import ConflictError, InputError
from face3d_live.rotations import angle_between, from_quaternion, to_euler, to_quaternion
from face3d_live.track.smoothing import signed_gaze, with_gaze
from face3d_live.typing import AnyArray, Array

SPAN = 0.5  # seconds of stillness that are averaged
LEAST = 4  # frames in them
TURN = np.radians(6.0)  # how far a still head may turn meanwhile
SHIFT = 0.03  # and move, metres
CHANGE = 0.25  # and how much a coefficient may change; lids and eyes never rest and are left out
AWAY = np.radians(40.0)  # a head turned further does not show what is neutral
CEILING = 0.6  # of a neutral coefficient: rescaling by more than 1 / (1 - this) would mostly amplify noise
#: The movements that are measured, and the channels each of them fills.
STEPS: Mapping[str, tuple[str, ...]] = {
    "jaw": ("jawOpen",),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "brows": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
}
RANGE_SPAN = 1.5  # seconds in which a movement is held
HELD = 70.0  # percentile of them that counts as the movement: tolerates a late start or an early end
RISE = 0.12  # above neutral that a movement must reach; below it noise would be amplified more than eightfold
LID_PLAY = 0.12  # share of the range at both ends that counts as open and as shut: lids tremble, glasses reflect
_CURES = {
    "jaw": "open your mouth as wide as you can",
    "smile": "smile as broadly as you can, with both sides",
    "brows": "raise your brows as high as you can",
    "blink": "close both eyes and keep them closed until you are told",
}
_LIDS = [ARKIT.index(name) for name in STEPS["blink"]]
_RESTLESS = np.array([name.startswith("eye") for name in ARKIT])


@dataclass(frozen=True)
class Calibration:
    """Neutral face and full movements. expression: (52,) neutral coefficients; rotation: (3, 3) and translation:
    (3,) metres, camera from head, of the head at rest. peak: (52,) coefficients of the full movements, 0 where none was
    measured; all as estimated, so that each can be measured anew without the others."""

    expression: Array
    rotation: Array
    translation: Array
    peak: Array = field(default_factory=lambda: np.zeros(N_EXPRESSION, np.float32))

    @classmethod
    def identity(cls) -> Calibration:
        """The calibration that changes nothing."""
        straight = np.eye(3, dtype=np.float32), np.array([0, 0, -0.6], np.float32)
        return cls(np.zeros(N_EXPRESSION, np.float32), *straight)

    @classmethod
    def measure(cls, recent: Sequence[HeadCodes]) -> Calibration:
        """The neutral face of the last half second of codes (not calibrated ones).

        Raises ConflictError: "no-face", "moving", "turned-away".
        """
        if len(recent) < LEAST:
            raise ConflictError("no-face", "hold your face in view of the camera for a second, then calibrate again")
        rotations = np.stack([codes.rotation for codes in recent])
        places = np.stack([codes.translation for codes in recent])
        faces = np.stack([codes.expression for codes in recent])
        rotation = mean_rotation(rotations)
        turn = float(np.max(angle_between(rotations, rotation[None])))
        shift = float(np.linalg.norm(np.ptp(places[:, :2], axis=0)))  # distance is too noisy to judge by
        if turn > TURN or shift > SHIFT or np.ptp(faces, axis=0)[~_RESTLESS].max() > CHANGE:
            raise ConflictError("moving", "keep head and face still for a second, then calibrate again")
        yaw, pitch, _ = to_euler(rotation)
        if max(abs(yaw), abs(pitch)) > AWAY:
            raise ConflictError("turned-away", "look towards the camera, then calibrate again")
        # The median, not the mean: a blink in the middle must not count.
        return cls(np.median(faces, axis=0).astype(np.float32), rotation, places.mean(0).astype(np.float32))

    def with_neutral(self, recent: Sequence[HeadCodes]) -> Calibration:
        """With a new neutral face, see `measure`. Peaks less than `RISE` above the new neutral are dropped."""
        fresh = Calibration.measure(recent)
        return replace(fresh, peak=np.where(self.peak - fresh.expression >= RISE, self.peak, 0).astype(np.float32))

    def with_range(self, step: str, recent: Sequence[HeadCodes]) -> Calibration:
        """With the movement of `step` (a key of `STEPS`), held for the last `RANGE_SPAN` seconds of codes, as full.

        Raises InputError "no-step"; ConflictError: "no-face", "turned-away", "no-movement".
        """
        if step not in STEPS:
            raise InputError("no-step", f"no movement is called {step[:20]!r}: choose {', '.join(STEPS)}")
        if len(recent) < LEAST:
            raise ConflictError("no-face", "hold your face in view of the camera for two seconds, then try again")
        yaw, pitch, _ = to_euler(mean_rotation(np.stack([codes.rotation for codes in recent])))
        if max(abs(yaw), abs(pitch)) > AWAY:
            raise ConflictError("turned-away", "look towards the camera, then try again")
        channels = [ARKIT.index(name) for name in STEPS[step]]
        held = np.percentile([codes.expression[channels] for codes in recent], HELD, axis=0)
        if np.any(held - self.expression[channels] < RISE):
            raise ConflictError(
                "no-movement", f"too little was seen to move: {_CURES[step]}, and hold it, then try again"
            )
        peak = self.peak.copy()
        peak[channels] = held
        return replace(self, peak=peak)

    def apply(self, codes: HeadCodes) -> HeadCodes:
        """The codes relative to the neutral face and the full movements.

        A coefficient x becomes (x - n) / (p - n), between 0 and 1, with neutral n and peak p; p is 1 where it was not
        measured. Lids have a dead zone at both ends (`LID_PLAY`). Gaze likewise, signed.
        The pose becomes what a camera straight in front of the neutral face, equally far away, would see.
        """
        measured = self.peak > 0
        neutral = np.where(measured, self.expression, np.minimum(self.expression, CEILING))
        full = np.where(measured, np.maximum(self.peak, neutral + RISE), 1.0)
        share = (codes.expression - neutral) / (full - neutral)
        lids = [lid for lid in _LIDS if measured[lid]]
        share[lids] = (share[lids] - LID_PLAY) / (1 - 2 * LID_PLAY)
        expression = np.clip(share, 0, 1)
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
            "range": {name: float(peak) for name, peak in zip(ARKIT, self.peak.tolist(), strict=True) if peak > 0},
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> Calibration:
        """The inverse of `to_json`. Raises InputError("bad-calibration")."""
        try:
            named, full = plain["expression"], plain.get("range", {})
            if not isinstance(named, Mapping) or not isinstance(full, Mapping):
                raise ValueError("expression and range: expected objects")
            expression = finite([named[name] for name in ARKIT], N_EXPRESSION)
            peak = finite([full.get(name, 0) for name in ARKIT], N_EXPRESSION)
            rotation, translation = finite(plain["rotation"], 4), finite(plain["translation"], 3)
            if np.abs(rotation).max() > 2 or not 0.5 < np.linalg.norm(rotation) < 2 or np.abs(translation).max() > 100:
                raise ValueError("a number is out of range")
            if min(expression.min(), peak.min()) < 0 or max(expression.max(), peak.max()) > 1:
                raise ValueError("a number is out of range")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError("bad-calibration", f"this is no calibration ({error}): calibrate again") from error
        return cls(expression, from_quaternion(rotation), translation, peak)


def mean_rotation(rotations: AnyArray) -> Array:  # (N, 3, 3) -> (3, 3)
    """The chordal mean: the rotation nearest to the mean matrix, by SVD."""
    u, _, vt = np.linalg.svd(np.mean(rotations, axis=0, dtype=np.float64))
    return np.asarray((u * [1, 1, np.linalg.det(u @ vt)]) @ vt, np.float32)

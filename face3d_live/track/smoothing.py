"""Temporal smoothing of codes: One Euro filters with parameters for each group of channels.

Three rules of faces are added to the filters: both eyes move together, the gaze of a closed or hidden eye is taken from
the other, and changes of distance are damped while the lids move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from face3d_live.codes import ARKIT, INDEX, HeadCodes
from face3d_live.rotations import from_quaternion, to_euler, to_quaternion
from face3d_live.track.filters import NOMINAL_STEP, DeadZone, OneEuro, RotationFilter, slerp, step
from face3d_live.typing import AnyArray

HOLD, RELAXED = 0.4, 1.9  # seconds without a face: codes are held until HOLD and neutral from RELAXED on


@dataclass(frozen=True)
class Group:
    """How a group of channels is filtered: minimal cutoff (Hz), speed term (Hz per unit/s), derivative cutoff (Hz)."""

    cutoff: float
    beta: float
    derivative_cutoff: float


MOUTH = Group(1.2, 3.0, 3.0)
BROWS = Group(0.8, 2.0, 2.0)
EYELIDS = Group(6.0, 3.0, 10.0)  # a blink lasts 100-150 ms: three frames
GAZE = Group(3.0, 1.5, 4.0)

#: The eight gaze coefficients as four signed channels, (positive, negative): left yaw, left pitch, right yaw, right
#: pitch; positive is the subject's left and up, so that both eyes have the same sign when they look the same way.
GAZE_PAIRS = (
    (INDEX["eyeLookOutLeft"], INDEX["eyeLookInLeft"]),
    (INDEX["eyeLookUpLeft"], INDEX["eyeLookDownLeft"]),
    (INDEX["eyeLookInRight"], INDEX["eyeLookOutRight"]),
    (INDEX["eyeLookUpRight"], INDEX["eyeLookDownRight"]),
)
_POSITIVE, _NEGATIVE = (np.array(side) for side in zip(*GAZE_PAIRS, strict=True))
_LIDS = tuple(
    np.array([INDEX[f"eye{what}{side}"] for what in ("Blink", "Squint", "Wide")]) for side in ("Left", "Right")
)
_BLINKS = np.array([_LIDS[0][0], _LIDS[1][0]])


def group_of(name: str) -> Group:
    """The group of an ARKit coefficient. Gaze is filtered as signed channels, not here."""
    if name.startswith(("eyeBlink", "eyeSquint", "eyeWide")):
        return EYELIDS
    return BROWS if name.startswith(("brow", "noseSneer", "cheekSquint")) else MOUTH


def signed_gaze(expression: AnyArray) -> AnyArray:  # (52,) -> (2, 2) [left, right] x [yaw, pitch], -1..1
    """Gaze as signed numbers, alike in both eyes when they look the same way."""
    return np.asarray(expression[_POSITIVE] - expression[_NEGATIVE], np.float64).reshape(2, 2)


def with_gaze(expression: AnyArray, gaze: AnyArray) -> AnyArray:  # (52,), (2, 2) -> (52,)
    """The expression with its gaze replaced, one of each opposite pair zero."""
    changed = np.array(expression)
    changed[_POSITIVE] = np.clip(gaze.reshape(-1), 0, 1)
    changed[_NEGATIVE] = np.clip(-gaze.reshape(-1), 0, 1)
    return changed


def ramp(value: ArrayLike, zero: float, one: float) -> AnyArray:
    """0 at `zero`, 1 at `one`, straight between, flat beyond."""
    return np.clip((np.asarray(value, np.float64) - zero) / (one - zero), 0, 1)


class EyeVisibility:
    """Fills in lids and gaze of an eye that is hidden or closed, and remembers the gaze.

    An eye turned away (head yaw from 35 to 50 degrees) takes lids and gaze from the other. A closed eye (blink from
    0.2 to 0.5) takes its gaze from the other; when both are closed the gaze stays where it was.
    """

    HIDDEN = np.radians(35.0), np.radians(50.0)
    CLOSED = 0.5, 0.2

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last gaze."""
        self._gaze: AnyArray | None = None

    def __call__(self, expression: AnyArray, rotation: AnyArray) -> AnyArray:  # (52,), (3, 3) -> (52,)
        """The expression with hidden and closed eyes filled in."""
        yaw = to_euler(rotation)[0]
        hidden = ramp([yaw, -yaw], *self.HIDDEN)  # turned to the subject's left, the left eye goes out of sight
        changed = np.array(expression, np.float64)
        for this, other, share in ((_LIDS[0], _LIDS[1], hidden[0]), (_LIDS[1], _LIDS[0], hidden[1])):
            changed[this] += share * (expression[other] - expression[this])
        gaze = signed_gaze(changed)
        seen = (1 - hidden) * ramp(changed[_BLINKS], *self.CLOSED)
        common = (seen[:, None] * gaze).sum(0) / max(seen.sum(), 1e-6)
        if self._gaze is not None:  # the less is seen of both eyes, the more counts the last gaze
            common = common + (1 - min(seen.sum(), 1.0)) * (self._gaze - common)
        gaze = gaze + (1 - seen[:, None]) * (common - gaze)
        self._gaze = common
        return with_gaze(changed, gaze)


class FaceSmoother:
    """Smooths all codes of one face. Shape and texture pass through: `identity` averages them.

    Position is filtered as viewing direction and logarithm of distance. An error of distance then leaves the head at
    its place in the picture, and only distance is damped while the lids move.
    """

    LID_CHANGE = 0.15, 0.4  # change of a blink coefficient, against its low-pass, at which damping begins and is full
    LIGHT_CUTOFF = 0.5  # Hz

    def __init__(self) -> None:
        groups = [group_of(name) for name in ARKIT]
        self._expression = _filter(groups)
        self._gaze = _filter([GAZE] * 4)
        self._rotation = RotationFilter(1.2, 8.0)
        self._place = OneEuro(np.array([2.0, 2.0, 0.8]), np.array([50.0, 50.0, 6.0]), 3.0)
        self._play = DeadZone(np.array([0.0003, 0.0003, 0.004]))  # 0.2 pixels of 640, 0.4 % of the distance
        self._lids = OneEuro(np.full(2, 0.5), np.zeros(2))
        self._light = OneEuro(np.array(self.LIGHT_CUTOFF), np.array(0.0))
        self._eye_visibility = EyeVisibility()
        self._last: float | None = None

    def reset(self) -> None:
        """Forget the past: the next frame passes as it is."""
        for part in (self._expression, self._gaze, self._rotation, self._place, self._play, self._lids, self._light):
            part.reset()
        self._eye_visibility.reset()
        self._last = None

    def __call__(self, codes: HeadCodes, t: float) -> HeadCodes:
        """The smoothed codes of a frame taken at `t` seconds."""
        dt = step(self._last, t)
        if dt is None:
            self.reset()
            dt = NOMINAL_STEP
        self._last = t
        seen = self._eye_visibility(codes.expression, codes.rotation)
        expression = with_gaze(
            np.clip(self._expression(seen, dt), 0, 1), self._gaze(signed_gaze(seen).reshape(-1), dt).reshape(2, 2)
        )
        return codes.with_(
            expression=expression,
            rotation=self._rotation(codes.rotation, dt),
            translation=self._position(codes, seen[_BLINKS], dt),
            light=self._light(codes.light, dt),
        )

    def _position(self, codes: HeadCodes, blinks: AnyArray, dt: float) -> AnyArray:  # -> (3,)
        change = np.abs(blinks - self._lids(blinks, dt)).max()
        x, y, z = codes.translation.astype(np.float64)
        depth = max(-z, 1e-3)
        gain = np.array([1, 1, 1 - ramp(change, *self.LID_CHANGE)])
        u, v, log_depth = self._play(self._place(np.array([x / depth, y / depth, np.log(depth)]), dt, gain))
        return np.asarray(np.exp(log_depth) * np.array([u, v, -1.0]))


def relaxed(shown: HeadCodes, gone: float) -> HeadCodes:
    """The last codes, held for `HOLD` seconds and then eased to a neutral face straight ahead. gone: seconds since."""
    done = np.clip((gone - HOLD) / (RELAXED - HOLD), 0, 1)
    share = float(done * done * (3 - 2 * done))
    straight = np.array([0, 0, shown.translation[2]])
    turned = slerp(to_quaternion(shown.rotation), np.array([0.0, 0, 0, 1]), share)
    return shown.with_(
        expression=(1 - share) * shown.expression,
        rotation=from_quaternion(turned),
        translation=shown.translation + share * (straight - shown.translation),
    )


def _filter(groups: Sequence[Group]) -> OneEuro:
    cutoff, beta, derivative = np.array([(g.cutoff, g.beta, g.derivative_cutoff) for g in groups]).T
    return OneEuro(cutoff, beta, derivative)

"""Identity: shape and texture averaged over good frames, then frozen, and reset when the person changes.

A single frame's shape is noisy and correlates with expression and view, and a head whose shape changes while it talks
looks wrong. So the shape is a running mean over near-frontal, confident, closed-mouthed frames, each weighted by
`goodness`. It is frozen once the weights add up to `ENOUGH`.

The network's own shape is averaged, not the fitted one. It is available on every frame, whatever identity the fit was
given, and single fits trade shape for expression. The fit gets the average from the second frame on.

The person has changed when the mean of recent good frames lies farther from the frozen average than the network's
scatter explains: root mean square over the 80 components above `FAR` and above `SPREADS` times the scatter of single
frames, for `PATIENCE` good frames in a row (`PATIENCE_NEW` when a new track has just begun, as then it is likelier).
A face after `ABSENT` seconds without one is taken for another person.

Frames are those of a camera of 30 a second: of a faster one each counts for its share of a thirtieth of a second
(`frame_share`), of a slower one as a whole.

The part of the face that 80 components cannot express is a running mean, too: `offset`, from the points of the fitted
head to those of the network. It is added to the landmarks. The fit does not use it: subtracted from the points before
the fit, it removed slow expressions as well (on held-out clips r fell by 0.04).
"""

from __future__ import annotations

import numpy as np

from face3d_live.codes import INDEX, N_SHAPE, N_TEXTURE, HeadCodes
from face3d_live.head.points import N_POINTS
from face3d_live.rotations import to_euler
from face3d_live.track.filters import NOMINAL_STEP
from face3d_live.track.smoothing import ramp
from face3d_live.typing import AnyArray, Array

ENOUGH = 30.0  # summed weight, frames of full weight: a second or two of looking at the camera
LEAST_WEIGHT = 0.05  # frames of less weight are not averaged
RECENT = 12.0  # frames that the recent mean remembers
FAR = 0.08  # unit-variance units
SPREADS = 3.0
PATIENCE = 25
PATIENCE_NEW = 6
ABSENT = 4.0
SLOWLY = 120.0  # frames of full weight that the offset remembers
FARTHEST = 0.006  # metres: limit of a point's offset, per axis
_JAW = INDEX["jawOpen"]


def frame_share(dt: float) -> float:
    """What a frame counts that comes `dt` seconds after the last: 1 at 30 a second and less, a half at 60."""
    return min(1.0, dt / NOMINAL_STEP)


def goodness(codes: HeadCodes, confidence: float) -> float:
    """Weight of a frame in the identity average, 0..1: confidence, less when turned away or open-mouthed."""
    yaw, pitch, _ = np.degrees(to_euler(codes.rotation))
    view = ramp(abs(yaw), 30, 12) * ramp(abs(pitch), 35, 18)
    return float(np.clip(confidence, 0, 1) * view * ramp(codes.expression[_JAW], 0.7, 0.2))


class IdentityAverage:
    """The averaged shape (80,), texture (50,) and offset of the points (478, 3) of the person in view.

    Before any frame those of the mean head. The offset is in metres, head frame.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        self.shape = np.zeros(N_SHAPE, np.float32)
        self.texture = np.zeros(N_TEXTURE, np.float32)
        self.offset = np.zeros((N_POINTS, 3), np.float32)
        self._offset_weight = 0.0
        self.known = False  # a frame has been taken in
        self.frozen = False
        self._weight = 0.0
        self._scatter = 0.0  # weighted sum of squared deviations from the average, averaged over components
        self.begin_track(patience=PATIENCE)

    def begin_track(self, absent: float = 0.0, patience: int = PATIENCE_NEW) -> None:
        """A new track, `absent` seconds after the last one: perhaps of another person."""
        if absent > ABSENT:
            self.reset()
        self._recent = np.zeros(N_SHAPE, np.float32)
        self._recent_weight = 0.0
        self._away = 0.0
        self._patience = patience

    def update(self, own: HeadCodes, confidence: float, share: float = 1.0) -> None:
        """Take in one frame: the network's own codes, and `confidence` 0..1 of them. share: see `frame_share`."""
        weight = goodness(own, confidence)
        if weight < LEAST_WEIGHT:
            if self._weight == 0:  # until a good frame comes; better than the mean head
                self.shape, self.texture, self.known = own.shape, own.texture, True
            return
        self._compare(own.shape, weight, share)
        if not self.frozen:
            self._average(own, weight * share)

    def update_offset(self, point_offsets: AnyArray, codes: HeadCodes, confidence: float, share: float = 1.0) -> None:
        """Take in a frame's offsets from the fitted head's points to the network's: (478, 3) metres, head frame."""
        weight = goodness(codes, confidence)
        if weight < LEAST_WEIGHT or not self.known:
            return
        weight *= share
        self._offset_weight = min(self._offset_weight + weight, SLOWLY)
        step = np.float32(weight / max(self._offset_weight, weight + 10.0))  # small for the first frames
        self.offset = np.clip(self.offset + step * (point_offsets - self.offset), -FARTHEST, FARTHEST)

    @property
    def spread(self) -> float:
        """Root mean square deviation of single frames from the average, unit-variance units."""
        return float(np.sqrt(self._scatter / max(self._weight, 1e-9)))

    def _average(self, own: HeadCodes, weight: float) -> None:
        # West's weighted running mean and variance, CACM 1979. The first frame has all the weight.
        self._weight += weight
        share = np.float32(weight / self._weight)
        step = own.shape - self.shape
        self.shape = self.shape + share * step
        self.texture = self.texture + share * (own.texture - self.texture)
        self._scatter += weight * float(np.mean(step * (own.shape - self.shape)))
        self.known, self.frozen = True, self._weight >= ENOUGH

    def _compare(self, shape: Array, weight: float, share: float) -> None:
        """Update the mean of recent frames, and reset when it shows another person."""
        weight *= share
        self._recent_weight = self._recent_weight * (1 - share / RECENT) + weight
        self._recent = self._recent + np.float32(weight / self._recent_weight) * (shape - self._recent)
        if not self.frozen:
            return
        distance = float(np.sqrt(np.mean((self._recent - self.shape) ** 2)))
        far = max(FAR, SPREADS * self.spread)
        self._away = self._away + share if distance > far else 0.0
        if distance < far / 2:
            self._patience = PATIENCE  # the same person as before this track: no need to be quick any more
        if self._away >= self._patience:
            self.reset()

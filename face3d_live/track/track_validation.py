"""Track validation: whether a frame's estimate is plausible, and when a track ends.

Three verdicts on an estimate:

- "lost", at once: numbers that are not finite, a head behind the camera or farther than `FARTHEST`, a face smaller than
  `SMALLEST` pixels, or one whose points lie mostly outside the frame.
- "doubtful": low confidence, points that no head fits (residual), or a jump in place, size or direction that no head
  makes between two frames. The detector then runs on the neighbourhood. Where it detects a face, the track goes on from
  there; after `MAX_MISSES` misses in a row the track ends.
- "good": everything else. Even then the detector runs every `DETECTOR_PERIOD` seconds, as the network may be confident
  on background that it was never trained on. Its misses end a track with good fits only after `MISS_TOLERANCE` seconds
  (it misses faces behind hands), or `MISS_TOLERANCE_TURNED` for a yaw beyond `TURNED` (it misses profiles).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from face3d_live.codes import HeadCodes
from face3d_live.regress.crop import extent
from face3d_live.rotations import angle_between, to_euler
from face3d_live.track.types import FaceEstimate
from face3d_live.typing import AnyArray

Verdict = Literal["good", "doubtful", "lost"]

LOW_CONFIDENCE = 0.3  # measured: faces 0.5-0.6, other things 0.05-0.25
UNBELIEVABLE = 0.1  # an estimate below is not used at all; heads the wrong way up 0 to 0.08
HIGH_RESIDUAL = 0.06  # of the eye distance; faces 0.01, other things 0.01-0.04
SMALLEST = 14  # pixels, longer side of the box around the points
INSIDE = 0.35  # least share of the points inside the frame
NEAREST, FARTHEST = 0.08, 8.0  # metres from the camera
SHIFT = 0.8  # box sides a box may move in a tenth of a second
GROWTH = 1.6  # factor by which it may grow or shrink in that time
TURN = np.radians(70.0)  # angle by which the head may turn in that time
LEAST_TIME = 1 / 20  # seconds: shorter frame intervals get this allowance, as points jitter at any rate
MAX_MISSES = 3  # frames of a camera of 30 a second
MISS_TOLERANCE = 1.0
MISS_TOLERANCE_TURNED, TURNED = 4.0, np.radians(40.0)
DETECTOR_PERIOD = 0.25  # seconds


@dataclass(frozen=True)
class PreviousFrame:
    """The frame that the next one is compared with: points in pixels, codes, time in seconds."""

    points: AnyArray
    codes: HeadCodes
    t: float


def box_of(points: AnyArray) -> tuple[AnyArray, float]:  # (N, 2) -> centre (2,), longer side
    """The box around the points."""
    low, high = extent(points)
    return (low + high) / 2, float((high - low).max())


def validate_estimate(
    estimate: FaceEstimate, previous: PreviousFrame | None, t: float, size: tuple[int, int]
) -> Verdict:
    """Verdict on an estimate at `t` seconds in a frame of `size` (width, height); `previous`: the frame before."""
    points, codes = estimate.points_px, estimate.codes
    if not np.isfinite(points).all():  # codes always are
        return "lost"
    _, side = box_of(points)
    x, y = points.T
    inside = np.count_nonzero((x >= 0) & (y >= 0) & (x < size[0]) & (y < size[1])) / len(points)
    if side < SMALLEST or inside < INSIDE or not NEAREST < -codes.translation[2] < FARTHEST:
        return "lost"
    if estimate.confidence < LOW_CONFIDENCE or estimate.residual > HIGH_RESIDUAL:
        return "doubtful"
    return "doubtful" if previous is not None and _jumped(points, codes, previous, t) else "good"


def miss_tolerance(codes: HeadCodes) -> float:
    """Seconds for which a good fit outweighs the detector's misses."""
    return MISS_TOLERANCE_TURNED if abs(to_euler(codes.rotation)[0]) > TURNED else MISS_TOLERANCE


def _jumped(points: AnyArray, codes: HeadCodes, previous: PreviousFrame, t: float) -> bool:
    tenths = max(t - previous.t, LEAST_TIME) / 0.1
    (centre, side), (old_centre, old_side) = box_of(points), box_of(previous.points)
    shift = float(np.linalg.norm(centre - old_centre)) / max(side, old_side)
    growth = abs(np.log(side / max(old_side, 1e-6)))
    turn = float(angle_between(codes.rotation, previous.codes.rotation))
    return shift > SHIFT * tenths or growth > np.log(GROWTH) * max(tenths, 1) or turn > TURN * max(tenths, 1)

"""Where to crop: from a detection, from a face's own points, and how the two are combined and compared."""

from __future__ import annotations

import numpy as np

from face3d_live.regress.crop import CROP_MARGIN, Crop, crop_from_points
from face3d_live.track.detector import Detection
from face3d_live.track.types import FaceEstimate
from face3d_live.typing import AnyArray

# The box around the 478 points in units of the detector's box: 8 % larger on 801 portraits and 12 % on clips (sd 8 and
# 3 %), its centre 4 and 8 % higher (sd 8 and 3 %). The second estimate takes out what is left.
BOX_GROWTH, BOX_RISE = 1.1, 0.05

ANCHOR_GAIN, ANCHOR_SLACK = 0.6, 0.06  # share of the correction; half sides (or log of size) that need none
ASTRAY = 0.3  # sides of the face between its points' centre and the detection's
SIZES = 0.65, 1.5  # the points' size over the detection's, at least and at most


def centre_of(face: Detection) -> tuple[AnyArray, float]:  # -> (2,) pixels, side
    """Centre and longer side of a detection's box."""
    return (face.box[:2] + face.box[2:]) / 2, float((face.box[2:] - face.box[:2]).max())


def crop_from_detection(face: Detection, roll: float = 0.0) -> Crop:
    """An estimate, from the detector's box, of the crop that the face's points would give. roll: of the crop."""
    (x, y), side = centre_of(face)
    down = Crop(0, 0, 1, roll).axes[1] * BOX_RISE * side
    return Crop(float(x - down[0]), float(y - down[1]), max(CROP_MARGIN / 2 * BOX_GROWTH * side, 1.0), roll)


def anchored(own: Crop, seen: Crop) -> Crop:
    """The points' crop moved towards the detector's where they differ by more than the detector's own error.

    The network follows a shift of the crop by a little less than the shift, and the rest adds up from frame to frame
    (drift). A correction by the detector now and then bounds it.
    """
    shift = np.array([seen.x - own.x, seen.y - own.y]) / own.half
    shift *= ANCHOR_GAIN * max(0.0, 1 - ANCHOR_SLACK / max(float(np.linalg.norm(shift)), 1e-9))
    zoom = np.log(seen.half / own.half)
    zoom *= ANCHOR_GAIN * max(0.0, 1 - ANCHOR_SLACK / max(abs(zoom), 1e-9))
    x, y = own.x + own.half * float(shift[0]), own.y + own.half * float(shift[1])
    return Crop(x, y, own.half * float(np.exp(zoom)), own.roll)


def strayed(estimate: FaceEstimate, face: Detection, roll: float) -> bool:
    """Whether the points lie elsewhere, or span another size, than the detected face."""
    seen, own = crop_from_detection(face, roll), crop_from_points(estimate.points_px, roll)
    away = float(np.hypot(own.x - seen.x, own.y - seen.y))
    return bool(away > ASTRAY * 2 * seen.half / CROP_MARGIN or not SIZES[0] < own.half / seen.half < SIZES[1])

"""Detection of other faces while one is tracked, one region of the picture at a time.

One run of the detector finds faces of a tenth of its region and larger. So the regions are the whole picture, and tiles
`TILE` times as wide as the tracked face: a face half as large is still 14 pixels of the detector's 128. The regions
take turns, so that no frame pays for more than one run.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from face3d_live.track.detector import Detection, tiles
from face3d_live.track.turning import detect_turned
from face3d_live.track.types import DetectsFaces
from face3d_live.typing import Rgb

TILE = 4.5  # sides of the tracked face
WHOLE = 0.8  # of the longer side of the picture: tiles this large are no better than the whole
FINEST = 0.2  # of the longer side: no smaller tiles, as their number grows
ROUND = 1.0  # seconds for all regions, if that takes no more than the rates below
QUICKEST, SLOWEST = 0.1, 0.5  # seconds between runs

Region = tuple[NDArray[np.uint8], int, int]  # the picture of it, left, top


def regions(rgb: Rgb, side: float) -> list[Region]:
    """The whole picture and its tiles, views of it. side: of the tracked face, pixels."""
    share = max(TILE * side / max(rgb.shape[:2]), FINEST)
    return [(rgb, 0, 0), *(tiles(rgb, share) if share < WHOLE else ())]


class Sweep:
    """The order and the times of the detector runs around one track. Times in seconds."""

    def __init__(self) -> None:
        self._number = 0
        self._at = -np.inf
        self.period, self.round = SLOWEST, ROUND  # seconds between runs, and of all regions

    def begin(self, now: float) -> None:
        """A track begins: the next run is due after a period."""
        self._at, self._number, self.period = now, 0, SLOWEST

    def due(self, now: float) -> bool:
        """Whether a run is due."""
        return now - self._at >= self.period

    def faces(self, detector: DetectsFaces, rgb: Rgb, side: float, roll: float, now: float) -> list[Detection]:
        """Faces of the next region in the picture's pixels. roll: of the tracked face, radians; others are taken to be
        about as upright as it is."""
        found = regions(rgb, side)
        picture, left, top = found[self._number % len(found)]
        self._number, self._at = self._number + 1, now
        self.period = float(np.clip(ROUND / len(found), QUICKEST, SLOWEST))
        self.round = self.period * len(found)
        offset = np.array([left, top], np.float32)
        return [
            Detection(face.box + np.tile(offset, 2), face.score, face.keypoints + offset)
            for face in detect_turned(detector, picture, round(roll / (math.pi / 2)) % 4)
        ]

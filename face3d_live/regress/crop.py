"""The crop: which square of a frame the network sees, and the coordinates inside it.

Crop coordinates: origin in the middle of the square, x right, y down, -1..1 at the edges.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

#: Side of the network's picture, pixels.
CROP_SIZE = 112

#: Side of the crop in units of the longer side of the box around the 478 points.
CROP_MARGIN = 1.4


@dataclass(frozen=True)
class Crop:
    """A square of a frame: centre and half side in frame pixels (origin at the frame's top-left corner)."""

    x: float
    y: float
    half: float

    def extract(self, rgb: NDArray[np.uint8], size: int = CROP_SIZE) -> NDArray[np.uint8]:
        """Cut and resample the square, (H, W, 3) -> (size, size, 3); beyond the frame its edge is repeated.

        A square larger than the picture is sampled at a whole multiple of `size` and then averaged, so that no pixel
        of it is skipped.
        """
        multiple = min(8, max(1, math.ceil(2 * self.half / size - 0.25)))
        fine = size * multiple
        step = 2 * self.half / fine  # frame pixels per sample
        # Pixel i of a picture covers i..i+1, and cv2 samples at whole numbers: centres are half a pixel off.
        first_x, first_y = self.x - self.half + step / 2 - 0.5, self.y - self.half + step / 2 - 0.5
        matrix = np.array([[step, 0, first_x], [0, step, first_y]], np.float64)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(rgb, matrix, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if multiple > 1:
            picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(picture, np.uint8)

    def to_frame(self, points: NDArray) -> Array:  # (..., 2) crop coordinates -> (..., 2) frame pixels
        """Crop coordinates to frame pixels."""
        return (np.asarray(points) * self.half + (self.x, self.y)).astype(np.float32)

    def from_frame(self, pixels: NDArray) -> Array:  # (..., 2) frame pixels -> (..., 2) crop coordinates
        """Frame pixels to crop coordinates."""
        return ((np.asarray(pixels) - (self.x, self.y)) / self.half).astype(np.float32)


def crop_from_points(points: NDArray) -> Crop:  # (N, 2) frame pixels
    """The crop rule, the same in training and at run time: `CROP_MARGIN` times the box around the face points."""
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    center = (low + high) / 2
    half = CROP_MARGIN / 2 * float(np.max(high - low))
    return Crop(float(center[0]), float(center[1]), max(half, 1.0))

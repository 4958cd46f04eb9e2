"""The crop: the square of a frame that is the network's input, and the coordinates inside it.

Crop coordinates: origin in the middle of the square, x right, y down, -1..1 at the edges. A crop may be turned in the
frame, so that a head that lies on its side is upright in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import AnyArray, Array

#: Side of the network's picture, pixels.
CROP_SIZE = 112

#: Side of the crop in units of the longer side of the box around the 478 points.
CROP_MARGIN = 1.4


@dataclass(frozen=True)
class Crop:
    """A square of a frame: centre and half side in frame pixels (origin at the frame's top-left corner).

    roll: radians by which the square is turned counter-clockwise, as seen in the frame. The sense is that of
    `rotations.from_euler`: a head of this roll is upright in the crop.
    """

    x: float
    y: float
    half: float
    roll: float = 0.0

    @property
    def axes(self) -> NDArray[np.float64]:  # (2, 2)
        """Rows: the crop's x and y axis as unit vectors in frame pixels."""
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        return np.array([[cos, -sin], [sin, cos]])

    def extract(self, rgb: NDArray[np.uint8], size: int = CROP_SIZE) -> NDArray[np.uint8]:
        """Cut and resample the square, (H, W, 3) -> (size, size, 3); beyond the frame its edge is repeated.

        A square larger than the picture is sampled at a whole multiple of `size` and then averaged, so that no pixel
        of it is skipped.
        """
        multiple = min(8, max(1, math.ceil(2 * self.half / size - 0.25)))
        fine = size * multiple
        step = 2 * self.half / fine  # frame pixels per sample
        # Pixel i of a picture covers i..i+1, and cv2 samples at whole numbers: centres are half a pixel off.
        corner = np.full(2, step / 2 - self.half)
        first = (self.x, self.y) + corner @ self.axes - 0.5
        matrix = np.column_stack([step * self.axes.T, first])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(rgb, matrix, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        if multiple > 1:
            picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(picture, np.uint8)

    def to_frame(self, points: AnyArray) -> Array:  # (..., 2) crop coordinates -> (..., 2) frame pixels
        """Crop coordinates to frame pixels."""
        return (np.asarray(points) * self.half @ self.axes + (self.x, self.y)).astype(np.float32)

    def from_frame(self, pixels: AnyArray) -> Array:  # (..., 2) frame pixels -> (..., 2) crop coordinates
        """Frame pixels to crop coordinates."""
        return ((np.asarray(pixels) - (self.x, self.y)) @ self.axes.T / self.half).astype(np.float32)


def extent(points: AnyArray) -> tuple[AnyArray, AnyArray]:  # (N, 2) -> (2,), (2,)
    """Lowest and highest x and y. NumPy takes seven times as long along the first axis of two columns."""
    planes = np.asarray(points).T.copy()
    return planes.min(1), planes.max(1)


def crop_from_points(points: AnyArray, roll: float = 0.0) -> Crop:  # (N, 2) frame pixels
    """The crop rule, the same in training and at run time: `CROP_MARGIN` times the box around the face points.

    The sides of the box are those of a crop turned by `roll` radians.
    """
    axes = Crop(0, 0, 1, roll).axes
    turned = points if roll == 0 else np.asarray(points) @ axes.T
    low, high = extent(turned)
    center = (low + high) / 2 if roll == 0 else (low + high) / 2 @ axes
    half = CROP_MARGIN / 2 * float(np.max(high - low))
    return Crop(float(center[0]), float(center[1]), max(half, 1.0), roll)

"""The picture that the network wants: cut from a frame so that five points of the face lie where training had them.

Five points of the picture are matched with the same five of a mean face (POS: scaled orthography by least squares). The
face's scale becomes 102 pixels a unit of the mean face, and that face's origin the middle of 224 pixels; the picture is
not turned. The frame is scaled with PIL's bicubic filter and cut at whole pixels, black beyond its edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from face3d_live.head.points import EYE_LEFT, EYE_RIGHT, LIPS_OUTER, NOSE_BRIDGE
from face3d_live.regress.crop import Crop, crop_from_points
from face3d_live.regress.deep3d.layout import SIZE
from face3d_live.typing import AnyArray, Array64, Picture, Rgb

#: The five mean points, decimetres, x right, y up, z towards the viewer, of a face that looks into the camera: the
#: middle of the eye at the image's left, of the other eye, the tip of the nose, the mouth's corners left and right.
MEAN_POINTS = np.array(
    [
        [-0.31148657, 0.29036078, 0.13377953],
        [0.30979887, 0.28972036, 0.13179526],
        [0.0032535, -0.04617932, 0.55244243],
        [-0.25216928, -0.38133916, 0.22405732],
        [0.2484662, -0.38128236, 0.22235769],
    ]
)
#: Pixels of the network's picture to a unit of the mean face.
SCALE = 102.0

#: Of the 478 points: the corners whose middle stands for each eye, the tip of the nose, the corners of the mouth.
_CORNERS = ((EYE_RIGHT[0], EYE_RIGHT[8]), (EYE_LEFT[0], EYE_LEFT[8]))
_NOSE_TIP = NOSE_BRIDGE[5]
_MOUTH = (LIPS_OUTER[0], LIPS_OUTER[10])
#: A crop is never larger than so many sides of its frame, so that wrong points cost no memory.
_LARGEST = 8.0


def five_points(points: AnyArray) -> Array64:  # (478, 2 or 3) -> (5, 2 or 3)
    """The five points of `MEAN_POINTS` among the 478."""
    eyes = [points[list(corners)].mean(0) for corners in _CORNERS]
    return np.stack([*eyes, points[_NOSE_TIP], *points[list(_MOUTH)]]).astype(np.float64)


def pos(image: AnyArray, space: AnyArray = MEAN_POINTS) -> tuple[Array64, float]:
    """Scaled orthography: (translation (2,), scale) that take points in space (N, 3) closest to image points (N, 2).

    y is up in both. The two rows of the 2x3 matrix are free, and the scale is the mean of their lengths. Raises
    LinAlgError for numbers that are not finite.
    """
    rows = np.concatenate([space, np.ones((len(space), 1))], 1)
    solved = np.linalg.lstsq(rows, image, rcond=None)[0]  # (4, 2)
    return solved[3], float(np.linalg.norm(solved[:3], axis=0).mean())


def aligned_crop(five: AnyArray, roll: float = 0.0) -> Crop:
    """The square of the frame that the network's picture shows, for five points (5, 2) in frame pixels.

    roll: as in `Crop`; the picture is that of a frame turned so. Points count as pixel indices, the way detectors give
    them: frame pixels less a half. Raises ValueError for points that are not finite or coincide.
    """
    if not np.isfinite(five).all():
        raise ValueError("five points: a number is not finite")
    turned = np.asarray(five, np.float64) @ Crop(0, 0, 1, roll).axes.T - 0.5
    (x, y), scale = pos(turned * (1, -1))
    if scale < 1e-6:
        raise ValueError("five points: they coincide")
    # The published code mirrors y by H - 1 - y and back by H - y: its middle lies half a pixel lower and to the left.
    centre = np.array([x, 1 - y]) @ Crop(0, 0, 1, roll).axes
    return Crop(float(centre[0]), float(centre[1]), SIZE / 2 / (SCALE / scale), roll)


@dataclass(frozen=True)
class Cut:
    """Where the picture lies in the scaled frame: the frame's new size and the picture's top-left corner, pixels."""

    width: int
    height: int
    left: int
    top: int

    @classmethod
    def of(cls, crop: Crop, width: int, height: int) -> Cut:
        """For a frame of width x height. Every size and place is cut off to whole pixels, as in the published code."""
        scale = SIZE / 2 / crop.half
        w, h = int(width * scale), int(height * scale)
        left = int(w / 2 - SIZE / 2 + (crop.x - width / 2) * scale)
        return cls(w, h, left, int(h / 2 - SIZE / 2 + (crop.y - height / 2) * scale))

    def shown(self, width: int, height: int) -> Crop:
        """The square of the frame that the picture shows, after that."""
        across, down = width / self.width, height / self.height
        middle = SIZE / 2
        half = middle * (across + down) / 2
        return Crop((self.left + middle) * across, (self.top + middle) * down, half)


def extract(rgb: Rgb, crop: Crop) -> tuple[Picture, Crop]:
    """The network's picture (224, 224, 3) of a frame (H, W, 3), and the square of the frame that it shows."""
    height, width = rgb.shape[:2]
    crop = Crop(crop.x, crop.y, float(np.clip(crop.half, 1.0, _LARGEST * max(width, height))), crop.roll)
    if crop.roll != 0:
        return crop.extract(rgb, SIZE), crop
    cut = Cut.of(crop, width, height)
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    x0, x1 = max(cut.left, 0), min(cut.left + SIZE, cut.width)
    y0, y1 = max(cut.top, 0), min(cut.top + SIZE, cut.height)
    if x1 <= x0 or y1 <= y0:
        return picture, crop
    across, down = width / cut.width, height / cut.height
    box = (x0 * across, y0 * down, min(x1 * across, width), min(y1 * down, height))
    # Scaling the part alone gives what scaling the whole frame and cutting would: the filter reads beyond the part.
    part = Image.fromarray(rgb).resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC, box)
    picture[y0 - cut.top : y1 - cut.top, x0 - cut.left : x1 - cut.left] = np.asarray(part)
    return picture, cut.shown(width, height)


class Placement:
    """Squares of the crop rule to crops of the network. mean: (478, 3) points of a mean head, for what is not known."""

    def __init__(self, mean: AnyArray) -> None:
        seen = np.asarray(mean)[:, :2] * (1, -1)
        # Far enough from the origin that half pixels do not count.
        seen = seen * 1e5
        self._square, self._crop = crop_from_points(seen), aligned_crop(five_points(seen))

    def __call__(self, square: Crop, points: AnyArray | None = None) -> Crop:
        """The crop for a face in a square of the crop rule; see `interface.FaceRegressor.cut`."""
        rule, own = self._square, self._crop
        if points is not None and np.isfinite(points).all():
            try:
                rule, own = crop_from_points(points, square.roll), aligned_crop(five_points(points), square.roll)
            except ValueError:
                rule, own = self._square, self._crop
        scale = square.half / rule.half
        offset = (np.array([own.x - rule.x, own.y - rule.y]) @ Crop(0, 0, 1, rule.roll).axes.T) * scale
        x, y = np.array([square.x, square.y]) + offset @ square.axes
        return Crop(float(x), float(y), own.half * scale, square.roll)

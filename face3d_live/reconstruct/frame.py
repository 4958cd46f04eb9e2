"""The upright part of a photo that a head is made from.

Everything after the search works on one picture of at most `COARSE_SIDE` pixels in which the face stands upright. For
most photos that is the photo itself, scaled down. For a face that is rolled by about a quarter or half turn the whole
photo is turned. A face of any other roll, or one that is small in its photo, is cut out with its surroundings.

Roll is in radians, counter-clockwise as seen in the photo (`Detection.roll`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from face3d_live.camera import Camera
from face3d_live.reconstruct.search import COARSE_SIDE, reduced
from face3d_live.rotations import wrap_angle
from face3d_live.track.detector import Detection
from face3d_live.typing import AnyArray, Array, Picture

#: Roll up to which a face is estimated as it is: beyond, the network's confidence falls (0.80 up to 30 degrees, 0.66 at
#: 45, 0.17 at 60; 20 portraits). A head that is tilted by less stays tilted.
LEANING = math.radians(40.0)
_QUARTER = math.radians(25.0)  # from a quarter turn up to which a photo is taken to be of a turned camera
_RIGHT = math.pi / 2
_SMALL = 400  # pixels of a face in the reduced photo, below which it is cut out of the whole one
_TINY = 1 / 25  # of the photo's longer side: cut out of a photo of any size
_AROUND = 6.0  # sides of the face in the side of what is cut out
#: Sides of the face in the focal length, about 1.3 metres: an error of 7 % either way, as the part may be of a picture
#: taken from near by that was pasted into a large one.
_FARTHEST = 6.0


@dataclass(frozen=True)
class PhotoFrame:
    """picture: (H, W, 3), the face upright; camera: the one that took it; to_photo: (2, 3) its pixels to the photo's.

    roll: that of the face in the photo which was undone, -pi (included) to pi, 0 where the picture is as it was; size:
    the photo's, (width, height).
    """

    picture: Picture
    camera: Camera
    to_photo: Array
    roll: float
    size: tuple[int, int]

    def in_photo(self, points: AnyArray) -> Array:  # (N, 2) -> (N, 2)
        """Where pixels of the picture lie in the photo."""
        return np.asarray(points @ self.to_photo[:, :2].T + self.to_photo[:, 2], np.float32)

    def here(self, face: Detection) -> tuple[Array, float]:
        """Centre (2,) and side, in this picture's pixels, of a face of the photo."""
        back = cv2.invertAffineTransform(self.to_photo.astype(np.float64))
        centre = back[:, :2] @ face.centre + back[:, 2]
        return centre.astype(np.float32), face.side * float(np.sqrt(abs(np.linalg.det(back[:, :2]))))


def frame_around(rgb: Picture, face: Detection, roll: float = 0.0) -> PhotoFrame:
    """The part of a photo (H, W, 3) to make a head of this face from. roll: of the face, which is undone."""
    quarters = round(-roll / _RIGHT)  # clockwise
    if abs(roll + quarters * _RIGHT) > _QUARTER:
        return _cut_out(rgb, face, roll)
    longer = max(rgb.shape[:2])
    scale = min(COARSE_SIDE / longer, 1.0)
    if face.side * scale < _SMALL and (scale < 1 or face.side < _TINY * longer):
        return _cut_out(rgb, face, -quarters * _RIGHT, inside=True)
    size = rgb.shape[1], rgb.shape[0]
    picture = reduced(np.ascontiguousarray(np.rot90(rgb, quarters)) if quarters % 4 else rgb, COARSE_SIDE)
    height, width = picture.shape[:2]
    wide, high = (size[1], size[0]) if quarters % 2 else size
    middle = np.array([[wide / width, 0, -wide / 2], [0, high / height, -high / 2]])
    to_photo = _rotation(-quarters * _RIGHT) @ middle
    to_photo[:, 2] += np.array(size) / 2
    return PhotoFrame(
        picture, Camera.webcam(width, height), to_photo.astype(np.float32), wrap_angle(-quarters * _RIGHT), size
    )


def _cut_out(rgb: Picture, face: Detection, roll: float, inside: bool = False) -> PhotoFrame:
    """A square around the face, brought upright. Beyond the photo its edge is repeated.

    inside: for multiples of a quarter turn, the part of the square inside the photo instead.
    """
    size = np.array(rgb.shape[1::-1])
    side = _AROUND * face.side
    low, high = face.centre - side / 2, face.centre + side / 2
    if inside:
        low, high = np.maximum(np.floor(low), 0), np.minimum(np.ceil(high), size)
    extent = (high - low)[::-1] if inside and round(roll / _RIGHT) % 2 else high - low
    scale = min(COARSE_SIDE / float(extent.max()), 1.0)
    width, height = (max(round(float(length) * scale), 1) for length in extent)
    to_photo = np.zeros((2, 3))
    to_photo[:, :2] = _rotation(roll) / scale
    to_photo[:, 2] = (low + high) / 2 - to_photo[:, :2] @ (width / 2, height / 2)
    picture = _sampled(rgb, to_photo, width, height)
    focal = min(float(size.max()) * scale, _FARTHEST * face.side * scale)
    return PhotoFrame(picture, Camera(width, height, focal), to_photo.astype(np.float32), wrap_angle(roll),
                 (int(size[0]), int(size[1])))  # fmt: skip


def _sampled(rgb: Picture, to_photo: AnyArray, width: int, height: int) -> Picture:
    """The photo under a picture's pixels, averaged where it is finer."""
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ to_photo[:, :2].T + to_photo[:, 2]
    low = np.clip(np.floor(corners.min(0)) - 1, 0, np.array(rgb.shape[1::-1]) - 1).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 1, low + 1, rgb.shape[1::-1]).astype(int)
    rgb = rgb[low[1] : high[1], low[0] : high[0]]
    to_photo = to_photo - np.pad(low[:, None], ((0, 0), (2, 0)))
    fine = max(1, int(np.ceil(np.sqrt(abs(np.linalg.det(to_photo[:, :2]))) - 0.25)))
    matrix = to_photo / (fine, fine, 1)
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # centres of pixels are half a pixel off
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(rgb, matrix, (width * fine, height * fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _rotation(roll: float) -> AnyArray:  # (2, 2)
    """Upright pixels to those of a photo in which the face has this roll (y down)."""
    c, s = math.cos(roll), math.sin(roll)
    return np.round(np.array([[c, s], [-s, c]]), 12)

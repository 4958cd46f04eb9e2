"""What lies behind the head: a studio's soft gradient, or the camera's picture cut to fit."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

#: Picture values in the middle of the light and in the corners.
_BRIGHT = np.array([92, 99, 110], np.float32)
_DARK = np.array([24, 27, 33], np.float32)


def studio(width: int, height: int) -> Picture:  # -> (height, width, 3)
    """A wall lit from behind the head, dithered against banding."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    reach = 0.75 * max(width, height)
    away = np.hypot(x - 0.5 * width, y - 0.42 * height) / reach
    glow = np.clip(1 - away, 0, 1)[..., None] ** 1.6
    grain = np.random.default_rng(0).uniform(-0.5, 0.5, (height, width, 1))
    return np.clip(_DARK + (_BRIGHT - _DARK) * glow + grain + 0.5, 0, 255).astype(np.uint8)


def covering(picture: Picture, width: int, height: int) -> Picture:  # (H, W, 3) -> (height, width, 3)
    """The picture scaled to cover width x height, middle kept, the longer way cut off: as `view.covering`."""
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    cut_w, cut_h = min(columns, round(width / scale)), min(rows, round(height / scale))
    left, top = (columns - cut_w) // 2, (rows - cut_h) // 2
    cut = picture[top : top + cut_h, left : left + cut_w]
    if (cut_w, cut_h) == (width, height):
        return np.ascontiguousarray(cut)
    return cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR)

"""Wide Gaussian blurs of textures."""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.typing import Array

_FINE = 4.0  # pixels: a blur of this sigma loses less than a thousandth of a picture's range at a coarser scale
_SHRINKING = 0.25  # variance that averaging to coarse pixels and interpolating between them adds, in those


def wide_blur(picture: Array, sigma: float) -> Array:  # (S, S) or (S, S, C) -> the same
    """`cv2.GaussianBlur` of float pictures, made at a coarser scale where sigma allows it: its time grows with sigma.

    S: a power of two.
    """
    size = len(picture)
    factor = 1
    while sigma / (2 * factor) >= _FINE and size % (2 * factor) == 0:
        factor *= 2
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))
    small = cv2.resize(picture, (size // factor, size // factor), interpolation=cv2.INTER_AREA)
    finer = ((sigma / factor) ** 2 - _SHRINKING) ** 0.5
    small = cv2.GaussianBlur(small, (0, 0), finer, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR))

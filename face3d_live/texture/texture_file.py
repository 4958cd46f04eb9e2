"""Reading the texture that a reconstruction has written."""

from __future__ import annotations

import cv2
import numpy as np

from face3d_live.errors import InputError
from face3d_live.typing import Picture


def read_texture_file(data: bytes) -> Picture:  # -> (S, S, 4)
    """texture.png of a reconstruction. Raises InputError "not-a-texture"."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise InputError("not-a-texture", "this is no texture.png of face3d-live: give the file as it was written")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), np.uint8)

"""Texture files of the library."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from face3d_live.errors import AssetError
from face3d_live.typing import Picture


def read_picture(path: Path) -> Picture:
    """(H, W, 3) RGB. Raises AssetError("unreadable")."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise AssetError("unreadable", f"{path} is no picture that can be read: restore it")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def write_picture(path: Path, picture: Picture) -> None:
    """(H, W) or (H, W, 3) RGB. Raises OSError where the disk refuses."""
    if not cv2.imwrite(str(path), picture if picture.ndim == 2 else picture[..., ::-1]):
        raise OSError(f"{path} cannot be written")

"""What the worker process does for the server: zips of reconstruct files. Heavy rooms are imported there, not here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d_live.codes import HeadCodes
from face3d_live.live.worker import Report


def snapshot(report: Report, rgb: NDArray[np.uint8], codes: HeadCodes) -> bytes:
    """The files for a picture (H, W, 3) whose codes the tracker has found already."""
    raise NotImplementedError


def reconstruct_photo(report: Report, photo: bytes) -> bytes:
    """The files for a photo's largest face. Raises InputError for what is no photo or shows no face."""
    raise NotImplementedError

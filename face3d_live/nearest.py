"""Nearest neighbours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d_live.typing import AnyArray, Array

_ONE_TREE, _ALL = 4, -1  # of FLANN: a single k-d tree, which is searched until the nearest is certain


def nearest(points: AnyArray, places: AnyArray) -> tuple[Array, NDArray[np.int32]]:  # (N, D), (M, D) -> (M,), (M,)
    """(distance to the nearest of the points, which one that is) for each place; in single precision.

    OpenCV's k-d tree takes half the time of SciPy's, and no time to import.
    """
    tree = cv2.flann.Index(np.ascontiguousarray(points, np.float32), {"algorithm": _ONE_TREE, "leaf_max_size": 10})
    found, squares = tree.knnSearch(np.ascontiguousarray(places, np.float32), 1, params={"checks": _ALL})
    return np.sqrt(squares[:, 0]), found[:, 0]

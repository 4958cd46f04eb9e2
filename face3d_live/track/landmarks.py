"""The iBUG-68 landmarks of a head in the picture, from the linear basis of the face points."""

from __future__ import annotations

import numpy as np

from face3d_live.camera import Camera
from face3d_live.codes import HeadCodes
from face3d_live.head.points import IBUG68_FROM_478
from face3d_live.track.types import HasPoints
from face3d_live.typing import Array

_CHOSEN = list(IBUG68_FROM_478)
N_LANDMARKS = len(_CHOSEN)


class Landmarks:
    """Evaluates 68 of the 478 points. The eyeballs carry none of them, so that the linear basis is exact.

    What depends on the shape alone is kept between calls, as an averaged identity changes rarely.
    """

    def __init__(self, head: HasPoints) -> None:
        self._basis = head.point_basis()
        self._shape: Array | None = None  # that the next two belong to
        self._rest, self._units = self._basis.mean[_CHOSEN], self._basis.expression[:, _CHOSEN]

    def project(self, codes: HeadCodes, camera: Camera, offset: Array | None = None) -> Array:  # -> (68, 2) pixels
        """offset: (478, 3) metres, head frame, added to the points (`IdentityAverage.offset`)."""
        if self._shape is None or not np.array_equal(codes.shape, self._shape):
            self._shape = codes.shape
            self._rest = self._basis.mean[_CHOSEN] + np.tensordot(codes.shape, self._basis.shape[:, _CHOSEN], 1)
            self._units = self._basis.units(codes.shape)[:, _CHOSEN]
        head = self._rest + np.tensordot(codes.expression, self._units, 1)
        if offset is not None:
            head = head + offset[_CHOSEN]
        return camera.project(head @ codes.rotation.T + codes.translation)

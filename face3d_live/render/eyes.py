"""The eyes' colours of a texture, which the shader draws them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.render.pictures import median_at
from face3d_live.typing import Array, Picture

#: Angles from the eye's axis, radians, between which a texture shows iris, and from which on it shows sclera.
_IRIS, _SCLERA = (0.22, 0.40), 0.55
_CONTRAST = 0.8
#: Of these places, so much must be known.
_KNOWN = 0.5
#: Linear; where a texture has no eyes.
_DARK_BROWN, _WHITE = np.array([0.055, 0.025, 0.011], np.float32), np.array([0.50, 0.45, 0.42], np.float32)


@dataclass(frozen=True)
class EyeLook:
    """iris, sclera: (3,) linear."""

    iris: Array
    sclera: Array


class EyePlaces:
    """Where a head's textures show its eyes."""

    def __init__(self, head: Head, mesh: MeshTopology) -> None:
        rest = mesh.refine(head.template)
        arm = rest - head.eye_centers[(rest[:, 0] < 0).astype(int)]
        angle = np.arccos(np.clip(arm[:, 2] / np.maximum(np.linalg.norm(arm, axis=1), 1e-9), -1, 1))[mesh.split_vertex]
        ball = mesh.part[mesh.split_vertex] == 1
        self._iris = mesh.uv[ball & (angle > _IRIS[0]) & (angle < _IRIS[1])]
        self._sclera = mesh.uv[ball & (angle > _SCLERA)]

    def look_in(self, image: Picture) -> EyeLook:  # (S, S, 3|4)
        """The median colours that a texture has there, if it has eyes: an iris is darker than its sclera."""
        iris, sclera = (median_at(image, uv, _KNOWN) for uv in (self._iris, self._sclera))
        if iris is None or sclera is None or iris.sum() > _CONTRAST * sclera.sum():
            return EyeLook(_DARK_BROWN, _WHITE)
        return EyeLook(iris, sclera)

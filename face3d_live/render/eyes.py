"""The eyes' colours of a texture, which the shader draws them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d_live.head.model import Head
from face3d_live.head.topology import MeshTopology
from face3d_live.lighting import to_linear
from face3d_live.typing import AnyArray, Array, Mask, Picture

#: Angles from the eye's axis, radians, between which a texture shows iris, and from which on it shows sclera.
_IRIS, _SCLERA = (0.22, 0.40), 0.55
_CONTRAST = 0.8
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
        iris, sclera = _median(image, self._iris), _median(image, self._sclera)
        if iris is None or sclera is None or iris.sum() > _CONTRAST * sclera.sum():
            return EyeLook(_DARK_BROWN, _WHITE)
        return EyeLook(iris, sclera)


def _median(image: Picture, uv: AnyArray) -> Array | None:
    height, width = image.shape[:2]
    column = np.clip(uv[:, 0] * width, 0, width - 1).astype(int)
    row = np.clip((1 - uv[:, 1]) * height, 0, height - 1).astype(int)
    found = image[row, column]
    known: Mask = found[:, 3] > 127 if image.shape[2] == 4 else np.ones(len(found), bool)
    if known.mean() < 0.5:
        return None
    return np.asarray(to_linear(np.median(found[known, :3], axis=0) / 255), np.float32)
